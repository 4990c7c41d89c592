"""The nouns. Frozen structs, one noun a file; no I/O, no clock, no randomness."""
