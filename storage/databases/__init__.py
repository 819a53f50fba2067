"""What differs between SQLite and PostgreSQL: opening, locking, faults; tables and verbs are the same for both."""
