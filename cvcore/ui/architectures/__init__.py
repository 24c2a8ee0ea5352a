"""The sections of the Architectures page: each has `show(name, image, classes)`."""
