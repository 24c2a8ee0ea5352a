"""What a network holds and makes of an image: the figures of its feature maps, and the filters of its first layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from cvcore.analysis.inside.activations import Step, trace_steps
from cvcore.analysis.inside.fully_convolutional import fully_convolutional
from cvcore.analysis.inside.groups import Grouped, grouped_layers
from cvcore.errors import ModelError
from cvcore.models import zoo


@dataclass(frozen=True)
class Anatomy:
    """What can be looked at inside a network: found on the meta device, without weights.

    `bytes` is what its parameters and buffers take. `not_convertible` says why its head cannot become convolutions;
    empty where it can.
    """

    steps: tuple[Step, ...]
    grouped: tuple[Grouped, ...]
    bytes: int
    not_convertible: str


@dataclass(frozen=True)
class Figures:
    """Lowest, highest and mean value of some maps, the share of exact zeros (0..1), and how many values there are."""

    low: float
    high: float
    mean: float
    zeros: float
    count: int


@dataclass(frozen=True)
class Filters:
    """The weights [filters, channels, height, width] of the layer that reads the pixels."""

    name: str
    type: str
    weights: np.ndarray


def anatomy(name: str, image_shape: tuple[int, int, int], num_classes: int) -> Anatomy:
    """The anatomy of a network of the zoo. Raises ModelError in one line where the image does not fit."""
    with torch.device("meta"):
        model = zoo.build(name, image_shape, num_classes)
    steps = trace_steps(model, image_shape)
    try:
        fully_convolutional(model, image_shape)
        reason = ""
    except ModelError as error:
        reason = str(error)
    size = sum(tensor.nbytes for tensor in [*model.parameters(), *model.buffers()])
    return Anatomy(steps, grouped_layers(model, steps), size, reason)


def figures(maps: np.ndarray) -> Figures:
    """The figures of maps of any shape. Values that are no finite numbers are left out of lowest, highest and mean."""
    finite = maps[np.isfinite(maps)]
    if not finite.size:
        return Figures(0.0, 0.0, 0.0, 0.0, maps.size)
    zeros = float((maps == 0).mean())
    return Figures(float(finite.min()), float(finite.max()), float(finite.mean(dtype=np.float64)), zeros, maps.size)


def strength(maps: np.ndarray) -> np.ndarray:
    """How strongly each of the maps [C, H, W] answers: its mean absolute value, float64 [C]."""
    return np.abs(maps).mean(axis=(1, 2), dtype=np.float64)


def strongest_first(maps: np.ndarray) -> np.ndarray:
    """Channels of the maps [C, H, W], the strongest first; equals stay in the order of their numbers."""
    return np.argsort(-strength(maps), kind="stable")


def shared_histogram(*values: np.ndarray, bins: int = 40) -> tuple[np.ndarray, list[np.ndarray]]:
    """(edges [bins + 1], counts int64 [bins] of each array) with the same bins for all; NaN and infinity are left out.

    The bins are equally wide, from the lowest to the highest value of all arrays.
    """
    finite = [each[np.isfinite(each)].astype(np.float64).ravel() for each in values]
    edges = np.histogram_bin_edges(np.concatenate(finite), bins)
    return edges, [np.histogram(each, edges)[0] for each in finite]


def first_filters(model: nn.Module, steps: tuple[Step, ...], image_shape: tuple[int, int, int]) -> Filters:
    """The filters of the first convolution, or the rows of a Linear layer that reads all pixels, in the image's form.

    Raises ModelError where the first layer with weights is neither.
    """
    weighted = (step for step in steps if list(model.get_submodule(step.name).parameters(recurse=False)))
    step = next(weighted, None)
    layer = model.get_submodule(step.name) if step else None
    if isinstance(layer, nn.Conv2d):
        weights = layer.weight.detach()
    elif isinstance(layer, nn.Linear) and layer.in_features == int(np.prod(image_shape)):
        weights = layer.weight.detach().unflatten(1, image_shape)
    else:
        told = f"is {step.key}, a {step.type}" if step else "does not exist"
        raise ModelError(
            f"the first layer with weights {told}: only filters of a Conv2d, or of a Linear on the pixels, are shown"
        )
    return Filters(step.key, step.type, weights.float().cpu().numpy())
