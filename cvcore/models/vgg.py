"""VGG: nothing but 3×3 convolutions and pooling, as deep as that goes, and three large linear layers.

Two 3×3 convolutions see as much as one of 5×5, three as much as one of 7×7, with fewer parameters and a ReLU after
each. Layer names are torchvision's, so that its weights load.

Sources: Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition", 2014, table 1;
Ioffe and Szegedy, "Batch normalization", 2015 (the variants with BatchNorm, which the paper does not have).
"""

import torch
from torch import nn

from cvcore.models.initialise import he_normal

POOL = "pool"

# The paper's columns: output channels of each 3×3 convolution, and where the map is halved.
CONFIGURATIONS = {
    "A": [64, POOL, 128, POOL, 256, 256, POOL, 512, 512, POOL, 512, 512, POOL],
    "B": [64, 64, POOL, 128, 128, POOL, 256, 256, POOL, 512, 512, POOL, 512, 512, POOL],
    "D": [64, 64, POOL, 128, 128, POOL, *3 * [256], POOL, *3 * [512], POOL, *3 * [512], POOL],
    "E": [64, 64, POOL, 128, 128, POOL, *4 * [256], POOL, *4 * [512], POOL, *4 * [512], POOL],
}


class VGG(nn.Module):
    """One column of the paper's table: A has 11 layers with weights, B 13, D 16, E 19.

    D at 3×224×224 and 1000 classes: 138,357,544 parameters, 102,764,544 of them in the first linear layer
    (25,088·4096 + 4096). Any number of channels; any size from 32×32 up, because the average pooling always leaves
    7×7 places. The paper's weights started from N(0, 0.01²), and deep columns from a trained A; today He's
    initialisation does that for the convolutions.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        num_classes: int,
        configuration: str,
        batch_norm: bool = False,
        dropout: float = 0.5,
    ):
        super().__init__()
        self.features = convolutions(image_shape[0], CONFIGURATIONS[configuration], batch_norm)
        self.avgpool = nn.AdaptiveAvgPool2d(7)
        self.flatten = nn.Flatten()
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(4096, num_classes),
        )
        he_normal(self, linear_std=0.01)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits [N, classes] of images [N, C, H, W]."""
        features = self.avgpool(self.features(images))
        return self.classifier(self.flatten(features))


def convolutions(channels: int, configuration: list[int | str], batch_norm: bool) -> nn.Sequential:
    """The layers of one configuration, for images with `channels` channels.

    The convolutions keep their bias before BatchNorm, where it does nothing: torchvision's weights have it.
    """
    layers: list[nn.Module] = []
    for item in configuration:
        if item == POOL:
            layers.append(nn.MaxPool2d(kernel_size=2, stride=2))
            continue
        layers.append(nn.Conv2d(channels, item, kernel_size=3, padding=1))
        if batch_norm:
            layers.append(nn.BatchNorm2d(item))
        layers.append(nn.ReLU(inplace=True))
        channels = item
    return nn.Sequential(*layers)
