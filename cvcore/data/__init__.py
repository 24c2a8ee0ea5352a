"""Data sets as memory-mapped uint8 tensors: what exists, how it is made, how it is stored, what its numbers are."""
