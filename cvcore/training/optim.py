"""Optimizers and learning-rate schedules by their names in the config."""

import warnings
from collections.abc import Iterable
from typing import Any

import torch
from torch.optim import lr_scheduler

from cvcore.config import TrainConfig

# said of a run that goes on from the last batch of an epoch: its optimizer made its steps in another process
warnings.filterwarnings("ignore", message="Detected call of `lr_scheduler.step", category=UserWarning)


def make_optimizer(
    parameters: Iterable[torch.nn.Parameter] | list[dict[str, Any]], config: TrainConfig
) -> torch.optim.Optimizer:
    """The optimizer `config` names, over those `parameters` that are not frozen, or over groups as Plan makes them."""
    given = list(parameters)
    grouped = bool(given) and isinstance(given[0], dict)
    learning = given if grouped else [parameter for parameter in given if parameter.requires_grad]
    # one kernel for all parameters instead of several for each: a quarter of a small network's step on a CPU
    each = [one for group in learning for one in group["params"]] if grouped else learning
    fused = all(parameter.device.type in ("cpu", "cuda") for parameter in each)
    shared: dict[str, Any] = {"lr": config.lr, "weight_decay": config.weight_decay}
    if config.optimizer == "rmsprop":  # has no fused form
        return torch.optim.RMSprop(learning, momentum=config.momentum, **shared)
    if config.optimizer == "sgd":
        shared |= {"momentum": config.momentum, "nesterov": config.nesterov}
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}[config.optimizer]
    return kind(learning, **shared, fused=fused)


class Schedule:
    """The learning rate over a run: torch's own schedulers, and before them, where asked for, a linear rise.

    `after_batch` and `after_epoch` are called when a step and an epoch have been made.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, config: TrainConfig, batches: int) -> None:
        self.optimizer = optimizer
        self.kind = config.schedule
        self.rate = config.lr
        self.warmup_batches = config.warmup * batches
        self.done = 0  # batches
        self.stepped = "schedule-not-stepped" not in config.faults
        self.main = _scheduler(optimizer, config, batches)
        if self.warmup_batches:
            self._set(self._warm())

    @property
    def every_batch(self) -> bool:
        """Whether the rate can change within an epoch."""
        return self.kind == "onecycle" or self.warmup_batches > 0

    def after_batch(self) -> None:
        self.done += 1
        if self.done < self.warmup_batches:
            self._set(self._warm())
        elif self.done == self.warmup_batches:
            self._set(self.rate)
        elif self.kind == "onecycle" and self.stepped:
            self.main.step()

    def after_epoch(self, val_loss: float) -> None:
        warm = self.warmup_batches and self.done <= self.warmup_batches
        if not self.stepped or warm or self.kind == "onecycle":
            return
        if self.kind == "plateau":
            self.main.step(val_loss)
        else:
            self.main.step()

    def _warm(self) -> float:
        """The rate of the next batch while it rises: the first has one step of the way to go, not none."""
        return self.rate * (self.done + 1) / (self.warmup_batches + 1)

    def _set(self, rate: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group.get("factor", 1.0)

    def state_dict(self) -> dict[str, Any]:
        return {"main": self.main.state_dict(), "done": self.done}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.main.load_state_dict(state["main"])
        self.done = state["done"]


def _scheduler(optimizer: torch.optim.Optimizer, config: TrainConfig, batches: int) -> lr_scheduler.LRScheduler:
    """torch's scheduler; epochs of warm-up are not counted by it."""
    epochs = config.epochs - config.warmup
    if config.schedule == "step":
        return lr_scheduler.StepLR(optimizer, config.step_size, config.gamma)
    if config.schedule == "multistep":
        return lr_scheduler.MultiStepLR(optimizer, [each - config.warmup for each in config.milestones], config.gamma)
    if config.schedule == "cosine":
        return lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)
    if config.schedule == "onecycle":
        steps = max(2, epochs * batches)
        highest = [group["lr"] for group in optimizer.param_groups]
        return lr_scheduler.OneCycleLR(optimizer, highest, steps, cycle_momentum=_has_momentum(config))
    if config.schedule == "plateau":
        return lr_scheduler.ReduceLROnPlateau(optimizer, factor=config.gamma, patience=config.plateau_patience)
    return lr_scheduler.ConstantLR(optimizer, factor=1.0)


def _has_momentum(config: TrainConfig) -> bool:
    """Whether there is a momentum that a cycle can change: Adam's first beta is one."""
    return config.optimizer in ("adam", "adamw") or config.momentum > 0
