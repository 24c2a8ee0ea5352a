"""The effective receptive field: how much each pixel matters to one unit, in the network as it is.

The gradient of a unit in the middle of a layer's output, taken through the real non-linearities with real weights, is
large in the middle of the receptive field and fades towards its border, much as a Gaussian does.

Source: Luo, Li, Urtasun and Zemel, "Understanding the effective receptive field in deep convolutional neural networks",
NeurIPS 2016. As there, the images are random unless others are given.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from cvcore.analysis.measured_field import Stop, outputs_of
from cvcore.errors import ModelError
from cvcore.models import fit

MASS = 0.95  # of the gradient's magnitude lies within the radius


@dataclass(frozen=True)
class EffectiveField:
    """Share of the gradient's magnitude in every pixel, float64 [H, W], sum 1; the (row, column) of its centre of mass;
    and the radius around that, in pixels, that holds 95 % of it."""

    share: np.ndarray
    centre: tuple[float, float]
    radius: float


def effective_field(
    model: nn.Module,
    layer: str,
    image_shape: tuple[int, int, int],
    *,
    output: Sequence[int] = (),
    run: int = 1,
    images: int = 4,
    seed: int = 0,
) -> EffectiveField:
    """The effective field of the unit in the middle of `layer`'s output, on (C, H, W) images.

    The mean over as many random images, each with another mixture of the layer's channels. `output` is the (H, W) of
    the layer's map, needed only where channels come last; `run` says which run is meant of a layer that runs more than
    once, from 1. Parameters, mode and gradients of `model` are left as they
    are. Raises ModelError where the layer is not found, has no map, or the images do not fit.
    """
    modules = dict(model.named_modules())
    if layer not in modules:
        raise ModelError(f"no layer is called {layer!r}: choose a name from the network's summary")
    parameter = next(model.parameters(), torch.empty(0))
    random = torch.Generator().manual_seed(seed)
    total = torch.zeros(image_shape[1:], dtype=torch.float64)
    was_training = {module: module.training for module in model.modules()}
    model.eval()
    try:
        for _ in range(images):
            image = torch.randn(1, *image_shape, generator=random).to(parameter.device, parameter.dtype)
            total += _magnitude(model, modules[layer], layer, image.requires_grad_(), tuple(output), run, random)
    finally:
        for module, training in was_training.items():
            module.training = training
    return _described(total.numpy(), layer)


def _magnitude(
    model: nn.Module, module: nn.Module, name: str, image: torch.Tensor, plane: tuple, run: int, random: torch.Generator
) -> torch.Tensor:
    """|gradient| of the middle unit, summed over the image's channels: float64 [H, W]."""
    with outputs_of({name: module}, run) as outputs, torch.enable_grad():
        try:
            model(image)
        except Stop:
            pass
        except RuntimeError as error:
            shape = fit.image_text(tuple(image.shape[1:]))
            raise ModelError(
                f"the network does not take {shape} images ({fit.first_sentence(error)}): use another image size"
            ) from error
        maps = outputs.get(name)
        if not isinstance(maps, torch.Tensor) or maps.ndim != 4:
            raise ModelError(f"layer {name} has no map with rows and columns: choose one before flatten or attention")
        if plane and tuple(maps.shape[1:3]) == plane != tuple(maps.shape[2:]):
            maps = maps.movedim(-1, 1)
        unit = maps[0, :, maps.shape[2] // 2, maps.shape[3] // 2]
        mixture = torch.randn(len(unit), generator=random).to(unit)
        (gradient,) = torch.autograd.grad(unit @ mixture, image)
    return gradient[0].abs().sum(dim=0).double().cpu()


def _described(magnitude: np.ndarray, layer: str) -> EffectiveField:
    """The shares, their centre and radius."""
    total = magnitude.sum()
    if not np.isfinite(total) or total <= 0:
        raise ModelError(f"the gradient of layer {layer} is zero or not finite: choose an earlier layer")
    share = magnitude / total
    rows, columns = np.indices(share.shape)
    centre = float((rows * share).sum()), float((columns * share).sum())
    distance = np.hypot(rows - centre[0], columns - centre[1]).ravel()
    nearest = np.argsort(distance, kind="stable")
    held = np.cumsum(share.ravel()[nearest])
    place = min(int(np.searchsorted(held, MASS)), len(held) - 1)
    return EffectiveField(share, centre, float(distance[nearest[place]]))
