"""What happens to an image inside a network."""
