"""Sets that come as one file an image: found, decoded once, and reported on."""
