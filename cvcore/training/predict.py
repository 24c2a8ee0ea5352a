"""A finished run applied to pictures. Wherever they come from, they take the path of the training images."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from PIL import Image
from torch import nn

from cvcore.data.dataset import Dataset, Split
from cvcore.data.files.decode import Form, to_array
from cvcore.data.stats import normalization
from cvcore.errors import DataError, RunError
from cvcore.training.batches import Batches, evaluation_batch
from cvcore.training.drawn import Manner, manner_of
from cvcore.training.features import trained_network
from cvcore.training.run import Run

TOP = 5


@dataclass(frozen=True)
class Guess:
    """A class with the probability (0..1) that the network gives it."""

    label: int
    name: str
    probability: float


@dataclass(frozen=True, eq=False)
class Seen:
    """What a network saw and what it says: pixels uint8 [C, H, W], the tensor that they became, float32 [C, H, W],
    the logits [K], and the likeliest classes, the likeliest first."""

    pixels: np.ndarray
    tensor: np.ndarray
    logits: np.ndarray
    top: tuple[Guess, ...]


@dataclass(frozen=True, eq=False)
class Classifier:
    """A finished run's network with the weights of its best epoch, and what it needs to look at pictures."""

    run: Run
    dataset: Dataset
    model: nn.Module  # on the CPU, in evaluation mode

    @property
    def classes(self) -> tuple[str, ...]:
        return self.dataset.classes

    @property
    def form(self) -> Form:
        """The form that pictures are brought to: that of the training images."""
        return Form(*self.dataset.image_shape, self.run.config.data.fit)

    @cached_property
    def normalisation(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """(mean, std) per channel, scale 0..1, as in training."""
        return normalization(self.dataset, self.run.config.data.normalize)

    @cached_property
    def manner(self) -> Manner:
        """How the training images show ink; for grey sets."""
        return manner_of(self.dataset)

    def pixels(self, picture: Image.Image) -> np.ndarray:
        """uint8 [C, H, W] of a picture, brought to size as the training images were."""
        return to_array(picture, self.form)

    def look(self, images: np.ndarray) -> list[Seen]:
        """What the network says of uint8 images [N, C, H, W] in its own form."""
        unlabelled = Split(images, np.zeros(len(images), dtype=np.int64))
        size = evaluation_batch(images.shape[1:])
        mean, std = self.normalisation
        batches = Batches(unlabelled, np.arange(len(images)), size, mean=mean, std=std, device=torch.device("cpu"))
        found = []
        with torch.inference_mode():
            for tensors, _ in batches:
                logits = self.model(tensors).float()
                found += zip(tensors.numpy(), logits.numpy(), logits.softmax(1).numpy(), strict=True)
        return [
            Seen(pixels, tensor, logits, likeliest(shares, self.classes))
            for pixels, (tensor, logits, shares) in zip(images, found, strict=True)
        ]


def likeliest(shares: np.ndarray, names: Sequence[str]) -> tuple[Guess, ...]:
    """The classes to which the network gives most of 1, the likeliest first; among equals the first of the classes."""
    order = np.argsort(-shares, kind="stable")[:TOP]
    return tuple(Guess(int(label), names[label], float(shares[label])) for label in order)


def load(run: Run) -> Classifier:
    """The classifier that `run` has become. Raises RunError if it is not finished or its files cannot be used."""
    if run.status != "done":
        raise RunError(f"{run.run_id} is {run.status}: only a finished run can predict; choose another, or finish it")
    dataset, model = trained_network(run)
    return Classifier(run, dataset, model.eval())


def drawn_only(classifier: Classifier) -> None:
    """Raises DataError unless what is drawn can look like the training images: grey ones."""
    if classifier.form.channels != 1:
        raise DataError(
            f"{classifier.dataset.name} has colour images, and a drawing has none: choose a run on a grey set, "
            "such as digits, or upload a picture"
        )
