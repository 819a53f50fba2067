"""What is remembered: the only folder that speaks SQL; it decides nothing."""
