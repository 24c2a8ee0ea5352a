"""Seeded, stratified choices of images, so that every part has the classes in the same shares."""

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
    mask = np.zeros(len(labels), dtype=bool)
    mask[np.concatenate(held)] = True
    return np.flatnonzero(~mask), np.flatnonzero(mask)


def few_per_class(labels: np.ndarray, candidates: np.ndarray, per_class: int, seed: int) -> np.ndarray:
    """Ascending indices: `per_class` of the `candidates` for each class, drawn by seed.

    A smaller draw is contained in a larger one of the same seed, so that learning curves grow by adding images.
    Raises ConfigError if a class has fewer.
    """
    rng = np.random.default_rng(seed)
    chosen = []
    for label in np.unique(labels):
        members = candidates[labels[candidates] == label]
        if len(members) < per_class:
            raise ConfigError(
                f"per_class: given {per_class}, but class {label} has {len(members)} training images; "
                f"choose 1 to {len(members)}, or 0 for all"
            )
        chosen.append(rng.permutation(members)[:per_class])
    return np.sort(np.concatenate(chosen))


def holds_out(dataset: Dataset, selection: str) -> bool:
    """Whether validation images are taken from the training split: where they choose, and the set brings none."""
    return selection != "test" and dataset.val is None


def training_indices(labels: np.ndarray, config: DataConfig, *, hold_out: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Indices (train, validation) into the training split, as `config` asks; validation is empty unless `hold_out`."""
    if hold_out:
        train, held = stratified(labels, max(1, round(len(labels) * config.val_fraction)), config.split_seed)
    else:
        train, held = np.arange(len(labels)), np.arange(0)
    if config.per_class:
        train = few_per_class(labels, train, config.per_class, config.split_seed)
    return train, held
