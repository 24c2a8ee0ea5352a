"""The learning-rate finder: a range test (Smith 2015, "Cyclical Learning Rates for Training Neural Networks", 3.3).

A network of its own is trained for up to a hundred batches while the rate rises exponentially. The loss first stays,
then falls, then, where the rate is too high, rises again. It is smoothed by an exponential moving average with bias
correction, and the test ends when that is more than four times its lowest, or no number any more.

The suggestion is the rate at which the smoothed loss falls most steeply over the logarithm of the rate: the slope at
a rate is that of the straight line through the half decade on both sides, so that one lucky batch suggests nothing. The
usual alternative, a tenth of the rate with the lowest smoothed loss, is told beside it.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from cvcore.analysis.memory import megabytes
from cvcore.config import RunConfig
from cvcore.data import catalog
from cvcore.errors import ConfigError, RunError
from cvcore.training.aside import aside
from cvcore.training.batches import Batches
from cvcore.training.check import checked
from cvcore.training.costs import costs
from cvcore.training.device import choose_device, use_threads_for
from cvcore.training.loop import Step, train_mode
from cvcore.training.parts import Parts, prepared
from cvcore.training.runs import RunStore
from cvcore.training.trainer import Trainer

LOW, HIGH, BATCHES = 1e-7, 10.0, 100
LEAST = 25  # batches: fewer would say nothing
SMOOTHING = 0.9  # share of the average so far in the next one
DIVERGED = 4.0  # times the lowest smoothed loss
AROUND = 0.5  # decades on both sides of a rate over which a slope is taken

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class RangeTest:
    """A finder's curve: the rate of each step, the loss of its batch before that step, and that loss smoothed.

    `diverged` is the rate at which the test ended early, None if it came to the end.
    """

    lr: tuple[float, ...]
    loss: tuple[float, ...]
    smoothed: tuple[float, ...]
    diverged: float | None

    @property
    def lowest(self) -> float:
        """The rate at which the smoothed loss is lowest."""
        return self.lr[int(np.argmin(self.smoothed))]

    @property
    def tenth(self) -> float:
        """A tenth of `lowest`: the usual alternative to the suggestion."""
        return self.lowest / 10

    @property
    def suggestion(self) -> float | None:
        """The rate of the steepest descent, two digits; None where the loss never fell.

        The first tenth of the steps is left out: an average of few losses still jumps.
        """
        first, last = len(self.lr) // 10, int(np.argmin(self.smoothed)) + 1
        if last - first < 2:
            return None
        slope = slopes(np.log10(self.lr), np.asarray(self.smoothed), AROUND)
        steepest = first + int(np.argmin(slope[first:last]))
        return rounded(self.lr[steepest]) if slope[steepest] < 0 else None

    def to_json(self) -> dict[str, Any]:
        """Everything as plain values."""
        return {
            "lr": list(self.lr),
            "loss": list(self.loss),
            "smoothed": list(self.smoothed),
            "suggestion": self.suggestion,
            "lowest": self.lowest,
            "tenth_of_lowest": self.tenth,
            "diverged": self.diverged,
        }


def rounded(rate: float) -> float:
    """`rate` with two significant digits, as one writes it into a form.

    >>> rounded(0.0031415), rounded(0.96), rounded(1.234e-05)
    (0.0031, 0.96, 1.2e-05)
    """
    return float(f"{rate:.1e}")


def rising_rates(low: float, high: float, count: int) -> list[float]:
    """`count` rates from `low` to `high`, each the same factor above the one before. Raises ConfigError."""
    if not (0 < low < high and math.isfinite(high)):
        raise ConfigError(f"learning rates: given {low:g} to {high:g}, the first must be above 0 and below the second")
    if count < 2:
        raise ConfigError(f"batches: given {count}, a curve needs 2 or more")
    return np.geomspace(low, high, count).tolist()


def smoothed(losses: Sequence[float], share: float = SMOOTHING) -> list[float]:
    """The exponential moving average of `losses`, corrected so that it does not begin at 0 (as Adam's means are).

    >>> smoothed([2.0, 2.0, 5.0], share=0.5)
    [2.0, 2.0, 3.7142857142857144]
    """
    average, found = 0.0, []
    for number, loss in enumerate(losses, start=1):
        average = share * average + (1 - share) * loss
        found.append(average / (1 - share**number))
    return found


def slopes(x: np.ndarray, y: np.ndarray, around: float) -> np.ndarray:
    """At each of the rising `x` the slope of the least-squares line through the points within `around`, or the next.

    >>> slopes(np.arange(4.0), np.array([0.0, 2.0, 4.0, 0.0]), around=1.0).tolist()
    [2.0, 2.0, -1.0, -4.0]
    """
    found = []
    for place, middle in enumerate(x):
        near = np.abs(x - middle) <= around
        near[max(0, place - 1) : place + 2] = True
        offset = x[near] - x[near].mean()
        found.append((offset * y[near]).sum() / (offset**2).sum())
    return np.array(found)


def range_test(
    step: Callable[[float], float], rates: Sequence[float], progress: Progress = lambda *_: None
) -> RangeTest:
    """Makes a step at each of the `rates`, until the loss has diverged. `step(rate)` answers the loss before it.

    `progress(done, in all)` is called before each step; what it raises stops the test. Raises RunError where the first
    loss already is no number.
    """
    losses: list[float] = []
    curve: list[float] = []
    for number, rate in enumerate(rates):
        progress(number, len(rates))
        loss = step(rate)
        if not math.isfinite(loss):
            break
        losses.append(loss)
        curve = smoothed(losses)
        if curve[-1] > DIVERGED * min(curve):
            break
    else:
        return RangeTest(tuple(rates), tuple(losses), tuple(curve), None)
    if not losses:
        raise RunError("the loss is no number before the first step: look at the images and the network")
    return RangeTest(tuple(rates[: len(losses)]), tuple(losses), tuple(curve), rates[number])


def find_lr(
    config: RunConfig,
    store: RunStore,
    *,
    low: float = LOW,
    high: float = HIGH,
    batches: int = BATCHES,
    seconds: float = float("inf"),
    memory_limit: float = float("inf"),
    progress: Progress = lambda *_: None,
) -> RangeTest:
    """The range test of the run that `config` describes, on a network of its own; its rate and schedule do not matter.

    First weights, order of images and augmentation are those of the run's seed. No run changes, nor torch's global
    generators, nor any file. Where so many batches would take longer than `seconds` there are fewer. Raises ConfigError
    or RunError with one line, and what `progress` raises.
    """
    rising_rates(low, high, batches)  # a typo is answered at once
    config = checked(config, store)
    needed = costs(config, store).memory_bytes
    if needed > memory_limit:
        raise RunError(
            f"the learning-rate finder would take {megabytes(needed)} of memory here, at most "
            f"{megabytes(memory_limit)} are used: choose a smaller batch size, image or network"
        )
    dataset = catalog.open_dataset(config.data.name, config.data.size, config.data.fit)
    device = choose_device()
    with aside(device):
        parts = prepared(config, dataset, store, device)
        use_threads_for(parts.model, torch.zeros(config.train.batch_size, *dataset.image_shape, device=device))
        step = _stepper(config, parts)
        count = _affordable(step, low, batches, seconds)
        return range_test(step, rising_rates(low, high, count), progress)


def _stepper(config: RunConfig, parts: Parts) -> Callable[[float], float]:
    """A function that trains on the next batch at a given rate and answers its loss."""
    plain = config.train.model_copy(update={"schedule": "constant", "warmup": 0})  # the rate is ours
    trainer = Trainer(parts.model, parts.train, parts.val, plain, criterion=parts.criterion)
    train_mode(parts.model)
    return at_rates(trainer.step, _endless(parts.train))


def at_rates(step: Step, stream: Iterator[tuple[torch.Tensor, torch.Tensor]]) -> Callable[[float], float]:
    """`step` on the next batch of `stream`, at the rate that is given; answers the batch's loss."""

    def stepped(rate: float) -> float:
        for group in step.optimizer.param_groups:
            group["lr"] = rate
        _, loss = step(*next(stream))
        return loss.item()

    return stepped


def _endless(batches: Batches) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Epoch after epoch."""
    while True:
        yield from batches


def _affordable(step: Callable[[float], float], low: float, batches: int, seconds: float) -> int:
    """How many batches fit in the time, told by two at the lowest rate, which change next to nothing.

    They are made in any case, so that the curve is the same whatever the time is. Raises RunError where too few fit.
    """
    step(low)
    started = time.perf_counter()
    step(low)
    one = max(time.perf_counter() - started, 1e-9)
    if one * LEAST > 3 * seconds:
        raise RunError(
            f"a batch takes {one:.1f} s here, and the learning-rate finder needs {LEAST}: choose a smaller batch size, "
            "image or network, or run `python -m cvcore lr-find`, which takes its time"
        )
    return batches if one * batches <= seconds else max(min(LEAST, batches), int(seconds / one))
