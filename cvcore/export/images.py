"""The images that a script needs, as the arrays of data.npz."""

from collections.abc import Mapping

import numpy as np

from cvcore.training.batches import Batches
from cvcore.training.parts import Parts


def streams(parts: Parts) -> Mapping[str, Batches]:
    """The run's batches by the names that data.npz has for them; no val where the test images choose the epoch."""
    watched = {} if parts.val is parts.test else {"val": parts.val}
    return {"train": parts.train, **watched, "test": parts.test}


def data_of(parts: Parts) -> dict[str, np.ndarray]:
    """The arrays of data.npz: the images that the run had, in its order, their labels, their places in the set."""
    found: dict[str, np.ndarray] = {}
    for name, batches in streams(parts).items():
        found[f"{name}_images"] = np.asarray(batches.split.images)[batches.indices]
        found[f"{name}_labels"] = np.asarray(batches.split.labels)[batches.indices]
        found[f"{name}_indices"] = np.asarray(batches.indices)
    return found


def data_bytes(parts: Parts) -> int:
    """Size of the images in data.npz before they are compressed."""
    return sum(batches.images * int(np.prod(batches.split.images.shape[1:])) for batches in streams(parts).values())
