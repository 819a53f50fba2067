"""What things are, and what is decided: values in, values out; no I/O, no clock, no chance, no logging."""
