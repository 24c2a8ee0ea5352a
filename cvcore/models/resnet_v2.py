"""ResNet v2: BatchNorm and ReLU stand before each convolution, so that nothing touches the sum of the shortcuts.

The paper leaves details open; these are the ones of tf-slim (`resnet_v2_50`) and Keras (`ResNet50V2`): the last block
of a stage has the stride, the first convolution and the last of each block have a bias, and a shortcut that must shrink
takes every second value. Because the stride comes late, more blocks work on the larger map, and the last layer sees
483×483 pixels where torchvision's ResNet-50 sees 427×427. One difference to Keras: as in tf-slim, max pooling ignores
the border instead of padding it with zeros. torchvision has no such network.

Source: He, Zhang, Ren, Sun, "Identity mappings in deep residual networks", 2016, figure 4e.
"""

import torch
from torch import nn

from cvcore.models.initialise import he_normal
from cvcore.models.residual import conv1x1, conv3x3


class PreActivationBottleneck(nn.Module):
    """BatchNorm, ReLU and convolution three times, beside a shortcut on which nothing happens.

    Where the number of channels changes, a 1×1 convolution on the shortcut shares the first BatchNorm and ReLU.
    """

    expansion = 4  # channels that leave the block, for each channel inside

    def __init__(self, channels_in: int, channels: int, stride: int):
        super().__init__()
        channels_out = channels * self.expansion
        self.bn1 = nn.BatchNorm2d(channels_in)
        self.relu1 = nn.ReLU(inplace=True)
        self.project = None if channels_in == channels_out else conv1x1(channels_in, channels_out, stride, bias=True)
        self.shrink = nn.MaxPool2d(kernel_size=1, stride=stride) if stride > 1 else None
        self.conv1 = conv1x1(channels_in, channels)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = conv3x3(channels, channels, stride)
        self.bn3 = nn.BatchNorm2d(channels)
        self.relu3 = nn.ReLU(inplace=True)
        self.conv3 = conv1x1(channels, channels_out, bias=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        ready = self.relu1(self.bn1(x))
        shortcut = x if self.shrink is None else self.shrink(x)
        if self.project is not None:
            shortcut = self.project(ready)
        out = self.conv2(self.relu2(self.bn2(self.conv1(ready))))
        return self.conv3(self.relu3(self.bn3(out))) + shortcut


class ResNetV2(nn.Module):
    """ResNet-50 v2. 3×224×224, 1000 classes: 25,568,360 parameters. Any number of channels, any size.

    The stem has no BatchNorm, since each block begins with its own; the last sum gets its own after all blocks.
    `small_stem` is for small images: a 3×3 convolution that keeps the size instead of 7×7 with stride 2 and pooling.
    """

    def __init__(self, image_shape: tuple[int, int, int], num_classes: int, small_stem: bool = False):
        super().__init__()
        kernel, stride = (3, 1) if small_stem else (7, 2)
        self.conv1 = nn.Conv2d(image_shape[0], 64, kernel, stride, padding=kernel // 2)
        self.maxpool = nn.Identity() if small_stem else nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.layer1 = stage(64, 64, depth=3, stride=2)
        self.layer2 = stage(256, 128, depth=4, stride=2)
        self.layer3 = stage(512, 256, depth=6, stride=2)
        self.layer4 = stage(1024, 512, depth=3, stride=1)
        self.bn = nn.BatchNorm2d(2048)
        self.relu = nn.ReLU(inplace=True)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(2048, num_classes)
        he_normal(self)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits [N, classes] of images [N, C, H, W]."""
        x = self.maxpool(self.conv1(images))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        x = self.relu(self.bn(x))
        return self.fc(self.flatten(self.avgpool(x)))


def stage(channels_in: int, channels: int, depth: int, stride: int) -> nn.Sequential:
    """`depth` blocks; the first changes the number of channels, the last has the stride."""
    channels_out = channels * PreActivationBottleneck.expansion
    inputs = [channels_in, *[channels_out] * (depth - 1)]
    strides = [*[1] * (depth - 1), stride]
    return nn.Sequential(*map(PreActivationBottleneck, inputs, [channels] * depth, strides))
