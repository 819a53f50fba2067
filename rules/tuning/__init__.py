"""What rules did on the documents of the past, what an edit would change, and what is suspicious in a rule book.

Everything here judges rules; what is told to whom is never decided here, and nothing is read or written.
"""
