"""The use cases: one file each, readable from top to bottom: tokenize, run, decode."""
