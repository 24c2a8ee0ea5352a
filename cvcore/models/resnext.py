"""ResNeXt: a ResNet whose 3×3 convolutions are split into many narrow groups, side by side.

The number of groups, the "cardinality", is a third dimension beside depth and width: 32 groups of 4 channels cost
about what one convolution of 64 channels does, and classify better. Layer names are torchvision's.

Source: Xie, Girshick, Dollár, Tu, He, "Aggregated residual transformations for deep neural networks", 2016, table 1
and figure 3c.
"""

from cvcore.models.residual import Bottleneck, projection
from cvcore.models.resnet import ResNet

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
