"""LeNet-5, and the tutorials' LeNet for colour images. Both return raw logits.

The first linear layer's size follows from the image: each network walks the image size through its own layers, so that
any size that leaves at least one pixel works. An image too small raises ValueError naming the layer.

Sources: Microsoft Learn, "Introduction to computer vision with PyTorch" (lenet-cifar);
LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition", 1998 (LeNet-5).
"""

import torch
from torch import nn

from cvcore.models.fit import window_output

ImageShape = tuple[int, int, int]


class LeNetCifar(nn.Module):
    """The tutorials' LeNet for colour images: ReLU and max pooling instead of tanh and average pooling.

    3×32×32, 10 classes: (75·6 + 6) + (150·16 + 16) + (400·120 + 120) + (120·64 + 64) + (64·10 + 10) = 59,386.
    The third convolution needs 5×5 values, so an image needs at least 32×32 pixels.
    """

    def __init__(self, image_shape: ImageShape, num_classes: int):
        super().__init__()
        channels, *size = image_shape
        size = window_output("conv1", size, kernel=5)
        size = window_output("pool1", size, kernel=2, stride=2)
        size = window_output("conv2", size, kernel=5)
        size = window_output("pool2", size, kernel=2, stride=2)
        height, width = window_output("conv3", size, kernel=5)
        self.conv1 = nn.Conv2d(channels, 6, kernel_size=5)
        self.relu1 = nn.ReLU()
        self.pool1 = nn.MaxPool2d(2)
        self.conv2 = nn.Conv2d(6, 16, kernel_size=5)
        self.relu2 = nn.ReLU()
        self.pool2 = nn.MaxPool2d(2)
        self.conv3 = nn.Conv2d(16, 120, kernel_size=5)
        self.relu3 = nn.ReLU()
        self.flatten = nn.Flatten()
        self.hidden = nn.Linear(120 * height * width, 64)
        self.relu4 = nn.ReLU()
        self.head = nn.Linear(64, num_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits [N, classes] of images [N, C, H, W]."""
        features = self.pool1(self.relu1(self.conv1(images)))
        features = self.pool2(self.relu2(self.conv2(features)))
        features = self.relu3(self.conv3(features))
        hidden = self.relu4(self.hidden(self.flatten(features)))
        return self.head(hidden)


class LeNet5(nn.Module):
    """LeNet-5 with tanh and average pooling; padding 2 makes 28×28 digits behave like the paper's 32×32 ones.

    1×28×28, 10 classes: (25·6 + 6) + (150·16 + 16) + (400·120 + 120) + (120·84 + 84) + (84·10 + 10) = 61,706.
    Unlike the paper, every map of conv2 sees all six maps before it, and the head is linear instead of radial.
    """

    def __init__(self, image_shape: ImageShape, num_classes: int):
        super().__init__()
        channels, *size = image_shape
        size = window_output("conv1", size, kernel=5, padding=2)
        size = window_output("pool1", size, kernel=2, stride=2)
        size = window_output("conv2", size, kernel=5)
        size = window_output("pool2", size, kernel=2, stride=2)
        height, width = window_output("conv3", size, kernel=5)
        self.conv1 = nn.Conv2d(channels, 6, kernel_size=5, padding=2)
        self.tanh1 = nn.Tanh()
        self.pool1 = nn.AvgPool2d(2)
        self.conv2 = nn.Conv2d(6, 16, kernel_size=5)
        self.tanh2 = nn.Tanh()
        self.pool2 = nn.AvgPool2d(2)
        self.conv3 = nn.Conv2d(16, 120, kernel_size=5)
        self.tanh3 = nn.Tanh()
        self.flatten = nn.Flatten()
        self.hidden = nn.Linear(120 * height * width, 84)
        self.tanh4 = nn.Tanh()
        self.head = nn.Linear(84, num_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits [N, classes] of images [N, C, H, W]."""
        features = self.pool1(self.tanh1(self.conv1(images)))
        features = self.pool2(self.tanh2(self.conv2(features)))
        features = self.tanh3(self.conv3(features))
        hidden = self.tanh4(self.hidden(self.flatten(features)))
        return self.head(hidden)
