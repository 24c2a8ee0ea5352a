"""Optimizers and learning-rate schedules by their names in the config."""

from collections.abc import Iterable

import torch
from torch.optim import lr_scheduler

from cvcore.config import TrainConfig


def make_optimizer(parameters: Iterable[torch.nn.Parameter], config: TrainConfig) -> torch.optim.Optimizer:
    """The optimizer `config` names, over those `parameters` that are not frozen."""
    learning = [parameter for parameter in parameters if parameter.requires_grad]
    # one kernel for all parameters instead of several for each: a quarter of a small network's step on a CPU
    fused = all(parameter.device.type in ("cpu", "cuda") for parameter in learning)
    shared = {"lr": config.lr, "weight_decay": config.weight_decay, "fused": fused}
    if config.optimizer == "sgd":
        return torch.optim.SGD(learning, momentum=config.momentum, **shared)
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[config.optimizer]
    return kind(learning, **shared)


def make_schedule(optimizer: torch.optim.Optimizer, config: TrainConfig) -> lr_scheduler.LRScheduler:
    """The schedule `config` names; it is stepped once after every epoch."""
    if config.schedule == "step":
        return lr_scheduler.StepLR(optimizer, config.step_size, config.gamma)
    if config.schedule == "cosine":
        return lr_scheduler.CosineAnnealingLR(optimizer, T_max=config.epochs)
    return lr_scheduler.ConstantLR(optimizer, factor=1.0)
