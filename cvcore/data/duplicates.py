"""Exact and near duplicates inside and across the splits of a data set."""

import hashlib
import itertools
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from cvcore.data import neighbours, resemblance
from cvcore.data.dataset import Dataset
from cvcore.files import write_json

log = logging.getLogger(__name__)

FILE = "duplicates.json"
VERSION = 2  # raised when the same images would give other pairs
ALL_PAIRS = 8  # images of a group of which every pair is listed
BLOCK_BYTES = 2**24  # pixels read at a time


@dataclass(frozen=True)
class Pair:
    """Two images, each by (split, index in it), the earlier one first: splits run train, val, test.

    `difference` is the root mean square difference of the stored pixels, in grey levels 0..255; 0 when `exact`.
    """

    first: tuple[str, int]
    second: tuple[str, int]
    exact: bool
    difference: float

    @property
    def across(self) -> bool:
        """Whether the two are in different splits: a leak, where one of those is tested on."""
        return self.first[0] != self.second[0]


def find(dataset: Dataset, on_progress: Callable[[float], None] = lambda share: None) -> list[Pair]:
    """The pairs of images that are the same (`exact`: every stored pixel) or near (saved again, or at another size).

    What counts as near is said in `resemblance`; images of one plain colour are compared exactly only. In a group of up
    to 8 images that hang together every pair is listed. Of a larger group each image is listed once, against the
    group's first, or, where it is not like that one itself, against the first that it was found to be like: so there
    are never many more pairs than images. `on_progress` hears the share done, 0..1, and may raise to interrupt.

    Reads the images in blocks, most of them once; needs about 1 kB of memory for each.
    """
    pictures = _Pictures(dataset)
    originals, points, contrasts = _described(pictures, lambda share: on_progress(0.5 * share))
    lone = np.flatnonzero((originals == np.arange(len(originals))) & (contrasts >= resemblance.FLAT))
    searched = neighbours.near_pairs(
        points[lone],
        contrasts[lone],
        lambda first, second: pictures.alike(lone[first], lone[second]),
        lambda share: on_progress(0.5 + 0.4 * share),
    )
    near = np.concatenate([np.empty((0, 2), np.int64), *(np.sort(lone[pairs], axis=1) for pairs in searched)])
    near = near[np.lexsort(near.T[::-1])]
    chosen = np.array(sorted(_chosen(originals, near, pictures)), dtype=np.int64).reshape(-1, 2)
    exact = originals[chosen[:, 0]] == originals[chosen[:, 1]]
    difference = np.zeros(len(chosen))
    difference[~exact] = pictures.differences(*chosen[~exact].T)
    on_progress(1.0)
    return [
        Pair(pictures.place(first), pictures.place(second), same, distance)
        for (first, second), same, distance in zip(chosen.tolist(), exact.tolist(), difference.tolist(), strict=True)
    ]


def of(dataset: Dataset, on_progress: Callable[[float], None] = lambda share: None) -> list[Pair]:
    """As `find`, but remembered in the data set's folder; a folder that cannot be written to is no error."""
    known = _remembered(dataset)
    if known is not None:
        on_progress(1.0)
        return known
    found = find(dataset, on_progress)
    if dataset.folder is not None:
        rows = [[*pair.first, *pair.second, pair.exact, round(pair.difference, 3)] for pair in found]
        try:
            write_json(dataset.folder / FILE, {"version": VERSION, "fingerprint": dataset.fingerprint, "pairs": rows})
        except OSError as error:
            log.info("duplicates of %s are not remembered: %s", dataset.name, error)
    return found


def _remembered(dataset: Dataset) -> list[Pair] | None:
    """What was found earlier, or None where there is nothing, or nothing that can be used."""
    if dataset.folder is None:
        return None
    try:
        known = json.loads((dataset.folder / FILE).read_text(encoding="utf-8"))
        if (known["version"], known["fingerprint"]) != (VERSION, dataset.fingerprint):
            return None
        return [_pair(dataset, *row) for row in known["pairs"]]
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _pair(dataset: Dataset, split: str, index: int, other: str, other_index: int, exact: bool, difference: float):
    """One row of the file as a Pair. Raises ValueError, TypeError or KeyError where it cannot be one of this set."""
    if not (0 <= index < len(dataset.splits[split]) and 0 <= other_index < len(dataset.splits[other])):
        raise ValueError("an index that the split does not have")
    return Pair((split, int(index)), (other, int(other_index)), bool(exact), float(difference))


class _Pictures:
    """All images of a data set under one running number, splits one after the other."""

    def __init__(self, dataset: Dataset) -> None:
        self.names = list(dataset.splits)
        self.arrays = [split.images for split in dataset.splits.values()]
        self.starts = np.cumsum([0, *(len(array) for array in self.arrays)])
        self.channels = dataset.image_shape[0]
        self.block = max(1, BLOCK_BYTES // max(1, int(np.prod(dataset.image_shape))))  # images

    def __len__(self) -> int:
        return int(self.starts[-1])

    def place(self, number: int) -> tuple[str, int]:
        """(split, index in it)."""
        part = int(np.searchsorted(self.starts, number, side="right")) - 1
        return self.names[part], int(number - self.starts[part])

    def blocks(self) -> Iterator[np.ndarray]:
        """All images in order, uint8 [N, C, H, W] at a time."""
        for array in self.arrays:
            for start in range(0, len(array), self.block):
                yield np.ascontiguousarray(array[start : start + self.block])

    def take(self, numbers: np.ndarray) -> np.ndarray:
        """The images of these running numbers, uint8 [N, C, H, W]."""
        taken = np.empty((len(numbers), *self.arrays[0].shape[1:]), dtype=np.uint8)
        for array, start, end in zip(self.arrays, self.starts, self.starts[1:], strict=False):
            here = (numbers >= start) & (numbers < end)
            taken[here] = array[numbers[here] - start]
        return taken

    def alike(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Whether the images of each pair of numbers are alike, bool [N]."""
        return self._paired(first, second, resemblance.coefficients, resemblance.alike, bool)

    def differences(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Root mean square difference of the stored pixels of each pair, grey levels, float [N]."""
        return self._paired(first, second, lambda images: images.astype(np.float32), _difference, float)

    def _paired(self, first, second, form: Callable, compare: Callable, kind: type) -> np.ndarray:
        """compare(form(first images), form(second images)), read in blocks, no image twice in one."""
        found = np.empty(len(first), dtype=kind)
        step = max(1, min(4096, self.block // 2))
        for start in range(0, len(first), step):
            numbers, where = np.unique(
                np.stack([first[start : start + step], second[start : start + step]]), return_inverse=True
            )
            forms = form(self.take(numbers))
            found[start : start + step] = compare(forms[where[0]], forms[where[1]])
        return found


def _difference(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.sqrt(((first - second) ** 2).mean(axis=(1, 2, 3)))


def _described(pictures: _Pictures, on_progress: Callable[[float], None]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(the number of the first image with the same pixels [N], coarse coefficients [N, D], contrasts [N])."""
    seen: dict[bytes, int] = {}
    originals = np.empty(len(pictures), dtype=np.int64)
    points = np.empty((len(pictures), resemblance.coarse_size(pictures.channels)), dtype=np.float32)
    contrasts = np.empty(len(pictures), dtype=np.float32)
    done = 0
    for images in pictures.blocks():
        here = slice(done, done + len(images))
        originals[here] = [
            seen.setdefault(hashlib.blake2b(image.data, digest_size=16).digest(), done + at)
            for at, image in enumerate(images)
        ]
        found = resemblance.coefficients(images)
        points[here], contrasts[here] = resemblance.coarse(found), resemblance.contrast(found)
        done += len(images)
        on_progress(done / len(pictures))
    return originals, points, contrasts


def _chosen(originals: np.ndarray, near: np.ndarray, pictures: _Pictures) -> Iterator[tuple[int, int]]:
    """The pairs that are listed, of all that hang together through exact copies and through `near` pairs [M, 2]."""
    copies = np.flatnonzero(originals != np.arange(len(originals)))
    links = np.concatenate([np.stack([originals[copies], copies], axis=1), near])
    first_like: dict[int, int] = {}  # of each image, the earliest that it is like
    for first, second in links.tolist():
        first_like[second] = min(first, first_like.get(second, first))
        first_like.setdefault(first, second)
    close = set(map(tuple, near.tolist()))
    for group in _groups(links, len(originals)):
        source = originals[group].tolist()
        if len(group) <= ALL_PAIRS:
            for (first, one), (second, other) in itertools.combinations(zip(group, source, strict=True), 2):
                if one == other or (min(one, other), max(one, other)) in close:
                    yield first, second
            continue
        head = group[0]
        like = pictures.alike(np.full(len(group), head), originals[group])
        for number, is_like in zip(group[1:], like[1:].tolist(), strict=True):
            yield (head, number) if is_like else tuple(sorted((number, first_like[number])))


def _groups(links: np.ndarray, count: int) -> list[list[int]]:
    """The numbers below `count` that `links` [M, 2] join, directly or through others; ascending in each group."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ends = (links[:, 0], links[:, 1])
    labels = connected_components(coo_array((np.ones(len(links)), ends), (count, count)), directed=False)[1]
    members: dict[int, list[int]] = {}
    for number in np.unique(links).tolist():
        members.setdefault(int(labels[number]), []).append(number)
    return list(members.values())
