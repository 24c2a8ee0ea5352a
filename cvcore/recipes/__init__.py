"""The tutorials' experiments as data files, each with its published figures, and the mistakes in them as pairs."""
