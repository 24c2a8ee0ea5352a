"""ResNet: blocks with shortcuts, so that signals and gradients pass through any number of layers.

Layer names are torchvision's, so that its weights load.

Source: He, Zhang, Ren, Sun, "Deep residual learning for image recognition", 2015, table 1; section 4.2 has the 3×3
first layer for CIFAR-10.
"""

import torch
from torch import nn

from cvcore.models.initialise import he_normal
from cvcore.models.residual import BasicBlock, Bottleneck


class ResNet(nn.Module):
    """A stem, four stages that halve the map and double the channels, an average over what is left, one linear layer.

    Any number of channels, any size. ResNet-50, 3×224×224, 1000 classes: 25,557,032 parameters.
    `small_stem` is for small images: a 3×3 convolution that keeps the size, where 7×7 with stride 2 and pooling would
    leave only 8×8 places of 32×32 pixels before the first block.
    """

    def __init__(
        self, image_shape: tuple[int, int, int], num_classes: int, block: type, depths: list[int], small_stem: bool
    ):
        super().__init__()
        kernel, stride = (3, 1) if small_stem else (7, 2)
        self.conv1 = nn.Conv2d(image_shape[0], 64, kernel, stride, padding=kernel // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.Identity() if small_stem else nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.layer1 = stage(block, 64, 64, depths[0], stride=1)
        self.layer2 = stage(block, 64 * block.expansion, 128, depths[1], stride=2)
        self.layer3 = stage(block, 128 * block.expansion, 256, depths[2], stride=2)
        self.layer4 = stage(block, 256 * block.expansion, 512, depths[3], stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(512 * block.expansion, num_classes)
        he_normal(self)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits [N, classes] of images [N, C, H, W]."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.flatten(self.avgpool(x)))


def stage(block: type, channels_in: int, channels: int, depth: int, stride: int) -> nn.Sequential:
    """`depth` blocks; the first has the stride and changes the number of channels, the others keep the shape."""
    channels_out = channels * block.expansion
    rest = [block(channels_out, channels, stride=1) for _ in range(depth - 1)]
    return nn.Sequential(block(channels_in, channels, stride), *rest)


def resnet(image_shape: tuple[int, int, int], num_classes: int, depth: int, small_stem: bool = False) -> ResNet:
    """The paper's network with `depth` layers that have weights: 18, 34, 50, 101 or 152."""
    block, depths = {
        18: (BasicBlock, [2, 2, 2, 2]),
        34: (BasicBlock, [3, 4, 6, 3]),
        50: (Bottleneck, [3, 4, 6, 3]),
        101: (Bottleneck, [3, 4, 23, 3]),
        152: (Bottleneck, [3, 8, 36, 3]),
    }[depth]
    return ResNet(image_shape, num_classes, block, depths, small_stem)
