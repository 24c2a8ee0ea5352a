"""The blocks of ResNet: each learns only what to add to its input, which passes beside it on a shortcut.

The bottleneck is the common "v1.5": its 3×3 convolution has the stride, where the paper's first 1×1 convolution had it
and threw away three of four values. Layer names are torchvision's, so that its weights load.

Sources: He, Zhang, Ren, Sun, "Deep residual learning for image recognition", 2015, figure 5;
Gross and Wilber, "Training and investigating residual nets", 2016 (v1.5).
"""

import torch
from torch import nn


def conv3x3(channels_in: int, channels_out: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    """A convolution that keeps the size, or halves it with stride 2. No bias: BatchNorm comes after it."""
    return nn.Conv2d(channels_in, channels_out, kernel_size=3, stride=stride, padding=1, groups=groups, bias=False)


def conv1x1(channels_in: int, channels_out: int, stride: int = 1, bias: bool = False) -> nn.Conv2d:
    """A convolution that only mixes channels, place by place."""
    return nn.Conv2d(channels_in, channels_out, kernel_size=1, stride=stride, bias=bias)


def projection(channels_in: int, channels_out: int, stride: int) -> nn.Sequential:
    """A 1×1 convolution that makes the shortcut's shape that of the block's output."""
    return nn.Sequential(conv1x1(channels_in, channels_out, stride), nn.BatchNorm2d(channels_out))


def projection_if_needed(channels_in: int, channels_out: int, stride: int) -> nn.Sequential | None:
    """The projection; None where the block keeps the shape, so that its input passes unchanged."""
    return None if (stride, channels_in) == (1, channels_out) else projection(channels_in, channels_out, stride)


class BasicBlock(nn.Module):
    """Two 3×3 convolutions beside a shortcut."""

    expansion = 1  # channels that leave the block, for each channel inside

    def __init__(self, channels_in: int, channels: int, stride: int):
        super().__init__()
        self.conv1 = conv3x3(channels_in, channels, stride)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = conv3x3(channels, channels)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample = projection_if_needed(channels_in, channels, stride)
        self.relu2 = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.relu1(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        shortcut = x if self.downsample is None else self.downsample(x)
        return self.relu2(out + shortcut)


class Bottleneck(nn.Module):
    """1×1 down to few channels, 3×3 among those, 1×1 up again, beside a shortcut."""

    expansion = 4
    groups = 1  # of the 3×3 convolution
    group_width = 64  # channels of each group where a stage has 64; later stages have more, in proportion
    last_bias = False  # of the last 1×1 convolution
    shortcut = staticmethod(projection_if_needed)

    def __init__(self, channels_in: int, channels: int, stride: int):
        super().__init__()
        width = self.groups * self.group_width * channels // 64
        self.conv1 = conv1x1(channels_in, width)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = conv3x3(width, width, stride, self.groups)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv3 = conv1x1(width, channels * self.expansion, bias=self.last_bias)
        self.bn3 = nn.BatchNorm2d(channels * self.expansion)
        self.downsample = self.shortcut(channels_in, channels * self.expansion, stride)
        self.relu3 = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.relu1(self.bn1(self.conv1(x)))
        out = self.relu2(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        shortcut = x if self.downsample is None else self.downsample(x)
        return self.relu3(out + shortcut)
