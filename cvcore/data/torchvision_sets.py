"""Data sets that torchvision knows how to read and download."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from cvcore import paths
from cvcore.data.dataset import Dataset, Split
from cvcore.errors import DataError


def load(class_name: str, name: str) -> Dataset:
    """The data set of torchvision.datasets.`class_name`, read from the data folder."""
    kind = _kind(class_name)
    try:
        train, test = (kind(paths.data_dir(), train=is_train, download=False) for is_train in (True, False))
    except (RuntimeError, OSError, ValueError) as error:
        raise DataError(
            f"{name} in {paths.data_dir()} cannot be read ({_first_line(error)}); {_by_hand(kind)}"
        ) from error
    classes = tuple(label.split(" - ")[0] for label in train.classes)  # MNIST's are "0 - zero"
    return Dataset(name, classes, _split(train), _split(test))


def download(class_name: str, name: str) -> None:
    """Fetch the files of torchvision.datasets.`class_name` into the data folder, checksums verified by torchvision.

    Raises DataError that names the address and the folder if it fails.
    """
    kind = _kind(class_name)
    try:
        for is_train in (True, False):
            kind(paths.data_dir(), train=is_train, download=True)
    except (RuntimeError, OSError, ValueError) as error:
        raise DataError(f"{name} could not be downloaded ({_first_line(error)}); {_by_hand(kind)}") from error


def _kind(class_name: str) -> Callable:
    import torchvision.datasets

    return getattr(torchvision.datasets, class_name)


def _split(dataset) -> Split:
    """Grey [N, H, W] tensors and colour [N, H, W, C] arrays both become uint8 [N, C, H, W]."""
    images = np.asarray(dataset.data)
    images = images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)
    return Split(np.ascontiguousarray(images), np.asarray(dataset.targets, dtype=np.int64))


def _by_hand(kind: Callable) -> str:
    address = getattr(kind, "url", None) or " or ".join(kind.mirrors)
    folder = paths.data_dir() / (kind.__name__ if hasattr(kind, "mirrors") else "")
    wanted = Path(folder) / "raw" if hasattr(kind, "mirrors") else folder
    return f"fetch the files by hand from {address} into {wanted}; the bundled sets work without them"


def _first_line(error: Exception) -> str:
    """What went wrong, on one line; torchvision puts the cause below a line that ends in a colon."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return " ".join(lines[:2] if lines[0].endswith(":") else lines[:1]).rstrip(".")
