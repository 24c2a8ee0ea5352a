"""cvcore: data, networks, training and transfer behind the image-classifier workbench."""

__version__ = "0.1.0"
