"""Whether a network takes an image of a given shape, tried on the meta device: shapes are computed, numbers are not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cvcore.analysis.geometry.sizes import output_size
from cvcore.errors import ConfigError, ModelError

if TYPE_CHECKING:  # the list of our networks must not cost an import of torch
    import torch
    from torch import nn

MAX_SIDE = 4096  # pixels; a typing error should not become an hour of work
MAX_CHANNELS = 64
MAX_CLASSES = 100_000


def image_text(image_shape: tuple[int, ...]) -> str:
    """An image shape as it is said in messages.

    >>> image_text((3, 32, 32))
    '3×32×32'
    """
    return "×".join(str(size) for size in image_shape)


def check_request(name: str, image_shape: tuple[int, int, int], num_classes: int) -> None:
    """Raises ModelError where a shape (C, H, W) or a number of classes is outside what any network here takes."""
    if len(image_shape) != 3 or not all(type(size) is int for size in image_shape):
        raise ModelError(
            f"{name}: an image shape is three whole numbers C,H,W, got {image_shape!r}; for example 3,32,32"
        )
    channels, height, width = image_shape
    if not 1 <= channels <= MAX_CHANNELS:
        raise ModelError(f"{name}: got {image_text(image_shape)}, but channels must be 1 to {MAX_CHANNELS}; give C,H,W")
    if not (1 <= height <= MAX_SIDE and 1 <= width <= MAX_SIDE):
        raise ModelError(f"{name}: got {image_text(image_shape)}, but height and width must be 1 to {MAX_SIDE} pixels")
    if type(num_classes) is not int or not 1 <= num_classes <= MAX_CLASSES:
        raise ModelError(f"{name}: got {num_classes!r} classes, but it must be a whole number from 1 to {MAX_CLASSES}")


def window_output(layer: str, size: tuple[int, int], kernel: int, stride: int = 1, padding: int = 0) -> tuple[int, int]:
    """Height and width after a convolution or pooling `layer`: N = (W − F + 2P)/S + 1, rounded down.

    Raises ValueError, naming the layer, where the window is larger than what is left of the image.

    >>> window_output("conv1", (28, 28), kernel=5)
    (24, 24)
    """
    try:
        high, wide = (output_size(side, kernel, stride=stride, padding=padding) for side in size)
    except ConfigError as error:
        height, width = size
        raise ValueError(
            f"layer {layer} has a {kernel}×{kernel} window, but only {height}×{width} pixels reach it"
        ) from error
    return high, wide


def forward_failure(model: nn.Module, inputs: torch.Tensor) -> str | None:
    """Why a forward pass of `model` (in the mode it is in) fails, with the layer, in one phrase; None if it does not.

    Leaves hooks on the model: meant for a throw-away model on the meta device.
    """
    place = "before the first layer"

    def entering(name: str):
        def hook(*_):
            nonlocal place
            place = f"layer {name}"

        return hook

    def leaving(name: str):
        def hook(*_):
            nonlocal place
            place = f"after layer {name}"

        return hook

    for name, module in model.named_modules():
        if not any(module.children()):
            module.register_forward_pre_hook(entering(name))
            module.register_forward_hook(leaving(name))
    try:
        model(inputs)
    except Exception as error:  # whatever a layer raises, it is about this image: nothing else was given to it
        return f"{place}: {first_sentence(error)}"
    return None


def first_sentence(error: Exception) -> str:
    """The first line of an exception's text, at most 160 characters, without a full stop."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:160].rstrip(" .:")
