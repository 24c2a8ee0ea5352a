"""AlexNet: five convolutions, three large linear layers, and the beginning of deep learning in vision.

This is the one-column form of 2014, which torchvision has too: without the split over two graphics cards and without
local response normalisation. Layer names are torchvision's, so that its weights load.

Sources: Krizhevsky, Sutskever, Hinton, "ImageNet classification with deep convolutional neural networks", 2012;
Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014 (this form).
"""

import torch
from torch import nn


class AlexNet(nn.Module):
    """Large windows first, 11×11 with stride 4, then ever smaller ones on ever more channels.

    3×224×224, 1000 classes: 61,100,840 parameters, of which the first linear layer alone has 9216·4096 + 4096.
    Any number of channels; any size from 63×63 up, because the average pooling always leaves 6×6 places.
    """

    def __init__(self, image_shape: tuple[int, int, int], num_classes: int, dropout: float = 0.5):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(image_shape[0], 64, kernel_size=11, stride=4, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.Conv2d(64, 192, kernel_size=5, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.Conv2d(192, 384, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(384, 256, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(256, 256, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(6)
        self.flatten = nn.Flatten()
        self.classifier = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(256 * 6 * 6, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Linear(4096, num_classes),
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits [N, classes] of images [N, C, H, W]."""
        features = self.avgpool(self.features(images))
        return self.classifier(self.flatten(features))
