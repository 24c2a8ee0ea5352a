"""The recurrences behind receptive fields, and fields measured by gradients."""
