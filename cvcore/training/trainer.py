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
from cvcore.training.loop import Criterion, Predictions, Step, predict, train_mode, train_one_epoch
from cvcore.training.optim import Schedule, make_optimizer
from cvcore.training.parallel import any_says, wrapped
from cvcore.training.plan import Plan
from cvcore.training.tally import Averaging, Score, Tally

LOOK_EVERY = 0.01  # seconds between two looks up from the work, to tell and to ask whether to stop: after every batch,
# but for batches that take less
SAVE_EVERY = 1.0  # seconds between two checkpoints at ends of epochs; what is lost in between is computed again
SAVE_WITHIN = 30.0  # seconds after which a checkpoint is made within an epoch


class Stopped(Exception):  # noqa: N818 - not an error: somebody asked for it
    """Training was stopped from outside, within one batch; `how` says what for: "cancel" or "pause"."""

    def __init__(self, how: str) -> None:
        super().__init__(how)
        self.how = how


def _ignore(*_: Any) -> None:
    pass


@dataclass
class Callbacks:
    """What a trainer tells while it works; each is optional.

    Checkpoints come at ends of epochs, but not more often than once in SAVE_EVERY seconds, within long epochs, and
    when training ends or is stopped; the best weights, where they are new, always before them. Who goes on from a
    checkpoint computes later epochs again, with the same result, and hears of them again.
    """

    on_batch: Callable[[int, int, int, torch.Tensor], None] = _ignore  # epoch, batches, images done, loss
    on_epoch: Callable[[Epoch, nn.Module], None] = _ignore
    on_best: Callable[[dict[str, torch.Tensor]], None] = _ignore  # the network's weights
    on_checkpoint: Callable[[dict[str, Any]], None] = _ignore  # all that resuming needs
    should_stop: Callable[[], str] = lambda: ""  # what to stop for, or nothing


@dataclass
class Trainer:
    """Fits `model` to `train` batches and watches `val` batches; seeds are the caller's.

    `plan` says what of it learns when, everything if left out; `part` is what is called, where batches hold not images
    but what enters that part of the model.
    """

    model: nn.Module
    train: Batches
    val: Batches
    config: TrainConfig
    callbacks: Callbacks = field(default_factory=Callbacks)
    criterion: Criterion = field(default_factory=Criterion)
    plan: Plan | None = None
    part: nn.Module | None = None

    def __post_init__(self) -> None:
        device, config = self.train.device, self.config
        self.plan, self.part = self.plan or Plan.everything(self.model), self.part or self.model
        self.optimizer = make_optimizer(self.plan.for_optimizer(config.lr), config)
        self.schedule = Schedule(self.optimizer, config, len(self.train))
        self.precision = getattr(torch, config.precision)
        scaled = self.precision == torch.float16
        self.step = Step(
            self.model,
            self.optimizer,
            self.criterion,
            clip=config.clip,
            precision=self.precision,
            zero_grad=not self._has("grads-never-zeroed", "grads-zeroed-each-epoch"),
            scaler=torch.amp.GradScaler(device.type) if scaled else None,
            network=wrapped(self.part, self.train.world, device),
            after=self.schedule.after_batch if self.schedule.every_batch else None,
        )
        self.history: list[Epoch] = []
        self.best: Epoch | None = None
        self._best_weights: dict[str, torch.Tensor] | None = None  # not handed over yet
        self._begun = _Begun()
        self._saved = self._looked = time.perf_counter()

    def _has(self, *faults: str) -> bool:
        return any(fault in self.config.faults for fault in faults)

    @property
    def averaging(self) -> Averaging:
        """How losses and accuracies of an epoch are averaged: over samples, but for mistakes made on purpose."""
        if self._has("batch-mean"):
            return "batches"
        return "batch-sum" if self._has("batch-sum") else "samples"

    @property
    def is_over(self) -> bool:
        """Whether all epochs are done, or enough of them brought nothing better."""
        done, patience = len(self.history), self.config.patience
        return done >= self.config.epochs or bool(patience and done and done - self.best.epoch >= patience)

    def fit(self) -> list[Epoch]:
        """The history, after all epochs that are still to do.

        Raises Stopped when asked to stop, RunError when the loss is no longer a number.
        """
        while not self.is_over:
            self._one_epoch(len(self.history) + 1)
        if self._has("saves-last"):
            self._best_weights = self.model.state_dict()
        self._save()
        return self.history

    def _one_epoch(self, number: int) -> None:
        started = time.perf_counter() - self._begun.seconds
        self.plan.begin(number, self.optimizer)
        if self._begun.tally is None:
            self._begin(number)
        self._choose_mode(number)
        tally, alone = self._begun.tally, self.train.world.is_alone

        def after_batch(batch: int, images: int, loss: torch.Tensor) -> None:
            now = time.perf_counter()
            if alone and now - self._looked < LOOK_EVERY:  # a small network makes ten thousand steps a second
                return
            self._looked, self._begun.seconds = now, now - started
            self._after_batch(number, batch, images, loss)

        train = train_one_epoch(self.step, self.train, after_batch, tally)
        val = self.evaluated().score
        self._check_numbers(number, self._begun.lr, train, val)
        self.schedule.after_epoch(val.loss)

        seconds = time.perf_counter() - started
        epoch = Epoch(number, train.loss, train.acc, val.loss, val.acc, self._begun.lr, seconds)
        self._begun = _Begun()
        self._add(epoch)
        if self.best is epoch:
            self._best_weights = {name: value.clone() for name, value in self.model.state_dict().items()}
        if time.perf_counter() - self._saved > SAVE_EVERY:
            self._save()
        self.callbacks.on_epoch(epoch, self.model)

    def _add(self, epoch: Epoch) -> None:
        """An epoch is done. The best has the highest accuracy, then the lowest loss, then is first; or it is last."""
        self.history.append(epoch)
        score = (epoch.val_acc, -epoch.val_loss)
        if self.best is None or self.config.selection == "last" or score > (self.best.val_acc, -self.best.val_loss):
            self.best = epoch

    def evaluated(self) -> Predictions:
        """What the network says of the images that are watched."""
        return predict(self.part, self.val, self.criterion, self.precision, self.averaging)

    def _begin(self, number: int) -> None:
        """Note how an epoch begins, so that one that is stopped can go on in the middle."""
        order = self.train.generator.get_state() if self.train.generator is not None else None
        self._begun = _Begun(Tally(self.averaging), order, self.optimizer.param_groups[0]["lr"])
        if self._has("grads-zeroed-each-epoch"):
            self.optimizer.zero_grad(set_to_none=True)

    def _choose_mode(self, number: int) -> None:
        if self._has("eval-for-ever") and number > 1:  # the first evaluation switched, and nobody switched back
            self.model.eval()
        else:
            train_mode(self.model, frozen_too=self.plan.moving)

    def _after_batch(self, epoch: int, batch: int, images: int, loss: torch.Tensor) -> None:
        self.callbacks.on_batch(epoch, batch, images, loss)
        how = self.callbacks.should_stop()
        if any_says(bool(how), self.train.world, self.train.device):
            self._save()
            raise Stopped(how or "cancel")
        if self.train.world.is_alone and self._looked - self._saved > SAVE_WITHIN:
            self._save()

    def _check_numbers(self, number: int, lr: float, *scores: Score) -> None:
        if not all(math.isfinite(score.loss) for score in scores):
            raise RunError(f"the loss is no longer a number in epoch {number}: lower the learning rate ({lr:g})")

    def _save(self) -> None:
        """Hand over the best weights, if they are new, then the checkpoint."""
        if self._best_weights is not None:
            self.callbacks.on_best(self._best_weights)
            self._best_weights = None
        self.callbacks.on_checkpoint(self.state())
        self._saved = time.perf_counter()

    def state(self) -> dict[str, Any]:
        """All that a trainer made alike needs to go on exactly, also in the middle of an epoch: weights, optimizer,
        schedule, generators, history."""
        state = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "history": [vars(epoch) for epoch in self.history],
            "begun": self._begun.state(),
            "random": self._random_states(),
        }
        if self.step.scaler is not None:
            state["scaler"] = self.step.scaler.state_dict()
        if not self.step.zero_grad:
            state["gradients"] = [parameter.grad for parameter in self.model.parameters()]
        return state

    def load_state(self, state: dict[str, Any]) -> None:
        """Go back to a `state()`."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.history, self.best = [], None
        for epoch in state["history"]:
            self._add(Epoch(**epoch))
        self._load_random_states(state["random"])
        self._begun = _Begun.from_state(state["begun"], self.averaging)
        if self._begun.order is not None:  # the epoch's order is drawn again, from where it was drawn
            self.train.generator.set_state(self._begun.order)
        if self.step.scaler is not None:
            self.step.scaler.load_state_dict(state["scaler"])
        for parameter, gradient in zip(self.model.parameters(), state.get("gradients", ()), strict=False):
            parameter.grad = None if gradient is None else gradient.to(parameter.device)

    def _random_states(self) -> dict[str, torch.Tensor]:
        """Of everything that draws: dropout on the CPU or the device, the order of images, augmentation."""
        states = {"cpu": torch.get_rng_state()}
        if self.train.device.type == "cuda":
            states["device"] = torch.cuda.get_rng_state(self.train.device)
        if self.train.device.type == "mps":
            states["device"] = torch.mps.get_rng_state()
        for name, generator in (("order", self.train.generator), ("chance", self.train.chance)):
            if generator is not None:
                states[name] = generator.get_state()
        return states

    def _load_random_states(self, states: dict[str, torch.Tensor]) -> None:
        torch.set_rng_state(states["cpu"])
        if "device" in states and self.train.device.type == "cuda":
            torch.cuda.set_rng_state(states["device"], self.train.device)
        if "device" in states and self.train.device.type == "mps":
            torch.mps.set_rng_state(states["device"])
        for name, generator in (("order", self.train.generator), ("chance", self.train.chance)):
            if generator is not None:
                generator.set_state(states[name])


@dataclass
class _Begun:
    """An epoch that has begun: what was counted, from which state its order was drawn, its rate, the seconds it took;
    between two epochs the tally is None."""

    tally: Tally | None = None
    order: torch.Tensor | None = None
    lr: float = 0.0
    seconds: float = 0.0

    def state(self) -> dict[str, Any]:
        tally = self.tally.state() if self.tally else None
        return {"tally": tally, "order": self.order, "lr": self.lr, "seconds": self.seconds}

    @classmethod
    def from_state(cls, state: dict[str, Any], averaging: Averaging) -> "_Begun":
        tally = Tally.from_state(state["tally"], averaging) if state["tally"] else None
        return cls(tally, state["order"], state["lr"], state["seconds"])
