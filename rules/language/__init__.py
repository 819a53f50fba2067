"""The query language: text to signs, signs to clauses, and what each clause means."""
