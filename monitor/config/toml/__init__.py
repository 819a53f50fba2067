"""TOML files read with the place of every key; what their keys mean is not known here."""
