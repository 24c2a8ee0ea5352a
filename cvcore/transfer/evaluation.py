"""A finished run evaluated on its test images in several ways: once, mirrored, at several scales, in crops, densely.

What can be gained at test time without training anything (Simonyan and Zisserman, "Very deep convolutional networks for
large-scale image recognition", 2014, sections 3.2 and 4). Each protocol makes several views of an image and averages
the class probabilities that the network gives for them.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import nn

from cvcore.errors import ConfigError, ModelError
from cvcore.models import zoo
from cvcore.models.modes import evaluation_mode, hooked
from cvcore.training.batches import evaluation_batch
from cvcore.training.loop import Criterion, gives_log_probabilities, predict
from cvcore.training.run import Run
from cvcore.training.tally import Averaging, Score
from cvcore.transfer.dense import dense_form
from cvcore.transfer.subject import Subject, subject_of
from cvcore.transfer.views import PROTOCOLS, Protocol, known_protocols

Progress = Callable[[int, int], None]  # hears images done and images in all, over all protocols; may raise to stop
LEAST = np.finfo(np.float32).tiny  # a probability of 0 is a loss of 87 nats, not of infinity


@dataclass(frozen=True)
class Result:
    """What a protocol measured, or the `reason` why it cannot be had; then the numbers are None.

    `accuracy` 0..1; `loss` in nats, the mean over samples of -log of the true class's averaged probability; `seconds`
    of wall time; `views` of each image; `gain` over single in points of accuracy; `pixels`: the scales, as the shorter
    side of the scaled images.
    """

    name: str
    accuracy: float | None = None
    loss: float | None = None
    seconds: float | None = None
    views: int | None = None
    gain: float | None = None
    pixels: tuple[int, ...] = ()
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """The result as the command line prints it; a loss that is no finite number is null."""
        finite = self.loss is not None and math.isfinite(self.loss)
        return {
            "protocol": self.name,
            "acc": self.accuracy,
            "loss": self.loss if finite else None,
            "seconds": self.seconds,
            "views": self.views,
            "gain": self.gain,
            "pixels": list(self.pixels),
            "reason": self.reason,
        }


@dataclass(frozen=True)
class Evaluation:
    """The results for a run, on `images` of its test images, in the order in which protocols were asked for."""

    run_id: str
    data: str
    images: int
    results: tuple[Result, ...]

    def to_json(self) -> dict[str, Any]:
        """The evaluation as the command line prints it."""
        return {**vars(self), "results": [result.to_json() for result in self.results]}


def evaluate(
    run: Run,
    protocols: Sequence[str] = tuple(PROTOCOLS),
    limit: int | None = None,
    on_progress: Progress = lambda done, total: None,
) -> Evaluation:
    """The finished `run`'s network, with the weights of its best epoch, on its test images under each protocol.

    "single" repeats the test that ended the run, mistakes on purpose included, and gets its accuracy and its loss; it
    is measured in any case, as gains are over it. With `limit` so many images are taken, evenly spread over the test
    images. Raises, in one line, ConfigError for an unknown protocol or limit, RunError if the run is not finished or
    cannot be read, DataError if the file of an image cannot be read.
    """
    names = known_protocols(protocols)
    if limit is not None and limit < 1:
        raise ConfigError(f"limit: given {limit}, choose 1 or more images, or leave it out for all")
    subject = subject_of(run, limit)
    bench = _Bench(subject, _passes(names), on_progress)
    with evaluation_mode(subject.model):
        base = bench.single()
        results = tuple(base if name == "single" else bench.result(PROTOCOLS[name], base) for name in names)
        bench.finish()
    return Evaluation(run.run_id, run.config.data.name, len(subject.pictures), results)


def _passes(names: Sequence[str]) -> int:
    """How often all images are looked at: single always, and once each what several protocols are made of."""
    return len({"single"} | {part for name in names for part in PROTOCOLS[name].parts or (name,)})


@dataclass
class _Bench:
    """Measures protocols on a subject; what two of them share is measured once."""

    subject: Subject
    passes: int
    on_progress: Progress
    _done: int = 0
    _known: dict[str, tuple[np.ndarray, float] | ModelError] = field(default_factory=dict)

    def single(self) -> Result:
        """The run's own test again: the same batches, loss and way of averaging."""
        started = time.perf_counter()
        subject, way = self.subject, _averaging(self.subject.run)
        criterion = self._criterion()
        size = subject.run.config.train.batch_size if way != "samples" else evaluation_batch(subject.image_shape)
        heard = subject.model.register_forward_hook(lambda module, inputs, output: self._tick(len(output)))
        with hooked([heard]):
            score = predict(subject.model, subject.batches(size), criterion, subject.precision, way).score
        return self._told(PROTOCOLS["single"], score, time.perf_counter() - started, score.acc)

    def _criterion(self) -> Criterion:
        """The loss of the run: where its config leaves it open, the one that suits what the network gives."""
        loss = self.subject.run.config.train.loss
        if loss != "auto":
            return Criterion(loss == "nll")
        images, _ = next(iter(self.subject.batches(2, most=2)))
        return Criterion(gives_log_probabilities(self.subject.model, images))

    def result(self, protocol: Protocol, base: Result) -> Result:
        """What the protocol gains over `base`, or why it cannot be had."""
        try:
            parts = [self._measured(PROTOCOLS[name]) for name in protocol.parts or (protocol.name,)]
        except ModelError as error:
            return Result(protocol.name, pixels=self._pixels(protocol), reason=str(error))
        score = _score(np.mean([probabilities for probabilities, _ in parts], axis=0), self.subject.labels)
        return self._told(protocol, score, sum(seconds for _, seconds in parts), base.accuracy)

    def _told(self, protocol: Protocol, score: Score, seconds: float, base: float) -> Result:
        gain = 100 * (score.acc - base)
        return Result(protocol.name, score.acc, score.loss, seconds, protocol.views, gain, self._pixels(protocol))

    def _pixels(self, protocol: Protocol) -> tuple[int, ...]:
        return tuple(min(box) for box in protocol.boxes(self.subject.image_shape))

    def _measured(self, protocol: Protocol) -> tuple[np.ndarray, float]:
        """(class probabilities [N, K], seconds). Raises ModelError where the network cannot be asked so."""
        if protocol.name not in self._known:
            end = self._done + len(self.subject.pictures)
            started = time.perf_counter()
            try:
                network = self._sliding(protocol) if protocol.slides else self.subject.model
                probabilities = self.subject.probabilities(network, protocol, self._tick)
                self._known[protocol.name] = probabilities, time.perf_counter() - started
            except ModelError as error:
                self._known[protocol.name] = error
                self._tick(end - self._done)
        found = self._known[protocol.name]
        if isinstance(found, ModelError):
            raise found
        return found

    def _sliding(self, protocol: Protocol) -> nn.Module:
        subject = self.subject
        spec = zoo.find(subject.run.config.model.name)
        largest = (subject.image_shape[0], *max(protocol.boxes(subject.image_shape)))
        try:
            return dense_form(subject.model, spec, subject.image_shape, largest)
        except ModelError as error:
            raise ModelError(f"{spec.label} cannot slide over larger images: {error}") from error

    def finish(self) -> None:
        """Tell the end, also where what was not needed any more was left out."""
        self._tick(self.passes * len(self.subject.pictures) - self._done)

    def _tick(self, images: int) -> None:
        self._done += images
        self.on_progress(self._done, self.passes * len(self.subject.pictures))


def _averaging(run: Run) -> Averaging:
    """How the run averages its score: over samples, but for mistakes made on purpose."""
    faults = run.config.train.faults
    return "batches" if "batch-mean" in faults else "batch-sum" if "batch-sum" in faults else "samples"


def _score(probabilities: np.ndarray, labels: np.ndarray) -> Score:
    """Loss and accuracy of class probabilities [N, K] whose true classes are `labels` [N]."""
    of_truth = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    loss = -np.log(np.maximum(of_truth, LEAST)).mean()
    return Score(float(loss), float((probabilities.argmax(1) == labels).mean()))
