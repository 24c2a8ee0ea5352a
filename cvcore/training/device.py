"""Where a run computes, and with how many threads."""

import os

import torch
from torch import nn

from cvcore.errors import ConfigError
from cvcore.models.modes import evaluation_mode, hooked

# cuDNN may else take convolutions that add in another order each time: the same seed would give other weights on a GPU
torch.backends.cudnn.deterministic = True
_ALL_THREADS = torch.get_num_threads()
# Mult-adds in a forward pass of one batch above which more than one thread pays. Measured on two cores: LeNet-5 at
# batch 32 (14 M) takes half as long again with two threads, bn-cnn on 32×32 at batch 64 (200 M) a tenth less.
WORTH_THREADS = 100e6


def choose_device() -> torch.device:
    """CVCORE_DEVICE if set and not "auto", else CUDA or MPS if present, else the CPU.

    Of the processes of torchrun each takes a GPU of its own. Raises ConfigError for a name torch refuses.
    """
    wanted = os.environ.get("CVCORE_DEVICE", "auto")
    if wanted not in ("", "auto"):
        try:
            return torch.device(wanted)
        except RuntimeError as error:
            raise ConfigError(
                f"CVCORE_DEVICE: given {wanted!r}, it should be auto, cpu, cuda, cuda:1 or mps"
            ) from error
    if torch.cuda.is_available():
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def check_device(device: torch.device) -> None:
    """Raises ConfigError if nothing can be computed on `device` here."""
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ConfigError(
            f"CVCORE_DEVICE: {device} cannot be used on this machine; choose cpu, or leave it out"
        ) from error


def use_threads_for(model: nn.Module, images: torch.Tensor) -> None:
    """Set torch's threads for training on batches such as `images` [N, C, H, W]: one for small networks, else all.

    The number follows from the config alone, since sums in another order would make another history.
    """
    work = rough_mult_adds(model, images[:1]) * len(images)
    torch.set_num_threads(_ALL_THREADS if work > WORTH_THREADS else 1)


def uses_all_cores(device: torch.device) -> bool:
    """Whether, as the threads are set now, a run leaves no core to another: then it trains alone."""
    return device.type != "cpu" or (_ALL_THREADS > 1 and torch.get_num_threads() >= _ALL_THREADS)


def rough_mult_adds(model: nn.Module, image: torch.Tensor) -> int:
    """Mult-adds of `model` on one image [1, C, H, W]: every weight once for each place of the output.

    Exact for convolutions and for a Linear on a vector. The exact count for all (analysis.summary) takes more than a
    second the first time in a process, which whoever waits for a first epoch would feel.
    """
    total = 0

    def count(module: nn.Module, inputs: tuple, output: torch.Tensor) -> None:
        nonlocal total
        total += module.weight.numel() * output.shape[2:].numel()

    counted = (nn.Conv2d, nn.Linear)
    hooks = [module.register_forward_hook(count) for module in model.modules() if isinstance(module, counted)]
    with hooked(hooks), evaluation_mode(model), torch.no_grad():
        model(image)
    return total
