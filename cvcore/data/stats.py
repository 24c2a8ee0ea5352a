"""Numbers that describe a set of images: measured once, in blocks, and kept beside the images."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from cvcore.data.dataset import Dataset, Split
from cvcore.data.store import blocks
from cvcore.files import write_atomically

log = logging.getLogger(__name__)

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))  # mean and std of its training images, red green blue
FILE = "stats-1.npz"  # the number is raised when what is measured changes
BLOCK = 16_000_000  # bytes of images measured at a time
MEAN_SIDE = 64  # pixels: mean images are measured on images reduced to at most this

Progress = Callable[[int, int], None]  # hears images done and images in all


@dataclass(frozen=True)
class PixelStats:
    """Mean and population standard deviation per channel, scale 0..1; lowest and highest uint8 value."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    low: int
    high: int


@dataclass(frozen=True)
class SplitStats:
    """What is measured of a split.

    `histogram` int64 [C, 256]: how often each intensity occurs; `brightness` float32 [N]: mean of each image, 0..1;
    `class_means` float32 [K, C, h, w]: mean image of each class, 0..1, at most MEAN_SIDE pixels a side (zeros for a
    class without images).
    """

    histogram: np.ndarray
    brightness: np.ndarray
    class_means: np.ndarray

    @property
    def pixels(self) -> PixelStats:
        """Mean, deviation and range, exact, from the histogram."""
        values = np.arange(256) / 255
        share = self.histogram / self.histogram.sum(axis=1, keepdims=True)
        mean = share @ values
        std = np.sqrt((share * (values - mean[:, None]) ** 2).sum(axis=1))
        used = np.flatnonzero(self.histogram.sum(axis=0))
        return PixelStats(tuple(mean.tolist()), tuple(std.tolist()), int(used[0]), int(used[-1]))


def class_counts(split: Split, classes: int) -> np.ndarray:
    """Images of each class, int64 [classes]."""
    return np.bincount(split.labels, minlength=classes)


def imbalance(counts: np.ndarray) -> float:
    """How many times larger the largest class is than the smallest; infinite where a class is empty."""
    return float(counts.max() / counts.min()) if counts.min() else float("inf")


def histogram(images: np.ndarray) -> np.ndarray:
    """How often each intensity occurs, int64 [C, 256], for uint8 images [N, C, H, W]."""
    return np.stack([np.bincount(images[:, channel].reshape(-1), minlength=256) for channel in range(images.shape[1])])


def of(dataset: Dataset, on_progress: Progress = lambda done, total: None) -> dict[str, SplitStats]:
    """The statistics of each split, by its name; measured once for a stored set."""
    if dataset.folder is None:
        return _measure(dataset, on_progress)
    found = _read(dataset.folder / FILE, dataset.fingerprint)
    if not found:
        found = _measure(dataset, on_progress)
        _write(dataset.folder / FILE, found)
        _read.cache_clear()
    return found


def pixel_stats(dataset: Dataset) -> PixelStats:
    """Mean, deviation and range of the training images."""
    return of(dataset)["train"].pixels


def normalization(dataset: Dataset, mode: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """(mean, std) per channel, scale 0..1, that Normalize subtracts and divides by in this mode.

    "dataset": of the training split; "half": 0.5 and 0.5; "none": 0 and 1; "imagenet": of ImageNet's training images,
    which a grey image meets with their means over the channels.
    """
    channels = dataset.image_shape[0]
    if mode == "imagenet":
        mean, std = (values if channels == 3 else (sum(values) / 3,) * channels for values in IMAGENET)
        return mean, std
    if mode == "dataset":
        stats = pixel_stats(dataset)
        # a channel that never varies would divide by zero
        return stats.mean, tuple(max(value, 1e-6) for value in stats.std)
    value = {"half": (0.5, 0.5), "none": (0.0, 1.0)}[mode]
    return (value[0],) * channels, (value[1],) * channels


def _measure(dataset: Dataset, on_progress: Progress) -> dict[str, SplitStats]:
    total, before = sum(map(len, dataset.splits.values())), 0
    found = {}
    for name, split in dataset.splits.items():
        found[name] = _measure_split(split, len(dataset.classes), lambda done, b=before: on_progress(b + done, total))
        before += len(split)
    return found


def _measure_split(split: Split, classes: int, on_progress: Callable[[int], None]) -> SplitStats:
    _, channels, height, width = split.images.shape
    step = -(-max(height, width) // MEAN_SIDE)  # every block of step × step pixels becomes one
    counts = np.zeros((channels, 256), dtype=np.int64)
    sums = np.zeros((classes, channels, height // step, width // step), dtype=np.float64)
    brightness = []
    done = 0
    for images in blocks(split.images, BLOCK):
        counts += histogram(images)
        brightness.append(images.mean(axis=(1, 2, 3), dtype=np.float32) / 255)
        small = _reduced(images, step)
        labels = split.labels[done : done + len(images)]
        for label in np.unique(labels):
            sums[label] += small[labels == label].sum(axis=0, dtype=np.float64)
        done += len(images)
        on_progress(done)
    per_class = np.maximum(class_counts(split, classes), 1)
    means = sums / (255 * per_class[:, None, None, None])
    return SplitStats(counts, np.concatenate([*brightness, np.zeros(0, np.float32)]), means.astype(np.float32))


def _reduced(images: np.ndarray, step: int) -> np.ndarray:
    """Images with every step × step pixels averaged; what is left over at the right and below is cut off."""
    if step == 1:
        return images
    count, channels, height, width = images.shape
    rows, columns = height // step, width // step
    whole = images[:, :, : rows * step, : columns * step].reshape(count, channels, rows, step, columns, step)
    return whole.mean(axis=(3, 5), dtype=np.float32)


def _write(path: Path, found: dict[str, SplitStats]) -> None:
    arrays = {f"{name}_{field}": value for name, stats in found.items() for field, value in vars(stats).items()}

    def save(partial: Path) -> None:
        with partial.open("wb") as file:
            np.savez(file, **arrays)

    try:
        write_atomically(path, save)
    except OSError as error:  # measured again next time
        log.warning("statistics cannot be kept in %s: %s", path, error)


@lru_cache(maxsize=8)
def _read(path: Path, _fingerprint: str) -> dict[str, SplitStats]:
    """What was measured before; empty if nothing was, or if it is damaged."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            names = {key.split("_", 1)[0] for key in arrays.files}
            fields = ("histogram", "brightness", "class_means")
            return {name: SplitStats(*(arrays[f"{name}_{field}"] for field in fields)) for name in names}
    except FileNotFoundError:
        return {}
    except Exception as error:  # np.load raises many kinds for a damaged file
        log.warning("%s is damaged and is measured again: %s", path, error)
        return {}
