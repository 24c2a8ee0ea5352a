"""What a reviewer would say of a whole run: its network on its images, then its loop. Imports torch."""

import torch
from torch import nn

from cvcore.analysis.findings import LEVELS, Finding
from cvcore.analysis.lint import lint
from cvcore.config import RunConfig
from cvcore.data import catalog
from cvcore.errors import DataError, ModelError
from cvcore.models import zoo
from cvcore.training.remarks import facts_of, remarks

# layers that behave otherwise in training; nn.Dropout and its like share a private base
WITH_MODES = (nn.modules.batchnorm._BatchNorm, nn.modules.dropout._DropoutNd)
Image = tuple[int, int, int]


def review(config: RunConfig, image: Image | None = None, classes: int | None = None) -> tuple[Finding, ...]:
    """Findings on the network and on the loop, mistakes first.

    `image` [C, H, W] and `classes` are those of the data set, where the catalog does not know them. Raises ModelError
    where there is no such network.
    """
    known_image, known_classes = images_of(config)
    image = image or known_image or zoo.find(config.model.name).input
    found = [*_of_the_network(config, image, classes or known_classes)]
    facts = facts_of(config, has_modes=has_modes(config.model.name, image))
    return tuple(sorted([*found, *remarks(config, facts)], key=lambda finding: LEVELS.index(finding.level)))


def images_of(config: RunConfig) -> tuple[Image | None, int | None]:
    """[C, H, W] of the images as the run gets them, and how many classes; None where the set was never opened."""
    try:
        entry = catalog.entry(config.data.name)
    except DataError:
        return None, None
    if not entry.image:
        return None, entry.classes or None
    channels, height, width = entry.image
    size = config.data.size
    return (channels, size or height, size or width), entry.classes or None


def _of_the_network(config: RunConfig, image: Image, classes: int | None) -> tuple[Finding, ...]:
    """Lint's findings, with the loss that the run will have."""
    loss, batch = config.train.loss, config.train.batch_size
    name = config.model.name
    if loss != "auto":
        return lint(name, image, classes, loss=loss, batch_size=batch)
    found = lint(name, image, classes, batch_size=batch)
    if any(each.rule == "softmax-before-loss" and each.level == "note" for each in found):  # it ends in LogSoftmax
        return lint(name, image, classes, loss="nll", batch_size=batch)
    return found


def has_modes(name: str, image: Image) -> bool | None:
    """Whether a network has layers that behave otherwise in training; None where it cannot be built for this image."""
    try:
        with torch.device("meta"):
            model = zoo.build(name, image, 2)
    except ModelError:
        return None
    return any(isinstance(module, WITH_MODES) for module in model.modules())
