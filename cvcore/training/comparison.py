"""What differs between runs, which of them repeat each other, and whether one setting is better than another."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from cvcore.config import RunConfig
from cvcore.errors import ConfigError
from cvcore.training.run import Run

MOST_SEEDS = 100
SURE = 0.95  # of the interval that is told, and of a difference that is called beyond noise


def settings(config: RunConfig) -> dict[str, Any]:
    """The config's values by name, "lr", "per_class", …; data and network by theirs."""
    parts = config.model_dump(mode="json")
    told = {"data": parts["data"]["name"], "model": config.model.label}
    told |= {name: value for name, value in parts["data"].items() if name not in ("name", "fingerprint")}
    told |= parts["train"]
    transfer = parts["transfer"] or {}
    return {**told, "strategy": transfer.get("strategy"), "source": transfer.get("source")}


def differing(configs: Sequence[RunConfig]) -> dict[str, list[Any]]:
    """The settings in which the configs are not all alike, each with its value in every config."""
    rows = [settings(config) for config in configs]
    columns = {name: [row[name] for row in rows] for name in (rows[0] if rows else ())}
    return {name: values for name, values in columns.items() if any(value != values[0] for value in values)}


def with_seed(config: RunConfig, seed: int) -> RunConfig:
    """The same run with another seed: other first weights, order, augmentation and dropout; the same split."""
    return config.model_copy(update={"train": config.train.model_copy(update={"seed": seed})})


def seeds_from(config: RunConfig, count: int) -> list[RunConfig]:
    """`config` with `count` seeds in a row, its own the first. Raises ConfigError for a count out of bounds."""
    if not 1 <= count <= MOST_SEEDS:
        raise ConfigError(f"seeds: given {count}, choose 1 to {MOST_SEEDS}")
    return [with_seed(config, config.train.seed + step) for step in range(count)]


@dataclass(frozen=True)
class Repeats:
    """Runs that differ in their seed only, by seed."""

    runs: tuple[Run, ...]

    @property
    def config(self) -> RunConfig:
        """What they share; its seed means nothing."""
        return with_seed(self.runs[0].config, 0)

    @property
    def accuracies(self) -> np.ndarray:
        """Test accuracies of those that are done, 0..1."""
        return np.array([run.end["test"]["acc"] for run in self.runs if run.status == "done"])


def grouped(runs: Sequence[Run]) -> list[Repeats]:
    """`runs` in groups that differ in the seed only, in the order in which the first of each comes."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(with_seed(run.config, 0).canonical(), []).append(run)
    return [Repeats(tuple(sorted(group, key=lambda run: run.config.train.seed))) for group in groups.values()]


@dataclass(frozen=True)
class Verdict:
    """Whether B is better than A: difference of mean test accuracies and half the width of its 95 % interval, both in
    points, seeds of each, and the p-value of Welch's t-test (nan where there is no spread to test against)."""

    difference: float
    margin: float
    seeds: tuple[int, int]
    p: float

    @property
    def is_beyond_noise(self) -> bool:
        return abs(self.difference) > self.margin

    @property
    def test(self) -> str:
        """The test that was used, with its result."""
        if math.isnan(self.p):
            return "no spread between seeds to test against"
        return f"Welch's t-test, p = {self.p:.2g}; ± is the 95 % interval of the difference"

    def text(self, first: str, second: str) -> str:
        """In words, `first` and `second` being what A and B are called.

        >>> Verdict(0.8, 0.3, (3, 3), 0.01).text("A", "B")
        'B is better by 0.8 ± 0.3 points, 3 seeds each: beyond noise'
        """
        count = (
            f"{self.seeds[0]} seeds each" if self.seeds[0] == self.seeds[1] else "{} and {} seeds".format(*self.seeds)
        )
        amount = f"{abs(self.difference):.1f} ± {self.margin:.1f} points, {count}"
        if self.is_beyond_noise:
            better = second if self.difference > 0 else first
            return f"{better} is better by {amount}: beyond noise"
        return f"{first} and {second} differ by {amount}: within noise"


def verdict(first: Sequence[float], second: Sequence[float]) -> Verdict | None:
    """The verdict on two settings from their test accuracies (0..1), one a seed; None with fewer than two seeds each.

    Welch's t-test, which does not take both to vary alike (Welch, 1947).
    """
    if min(len(first), len(second)) < 2:
        return None
    a, b = 100 * np.asarray(first, float), 100 * np.asarray(second, float)
    difference = float(b.mean() - a.mean())
    if not (a.var() or b.var()):
        return Verdict(difference, 0.0, (len(a), len(b)), math.nan)
    found = stats.ttest_ind(b, a, equal_var=False)
    low, high = found.confidence_interval(SURE)
    return Verdict(difference, float(high - low) / 2, (len(a), len(b)), float(found.pvalue))


@dataclass(frozen=True)
class Band:
    """Mean, lowest and highest of a quantity over seeds, at each epoch that all of them have."""

    epochs: list[int]
    mean: list[float]
    low: list[float]
    high: list[float]


def band(runs: Sequence[Run], field: str) -> Band:
    """The band of a field of training.history.Epoch over `runs`."""
    length = min((len(run.history) for run in runs), default=0)
    values = np.array([[getattr(epoch, field) for epoch in run.history[:length]] for run in runs])
    values = values.reshape(len(runs), length)
    epochs = list(range(1, length + 1))
    if not length:
        return Band([], [], [], [])
    return Band(epochs, values.mean(0).tolist(), values.min(0).tolist(), values.max(0).tolist())
