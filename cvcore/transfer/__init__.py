"""Ways to reuse a trained network on other data."""
