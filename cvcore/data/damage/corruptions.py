"""What can go wrong with labels and images, each as a function of arrays; `cvcore.data.damage.plan` puts them together.

Whatever is drawn is drawn by seed, from a stream of random numbers of its own for each kind (and, for noise, for each
image): changing one kind leaves the others as they are.
"""

import numpy as np

GREY = 128  # what viewers show where a file breaks off
# the streams of random numbers: a number once given is never given to another
LABELS, TAIL, NOISE, TRUNCATION, LEAK, TWICE = range(1, 7)


def drawn(count: int, share: float, seed: int, stream: int) -> np.ndarray:
    """Exactly round(share · count) of the positions 0 … count - 1, drawn by seed, in random order.

    A smaller share draws a part of what a larger one draws.
    """
    return np.random.default_rng((seed, stream)).permutation(count)[: round(share * count)]


def wrong_labels(labels: np.ndarray, classes: int, share: float, seed: int) -> np.ndarray:
    """A copy of int64 `labels` in which exactly round(share · N) are another class, the others equally likely.

    This is symmetric label noise. There must be two classes or more.
    """
    changed = np.array(labels)
    chosen = drawn(len(labels), share, seed, LABELS)
    steps = np.random.default_rng((seed, LABELS, 1)).integers(1, classes, len(chosen))  # never 0, never a full round
    changed[chosen] = (changed[chosen] + steps) % classes
    return changed


def tail_counts(counts: np.ndarray, factor: float) -> np.ndarray:
    """How many of `counts` images each class keeps in a long tail, int64 [K].

    Class k keeps n_k · factor^(−k / (K − 1)), rounded, and at least one (Cui et al., "Class-Balanced Loss Based on
    Effective Number of Samples", CVPR 2019: long-tailed CIFAR). Where all classes had the same size, the largest has
    then `factor` times the images of the smallest.

    >>> tail_counts(np.array([100, 100, 100]), 100).tolist()
    [100, 10, 1]
    """
    shares = float(factor) ** (-np.arange(len(counts)) / max(len(counts) - 1, 1))
    return np.minimum(counts, np.maximum(1, np.rint(counts * shares))).astype(np.int64)


def long_tail(labels: np.ndarray, classes: int, factor: float, seed: int) -> np.ndarray:
    """Ascending indices of the images that a long tail leaves, drawn by seed; of a steeper one, a part of them."""
    keep = tail_counts(np.bincount(labels, minlength=classes), factor)
    order = np.random.default_rng((seed, TAIL)).permutation(len(labels))
    return np.sort(np.concatenate([order[labels[order] == label][: keep[label]] for label in range(classes)]))


def rows_left(count: int, height: int, share: float, seed: int) -> np.ndarray:
    """Rows of pixels, int64 [count], that are left of each image when exactly round(share · count) are truncated.

    Of those, between a fifth and four fifths of the height are left, drawn for each image; of all others, all.
    """
    rows = np.full(count, height)
    cut = drawn(count, share, seed, TRUNCATION)
    left = np.rint(height * np.random.default_rng((seed, TRUNCATION, 1)).uniform(0.2, 0.8, len(cut)))
    rows[cut] = np.clip(left, min(1, height - 1), height - 1)
    return rows


def truncated(images: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """uint8 images [N, C, H, W], grey below the first `rows` [N] rows."""
    missing = np.arange(images.shape[2]) >= rows[:, None]
    return np.where(missing[:, None, :, None], np.uint8(GREY), images)


def blurred(images: np.ndarray, sigma: float) -> np.ndarray:
    """Images [N, C, H, W] after a Gaussian blur of `sigma` > 0 pixels, float64, not rounded; borders are mirrored.

    The Gaussian is cut at four standard deviations, as scipy.ndimage.gaussian_filter does. Both passes are products
    with a matrix that holds the kernel and what happens at the border: V · image · Hᵀ.
    """
    height, width = images.shape[2:]
    return _blur_matrix(height, sigma) @ images.astype(np.float64) @ _blur_matrix(width, sigma).T


def _blur_matrix(size: int, sigma: float) -> np.ndarray:
    """[size, size]: row i holds the weights with which the pixels of a line enter its pixel i."""
    radius = int(4 * sigma + 0.5)
    offsets = np.arange(-radius, radius + 1)
    weights = np.exp(-0.5 * (offsets / sigma) ** 2)
    at = (np.arange(size)[:, None] + offsets) % (2 * size)  # a line and its mirror image, repeated without end
    at = np.minimum(at, 2 * size - 1 - at)
    matrix = np.zeros((size, size))
    np.add.at(matrix, (np.arange(size)[:, None], at), weights / weights.sum())
    return matrix


def add_noise(values: np.ndarray, indices: np.ndarray, deviation: float, seed: int, split: int) -> None:
    """Add Gaussian noise to float64 images [N, C, H, W] on the scale 0..255, in place.

    `deviation` is a share of the full range. The noise of an image hangs on the number of its `split` and its index
    there, not on which others it is read with.
    """
    for image, index in zip(values, indices, strict=True):
        rng = np.random.default_rng((seed, NOISE, split, int(index)))
        image += 255 * deviation * rng.standard_normal(image.shape)


def to_bytes(values: np.ndarray) -> np.ndarray:
    """Floats on the scale 0..255, rounded and clipped to uint8."""
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
