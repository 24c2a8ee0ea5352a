"""Seeded, stratified choices of images, so that every part has the classes in the same shares."""

import hashlib

import numpy as np

from cvcore.config import DataConfig
from cvcore.data.dataset import Dataset
from cvcore.errors import ConfigError


def stratified(labels: np.ndarray, held_out: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices (kept, held out) of a stratified split with exactly `held_out` images held out, each ascending.

    Every class gives its share rounded down; the largest remainders give one more (ties: the smaller label).
    """
    counts = np.bincount(labels)
    shares = counts * held_out / len(labels)
    take = np.floor(shares).astype(int)
    order = np.argsort(-(shares - take), kind="stable")
    take[order[: held_out - take.sum()]] += 1

    rng = np.random.default_rng(seed)
    held = [rng.permutation(np.flatnonzero(labels == label))[: take[label]] for label in range(len(counts))]
    return _both(labels, held)


def stratified_by_class(
    labels: np.ndarray, classes: tuple[str, ...], fraction: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Indices (kept, held out) of a split in which every class holds out its `fraction`, rounded, each ascending.

    What a class holds out depends on its name, its own images and the seed alone: images added to other classes, or
    a class added beside it, change nothing. At least one image is held out, of the largest class.
    """
    members = [np.flatnonzero(labels == label) for label in range(len(classes))]
    take = [round(len(each) * fraction) for each in members]
    if not any(take):
        take[int(np.argmax([len(each) for each in members]))] = 1
    held = [_shuffled(each, name, seed)[:count] for each, name, count in zip(members, classes, take, strict=True)]
    return _both(labels, held)


def _both(labels: np.ndarray, held: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    mask = np.zeros(len(labels), dtype=bool)
    mask[np.concatenate(held)] = True
    return np.flatnonzero(~mask), np.flatnonzero(mask)


def _shuffled(members: np.ndarray, name: str, seed: int) -> np.ndarray:
    """The images of the class called `name` in an order that it draws by itself."""
    drawn = int.from_bytes(hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()[:8], "big")
    return np.random.default_rng([seed, drawn]).permutation(members)


def few_per_class(
    labels: np.ndarray, candidates: np.ndarray, classes: tuple[str, ...], per_class: int, seed: int
) -> np.ndarray:
    """Ascending indices: `per_class` of the `candidates` for each class, drawn by seed, each class by itself.

    A smaller draw is contained in a larger one of the same seed, so that learning curves grow by adding images.
    Raises ConfigError if a class has fewer.
    """
    chosen = []
    for label, name in enumerate(classes):
        members = candidates[labels[candidates] == label]
        if len(members) < per_class and (labels == label).any():
            raise ConfigError(
                f"per_class: given {per_class}, but class {name} has {len(members)} training images; "
                f"choose 1 to {len(members)}, or 0 for all"
            )
        chosen.append(_shuffled(members, name, seed)[:per_class])
    return np.sort(np.concatenate(chosen))


def holds_out(dataset: Dataset, selection: str) -> bool:
    """Whether validation images are taken from the training split: where they choose, and the set brings none."""
    return selection != "test" and dataset.val is None


def training_indices(dataset: Dataset, config: DataConfig, *, hold_out: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Indices (train, validation) into the training split, as `config` asks; validation is empty unless `hold_out`."""
    labels = np.asarray(dataset.train.labels)
    if hold_out:
        train, held = stratified_by_class(labels, dataset.classes, config.val_fraction, config.split_seed)
    else:
        train, held = np.arange(len(labels)), np.arange(0)
    if config.per_class:
        train = few_per_class(labels, train, dataset.classes, config.per_class, config.split_seed)
    return train, held
