"""The answers of the command line, one module a group of words; what they show is made elsewhere."""
