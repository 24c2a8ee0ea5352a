"""What is known of a network without building it. Does not import torch."""

from dataclasses import dataclass

from cvcore.config import network_label

ImageShape = tuple[int, int, int]


@dataclass(frozen=True)
class ModelSpec:
    """A network's name, where it comes from, and what it takes.

    `name` finds it again: a name of the zoo, or the whole text of a network that somebody typed. `input` is the
    (C, H, W) of its paper, tutorial or default weights; `min_side` the smallest height and width in pixels (for
    torchvision's the one that it publishes, which may be a little above what runs); `any_size` says that one set of
    weights takes every image size from there up, while the other networks are built for one size.

    `default_classes` are those where nothing is said: its tutorial's, or the 1000 of ImageNet. `top1` is the published
    accuracy on ImageNet-1K's validation images, in percent, of torchvision's default weights; for a network of ours
    that of torchvision's first weights (IMAGENET1K_V1), which load into ours. `small_stem` names the same network with
    a first layer for small images.
    """

    name: str
    title: str
    source: str  # "ours", "torchvision" or "typed"
    paper: str
    year: int | None
    input: ImageShape
    min_side: int
    any_size: bool
    summary: str
    default_classes: int = 10
    top1: float | None = None
    small_stem: str | None = None

    @property
    def label(self) -> str:
        """A short text to show: the name, or for a typed network "typed-" and six digits that follow from its text."""
        return network_label(self.name)
