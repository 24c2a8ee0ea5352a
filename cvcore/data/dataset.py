"""The one shape that every data set has once it is open."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Split:
    """Images uint8 [N, C, H, W] with labels int64 [N]; either may be memory-mapped and is never written to."""

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Dataset:
    """A named data set: its class names (label i is classes[i]), two splits, and a fingerprint of all their bytes."""

    name: str
    classes: tuple[str, ...]
    train: Split
    test: Split
    fingerprint: str = ""

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """[C, H, W] of every image, in pixels."""
        return tuple(self.train.images.shape[1:])

    def split(self, name: str) -> Split:
        """The split called `name`: "train" or "test"."""
        return {"train": self.train, "test": self.test}[name]
