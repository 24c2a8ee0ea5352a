"""A finished run's network as it was after any of the epochs that were kept."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from cvcore.errors import RunError
from cvcore.training.run import Run

if TYPE_CHECKING:
    import torch
    from torch import nn

    from cvcore.analysis.inside.activations import Step

MOST_BYTES = 2e9  # of weights that are loaded to look at them


def epochs_to_see(run: Run) -> dict[int, Path]:
    """Files of all weights of the finished run, by epoch, ascending: those kept along the way, and the best epoch's."""
    from cvcore.training.kept_epochs import kept_epochs

    best = {run.end["best"]["epoch"]: run.path / "best.pt"} if "best" in run.end else {}
    return dict(sorted({**kept_epochs(run), **best}.items()))


class Replay:
    """The network of a finished run, whose weights can be those of any epoch in `epochs`.

    Raises RunError, in one line, where the run is not finished, or its data set or weights are gone.
    """

    def __init__(self, run: Run) -> None:
        from cvcore.data.stats import normalization
        from cvcore.training.features import trained_network

        self.run = run
        self.dataset, self._model = trained_network(run)
        size = sum(each.nbytes for each in self._model.parameters())
        if size > MOST_BYTES:
            raise RunError(
                f"{run.run_id} has {size / 1e9:.3g} GB of weights: at most {MOST_BYTES / 1e9:.3g} GB are shown"
            )
        self._model.eval().requires_grad_(False)
        self.mean, self.std = normalization(self.dataset, run.config.data.normalize)
        self.best = run.end["best"]["epoch"]
        self.epochs = tuple(epochs_to_see(run))
        self._loaded = self.best
        self._alone = threading.RLock()

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """All steps of the network, in the order they run."""
        from cvcore.analysis.inside.activations import trace_steps

        with self._alone:  # whatever its weights are: they may be in use by the caller
            return trace_steps(self._model, self.dataset.image_shape)

    @contextmanager
    def at(self, epoch: int | None = None) -> Iterator[nn.Module]:
        """The network in evaluation mode with the weights of that epoch, or of the best; for one user at a time."""
        epoch = self.best if epoch is None else epoch
        with self._alone:
            if epoch != self._loaded:
                self._load(epoch)
            yield self._model

    def upto(self, epoch: int) -> int:
        """The latest epoch there is up to `epoch`, or the first."""
        return max((each for each in self.epochs if each <= epoch), default=self.epochs[0])

    def tensor(self, images) -> torch.Tensor:
        """uint8 images [N, C, H, W] as the network receives them: float32, normalised as in its training."""
        import torch

        mean, std = (torch.tensor(each).view(-1, 1, 1) for each in (self.mean, self.std))
        return (torch.from_numpy(images).float() / 255 - mean) / std

    def _load(self, epoch: int) -> None:
        from cvcore.training.checkpoint import load_weights

        file = epochs_to_see(self.run).get(epoch)
        if file is None:
            raise RunError(f"epoch {epoch} of {self.run.run_id} was not kept: choose one of {self.epochs}")
        self._loaded = 0  # until all of it is there
        try:
            self._model.load_state_dict(load_weights(file))
        except (RuntimeError, TypeError, AttributeError) as error:
            raise RunError(f"{file.name} of {self.run.run_id} does not hold its weights: delete that file") from error
        self._loaded = epoch
