"""A map of a set: images, or what a network makes of them, as points in the plane; and how well classes separate.

PCA (Pearson 1901, Hotelling 1933) and t-SNE (van der Maaten & Hinton, "Visualizing data using t-SNE", 2008; the
Barnes-Hut form of 2014), both as scikit-learn computes them. scikit-learn is imported on use: it costs a second.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from cvcore.data.split import stratified
from cvcore.errors import ConfigError, DataError

METHODS = ("pca", "tsne")
TSNE_DIMENSIONS = 50  # what t-SNE is given of longer vectors: their first principal components, as its authors do
TSNE_LEAST = 4  # images: with fewer no perplexity leaves three neighbours to each
NEIGHBOURS = 10
BLOCK = 500  # images whose distances to all others are held at once: 10 MB for 5,000 images

MEANINGS = {
    "pca": "PCA is a straight projection: points that are far apart here are at least as far apart in the full space, "
    "but points that lie together may differ in the directions that the map leaves out.",
    "tsne": "t-SNE keeps near neighbours together: groups mean something, but the size of a group, the distance "
    "between two groups and the directions do not.",
}


@dataclass(frozen=True)
class Embedding:
    """Points float32 [N, 2] in the order of the vectors.

    `explained` is the share of the variance along either axis, 0..1, for PCA; `perplexity` the one used, for t-SNE;
    `note` is a sentence where the map is less than it seems, else "".
    """

    points: np.ndarray
    method: Literal["pca", "tsne"]
    explained: tuple[float, float] | None = None
    perplexity: float | None = None
    note: str = ""

    @property
    def meaning(self) -> str:
        """What distances in this map mean, in one sentence."""
        return MEANINGS[self.method]


@dataclass(frozen=True)
class Separation:
    """How well classes separate, measured on distances between vectors.

    `agreement`: share of an image's nearest neighbours (itself left out) that have its label, 0..1, mean over all
    images; `chance`: what it would be if labels were dealt at random; `neighbours`: how many were looked at;
    `silhouette`: mean over all images of (b − a) / max(a, b), −1..1, with a the mean distance to the own class and b
    that to the nearest other one (Rousseeuw 1987); None where there is but one class, or no class of two images.
    """

    agreement: float
    chance: float
    neighbours: int
    silhouette: float | None


def embed(vectors: np.ndarray, method: str, *, seed: int = 0, perplexity: float = 30.0) -> Embedding:
    """Map `vectors` [N, D] into the plane; the same seed gives the same map.

    t-SNE starts from PCA, on at most 50 principal components; its perplexity is lowered to (N − 1) / 3 where there are
    few images. Vectors that do not differ all lie at the origin, with a note.
    Raises ConfigError for an unknown method, a perplexity below 1, or t-SNE of fewer than 4 images, and DataError for
    vectors that are not finite numbers [N, D].
    """
    if method not in METHODS:
        raise ConfigError(f"method: given {method!r}, it should be one of {', '.join(METHODS)}")
    values = _checked(vectors)
    if method == "tsne" and len(values) < TSNE_LEAST:
        raise ConfigError(f"t-SNE needs {TSNE_LEAST} images or more, given {len(values)}: choose more, or PCA")
    if not perplexity >= 1:
        raise ConfigError(f"perplexity: given {perplexity:g}, it should be 1 or more; 5 to 50 is usual")
    if not (values != values[0]).any():
        same = (
            "There is one image only." if len(values) == 1 else "All these images are the same: they share one point."
        )
        return Embedding(np.zeros((len(values), 2), dtype=np.float32), method, note=same)
    return _pca(values, seed) if method == "pca" else _tsne(values, seed, perplexity)


def _checked(vectors: np.ndarray) -> np.ndarray:
    values = np.asarray(vectors, dtype=np.float32)
    if values.ndim != 2 or 0 in values.shape:
        raise DataError(f"a map needs vectors [N, D] of one image or more, given {list(values.shape)}")
    broken = ~np.isfinite(values).all(axis=1)
    if broken.any():
        first = int(np.flatnonzero(broken)[0])
        raise DataError(
            f"{broken.sum():,} of {len(values):,} vectors hold values that are no finite numbers, the first is "
            f"number {first}: choose pixels, or another run"
        )
    return values


def _pca(values: np.ndarray, seed: int) -> Embedding:
    points, explained = _components(values, 2, seed)
    pad = ((0, 0), (0, 2 - points.shape[1]))  # two images, or vectors of one value, span a line
    explained = (*explained, 0.0)[:2]
    note = "All variance lies along one line." if explained[0] > 1 - 1e-6 else ""
    return Embedding(np.pad(points, pad), "pca", explained=explained, note=note)


def _components(values: np.ndarray, wanted: int, seed: int) -> tuple[np.ndarray, tuple[float, ...]]:
    """(first `wanted` principal components [N, k], each one's share of the variance); k is less for small N or D."""
    from sklearn.decomposition import PCA

    pca = PCA(min(wanted, *values.shape), random_state=seed)
    return pca.fit_transform(values).astype(np.float32), tuple(pca.explained_variance_ratio_.tolist())


def _tsne(values: np.ndarray, seed: int, perplexity: float) -> Embedding:
    from sklearn.manifold import TSNE

    perplexity = min(perplexity, (len(values) - 1) / 3)
    # init="pca" needs two dimensions to start from
    reduced = values if values.shape[1] <= TSNE_DIMENSIONS else _components(values, TSNE_DIMENSIONS, seed)[0]
    reduced = np.pad(reduced, ((0, 0), (0, max(0, 2 - reduced.shape[1]))))
    tsne = TSNE(init="pca", perplexity=perplexity, random_state=seed)
    return Embedding(tsne.fit_transform(reduced).astype(np.float32), "tsne", perplexity=perplexity)


def tsne_seconds(count: int) -> float:
    """About how long t-SNE of `count` images takes on two cores, in seconds; measured from 200 to 5,000 images.

    scikit-learn does not tell how far it is, so that this is all that a progress bar can go by.
    """
    return 0.5 + 2.4e-3 * count * max(1.0, count / 1000) ** 0.35


def sample(labels: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Ascending indices of `count` images in which every class keeps its share; all where there are no more.

    Raises ConfigError for a count below 1.
    """
    if count < 1:
        raise ConfigError(f"count: given {count}, a map needs 1 image or more")
    return np.arange(len(labels)) if count >= len(labels) else stratified(labels, count, seed)[1]


def reduced_images(images: np.ndarray, indices: np.ndarray, side: int = 32) -> np.ndarray:
    """uint8 [N, C, h, w]: the images `indices` of `images` [M, C, H, W], none larger than side×side pixels.

    Larger ones are reduced by averaging (Pillow's box filter), which keeps their shape. Reads one image at a time, so
    that a memory-mapped set of photographs never has to fit in memory.
    """
    from PIL import Image

    height, width = images.shape[2:]
    if max(height, width) <= side:
        return np.ascontiguousarray(images[indices])
    size = tuple(max(1, round(length * side / max(height, width))) for length in (width, height))
    found = np.empty((len(indices), images.shape[1], size[1], size[0]), dtype=np.uint8)
    for place, index in enumerate(indices):
        for channel, plane in enumerate(images[index]):
            found[place, channel] = Image.fromarray(np.ascontiguousarray(plane)).resize(size, Image.Resampling.BOX)
    return found


def pixel_vectors(images: np.ndarray) -> np.ndarray:
    """float32 [N, C·H·W], scale 0..1, of uint8 images [N, C, H, W]."""
    return images.reshape(len(images), -1).astype(np.float32) / 255


def separation(vectors: np.ndarray, labels: np.ndarray, neighbours: int = NEIGHBOURS) -> Separation:
    """How well the classes of `labels` [N] separate among `vectors` [N, D], by Euclidean distance.

    Raises DataError for fewer than two images, or vectors that are not finite numbers.
    """
    values = _checked(vectors)
    count = len(values)
    if count < 2:
        raise DataError(f"neighbours need 2 images or more, given {count}")
    classes, label = np.unique(labels, return_inverse=True)
    sizes = np.bincount(label)
    neighbours = min(neighbours, count - 1)
    member = np.eye(len(classes), dtype=np.float32)[label]
    values = values - values.mean(axis=0)  # near the origin the squares below lose fewer digits
    agreed, silhouettes = [], []
    for start in range(0, count, BLOCK):
        own = np.arange(start, min(start + BLOCK, count))
        distances = _distances(values, own)
        silhouettes.append(_silhouettes(distances @ member, label[own], sizes))
        distances[np.arange(len(own)), own] = np.inf
        nearest = np.argpartition(distances, neighbours - 1, axis=1)[:, :neighbours]
        agreed.append((label[nearest] == label[own, None]).mean(axis=1))
    chance = float((sizes * (sizes - 1)).sum() / (count * (count - 1)))
    silhouette = float(np.concatenate(silhouettes).mean()) if 1 < len(classes) < count else None
    return Separation(float(np.concatenate(agreed).mean()), chance, neighbours, silhouette)


def nearest(vectors: np.ndarray, index: int, count: int) -> np.ndarray:
    """The `count` images nearest to number `index`, nearest first, itself left out."""
    distances = _distances(_checked(vectors), np.array([index]))[0]
    distances[index] = np.inf
    return np.argsort(distances, kind="stable")[: min(count, len(distances) - 1)]


def _distances(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Euclidean distances float32 [len(rows), N] from the vectors `rows` to all; exactly 0 from each to itself."""
    squares = np.einsum("nd,nd->n", values, values)
    squared = squares[rows, None] + squares[None] - 2 * (values[rows] @ values.T)
    squared[np.arange(len(rows)), rows] = 0
    return np.sqrt(np.maximum(squared, 0, out=squared), out=squared)


def _silhouettes(sums: np.ndarray, label: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Silhouette of each image from its summed distances [n, classes]; 0 for an image that is alone in its class."""
    rows = np.arange(len(label))
    own_size = sizes[label]
    inside = sums[rows, label] / np.maximum(own_size - 1, 1)
    means = sums / sizes
    means[rows, label] = np.inf
    outside = means.min(axis=1)
    if not np.isfinite(outside).all():  # one class only
        return np.zeros(len(label))
    larger = np.maximum(inside, outside)
    return np.where((own_size > 1) & (larger > 0), (outside - inside) / np.where(larger > 0, larger, 1), 0.0)
