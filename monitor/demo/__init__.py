"""A written day of the founding matter, replayed here against the real daemon; it has no rules of its own."""
