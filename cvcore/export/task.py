"""What a script is written from: a finished run as it began."""

from dataclasses import dataclass

import numpy as np
import torch

from cvcore.config import RunConfig
from cvcore.data.dataset import Dataset
from cvcore.errors import RunError
from cvcore.training.checkpoint import load_weights
from cvcore.training.kept_epochs import kept_epochs
from cvcore.training.parts import Parts, prepared
from cvcore.training.run import Run
from cvcore.training.runs import RunStore


@dataclass(frozen=True)
class Task:
    """What a script is written for: a finished run, its images, and the parts with which it began."""

    run: Run
    dataset: Dataset
    parts: Parts

    @property
    def config(self) -> RunConfig:
        return self.run.config

    @property
    def strategy(self) -> str:
        """How the run reuses weights; empty where it does not."""
        return self.config.transfer.strategy if self.config.transfer else ""

    @property
    def grouped(self) -> bool:
        """Whether there are parts that learn at other times or rates than the head."""
        return len(self.parts.plan.groups) > 1

    @property
    def joining(self) -> bool:
        """Whether some begin to learn later."""
        return any(group.since > 1 for group in self.parts.plan.groups)


def task_of(run: Run, dataset: Dataset, store: RunStore) -> Task:
    """The task of repeating `run`. Raises RunError or ModelError where its start cannot be made again."""
    before = torch.get_rng_state()
    try:
        parts = prepared(run.config, dataset, store, torch.device("cpu"), first=_first(run))
    finally:
        torch.set_rng_state(before)
    _check_split(run, parts)
    return Task(run, dataset, parts)


def _first(run: Run) -> dict[str, torch.Tensor] | None:
    """The weights with which a transferred run began, where it kept them: its source may be gone, or elsewhere."""
    kept = kept_epochs(run) if run.config.transfer else {}
    return load_weights(kept[0]) if 0 in kept else None


def _check_split(run: Run, parts: Parts) -> None:
    """Raises RunError where the images held out today are not those that the run held out."""
    with np.load(run.path / "predictions.npz") as kept:
        known = np.array_equal(kept["val_labels"], np.asarray(parts.val.split.labels)[parts.val.indices])
        if known and "val_indices" in kept:
            known = np.array_equal(kept["val_indices"], parts.val.indices)
    if not known:
        raise RunError(
            f"{run.run_id} was trained by an earlier version, which held out other images: train it again "
            "for a script that repeats it"
        )
