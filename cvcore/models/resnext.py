"""ResNeXt: a ResNet whose 3×3 convolutions are split into many narrow groups, side by side.

The number of groups, the "cardinality", is a third dimension beside depth and width: 32 groups of 4 channels cost
about what one convolution of 64 channels does, and classify better. Layer names are torchvision's.

Source: Xie, Girshick, Dollár, Tu, He, "Aggregated residual transformations for deep neural networks", 2016, table 1
and figure 3c.
"""

import torch
from torch import nn

from cvcore.models.initialise import he_normal
from cvcore.models.residual import Bottleneck, conv3x3, projection
from cvcore.models.resnet import ResNet, stage

ImageShape = tuple[int, int, int]
DEPTHS = [3, 4, 6, 3]


class GroupedBottleneck(Bottleneck):
    """256 → 32 groups of 4 → 256, where ResNet-50 has 256 → 64 → 256; later stages have twice the width each."""

    groups = 32
    group_width = 4


class TutorialBottleneck(GroupedBottleneck):
    """The same block as a published tutorial writes it: a projection on every shortcut, and a bias on the last 1×1.

    The projections cost 14,571,520 parameters and leave no path on which the input passes unchanged. The biases
    cost 15,104 and do nothing, since BatchNorm subtracts the mean after them.
    """

    last_bias = True
    shortcut = staticmethod(projection)


def resnext50(image_shape: ImageShape, num_classes: int, small_stem: bool = False) -> ResNet:
    """ResNeXt-50 (32×4d). 3×224×224, 1000 classes: 25,028,904 parameters; ResNet-50 has 25,557,032."""
    return ResNet(image_shape, num_classes, GroupedBottleneck, DEPTHS, small_stem)


def resnext50_tutorial(image_shape: ImageShape, num_classes: int) -> ResNet:
    """The tutorial's variant. 4 classes: 37,574,724 parameters, where ResNeXt-50 has 22,988,100."""
    return ResNet(image_shape, num_classes, TutorialBottleneck, DEPTHS, small_stem=False)


class MiniBottleneck(Bottleneck):
    """64 → 8 groups of 2 → 64 in the first stage."""

    groups = 8
    group_width = 8  # of 64 channels; the first stage has 16


class MiniTutorialBottleneck(MiniBottleneck):
    """The same with the tutorial's two habits."""

    last_bias = True
    shortcut = staticmethod(projection)


class MiniResNeXt(nn.Module):
    """The same idea for a laptop: three stages of five narrow blocks on small images, from 8×8 places of 32×32 pixels.

    Nearly as deep as ResNeXt-50, 47 layers with weights, so that what its shortcuts do shows.
    """

    def __init__(self, image_shape: ImageShape, num_classes: int, block: type = MiniBottleneck, depth: int = 5):
        super().__init__()
        self.conv1 = conv3x3(image_shape[0], 16, stride=2)
        self.bn1 = nn.BatchNorm2d(16)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(2)
        self.layer1 = stage(block, 16, 16, depth, stride=1)
        self.layer2 = stage(block, 64, 32, depth, stride=2)
        self.layer3 = stage(block, 128, 64, depth, stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(256, num_classes)
        he_normal(self)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits [N, classes] of images [N, C, H, W]."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(self.flatten(self.avgpool(x)))


def resnext_mini(image_shape: ImageShape, num_classes: int) -> MiniResNeXt:
    """The small network with shortcuts as they should be."""
    return MiniResNeXt(image_shape, num_classes)


def resnext_mini_projected(image_shape: ImageShape, num_classes: int) -> MiniResNeXt:
    """The small network with a projection on every shortcut."""
    return MiniResNeXt(image_shape, num_classes, MiniTutorialBottleneck)
