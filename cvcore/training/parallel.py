"""Several processes that train one network together, as `torchrun` starts them; alone, everything here does nothing.

Each process takes its share of every batch; DistributedDataParallel averages their gradients. Losses are weighted with
the images of each share, so that the result is that of one process but for the order of sums. Layers that look at the
batch (BatchNorm) or draw at random (Dropout, augmentation) see the shares and differ.
"""

import datetime
import os
from dataclasses import dataclass
from typing import Any

import torch
from torch import distributed, nn

from cvcore.errors import ConfigError

PATIENCE = datetime.timedelta(minutes=30)  # that the others wait while the first decodes a data set


@dataclass(frozen=True)
class World:
    """How many processes train together, and which of them this is: 0 writes and speaks, the others only compute."""

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    @property
    def is_alone(self) -> bool:
        return self.size == 1


ALONE = World()


def asked_for() -> bool:
    """Whether this process was started by torchrun, as one of several."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def join(device_type: str) -> World:
    """Meet the other processes. Raises ConfigError if they cannot be reached."""
    try:
        distributed.init_process_group("nccl" if device_type == "cuda" else "gloo", timeout=PATIENCE)
    except (RuntimeError, ValueError) as error:
        raise ConfigError(f"the processes of torchrun cannot meet ({error}): start them with torchrun") from error
    return World(distributed.get_rank(), distributed.get_world_size())


def leave() -> None:
    """Part from the other processes, if there are any."""
    if distributed.is_available() and distributed.is_initialized():
        distributed.destroy_process_group()


def wrapped(model: nn.Module, world: World, device: torch.device) -> nn.Module:
    """`model` as it is to be called in training: its gradients are averaged over all processes."""
    if world.is_alone:
        return model
    ids = [device.index or 0] if device.type == "cuda" else None
    return nn.parallel.DistributedDataParallel(model, device_ids=ids)


def told_by_first(value: Any, world: World) -> Any:
    """The first process's `value`, in every process."""
    if world.is_alone:
        return value
    box = [value]
    distributed.broadcast_object_list(box, src=0)
    return box[0]


def from_all(value: Any, world: World) -> list[Any]:
    """The `value` of every process, in the order of their ranks."""
    if world.is_alone:
        return [value]
    found: list[Any] = [None] * world.size
    distributed.all_gather_object(found, value)
    return found


def any_says(flag: bool, world: World, device: torch.device) -> bool:
    """Whether `flag` is true in any process; all learn it at the same batch."""
    if world.is_alone:
        return flag
    told = torch.tensor([int(flag)], device=device)
    distributed.all_reduce(told, op=distributed.ReduceOp.MAX)
    return bool(told.item())
