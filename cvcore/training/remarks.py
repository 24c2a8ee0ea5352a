"""What a reviewer would say of how a run trains, before it starts: findings in the form of `cvcore.analysis.lint`.

Of the network itself that package speaks; here it is the loop: data, learning rate, schedule, selection, and the
mistakes that a config makes on purpose. Imports no torch, so that a page can say it at once.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from cvcore.analysis.findings import LEVELS, Finding
from cvcore.config import DataConfig, RunConfig, TrainConfig
from cvcore.data import catalog
from cvcore.errors import DataError
from cvcore.training.faults import FAULTS

CHARACTERS = ("digits", "glyphs", "mnist", "kmnist", "svhn")  # sets of signs that mean something else in a mirror
FEW = 200  # training images; with fewer, a batch of them all is nothing unusual


@dataclass(frozen=True)
class Facts:
    """What rules need to know of data and network; None, and 0 images, where it is not known.

    `images` are those to train on, `watched` those that accuracy is measured on; `sorted_labels` says that classes are
    stored one after the other, `has_modes` that the network has layers which behave otherwise in training.
    """

    images: int = 0
    watched: int = 0
    sorted_labels: bool | None = None
    has_modes: bool | None = None


class Loop(NamedTuple):
    """What a rule looks at."""

    data: DataConfig
    train: TrainConfig
    facts: Facts

    @property
    def steps(self) -> int:
        """Optimizer steps of the whole run; 0 where the number of images is not known."""
        return -(-self.facts.images // self.train.batch_size) * self.train.epochs

    @property
    def scheduled(self) -> int:
        """Epochs that the schedule counts: those after the warm-up."""
        return self.train.epochs - self.train.warmup


def facts_of(config: RunConfig, *, has_modes: bool | None = None) -> Facts:
    """What can be known without decoding a set of photographs: bundled and downloaded arrays are opened, of others only
    the catalog is asked. Raises nothing where there is no such set."""
    try:
        entry = catalog.entry(config.data.name)
    except DataError:
        return Facts(has_modes=has_modes)
    images, watched, in_order = entry.train, entry.test, True if entry.varied else None  # files: class by class
    if not entry.varied and entry.state in ("bundled", "on disk"):
        labels = np.asarray(catalog.open_dataset(config.data.name).train.labels)
        images, in_order = len(labels), is_sorted(labels)
    if config.train.selection != "test":
        watched = round(images * config.data.val_fraction)
        images -= watched
    if config.data.per_class:
        images = min(images, config.data.per_class * entry.classes) if entry.classes else 0
    return Facts(images, watched, in_order, has_modes)


def is_sorted(labels: np.ndarray) -> bool:
    """Whether images of one class follow each other: the label changes ten times more seldom than in random order.

    >>> is_sorted(np.repeat([0, 1, 2], 50)), is_sorted(np.tile([0, 1, 2], 50))
    (True, False)
    """
    if len(labels) < 2:
        return False
    shares = np.bincount(labels) / len(labels)
    by_chance = 1 - float((shares**2).sum())
    return bool((labels[1:] != labels[:-1]).mean() < by_chance / 10)


def remarks(config: RunConfig, facts: Facts | None = None) -> tuple[Finding, ...]:
    """Findings on the loop of a run, mistakes first. Without `facts` those of `facts_of`."""
    loop = Loop(config.data, config.train, facts_of(config) if facts is None else facts)
    found = [finding for rule in RULES for finding in rule(loop)]
    return tuple(sorted(found, key=lambda finding: LEVELS.index(finding.level)))


Check = Callable[[Loop], Iterator[Finding]]
RULES: list[Check] = []


def _rule(check: Check) -> Check:
    RULES.append(check)
    return check


@_rule
def learning_rate(loop: Loop) -> Iterator[Finding]:
    """Far outside what the optimizer is used with."""
    lr, name = loop.train.lr, loop.train.optimizer
    usual = USUAL[name]
    if name == "sgd":
        effective = lr / (1 - loop.train.momentum)  # a steady gradient adds up to that
        if usual.least <= effective <= usual.most:
            return
        high = effective > usual.most
    else:
        if usual.least <= lr <= usual.most:
            return
        high = lr > usual.most
    if high:
        said, level = "steps overshoot, and the loss soon grows or stays where chance is", "caution"
    else:
        moved = f"; the {loop.steps:,} steps of this run move it by {lr * loop.steps:.2g} at most" if loop.steps else ""
        adam = name != "sgd"
        said = f"a step moves a weight by about {lr:g}{moved}" if adam else "hardly anything is learnt"
        level = "mistake" if lr < usual.least / 10 else "caution"
    yield Finding(
        level,
        "learning-rate",
        "train.lr",
        f"A learning rate of {lr:g} is far {'above' if high else 'below'} what {name} is used with: {said}.",
        f"{usual.words} for {name}",
    )


class Usual(NamedTuple):
    """Learning rates that nobody wonders at (for sgd: divided by 1 − momentum), and the usual range in words."""

    least: float
    most: float
    words: str


_ADAPTIVE = Usual(1e-6, 0.1, "0.0001 to 0.01")
USUAL = {
    "adam": _ADAPTIVE,
    "adamw": _ADAPTIVE,
    "rmsprop": _ADAPTIVE,
    "sgd": Usual(1e-4, 10.0, "0.001 to 0.1 with momentum 0.9, ten times that without,"),
}


@_rule
def schedule_beyond_run(loop: Loop) -> Iterator[Finding]:
    """Drops that come after the last epoch."""
    train, left = loop.train, loop.scheduled
    if train.schedule == "step" and train.step_size >= left:
        yield _never_drops("train.step_size", f"The first drop comes after {train.step_size:,} epochs", loop)
    if train.schedule == "plateau" and train.plateau_patience >= left - 1:
        said = f"A drop takes {train.plateau_patience + 1:,} epochs without a better loss"
        yield _never_drops("train.plateau_patience", said, loop)
    late = [each for each in train.milestones if each >= train.epochs]
    if train.milestones and len(late) == len(train.milestones):
        yield _never_drops("train.milestones", f"The first drop comes after {late[0]:,} epochs", loop)
    elif late:
        yield Finding(
            "note",
            "schedule-beyond-run",
            "train.milestones",
            f"The run has {train.epochs:,} epochs: it never comes to the drops after {', '.join(map(str, late))}.",
            "more epochs, or milestones that lie within them",
        )


def _never_drops(where: str, said: str, loop: Loop) -> Finding:
    epochs = f"{loop.scheduled:,} epochs" + (" after its warm-up" if loop.train.warmup else "")
    return Finding(
        "caution",
        "schedule-beyond-run",
        where,
        f"{said}, and the run has {epochs}: the learning rate never changes.",
        f"less than {loop.scheduled:,}, or more epochs",
    )


@_rule
def selection_on_test(loop: Loop) -> Iterator[Finding]:
    if loop.train.selection == "test":
        yield Finding(
            "caution",
            "selection-on-test",
            "train.selection",
            "The best epoch is chosen on the test images, so their accuracy is optimistic: the more epochs there are "
            "to choose from, the more luck is in the best.",
            'selection "validation": a part of the training images chooses, and the test images are looked at once',
        )


@_rule
def unshuffled(loop: Loop) -> Iterator[Finding]:
    """What an unshuffled set costs depends on the order in which it is stored."""
    if "unshuffled" not in loop.train.faults:
        return
    text, in_order = FAULTS["unshuffled"], loop.facts.sorted_labels
    if in_order:
        level, more = "mistake", "This set is stored class by class: the network forgets one while it learns the next."
    elif in_order is None:
        level, more = "caution", text.matters
    else:
        level, more = "note", "This set is stored in random order, where that costs little."
    yield Finding(level, "unshuffled-classes", "train.faults", f"{text.wrong} {more}", text.fix)


@_rule
def faults(loop: Loop) -> Iterator[Finding]:
    """Mistakes made on purpose; one that can cost nothing here is only noted."""
    for name in loop.train.faults:
        if name == "unshuffled":
            continue
        text, why = FAULTS[name], _harmless(name, loop)
        level, matters = ("note", f"Harmless here: {why}.") if why else ("mistake", text.matters)
        yield Finding(level, name, "train.faults", f"{text.wrong} {matters}", text.fix)


def _harmless(name: str, loop: Loop) -> str:
    """Why this mistake costs nothing here; "" where it may."""
    train, facts = loop.train, loop.facts
    if name == "schedule-not-stepped" and train.schedule == "constant" and not train.warmup:
        return "there is no schedule"
    if name == "eval-for-ever" and facts.has_modes is False:
        return "the network has no layer that behaves otherwise in training"
    rests = [count % train.batch_size for count in (facts.images, facts.watched)]
    if name == "batch-mean" and facts.images and facts.watched and not any(rests):
        return "all batches have one size"
    if name == "saves-last" and train.selection == "last":
        return "the last epoch is what is to be kept"
    return ""


@_rule
def long_warmup(loop: Loop) -> Iterator[Finding]:
    train = loop.train
    if 2 * train.warmup > train.epochs:
        yield Finding(
            "caution",
            "long-warmup",
            "train.warmup",
            f"The learning rate rises for {train.warmup:,} of {train.epochs:,} epochs: most of the run trains with "
            "less than it should.",
            f"{max(1, train.epochs // 10):,} or so, a tenth of the run",
        )


@_rule
def large_batch(loop: Loop) -> Iterator[Finding]:
    train, images = loop.train, loop.facts.images
    if images >= FEW and 2 * train.batch_size > images:
        yield Finding(
            "caution",
            "large-batch",
            "train.batch_size",
            f"A batch of {train.batch_size:,} holds more than half of the {images:,} training images: an epoch has "
            f"{-(-images // train.batch_size)} steps, {loop.steps:,} in the whole run.",
            f"{min(64, max(1, images // 10)):,} or so",
        )


@_rule
def idle_patience(loop: Loop) -> Iterator[Finding]:
    train = loop.train
    if train.patience >= train.epochs:
        yield Finding(
            "note",
            "idle-patience",
            "train.patience",
            f"With {train.epochs:,} epochs the run is over before {train.patience:,} without a better one have passed.",
            f"less than {train.epochs:,}, or 0",
        )


@_rule
def mirrored_characters(loop: Loop) -> Iterator[Finding]:
    if "flip" in loop.train.augment and loop.data.name in CHARACTERS:
        yield Finding(
            "caution",
            "mirrored-characters",
            "train.augment",
            "Half of the characters are learnt mirrored, as nobody writes them, and some then look like another one.",
            "augment without flip; shift, rotate and zoom keep a character what it is",
        )


@_rule
def heavy_regularisation(loop: Loop) -> Iterator[Finding]:
    train = loop.train
    if train.weight_decay > 0.1 and train.optimizer != "adamw":
        yield Finding(
            "caution",
            "heavy-weight-decay",
            "train.weight_decay",
            f"A weight decay of {train.weight_decay:g} pulls weights to zero faster than most losses pull them away.",
            "0.0001 to 0.001",
        )
    if train.label_smoothing > 0.5:
        yield Finding(
            "caution",
            "heavy-smoothing",
            "train.label_smoothing",
            f"{100 * train.label_smoothing:.0f} % of the target lies on classes that are wrong.",
            "0.1",
        )
