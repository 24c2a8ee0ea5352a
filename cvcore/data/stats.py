"""Numbers that describe a set of images."""

from dataclasses import dataclass

import numpy as np

from cvcore.data.dataset import Dataset, Split


@dataclass(frozen=True)
class PixelStats:
    """Mean and population standard deviation per channel, scale 0..1; lowest and highest uint8 value."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    low: int
    high: int


def class_counts(split: Split, classes: int) -> np.ndarray:
    """Images of each class, int64 [classes]."""
    return np.bincount(split.labels, minlength=classes)


def histogram(images: np.ndarray) -> np.ndarray:
    """How often each intensity occurs, int64 [C, 256], for uint8 images [N, C, H, W]."""
    return np.stack([np.bincount(images[:, channel].reshape(-1), minlength=256) for channel in range(images.shape[1])])


def pixel_stats(images: np.ndarray) -> PixelStats:
    """Mean, deviation and range of uint8 images [N, C, H, W], exact, from the histogram."""
    counts = histogram(images)
    values = np.arange(256) / 255
    share = counts / counts.sum(axis=1, keepdims=True)
    mean = share @ values
    std = np.sqrt((share * (values - mean[:, None]) ** 2).sum(axis=1))
    used = np.flatnonzero(counts.sum(axis=0))
    return PixelStats(tuple(mean.tolist()), tuple(std.tolist()), int(used[0]), int(used[-1]))


def normalization(dataset: Dataset, mode: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """(mean, std) per channel, scale 0..1, that Normalize subtracts and divides by in this mode.

    "dataset": of the training split; "half": 0.5 and 0.5; "none": 0 and 1.
    """
    channels = dataset.image_shape[0]
    if mode == "dataset":
        stats = pixel_stats(dataset.train.images)
        # a channel that never varies would divide by zero
        return stats.mean, tuple(max(value, 1e-6) for value in stats.std)
    value = {"half": (0.5, 0.5), "none": (0.0, 1.0)}[mode]
    return (value[0],) * channels, (value[1],) * channels
