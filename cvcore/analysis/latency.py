"""How long a network takes for a prediction on this machine's CPU: the median of several runs, and their spread."""

import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

import torch
from torch import nn

from cvcore.analysis.memory import megabytes
from cvcore.analysis.summary import summarize
from cvcore.errors import ModelError
from cvcore.models import zoo
from cvcore.models.modes import evaluation_mode

MEMORY_LIMIT = 2_000_000_000  # bytes
WARM_UP, REPEATS, LEAST = 2, 15, 3  # runs: before the clock counts, at most, and at least
SECONDS = 10.0  # for all runs of one network; the last may pass it
BATCHES = (1, 8, 32)

_ONE_AT_A_TIME = threading.RLock()  # two measurements at once would measure each other


@dataclass(frozen=True)
class Latency:
    """Seconds of each timed run of one batch, in order, and how they were taken. `memory` is the estimate in bytes, 0
    where there was none."""

    name: str
    input: tuple[int, int, int]
    batch: int
    threads: int
    warm_up: int
    seconds: tuple[float, ...]
    memory: int = 0

    @property
    def median(self) -> float:
        """Median seconds a batch."""
        return statistics.median(self.seconds)

    @property
    def spread(self) -> tuple[float, float]:
        """Lower and upper quartile in seconds; least and greatest where there are less than four runs."""
        if len(self.seconds) < 4:
            return min(self.seconds), max(self.seconds)
        low, _, high = statistics.quantiles(self.seconds, n=4, method="inclusive")
        return low, high

    def to_json(self) -> dict:
        """The same as plain values, with median and quartiles."""
        return {**asdict(self), "input": list(self.input), "median": self.median, "quartiles": list(self.spread)}


def memory_needed(name: str, image: tuple[int, int, int], classes: int, batch: int = 1) -> int:
    """Estimated bytes for a prediction: the weights, and what is alive at the busiest layer of a batch.

    That is taken as four times the largest layer's activations: what goes in, what comes out, and as much again for
    what a skip connection or a branch keeps; and never more than the activations of all layers.
    """
    summary = summarize(name, image, classes)
    largest = max((layer.activation_bytes for layer in summary.layers), default=0)
    alive = min(summary.memory.forward_bytes, summary.memory.input_bytes + 4 * largest)
    return summary.memory.weight_bytes + batch * alive


def measure(
    name: str,
    image: tuple[int, int, int],
    classes: int,
    *,
    batch: int = 1,
    repeats: int = REPEATS,
    seconds: float = SECONDS,
    progress: Callable[[int, int], None] | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Latency:
    """Times a network of the zoo, with random weights and in evaluation mode, on batches of (C, H, W) images.

    After WARM_UP runs up to `repeats` are timed; when `seconds` are over no other begins, if LEAST are done.
    `progress(done, repeats)` is called before each run and after the last; what it raises stops the measurement. The
    number of threads is PyTorch's own. Raises ModelError where the image does not fit, or the estimated memory is over
    MEMORY_LIMIT: then nothing was built.
    """
    needed = memory_needed(name, image, classes, batch)
    if needed > MEMORY_LIMIT:
        raise ModelError(
            f"{zoo.find(name).label} may need {megabytes(needed)} of memory for weights and activations, at most "
            f"{megabytes(MEMORY_LIMIT)} are used for a measurement: choose a smaller batch, image or network"
        )
    with _ONE_AT_A_TIME:
        model = zoo.build(name, image, classes)
        found = timed(model, image, batch=batch, repeats=repeats, seconds=seconds, progress=progress, clock=clock)
    return replace(found, name=name, memory=needed)


def timed(
    model: nn.Module,
    image: tuple[int, int, int],
    *,
    batch: int = 1,
    repeats: int = REPEATS,
    seconds: float = SECONDS,
    progress: Callable[[int, int], None] | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Latency:
    """Times a network that is there, as `measure` does; it is called by the name of its class."""
    tell = progress or (lambda done, total: None)
    with _ONE_AT_A_TIME, evaluation_mode(model), torch.inference_mode():
        images = torch.randn(batch, *image, generator=torch.Generator().manual_seed(0))
        started, times = clock(), []
        for _ in range(WARM_UP):
            tell(0, repeats)
            model(images)
        while len(times) < repeats and (len(times) < LEAST or clock() - started < seconds):
            tell(len(times), repeats)
            begun = clock()
            model(images)
            times.append(clock() - begun)
        tell(len(times), repeats)
    return Latency(type(model).__name__, tuple(image), batch, torch.get_num_threads(), WARM_UP, tuple(times))
