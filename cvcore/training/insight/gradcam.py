"""Grad-CAM: which places of an image spoke for a class (Selvaraju et al. 2017), through captum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from captum.attr import LayerAttribution, LayerGradCam
from torch import nn

from cvcore.analysis.inside.activations import DROPOUT, POOLING, Step, evaluating
from cvcore.errors import ModelError


@dataclass(frozen=True)
class Place:
    """Where in a network Grad-CAM looks: at what leaves the module `module`, or, with `entering`, at what enters it.

    `shape` is [C, h, w] there.
    """

    key: str
    module: str
    shape: tuple[int, int, int]
    entering: bool = False


@dataclass(frozen=True)
class Cam:
    """The map of a class: float32 [h, w] as found, and [H, W] over the image; both 0 where nothing speaks for it.

    `probabilities` [K] are what the network says of the image.
    """

    values: np.ndarray
    over_image: np.ndarray
    target: int
    probabilities: np.ndarray

    @property
    def is_empty(self) -> bool:
        """Whether no place speaks for the class, or the network's numbers are not finite."""
        return not np.nanmax(self.values, initial=0) > 0


def places(steps: tuple[Step, ...]) -> tuple[Place, ...]:
    """Where Grad-CAM can look, in running order: at every layer that leaves maps with more than one place each.

    A module that runs several times cannot be told apart by its name: what leaves it is offered as what enters the next
    step, where that one runs once and takes just this shape. So is what was put together before a step, from branches.
    """
    runs = {step.name: step.run for step in steps}  # the last run of each has its count
    found = []
    for step, after in zip(steps, [*steps[1:], None], strict=True):
        last = step.channels_last or (after is not None and after.channels_last)
        reads = after is not None and runs[after.name] == 1 and _is_maps(after.input) and not last
        if _is_maps(step.output) and not step.channels_last:
            if runs[step.name] == 1:
                found.append(Place(step.key, step.name, step.output))
            elif reads and after.input == step.output:
                found.append(Place(step.key, after.name, step.output, entering=True))
        if reads and after.input != step.output:
            found.append(Place(f"into {after.key}", after.name, after.input, entering=True))
    return tuple(found)


def _is_maps(shape: tuple[int, ...]) -> bool:
    return len(shape) == 3 and shape[1] * shape[2] > 1


def last_place(steps: tuple[Step, ...]) -> Place:
    """The last maps before they are pooled or flattened, as the paper advises.

    Raises ModelError, in one line, where the network has none.
    """
    passing = {step.key for step in steps if step.kind in (POOLING, DROPOUT)}
    found = places(steps)
    if not found:
        raise ModelError("Grad-CAM needs a layer with maps of channels first: this network has none")
    return next((place for place in reversed(found) if place.key not in passing), found[-1])


def grad_cam(model: nn.Module, image: torch.Tensor, place: Place, target: int | None = None) -> Cam:
    """The map of the class `target`, the predicted one unless told, for `image` [1, C, H, W], in evaluation mode.

    Each channel is weighted with the mean of its gradient over all places (equation 1 of the paper), the sum is cut at
    0 (equation 2) and stretched over the image, bilinearly.
    """
    layer = model.get_submodule(place.module)
    with evaluating(model), torch.enable_grad():
        with torch.no_grad():
            logits = model(image)[0].float()
        target = int(logits.argmax()) if target is None else target
        found = LayerGradCam(model, layer).attribute(
            image.clone().requires_grad_(),
            target=target,
            attribute_to_layer_input=place.entering,
            relu_attributions=True,
        )
    stretched = LayerAttribution.interpolate(found, tuple(image.shape[2:]), interpolate_mode="bilinear")
    values, over = (each.detach()[0, 0].float().numpy() for each in (found, stretched))
    return Cam(values, over, target, logits.softmax(0).numpy())
