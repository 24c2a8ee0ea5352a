"""What learns when: groups of parameters, from which epoch on, and at what share of the learning rate."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

RATES = ("lr", "initial_lr", "max_lr", "min_lr")  # of a group of an optimizer, as torch's schedulers keep them


@dataclass(frozen=True)
class Group:
    """Parameters that learn together: from the epoch `since` on, at `factor` of the learning rate."""

    name: str
    parameters: tuple[nn.Parameter, ...]
    since: int = 1
    factor: float = 1.0


@dataclass(frozen=True)
class Plan:
    """The groups, the first of which gives the rate that is told; what is in none of them never learns.

    From the epoch `lowered_from` on, if it is not 0, all learn at `lowered` of their rate. With `moving` parts that do
    not learn are in training mode all the same: their BatchNorm statistics move, their Dropout drops.
    """

    groups: tuple[Group, ...]
    lowered_from: int = 0
    lowered: float = 1.0
    moving: bool = False

    @classmethod
    def everything(cls, model: nn.Module) -> "Plan":
        """All parameters that are not frozen, from the start."""
        return cls((Group("all", tuple(each for each in model.parameters() if each.requires_grad)),))

    def for_optimizer(self, lr: float) -> list[dict[str, Any]]:
        """The groups as an optimizer takes them; each keeps its own share of the rate as "factor"."""
        return [
            {"params": list(group.parameters), "lr": lr * group.factor, "factor": group.factor} for group in self.groups
        ]

    def begin_at(self, epoch: int) -> None:
        """Let those learn that do so in this epoch."""
        for group in self.groups:
            for parameter in group.parameters:
                parameter.requires_grad_(epoch >= group.since)

    def begin(self, epoch: int, optimizer: torch.optim.Optimizer) -> None:
        """Let those learn that do so in this epoch, at their rate; called again, it changes nothing."""
        lowered = self.lowered if self.lowered_from and epoch >= self.lowered_from else 1.0
        self.begin_at(epoch)
        for group, kept in zip(self.groups, optimizer.param_groups, strict=True):
            wanted = group.factor * lowered
            change = wanted / kept.get("factor", wanted)
            if change != 1.0:
                kept.update({name: kept[name] * change for name in RATES if name in kept}, factor=wanted)
