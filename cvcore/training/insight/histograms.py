"""How weights, gradients and activations of layers are spread, epoch by epoch, measured afterwards on one batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from cvcore.analysis.inside.activations import ACTIVATION, Step
from cvcore.data.split import holds_out, training_indices
from cvcore.errors import RunError
from cvcore.models.fit import first_sentence
from cvcore.training.insight.replay import Replay

KINDS = ("weights", "gradients", "activations")
QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
BINS = (10, 40)  # at least, and at most: about the root of the number of values
OUTER = 0.001  # share of the values at either end that the bins leave out, or one far value would make all bins wide
SAMPLE = 50_000  # values of a layer, evenly spaced, that stand for all of them
BATCH = 64  # images
BATCH_VALUES = 30e6  # of the largest layer, of all images of the batch together

Values = dict[str, np.ndarray]  # float32 [n] of each of KINDS that the layer has


@dataclass(frozen=True)
class Spread:
    """One epoch: `quantiles` at QUANTILES, `counts` [B] in bins without exact zeros, the share of those, and of NaN and
    infinity, which are nowhere else."""

    epoch: int
    quantiles: np.ndarray
    counts: np.ndarray
    zeros: float
    broken: float


@dataclass(frozen=True)
class Series:
    """The spread of one of KINDS in one layer over the epochs, in bins with common `edges` [B + 1]."""

    layer: str
    kind: str
    edges: np.ndarray
    spreads: tuple[Spread, ...]


def layers_with_values(model: nn.Module, steps: tuple[Step, ...]) -> tuple[str, ...]:
    """Keys of the steps that can be looked at, in running order: layers with weights, and activations."""
    return tuple(step.key for step in steps if step.kind == ACTIVATION or _weight(model, step) is not None)


def fixed_images(replay: Replay) -> np.ndarray:
    """Indices of the training images that all epochs are measured on: up to BATCH, drawn by a fixed seed."""
    config = replay.run.config
    hold_out = holds_out(replay.dataset, config.train.selection)
    train, _ = training_indices(replay.dataset, config.data, hold_out=hold_out)
    largest = max((int(np.prod(step.output)) for step in replay.steps), default=1)
    count = int(np.clip(BATCH_VALUES // largest, 1, BATCH))
    return np.random.default_rng(0).permutation(train)[:count]


def measure(
    replay: Replay,
    steps: Sequence[Step],
    indices: np.ndarray,
    on_progress: Callable[[float, float], object] = lambda done, total: None,
) -> tuple[Series, ...]:
    """The series of all chosen `steps`, for every epoch of `replay`; `on_progress` hears epochs done and in all.

    Gradients are those of the mean cross-entropy over the training images `indices`, without augmentation, in
    evaluation mode: nothing is drawn at random, and nothing changes. Weights are a layer's `weight`, without biases.
    """
    chosen = np.sort(indices)
    images = replay.tensor(np.asarray(replay.dataset.train.images[chosen]))
    labels = torch.from_numpy(np.asarray(replay.dataset.train.labels)[chosen])
    found: dict[int, dict[str, Values]] = {}
    for done, epoch in enumerate(replay.epochs):
        on_progress(done, len(replay.epochs))
        with replay.at(epoch) as model:
            found[epoch] = values_of(model, steps, images, labels)
    kinds = [(step.key, kind) for step in steps for kind in KINDS if kind in found[replay.epochs[0]][step.key]]
    return tuple(
        series(layer, kind, {epoch: values[layer][kind] for epoch, values in found.items()}) for layer, kind in kinds
    )


def values_of(model: nn.Module, steps: Sequence[Step], images: torch.Tensor, labels: torch.Tensor) -> dict[str, Values]:
    """By each step's key: samples of its weights, of their gradients, and of what leaves it."""
    weights = {step.key: _weight(model, step) for step in steps}
    learnt = {key: weight for key, weight in weights.items() if weight is not None}
    with _following(learnt.values()), _catching(model, steps) as caught, torch.enable_grad():
        try:
            loss = F.cross_entropy(model(images).float(), labels)
        except RuntimeError as error:
            raise RunError(f"the network cannot be run ({first_sentence(error)}): choose other layers") from error
        gradients = torch.autograd.grad(loss, list(learnt.values()), allow_unused=True) if learnt else ()
    found: dict[str, Values] = {}
    by_key = dict(zip(learnt, gradients, strict=True))
    for step in steps:
        values = {"weights": weights[step.key], "gradients": by_key.get(step.key)}
        found[step.key] = {kind: sample(each.detach()) for kind, each in values.items() if each is not None}
        if step.key in caught:
            found[step.key]["activations"] = caught[step.key]
    return found


def sample(values: torch.Tensor) -> np.ndarray:
    """float32: the values themselves, or, of more than SAMPLE, every so many-th."""
    flat = values.flatten()
    return flat[:: -(-len(flat) // SAMPLE) or 1].float().cpu().numpy().copy()


def series(layer: str, kind: str, values: dict[int, np.ndarray]) -> Series:
    """The series of the values of each epoch. The outermost bins end where OUTER of all values lies beyond them."""
    finite = np.concatenate([each[np.isfinite(each) & (each != 0)] for each in values.values()])
    low, high = np.quantile(finite, [OUTER, 1 - OUTER]) if finite.size else (0.0, 0.0)
    bins = int(np.clip(np.sqrt(min(map(len, values.values()), default=0)), *BINS))
    edges = np.histogram_bin_edges(np.zeros(0), bins, (float(low), float(high)))  # of no width: half a unit around it
    return Series(layer, kind, edges, tuple(_spread(epoch, each, edges) for epoch, each in values.items()))


def _spread(epoch: int, values: np.ndarray, edges: np.ndarray) -> Spread:
    finite = values[np.isfinite(values)]
    quantiles = np.quantile(finite, QUANTILES) if finite.size else np.full(len(QUANTILES), np.nan)
    counts = np.histogram(finite[finite != 0], edges)[0]
    total = max(len(values), 1)
    return Spread(epoch, quantiles, counts, float((finite == 0).sum() / total), 1 - len(finite) / total)


def _weight(model: nn.Module, step: Step) -> nn.Parameter | None:
    weight = getattr(model.get_submodule(step.name), "weight", None)
    return weight if isinstance(weight, nn.Parameter) else None


@contextmanager
def _following(weights) -> Iterator[None]:
    """Gradients of these weights can be asked for within the block."""
    was = [(weight, weight.requires_grad) for weight in weights]
    for weight, _ in was:
        weight.requires_grad_(True)
    try:
        yield
    finally:
        for weight, required in was:
            weight.requires_grad_(required)


@contextmanager
def _catching(model: nn.Module, steps: Sequence[Step]) -> Iterator[Values]:
    """Samples of what leaves each step, by its key, taken at once: a later layer may change it in place."""
    caught: dict[str, np.ndarray] = {}
    runs: dict[str, int] = {}
    wanted = {(step.name, step.run): step.key for step in steps}

    def hook(name: str):
        def leaves(module: nn.Module, inputs: tuple, output) -> None:
            runs[name] = runs.get(name, 0) + 1
            key = wanted.get((name, runs[name]))
            values = output[0] if isinstance(output, (tuple, list)) else output
            if key and isinstance(values, torch.Tensor):
                caught[key] = sample(values.detach())

        return leaves

    hooks = [model.get_submodule(name).register_forward_hook(hook(name)) for name in {step.name for step in steps}]
    try:
        yield caught
    finally:
        for each in hooks:
            each.remove()
