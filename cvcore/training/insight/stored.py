"""What a finished run said of its images, and which images those were. No torch here."""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cvcore.analysis.predictions import Predictions, from_probabilities
from cvcore.data.dataset import Dataset
from cvcore.errors import RunError
from cvcore.training.run import Run

FILE = "predictions.npz"


@dataclass(frozen=True)
class Stored:
    """What the best epoch said of a split, and the places [N] of those images in the data set's split; None in runs of
    earlier versions, which did not write them down."""

    predictions: Predictions
    indices: np.ndarray | None


def predictions_file(run: Run) -> Path:
    """Where the run's predictions are. Raises RunError, in one line, where there are none yet, or none any more."""
    if run.status != "done":
        raise RunError(f"{run.run_id} is {run.status}: what it predicts is known when it is done")
    if not (run.path / FILE).is_file():
        raise RunError(f"{FILE} of {run.run_id} is missing: train that run again")
    return run.path / FILE


def stored_predictions(run: Run, split: str) -> Stored:
    """What the run said of its "test" or "val" images. Raises RunError, in one line, where that cannot be read."""
    file = predictions_file(run)
    try:
        with np.load(file) as arrays:
            names = (f"{split}_labels", f"{split}_predictions", f"{split}_probabilities")
            said = from_probabilities(*(arrays[name] for name in names))
            return Stored(said, arrays.get(f"{split}_indices"))
    except (OSError, ValueError, KeyError, IndexError, zipfile.BadZipFile, EOFError) as error:
        raise RunError(f"{FILE} of {run.run_id} is damaged: train that run again") from error


def splits_of(run: Run) -> tuple[str, ...]:
    """Which predictions the run has: of "test" and "val", or of "test" alone where those chose the epoch too."""
    return ("test",) if run.config.train.selection == "test" else ("test", "val")


def images_of(run: Run, dataset: Dataset, split: str, found: Stored) -> tuple[str, np.ndarray]:
    """(name of the data set's split, places in it [N]) of the images that the run's predictions are of, in order.

    Raises RunError, in one line, where the images have changed or can no longer be told: a page must never show others.
    """
    config, labels = run.config, found.predictions.labels
    if config.data.fingerprint and dataset.fingerprint != config.data.fingerprint:
        raise RunError(f"the images of {config.data.name} have changed since {run.run_id} was trained")
    name = _split_name(run, dataset, split)
    indices = found.indices
    if indices is None:
        if name == "train":
            raise RunError(
                f"{run.run_id} was trained by an earlier version, which did not write down which images it held out: "
                "look at the test images"
            )
        indices = np.arange(len(dataset.split(name)))
    known = np.asarray(dataset.split(name).labels)
    if len(indices) != len(labels) or not np.array_equal(known[indices[indices < len(known)]], labels):
        raise RunError(f"the {split} images of {run.run_id} can no longer be told: train it again to see them")
    return name, indices


def _split_name(run: Run, dataset: Dataset, split: str) -> str:
    """Where the images of "test" or "val" are in the data set."""
    if split == "test" or run.config.train.selection == "test":
        return "train" if "train-as-test" in run.config.train.faults else "test"
    return "train" if dataset.val is None else "val"
