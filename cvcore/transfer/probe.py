"""Which layers transfer? A linear classifier on what each block gives tells how much of the answer is there already."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from cvcore.config import RunConfig
from cvcore.models.modes import evaluation_mode, hooked
from cvcore.training.batches import Batches, evaluation_batch
from cvcore.training.device import choose_device
from cvcore.training.parts import Parts, dataset_of, prepared
from cvcore.training.runs import RunStore
from cvcore.transfer.heads import Headed, head_name
from cvcore.transfer.strategies import blocks

PIXELS = "pixels"
LABELS = ""  # the key of the labels beside the blocks' features
MOST_TESTED = 1_000  # test images
MOST_LEARNT = 2_000  # training images: beyond that a linear classifier takes long and gains little


@dataclass(frozen=True)
class Probed:
    """A block, how many features it gives, and the test accuracy (0..1) of a linear classifier on them."""

    block: str
    features: int
    accuracy: float


def probe(
    config: RunConfig, store: RunStore, on_progress: Callable[[int, int], None] = lambda *_: None
) -> list[Probed]:
    """The pixels, then each block of the backbone of `config` as it begins, from the image up.

    Maps are averaged over their places, so that a block gives as many features as it has channels. Classifier: logistic
    regression on standardised features (scikit-learn's), learnt on the run's training images, MOST_LEARNT at most.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    parts = prepared(config, dataset_of(config), store, choose_device())
    train, test = (_of(parts, stream, most) for stream, most in ((parts.train, MOST_LEARNT), (parts.test, MOST_TESTED)))
    found = []
    for done, name in enumerate(train, start=1):
        if name == LABELS:
            continue
        classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
        classifier.fit(train[name], train[LABELS])
        accuracy = float(classifier.score(test[name], test[LABELS]))
        found.append(Probed(name, train[name].shape[1], accuracy))
        on_progress(done, len(train))
    return found


def _of(parts: Parts, batches: Batches, most: int) -> dict[str, np.ndarray]:
    """float32 [N, D] that each block gives for the images of `batches`, or some of them, and their labels."""
    chosen = batches.indices[np.linspace(0, batches.images - 1, min(most, batches.images)).astype(int)]
    size = evaluation_batch(batches.split.images.shape[1:])
    some = Batches(batches.split, chosen, size, batches.mean, batches.std, batches.device)
    network = parts.network if parts.network.head else Headed(parts.model, head_name(parts.model))
    collected: dict[str, list[torch.Tensor]] = {}
    with torch.inference_mode(), evaluation_mode(network.model), hooked(list(_listening(network, collected))):
        for images, labels in some:
            collected.setdefault(LABELS, []).append(labels.cpu())
            collected.setdefault(PIXELS, []).append(images.flatten(1).cpu())
            network.model(images)
    return {name: torch.cat(values).numpy() for name, values in collected.items()}


def _listening(network: Headed, collected: dict[str, list[torch.Tensor]]) -> Iterator:
    """A hook on each block, which adds what it gives, averaged over places, to `collected`."""
    modules = dict(network.model.named_modules())
    for name, _ in blocks(network):
        if name in modules:  # not the parameters that the network owns itself

            def note(module: nn.Module, inputs: tuple, output: torch.Tensor, name: str = name) -> None:
                collected.setdefault(name, []).append(_averaged(output).float().cpu())

            yield modules[name].register_forward_hook(note)


def _averaged(output: torch.Tensor) -> torch.Tensor:
    """[N, D] of maps [N, D, H, W], of tokens [N, T, D], or of vectors."""
    if output.ndim == 4:
        return output.mean((2, 3))
    return output.mean(1) if output.ndim == 3 else output.flatten(1)
