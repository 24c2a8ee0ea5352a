"""MobileNetV2: blocks that widen, look at each channel by itself, and narrow again, with shortcuts between narrow ends.

A 3×3 convolution over all channels costs 9·C·C multiplications a place; one for each channel (depthwise) and a 1×1
over all of them cost 9·C + C·C. Layer names are torchvision's, so that its weights load.

Source: Sandler, Howard, Zhu, Zhmoginov, Chen, "MobileNetV2: inverted residuals and linear bottlenecks", 2018, table 2.
"""

import torch
from torch import nn

from cvcore.models.initialise import he_normal

# The paper's table 2: expansion, output channels, number of blocks, stride of the first block.
BLOCKS = [
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
]


def conv_bn_relu6(channels_in: int, channels_out: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Convolution, BatchNorm and ReLU6, which cuts at 6 so that telephones can compute with few bits."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, kernel, stride, padding=kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU6(inplace=True),
    )


class InvertedResidual(nn.Module):
    """1×1 up to many channels, 3×3 on each of them alone, 1×1 down without ReLU, which would lose too much there.

    The shortcut joins the narrow ends, hence "inverted": a ResNet's bottleneck has it between the wide ones. There is
    none where the shape changes.
    """

    def __init__(self, channels_in: int, channels_out: int, stride: int, expansion: int):
        super().__init__()
        width = channels_in * expansion
        widen = [conv_bn_relu6(channels_in, width, kernel=1)] if expansion > 1 else []
        self.conv = nn.Sequential(
            *widen,
            conv_bn_relu6(width, width, kernel=3, stride=stride, groups=width),
            nn.Conv2d(width, channels_out, kernel_size=1, bias=False),
            nn.BatchNorm2d(channels_out),
        )
        self.has_shortcut = stride == 1 and channels_in == channels_out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.conv(x) if self.has_shortcut else self.conv(x)


class MobileNetV2(nn.Module):
    """A stem, 17 inverted residual blocks, a 1×1 convolution to 1280 channels, an average, one linear layer.

    3×224×224, 1000 classes: 3,504,872 parameters. Any number of channels, any size.
    """

    def __init__(self, image_shape: tuple[int, int, int], num_classes: int, dropout: float = 0.2):
        super().__init__()
        channels = 32
        layers: list[nn.Module] = [conv_bn_relu6(image_shape[0], channels, kernel=3, stride=2)]
        for expansion, channels_out, blocks, first_stride in BLOCKS:
            for number in range(blocks):
                stride = first_stride if number == 0 else 1
                layers.append(InvertedResidual(channels, channels_out, stride, expansion))
                channels = channels_out
        layers.append(conv_bn_relu6(channels, 1280, kernel=1))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(1280, num_classes))
        he_normal(self, linear_std=0.01)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits [N, classes] of images [N, C, H, W]."""
        features = self.avgpool(self.features(images))
        return self.classifier(self.flatten(features))
