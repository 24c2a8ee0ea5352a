"""Where a run computes, and with how many threads."""

import os

import torch
from torch import nn

from cvcore.analysis.summary import summarize_module
from cvcore.errors import ConfigError

_ALL_THREADS = torch.get_num_threads()
# Mult-adds in a forward pass of one batch above which more than one thread pays. Measured on two cores: LeNet-5 at
# batch 32 (14 M) takes half as long again with two threads, bn-cnn on 32×32 at batch 64 (200 M) a tenth less.
WORTH_THREADS = 100e6


def choose_device() -> torch.device:
    """CVCORE_DEVICE if set, else CUDA or MPS if present, else the CPU."""
    wanted = os.environ.get("CVCORE_DEVICE")
    if wanted:
        try:
            return torch.device(wanted)
        except RuntimeError as error:
            raise ConfigError(f"CVCORE_DEVICE: given {wanted!r}, it should be cpu, cuda, cuda:1 or mps") from error
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def use_threads_for(model: nn.Module, image_shape: tuple[int, int, int], batch_size: int) -> None:
    """Set torch's threads: one for small networks, all for large ones.

    The number follows from the config alone, since sums in another order would make another history.
    """
    work = summarize_module("model", lambda: model, image_shape).mult_adds * batch_size
    torch.set_num_threads(_ALL_THREADS if work > WORTH_THREADS else 1)
