"""The Transfer page's parts: what is compared, and the ways to look at it."""
