"""Damaged copies of data sets: what is done to which images is drawn by seed, counted, and written as a set of its own.

A `Damage` says how much, a `Plan` says to which images, `make` writes them. The base is never written to.
"""

import hashlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cvcore.data.damage import corruptions
from cvcore.data.damage.spec import Damage, describe, parse_damage, slug
from cvcore.data.dataset import Dataset
from cvcore.data.store import Writer
from cvcore.errors import ConfigError

__all__ = ["Change", "Damage", "Plan", "changed", "describe", "make", "parse_damage", "plan", "slug"]

BLOCK = 4_000_000  # bytes of images that are damaged at a time; the arithmetic takes some 20 times as much memory
SPLIT_NUMBER = {"train": 0, "test": 1, "val": 2}  # noise is drawn by it: never to be changed


@dataclass(frozen=True)
class Plan:
    """To which images a damage does what. The copy's training split is: `kept`, then `twice`, then `leaked`."""

    base: Dataset
    damage: Damage
    kept: np.ndarray  # indices of the base's training images, ascending
    labels: np.ndarray  # of the kept images, the wrong ones among them
    rows: np.ndarray  # of pixels that are left of each kept image: the height where nothing is missing
    twice: np.ndarray  # positions in `kept`, ascending
    leaked: np.ndarray  # indices of the base's test images, ascending

    @property
    def seed(self) -> int:
        """What all draws hang on: the damage's seed and the name of the base, so that damage upon damage draws anew."""
        return _seed(self.base, self.damage)

    @property
    def wrong(self) -> np.ndarray:
        """Which of the kept images have another label than in the base, bool."""
        return self.labels != self.base.train.labels[self.kept]

    @property
    def cut(self) -> np.ndarray:
        """Which of the kept images miss their lower part, bool."""
        return self.rows < self.base.image_shape[1]

    @property
    def train_labels(self) -> np.ndarray:
        """Labels of the copy's training split, int64."""
        return np.concatenate([self.labels, self.labels[self.twice], self.base.test.labels[self.leaked]])

    def touches(self, split: str) -> bool:
        """Whether blur or noise change the pixels of a split."""
        return bool(self.damage.blur or self.damage.noise) and (split == "train" or self.damage.where == "both")

    def images(self, split: str, indices: np.ndarray) -> np.ndarray:
        """The base's images `indices` of a split as the copy holds them, but for truncation; uint8 [n, C, H, W]."""
        images, damage = self.base.split(split).images[indices], self.damage
        if not self.touches(split):
            return images
        values = corruptions.blurred(images, damage.blur) if damage.blur else images.astype(np.float64)
        if damage.noise:
            corruptions.add_noise(values, indices, damage.noise, self.seed, SPLIT_NUMBER[split])
        return corruptions.to_bytes(values)

    def train_images(self, positions: np.ndarray) -> np.ndarray:
        """The images at `positions` in `kept` just as the copy holds them, uint8 [n, C, H, W]."""
        images = self.images("train", self.kept[positions])
        return corruptions.truncated(images, self.rows[positions]) if self.damage.truncated else images


def _seed(base: Dataset, damage: Damage) -> int:
    return int.from_bytes(hashlib.sha256(f"{damage.seed}:{base.name}".encode()).digest()[:8])


def plan(base: Dataset, damage: Damage) -> Plan:
    """What `damage` does to `base`. Counts are exact: 20 % of 1,000 labels are 200.

    The long tail comes first; shares are of the training images that it leaves. Raises ConfigError where labels are to
    be wrong but there is only one class.
    """
    classes, seed, kept = len(base.classes), _seed(base, damage), np.arange(len(base.train))
    if damage.label_noise and classes < 2:
        raise ConfigError(f"label_noise: {base.name} has one class only, so no label can be wrong; leave it at 0")
    if damage.imbalance > 1:
        kept = corruptions.long_tail(base.train.labels, classes, damage.imbalance, seed)
    labels = np.array(base.train.labels[kept])
    if damage.label_noise:
        labels = corruptions.wrong_labels(labels, classes, damage.label_noise, seed)
    rows = corruptions.rows_left(len(kept), base.image_shape[1], damage.truncated, seed)
    twice = np.sort(corruptions.drawn(len(kept), damage.duplicated, seed, corruptions.TWICE))
    leaked = np.sort(corruptions.drawn(len(base.test), damage.leaked, seed, corruptions.LEAK))
    return Plan(base, damage, kept, labels, rows, twice, leaked)


@dataclass(frozen=True)
class Change:
    """So many of so many were changed: what to call it, and the two counts."""

    what: str
    count: int
    of: int


def changed(plan: Plan) -> list[Change]:
    """What the plan changes, counted; only what there is."""
    base, damage, kept = plan.base, plan.damage, len(plan.kept)
    touched = [split for split in base.splits if plan.touches(split)]
    pixels = [word for word, value in (("blurred", damage.blur), ("made noisy", damage.noise)) if value]
    names = {"train": "training", "val": "validation", "test": "test"}
    sizes = {"train": kept, "val": len(base.val or ()), "test": len(base.test)}
    changes = [
        Change("Training images left out", len(base.train) - kept, len(base.train)),
        Change("Training labels changed", int(plan.wrong.sum()), kept),
        *(Change(f"{names[at].capitalize()} images {how}", sizes[at], sizes[at]) for how in pixels for at in touched),
        Change("Training images truncated", int(plan.cut.sum()), kept),
        Change("Training images put in twice", len(plan.twice), kept),
        Change("Test images copied into training", len(plan.leaked), len(base.test)),
    ]
    return [change for change in changes if change.count]


def make(
    base: Dataset,
    damage: Damage,
    name: str,
    folder: Path,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    block: int = BLOCK,
) -> None:
    """Write the damaged copy of `base`, called `name`, into `folder` in the tensor store's form.

    `on_progress` hears the images written and their total. The bytes hang on base and damage alone, not on `block`, the
    bytes of images handled at a time. A failure leaves nothing behind. Raises ConfigError if nothing would be changed.
    """
    planned = plan(base, damage)
    if not changed(planned):
        raise ConfigError(f"nothing to damage: {describe(damage)} leaves {base.name} as it is; choose a larger share")
    labels = {split: part.labels for split, part in base.splits.items()} | {"train": planned.train_labels}
    done, total = 0, sum(map(len, labels.values()))
    writer = Writer(folder, base.image_shape)
    try:
        for split, images in _damaged(planned, max(1, block // int(np.prod(base.image_shape)))):
            writer.append(split, images)
            done += len(images)
            on_progress(done, total)
        writer.finish(name, base.classes, labels)
    except BaseException:
        writer.close()
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _damaged(planned: Plan, step: int) -> Iterator[tuple[str, np.ndarray]]:
    """The copy's images in the order of its splits, at most `step` at a time, each with the name of its split."""
    for positions in (np.arange(len(planned.kept)), planned.twice):
        for some in _pieces(positions, step):
            yield "train", planned.train_images(some)
    for some in _pieces(planned.leaked, step):
        yield "train", planned.images("test", some)
    for split in planned.base.splits:
        if split != "train":
            for some in _pieces(np.arange(len(planned.base.split(split))), step):
                yield split, planned.images(split, some)


def _pieces(indices: np.ndarray, step: int) -> Iterator[np.ndarray]:
    for start in range(0, len(indices), step):
        yield indices[start : start + step]
