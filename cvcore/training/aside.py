"""Trying something out beside the runs of this process: what it changes for all is given back."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from cvcore.training.freed_memory import freed_memory_kept

_ONE_AT_A_TIME = threading.Lock()  # two measurements at once would measure each other


@contextmanager
def aside(device: torch.device) -> Iterator[None]:
    """Within the block one may seed, draw and set threads; afterwards torch's global generators, of the CPU and of
    `device`, and its number of threads are what they were. One such block at a time in a process.
    """
    with _ONE_AT_A_TIME, freed_memory_kept():
        threads, cpu = torch.get_num_threads(), torch.get_rng_state()
        there = _states_of(device)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
            torch.set_rng_state(cpu)
            _give_back(device, there)


def _states_of(device: torch.device) -> list[torch.Tensor]:
    """States of the accelerator's generators: torch.manual_seed sets those of all GPUs."""
    if device.type == "cuda":
        return torch.cuda.get_rng_state_all()
    return [torch.mps.get_rng_state()] if device.type == "mps" else []


def _give_back(device: torch.device, states: list[torch.Tensor]) -> None:
    if device.type == "cuda":
        torch.cuda.set_rng_state_all(states)
    if device.type == "mps":
        torch.mps.set_rng_state(states[0])
