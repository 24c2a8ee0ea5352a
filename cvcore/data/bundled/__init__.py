"""Data sets that are made here, from a seed or from what a library carries."""
