"""The weights of some epochs of a run, kept so that one can see how they came about."""

from pathlib import Path

import torch
from torch import nn

from cvcore.files import write_atomically
from cvcore.training.run import Run

FOLDER = "epochs"
MOST_EPOCHS = 20
MOST_BYTES = 30_000_000  # of all kept epochs of a run


def chosen(epochs: int, most: int) -> set[int]:
    """Which epochs are kept of so many, besides 0, the weights before the first: at most `most` in all, evenly spread.

    >>> sorted(chosen(5, 20)), sorted(chosen(100, 5))
    ([0, 1, 2, 3, 4, 5], [0, 25, 50, 75, 100])
    """
    if most < 2:
        return set()
    if epochs < most:
        return set(range(epochs + 1))
    return {round(epochs * place / (most - 1)) for place in range(most)}


class EpochKeeper:
    """Keeps epochs of the run in `folder` as 0000.pt, 0001.pt, …: state dicts of the network."""

    def __init__(self, folder: Path, epochs: int) -> None:
        self.folder, self.epochs = folder / FOLDER, epochs
        self._chosen: set[int] | None = None

    def keep(self, epoch: int, model: nn.Module) -> None:
        """Keep the weights of `model` after `epoch`, if it is one of those that are kept."""
        if self._chosen is None:
            size = sum(value.nbytes for value in model.state_dict().values())
            self._chosen = chosen(self.epochs, min(MOST_EPOCHS, MOST_BYTES // max(1, size)))
        if epoch in self._chosen:
            self.folder.mkdir(exist_ok=True)
            weights = model.state_dict()
            write_atomically(self.folder / f"{epoch:04d}.pt", lambda partial: torch.save(weights, partial))


def kept_epochs(run: Run) -> dict[int, Path]:
    """The files of the kept epochs, by epoch, in order; 0 is before the first. Runs of long ago have none."""
    found = {int(file.stem): file for file in (run.path / FOLDER).glob("[0-9]*.pt")}
    return dict(sorted(found.items()))
