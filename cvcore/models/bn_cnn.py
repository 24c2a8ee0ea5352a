"""Our own small network: what a modern CNN does, in three stages, quick enough to train on a laptop."""

from collections import OrderedDict

import torch
from torch import nn


class ConvBNReLU(nn.Sequential):
    """3×3 convolution that keeps the size (or halves it with stride 2), batch normalisation, ReLU.

    The convolution has no bias, because the normalisation after it subtracts the mean and adds a learned shift.
    """

    def __init__(self, channels_in: int, channels_out: int, stride: int = 1):
        super().__init__(
            OrderedDict(
                conv=nn.Conv2d(channels_in, channels_out, kernel_size=3, stride=stride, padding=1, bias=False),
                bn=nn.BatchNorm2d(channels_out),
                relu=nn.ReLU(inplace=True),
            )
        )


class BatchNormCNN(nn.Module):
    """Three stages of convolutions on ever smaller maps, then an average over what is left, and one linear layer.

    Any number of channels; one set of weights takes every image size from 8×8 up, because the average forgets the size.
    3×32×32, 10 classes: 70,618 parameters. The first layer halves the image already, which saves most
    of the time. Batch normalisation: Ioffe and Szegedy, 2015; global average pooling:
    Lin, Chen and Yan, "Network in network", 2013.
    """

    def __init__(self, image_shape: tuple[int, int, int], num_classes: int):
        super().__init__()
        channels, height, width = image_shape
        if min(height, width) < 8:
            raise ValueError("it halves the image twice and its last 3×3 windows need 2×2 pixels or more")
        self.stage1 = ConvBNReLU(channels, 16, stride=2)
        self.stage2 = nn.Sequential(
            OrderedDict(block1=ConvBNReLU(16, 32), block2=ConvBNReLU(32, 32), pool=nn.MaxPool2d(2))
        )
        self.stage3 = nn.Sequential(OrderedDict(block1=ConvBNReLU(32, 64), block2=ConvBNReLU(64, 64)))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.head = nn.Linear(64, num_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits [N, classes] of images [N, C, H, W]."""
        features = self.stage3(self.stage2(self.stage1(images)))
        return self.head(self.flatten(self.pool(features)))
