"""Where the weights of a backbone come from: a run of ours, torchvision, or a file that somebody brought.

Importing this does not import torch.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from cvcore.errors import RunError
from cvcore.training.run import Run
from cvcore.training.runs import RunStore

if TYPE_CHECKING:
    import torch

THEIRS, FILE = "torchvision:", "file:"


def hub_folder() -> Path:
    """Where torch keeps weights that it downloads, told without torch."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return Path(os.environ.get("TORCH_HOME", f"{cache}/torch")).expanduser() / "hub" / "checkpoints"


def is_run(source: str) -> bool:
    """Whether the source of a transfer is a run's id."""
    return not source.startswith((THEIRS, FILE))


def said(source: str) -> str:
    """The source as messages name it."""
    return f"the network of {source}" if is_run(source) else f"the file {source}" if source.startswith(FILE) else source


def weights_of(source: str, store: RunStore) -> dict[str, torch.Tensor]:
    """The state dict that `source` of a TransferConfig names. Raises RunError or ModelError where it is not there."""
    if source.startswith(THEIRS):
        from cvcore.transfer import published

        return published.load(published.find(source))
    if source.startswith(FILE):
        from cvcore.transfer import weight_files

        return weight_files.load_kept(source)
    from cvcore.training.checkpoint import load_weights

    return load_weights(source_run(source, store).path / "best.pt")


def source_run(run_id: str, store: RunStore) -> Run:
    """The finished run of that id, whose network can be reused. Raises RunError if it cannot."""
    run = store.find(run_id)
    if run.status != "done":
        raise RunError(f"{run.run_id} is {run.status}: only a finished run can be transferred from")
    if run.config.transfer and run.config.transfer.head != "replace":
        raise RunError(f"{run.run_id} has a head of another kind than its network: choose a run with the usual head")
    return run


def is_reusable(run: Run) -> bool:
    """Whether a run is one to start from: finished, from scratch, on a whole set."""
    return run.status == "done" and run.config.transfer is None and not run.config.data.per_class


def learnt_by(store: RunStore, model: str, data: str) -> Run | None:
    """The reusable run of `model` on `data` that ships with the app, else the newest; None where there is none."""
    found = [run for run in store.list() if is_reusable(run)]
    found = [run for run in found if (run.config.model.name, run.config.data.name) == (model, data)]
    return next((run for run in found if run.shipped), found[0] if found else None)
