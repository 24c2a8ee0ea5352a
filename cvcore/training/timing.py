"""How long a run takes: a few batches of its own parts, timed.

Network, images, augmentation, optimizer, precision and number of threads are the run's; what is built is thrown away,
and nothing of a later run changes.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from cvcore.config import RunConfig
from cvcore.data.dataset import Split
from cvcore.training.batches import Batches
from cvcore.training.costs import counted_images
from cvcore.training.loop import predict, train_mode, train_one_epoch
from cvcore.training.parts import Parts
from cvcore.training.trainer import Trainer
from cvcore.transfer.cache import are_stored, first_features, head_of

WARM_UP = 2  # batches before the clock counts: the first pays for what is made once
FEATURES = 512  # made-up ones on which the head is timed


class Abandoned(Exception):  # noqa: N818 - not an error: nobody waits for it any more
    """The prediction was given up from outside."""


@dataclass(frozen=True)
class Timed:
    """Seconds of a run: `before` its first epoch, `after` its last one, and `phases`: (first epoch, seconds of each
    epoch from there on), where not everything learns from the start. Training images a second, of the last phase."""

    phases: tuple[tuple[int, float], ...]
    before: float
    after: float
    images_per_s: float
    how: str


def timed(config: RunConfig, parts: Parts, seconds: float, is_wanted: Callable[[], bool]) -> Timed:
    """The times of a run on its own `parts`, in about so many seconds. Raises Abandoned when it is not wanted."""
    if config.transfer and config.transfer.strategy == "features":
        return _with_features(config, parts, seconds, is_wanted)
    begins = sorted({group.since for group in parts.plan.groups})
    found = {
        since: _Timing(config, parts, since, seconds, is_wanted).timed() for since in dict.fromkeys((1, begins[-1]))
    }
    first, last = found[1], found[begins[-1]]
    # between the two, block after block joins in: each on its way is half of both
    phases = dict.fromkeys(begins, (first.per_epoch + last.per_epoch) / 2) | {
        since: each.per_epoch for since, each in found.items()
    }
    after = last.per_look * (parts.val.images + parts.test.images)
    return Timed(tuple(sorted(phases.items())), 0.0, after, last.images_per_s, last.how)


def _with_features(config: RunConfig, parts: Parts, seconds: float, is_wanted: Callable[[], bool]) -> Timed:
    """The backbone on a few images, and the head on features that are made up."""
    streams = {id(each): each for each in (parts.train, parts.val, parts.test)}.values()
    missing = sum(each.images for each in streams if not are_stored(parts.network, each))
    whole = _Timing(config, parts, 1, seconds, is_wanted)
    size, looking = whole.evaluated() if missing else (0, 0.0)
    shape = first_features(parts.network, parts.train).shape[1:]
    train, val = (_made_up(each, shape) for each in (parts.train, parts.val))
    head = replace(parts, train=train, val=val, part=head_of(parts.network))
    found = _Timing(config, head, 1, seconds, is_wanted).timed()
    per_epoch = found.per_image * parts.train.images + found.per_look * parts.val.images
    after = found.per_look * (parts.val.images + parts.test.images)
    how = f"{found.how}, of features; the backbone on {counted_images(size)}"
    before = looking / size * missing if missing else 0.0
    return Timed(((1, per_epoch),), before, after, found.images_per_s, how if missing else f"{found.how}, of features")


def _made_up(batches: Batches, shape: tuple[int, ...]) -> Batches:
    """As many batches as FEATURES have room in, of noise in place of features."""
    count = min(FEATURES, batches.images)
    noise = np.random.default_rng(0).standard_normal((count, *shape), dtype=np.float32)
    labels = np.asarray(batches.split.labels)[batches.indices[:count]]
    return replace(batches, split=Split(noise, labels), indices=np.arange(count), mean=(), std=())


class _Enough(Exception):  # noqa: N818 - not an error: as many batches as were wanted
    pass


@dataclass(frozen=True)
class _Found:
    per_image: float  # seconds of an image in training
    per_look: float  # and in evaluation
    per_epoch: float
    images_per_s: float
    how: str


class _Timing:
    """Times a few batches of training, as from the epoch `since` on, and one of evaluation on a run's parts."""

    def __init__(
        self, config: RunConfig, parts: Parts, since: int, seconds: float, is_wanted: Callable[[], bool]
    ) -> None:
        self.parts, self.seconds, self.is_wanted = parts, seconds, is_wanted
        parts.plan.begin_at(since)
        self.trainer = Trainer(
            parts.model,
            parts.train,
            parts.val,
            config.train,
            criterion=parts.criterion,
            plan=parts.plan,
            part=parts.part,
        )

    def timed(self) -> _Found:
        train, val = self.parts.train, self.parts.val
        size = self._affordable(train)
        images, batches, taken = self._train(size)
        looked_at, looking = self.evaluated(size)
        per_image, per_look = taken / images, looking / looked_at
        part = "" if size >= train.batch_size else f" of {size} of the {train.batch_size} images"
        plural = "es" if batches > 1 else ""
        how = f"{batches} training batch{plural}{part} and {counted_images(looked_at)} of evaluation"
        per_epoch = train.images * per_image + val.images * per_look
        return _Found(per_image, per_look, per_epoch, 1 / per_image, how)

    def _affordable(self, batches: Batches) -> int:
        """How many images, at most a batch, take a fair share of the time there is: found by trying more and more."""
        most = min(batches.batch_size, batches.images)
        size = min(2, most)
        self._predict(batches, size)  # the first pass of all pays for what is made once
        while size < most:
            self._check_wanted()
            started = time.perf_counter()
            self._predict(batches, size)
            # a training step is about three forward passes; the next try is four times this one
            if 12 * (time.perf_counter() - started) > self.seconds / 2:
                return size
            size = min(4 * size, most)
        return size

    def _predict(self, batches: Batches, size: int) -> None:
        few = replace(batches, indices=batches.indices[:size], batch_size=size, generator=None)
        predict(self.parts.called, few, self.trainer.criterion, self.trainer.precision, self.trainer.averaging)

    def _train(self, size: int) -> tuple[int, int, float]:
        """(images, batches, seconds) of the training loop on batches of `size`, after those that warm it up."""
        train = self.parts.train
        batches = train if size >= train.batch_size else replace(train, batch_size=size)
        train_mode(self.parts.model, frozen_too=self.parts.plan.moving)
        begun, started = time.perf_counter(), 0.0
        seen = passed = 0  # images and batches since the clock counts

        def after_batch(batch: int, images: int, loss: torch.Tensor) -> None:
            nonlocal seen, passed, started
            self._check_wanted()
            now = time.perf_counter()
            if not started:
                if batch >= min(WARM_UP, len(batches)) or now - begun > self.seconds / 3:
                    loss.item()  # an accelerator has done all it was told
                    started = time.perf_counter()
                return
            seen, passed = seen + batches.sizes[batch - 1], passed + 1
            if now - started > self.seconds / 2:
                loss.item()
                raise _Enough

        try:
            while True:  # a small set has several epochs in the time
                train_one_epoch(self.trainer.step, batches, after_batch)
        except _Enough:
            return seen, passed, time.perf_counter() - started

    def evaluated(self, least: int = 1) -> tuple[int, float]:
        """(images, seconds) of an evaluation of a few images, after one that warms up if it is short."""
        size = min(self.parts.val.images, max(least, self._affordable(self.parts.val)))
        started = time.perf_counter()
        self._predict(self.parts.val, size)
        if time.perf_counter() - started < self.seconds / 5:
            started = time.perf_counter()
            self._predict(self.parts.val, size)
        return size, time.perf_counter() - started

    def _check_wanted(self) -> None:
        if not self.is_wanted():
            raise Abandoned
