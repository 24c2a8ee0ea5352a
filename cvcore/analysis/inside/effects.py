"""What one step without spatial weights (ReLU, pooling, BatchNorm, Dropout) does in evaluation and in training mode."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from cvcore.analysis.inside.activations import BATCHNORM, DROPOUT, Step, as_maps, observe
from cvcore.errors import ModelError
from cvcore.models.fit import first_sentence


@dataclass(frozen=True)
class Normalisation:
    """The numbers of a BatchNorm layer, each float64 [C]; None where it has none of the kind.

    `values` is how many of each channel the batch statistics are taken over: images × height × width. `batch_var` is
    the biased variance, by which training divides; `moved_mean` and `moved_var` are what the running statistics would
    be after this one batch, of which they take in the share `momentum` (with the unbiased variance).
    """

    values: int
    eps: float
    momentum: float | None
    batch_mean: np.ndarray
    batch_var: np.ndarray
    running_mean: np.ndarray | None
    running_var: np.ndarray | None
    moved_mean: np.ndarray | None
    moved_var: np.ndarray | None
    weight: np.ndarray | None
    bias: np.ndarray | None


@dataclass(frozen=True)
class Dropping:
    """What Dropout did: probability `p`, the share of values that was set to 0, and the factor on all others."""

    p: float
    dropped: float
    factor: float


@dataclass(frozen=True)
class Effect:
    """The first image's maps [C, H, W] before a step, and after it in evaluation and in training mode, float32."""

    before: np.ndarray
    evaluation: np.ndarray
    training: np.ndarray
    normalisation: Normalisation | None = None
    dropping: Dropping | None = None

    @property
    def is_same(self) -> bool:
        """Whether the modes make no difference."""
        return np.array_equal(self.evaluation, self.training, equal_nan=True)


def effect(model: nn.Module, step: Step, images: torch.Tensor, seed: int = 0) -> Effect:
    """The effect of `step` on `images` [N, C, H, W]: a batch, since BatchNorm in training mode looks at all of it.

    The layers before it run in evaluation mode both times, so that only this step differs. It runs on copies of the
    layer: the model's running statistics do not move. Dropout draws from `seed`.
    Raises ModelError where BatchNorm has one value a channel, of which there is no variance.
    """
    before = observe(model, images, step).before
    layer = model.get_submodule(step.name)
    with torch.no_grad():
        evaluation = deepcopy(layer).eval()(before.clone())
        trained = deepcopy(layer).train()
        try:
            training = _seeded(trained, before.clone(), seed)
        except ValueError as error:
            raise ModelError(
                f"{step.key} in training mode: {first_sentence(error)}; use a batch of more images"
            ) from error
        first = [_first_maps(values, step) for values in (before, evaluation, training)]
        normalisation = _normalisation(layer, trained, before) if step.kind == BATCHNORM else None
        dropping = _dropping(layer, before, seed) if step.kind == DROPOUT else None
    return Effect(*first, normalisation, dropping)


def _seeded(layer: nn.Module, values: torch.Tensor, seed: int) -> torch.Tensor:
    """What `layer` makes of `values`, its random numbers drawn from `seed`; the process's own stay where they are."""
    devices = [values.device] if values.is_cuda else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        return layer(values)


def _first_maps(values: torch.Tensor, step: Step) -> np.ndarray:
    return as_maps(values[:1], step)[0].float().cpu().numpy()


def _dropping(layer: nn.Module, before: torch.Tensor, seed: int) -> Dropping:
    """Read from what the layer makes of ones, drawn alike: a value that was 0 before cannot tell if it was kept."""
    ones = _seeded(deepcopy(layer).train(), torch.ones_like(before), seed)[:1]
    return Dropping(layer.p, float((ones == 0).float().mean()), 1 / (1 - layer.p) if layer.p < 1 else float("inf"))


def _normalisation(layer: nn.Module, trained: nn.Module, before: torch.Tensor) -> Normalisation:
    axes = [axis for axis in range(before.dim()) if axis != 1]
    var, mean = torch.var_mean(before.double(), dim=axes, correction=0)
    return Normalisation(
        values=before.numel() // before.shape[1],
        eps=layer.eps,
        momentum=layer.momentum,
        batch_mean=mean.cpu().numpy(),
        batch_var=var.cpu().numpy(),
        running_mean=_numbers(layer.running_mean),
        running_var=_numbers(layer.running_var),
        moved_mean=_numbers(trained.running_mean),
        moved_var=_numbers(trained.running_var),
        weight=_numbers(layer.weight),
        bias=_numbers(layer.bias),
    )


def _numbers(values: torch.Tensor | None) -> np.ndarray | None:
    return None if values is None else values.detach().double().cpu().numpy()
