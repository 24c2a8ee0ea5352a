"""The one shape that every data set has once it is open."""

from dataclasses import dataclass
from pathlib import Path

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
    """A named data set: its class names (label i is classes[i]), its splits, and a fingerprint of all their bytes.

    `val` is there only where the set itself brings one besides a test split. `folder` is where the tensor store keeps
    it, with whatever was measured on it; None while it is being made.
    """

    name: str
    classes: tuple[str, ...]
    train: Split
    test: Split
    val: Split | None = None
    fingerprint: str = ""
    folder: Path | None = None

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """[C, H, W] of every image, in pixels."""
        return tuple(self.train.images.shape[1:])

    @property
    def splits(self) -> dict[str, Split]:
        """The splits that there are, by name, in the order train, val, test."""
        found = {"train": self.train, "val": self.val, "test": self.test}
        return {name: split for name, split in found.items() if split is not None}

    def split(self, name: str) -> Split:
        """The split called `name`: "train", "test" or, where there is one, "val"."""
        return self.splits[name]
