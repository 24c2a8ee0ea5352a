"""The sections of the Datasets page."""
