"""DenseNet: every layer appends a few new maps to all maps before it, so that features are kept and used again.

This is the paper's DenseNet-BC: a 1×1 bottleneck before each 3×3 convolution, and transitions that halve the channels.
Layer names are torchvision's, so that its weights load.

Source: Huang, Liu, van der Maaten, Weinberger, "Densely connected convolutional networks", 2016, table 1.
"""

from collections import OrderedDict

import torch
from torch import nn

from cvcore.models.initialise import he_normal

GROWTH = 32  # maps that each layer adds
BOTTLENECK = 4 * GROWTH  # maps that its 3×3 convolution looks at
DEPTHS = [6, 12, 24, 16]


class DenseLayer(nn.Module):
    """BatchNorm, ReLU, 1×1, then BatchNorm, ReLU, 3×3: 32 new maps, behind all those that came in."""

    def __init__(self, channels_in: int):
        super().__init__()
        self.norm1 = nn.BatchNorm2d(channels_in)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(channels_in, BOTTLENECK, kernel_size=1, bias=False)
        self.norm2 = nn.BatchNorm2d(BOTTLENECK)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(BOTTLENECK, GROWTH, kernel_size=3, padding=1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[N, C + 32, H, W] of [N, C, H, W]."""
        out = self.conv1(self.relu1(self.norm1(x)))
        new = self.conv2(self.relu2(self.norm2(out)))
        return torch.cat([x, new], dim=1)


def dense_block(channels: int, depth: int) -> nn.Sequential:
    """`depth` layers; since each hands on what it got, each sees all that came before it in the block."""
    layers = {f"denselayer{i + 1}": DenseLayer(channels + i * GROWTH) for i in range(depth)}
    return nn.Sequential(OrderedDict(layers))


def transition(channels: int) -> nn.Sequential:
    """Half the channels, half the height and width."""
    return nn.Sequential(
        OrderedDict(
            norm=nn.BatchNorm2d(channels),
            relu=nn.ReLU(inplace=True),
            conv=nn.Conv2d(channels, channels // 2, kernel_size=1, bias=False),
            pool=nn.AvgPool2d(kernel_size=2, stride=2),
        )
    )


class DenseNet121(nn.Module):
    """A stem, four dense blocks with transitions between them, an average over what is left, one linear layer.

    3×224×224, 1000 classes: 7,978,856 parameters. Any number of channels; any size from 29×29 up, of which 1×1 places
    are left after five halvings.
    """

    def __init__(self, image_shape: tuple[int, int, int], num_classes: int):
        super().__init__()
        channels = 2 * GROWTH
        parts = OrderedDict(
            conv0=nn.Conv2d(image_shape[0], channels, kernel_size=7, stride=2, padding=3, bias=False),
            norm0=nn.BatchNorm2d(channels),
            relu0=nn.ReLU(inplace=True),
            pool0=nn.MaxPool2d(kernel_size=3, stride=2, padding=1),
        )
        for number, depth in enumerate(DEPTHS, start=1):
            parts[f"denseblock{number}"] = dense_block(channels, depth)
            channels += depth * GROWTH
            if number < len(DEPTHS):
                parts[f"transition{number}"] = transition(channels)
                channels //= 2
        parts["norm5"] = nn.BatchNorm2d(channels)
        self.features = nn.Sequential(parts)
        self.relu = nn.ReLU(inplace=True)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.classifier = nn.Linear(channels, num_classes)
        he_normal(self, mode="fan_in")
        nn.init.zeros_(self.classifier.bias)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits [N, classes] of images [N, C, H, W]."""
        features = self.avgpool(self.relu(self.features(images)))
        return self.classifier(self.flatten(features))
