"""Damaged copies of data sets: what is done, to which images, and how it is written."""
