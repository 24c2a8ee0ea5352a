"""Small convolutional networks of the tutorials, from one convolution to LeNet-5. All return raw logits.

The first linear layer's size follows from the image: each network walks the image size through its own layers, so that
any size that leaves at least one pixel works. An image too small raises ValueError naming the layer.
The two-conv tutorial ends with LogSoftmax and NLLLoss, which is what cross-entropy on logits computes in one step.

Sources: Microsoft Learn, "Introduction to computer vision with PyTorch" (one-conv, two-conv, lenet-cifar);
LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition", 1998 (LeNet-5).
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
