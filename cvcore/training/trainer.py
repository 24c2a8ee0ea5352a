"""Trains a network as a config asks. Knows no page, folder or particular network; reports through callbacks."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from cvcore.config import TrainConfig
from cvcore.errors import RunError
from cvcore.training.batches import Batches
from cvcore.training.history import Epoch
from cvcore.training.loop import Score, predict, train_one_epoch
from cvcore.training.optim import make_optimizer, make_schedule


class Cancelled(Exception):  # noqa: N818 - not an error: somebody asked for it
    """Training was stopped from outside, within one batch."""


def _ignore(*_: Any) -> None:
    pass


@dataclass
class Callbacks:
    """What a trainer tells while it works; each is optional.

    on_epoch is called after the checkpoints of that epoch were handed over, so a run that stops in between
    repeats nothing and loses nothing.
    """

    on_batch: Callable[[int, int, int, float], None] = _ignore  # epoch, batches done, images done, loss
    on_epoch: Callable[[Epoch], None] = _ignore
    on_best: Callable[[dict[str, torch.Tensor]], None] = _ignore  # the network's weights
    on_checkpoint: Callable[[dict[str, Any]], None] = _ignore  # all that resuming needs
    should_stop: Callable[[], bool] = lambda: False


@dataclass
class Trainer:
    """Fits `model` to `train` batches and watches `val` batches; seeds are the caller's."""

    model: nn.Module
    train: Batches
    val: Batches
    config: TrainConfig
    callbacks: Callbacks = field(default_factory=Callbacks)

    def __post_init__(self) -> None:
        self.optimizer = make_optimizer(self.model.parameters(), self.config)
        self.schedule = make_schedule(self.optimizer, self.config)
        self.history: list[Epoch] = []

    @property
    def best(self) -> Epoch | None:
        """The epoch whose weights are kept: highest accuracy, then lowest loss, then earliest; or simply the last."""
        if self.config.selection == "last":
            return self.history[-1] if self.history else None
        return max(self.history, key=lambda epoch: (epoch.val_acc, -epoch.val_loss), default=None)

    def fit(self) -> list[Epoch]:
        """The history, after all epochs that are still to do.

        Raises Cancelled when asked to stop, RunError when the loss is no longer a number.
        """
        while len(self.history) < self.config.epochs:
            self._one_epoch(len(self.history) + 1)
        return self.history

    def _one_epoch(self, number: int) -> None:
        started = time.perf_counter()
        lr = self.optimizer.param_groups[0]["lr"]
        train = train_one_epoch(
            self.model,
            self.train,
            self.optimizer,
            lambda batch, images, loss: self._after_batch(number, batch, images, loss),
        )
        val = predict(self.model, self.val).score
        self._check_numbers(number, lr, train, val)
        self.schedule.step()

        seconds = time.perf_counter() - started
        epoch = Epoch(number, train.loss, train.acc, val.loss, val.acc, lr, seconds)
        self.history.append(epoch)
        if self.best is epoch:
            self.callbacks.on_best(self.model.state_dict())
        self.callbacks.on_checkpoint(self.state())
        self.callbacks.on_epoch(epoch)

    def _after_batch(self, epoch: int, batch: int, images: int, loss: float) -> None:
        self.callbacks.on_batch(epoch, batch, images, loss)
        if self.callbacks.should_stop():
            raise Cancelled

    def _check_numbers(self, number: int, lr: float, *scores: Score) -> None:
        if not all(math.isfinite(score.loss) for score in scores):
            raise RunError(f"the loss is no longer a number in epoch {number}: lower the learning rate ({lr:g})")

    def state(self) -> dict[str, Any]:
        """All that a trainer made alike needs to go on exactly: weights, optimizer, schedule, generators, history."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "rng": torch.get_rng_state(),
            "order": self.train.generator.get_state(),
            "history": [vars(epoch) for epoch in self.history],
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go back to a `state()`."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        torch.set_rng_state(state["rng"])
        self.train.generator.set_state(state["order"])
        self.history = [Epoch(**epoch) for epoch in state["history"]]
