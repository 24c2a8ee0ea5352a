"""Pipelines of transforms as values: checked, run, remarked on, and written out as torchvision code."""
