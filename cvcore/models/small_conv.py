"""The tutorials' first convolutional networks: one convolution, then two with pooling. Both return raw logits.

The linear layer's size follows from the image: each network walks the image size through its own layers, so that any
size that leaves at least one pixel works. An image too small raises ValueError naming the layer.
The two-conv tutorial ends with LogSoftmax and NLLLoss, which is what cross-entropy on logits computes in one step.

Source: Microsoft Learn, "Introduction to computer vision with PyTorch", units on convolutional networks.
"""

import torch
from torch import nn

from cvcore.models.fit import window_output

ImageShape = tuple[int, int, int]


class OneConv(nn.Module):
    """Nine 5×5 filters and a linear layer on what they find.

    1×28×28, 10 classes: (25·9 + 9) + (9·24·24·10 + 10) = 52,084 parameters, nearly all of them in the linear layer.
    """

    def __init__(self, image_shape: ImageShape, num_classes: int):
        super().__init__()
        channels, *size = image_shape
        height, width = window_output("conv", size, kernel=5)
        self.conv = nn.Conv2d(channels, 9, kernel_size=5)
        self.relu = nn.ReLU()
        self.flatten = nn.Flatten()
        self.head = nn.Linear(9 * height * width, num_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits [N, classes] of images [N, C, H, W]."""
        features = self.relu(self.conv(images))
        return self.head(self.flatten(features))


class TwoConv(nn.Module):
    """Two convolutions with pooling: a pyramid, where space shrinks and channels grow.

    1×28×28, 10 classes: (25·10 + 10) + (250·20 + 20) + (20·4·4·10 + 10) = 8,490 parameters.
    """

    def __init__(self, image_shape: ImageShape, num_classes: int):
        super().__init__()
        channels, *size = image_shape
        size = window_output("conv1", size, kernel=5)
        size = window_output("pool1", size, kernel=2, stride=2)
        size = window_output("conv2", size, kernel=5)
        height, width = window_output("pool2", size, kernel=2, stride=2)
        self.conv1 = nn.Conv2d(channels, 10, kernel_size=5)
        self.relu1 = nn.ReLU()
        self.pool1 = nn.MaxPool2d(2)
        self.conv2 = nn.Conv2d(10, 20, kernel_size=5)
        self.relu2 = nn.ReLU()
        self.pool2 = nn.MaxPool2d(2)
        self.flatten = nn.Flatten()
        self.head = nn.Linear(20 * height * width, num_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits [N, classes] of images [N, C, H, W]."""
        features = self.pool1(self.relu1(self.conv1(images)))
        features = self.pool2(self.relu2(self.conv2(features)))
        return self.head(self.flatten(features))
