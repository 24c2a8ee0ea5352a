"""Networks of fully connected layers only: every pixel has a weight of its own, and neighbours mean nothing.

The tutorials end both with LogSoftmax and train with NLLLoss. Here, as in all of our networks, the last layer returns
raw logits and the loss is cross-entropy, which is LogSoftmax followed by NLLLoss: mathematically the same training.

Source: Microsoft Learn, "Introduction to computer vision with PyTorch", units on dense networks.
"""

from math import prod

import torch
from torch import nn


class Perceptron(nn.Module):
    """One linear layer from pixels to classes. 1×28×28, 10 classes: 784·10 + 10 = 7,850 parameters."""

    def __init__(self, image_shape: tuple[int, int, int], num_classes: int):
        super().__init__()
        self.flatten = nn.Flatten()
        self.head = nn.Linear(prod(image_shape), num_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits [N, classes] of images [N, C, H, W]."""
        return self.head(self.flatten(images))


class MLP(nn.Module):
    """One hidden layer of 100. 1×28×28, 10 classes: (784·100 + 100) + (100·10 + 10) = 79,510 parameters.

    Without the ReLU between them the two linear layers would be one: a product of two matrices is a matrix.
    """

    def __init__(self, image_shape: tuple[int, int, int], num_classes: int, hidden: int = 100):
        super().__init__()
        self.flatten = nn.Flatten()
        self.hidden = nn.Linear(prod(image_shape), hidden)
        self.relu = nn.ReLU()
        self.head = nn.Linear(hidden, num_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits [N, classes] of images [N, C, H, W]."""
        hidden = self.relu(self.hidden(self.flatten(images)))
        return self.head(hidden)
