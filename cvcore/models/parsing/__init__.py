"""A text to a network: read, checked and built, never executed."""
