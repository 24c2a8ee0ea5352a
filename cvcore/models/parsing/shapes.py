"""Sends an image without contents through a typed network: the shape after every layer, or the layer that refuses it.

Everything happens on the meta device, where tensors have shapes but no contents, so that a network of a trillion
parameters is refused before anything is allocated. Importing this imports torch.
"""

from dataclasses import dataclass
from math import prod

import torch
from torch import nn

from cvcore.models.fit import first_sentence, image_text
from cvcore.models.parsing.fixes import fix
from cvcore.models.parsing.layers import make, settings, written
from cvcore.models.parsing.parse import FAMILIES, Layer

MAX_PARAMETERS = 200_000_000  # VGG-19, the largest network of the tutorials' kind, has 144 million
MAX_VALUES = 200_000_000  # what one layer may give for one image; 800 MB
BATCH = 2
# Half of a network's layers, and not worth some milliseconds each: what they take, `fix` knows.
_KEEPS_SHAPE = frozenset(
    each for family in ("Activation", "Dropout", "Normalisation", "Softmax") for each in FAMILIES[family]
) - {"GLU", "CELU", "RReLU", "InstanceNorm2d"}


@dataclass(frozen=True)
class Made:
    """A layer of the tree with its module on the meta device, and its path in the network ("1.0")."""

    layer: Layer
    module: nn.Module
    path: str


@dataclass(frozen=True)
class Passed:
    """A layer and the shapes, without the batch, that reach and leave it."""

    layer: Layer
    path: str
    arrives: tuple[int, ...]
    leaves: tuple[int, ...]


def leaves(network: Layer, path: str = "") -> list[tuple[Layer, str]]:
    """The layers that are no Sequential, in the order they run, with their paths."""
    found = []
    for number, child in enumerate(network.children):
        name = f"{path}{number}"
        found += leaves(child, f"{name}.") if child.kind == "Sequential" else [(child, name)]
    return found


def make_all(network: Layer) -> list[Made]:
    """The layers of a network on the meta device.

    Raises TextError at the layer whose arguments torch refuses, or with which the parameters are too many.
    """
    made, total = [], 0
    with torch.device("meta"):
        for layer, path in leaves(network):
            module = make(layer)
            total += sum(parameter.numel() for parameter in module.parameters())
            if total > MAX_PARAMETERS:
                raise layer.error(
                    f"with {written(layer)} the network has {total:,} parameters: "
                    f"at most {MAX_PARAMETERS:,} are taken, make it smaller"
                )
            made.append(Made(layer, module, path))
    return made


def send(made: list[Made], image_shape: tuple[int, ...]) -> list[Passed]:
    """The shapes along the network for one (C, H, W) image, in evaluation mode.

    Raises TextError at the first layer that does not take what arrives; it says the argument that would mend it.
    """
    passed = []
    with torch.device("meta"), torch.no_grad():
        images = torch.empty(BATCH, *image_shape)
        for each in made:
            arrives = tuple(images.shape[1:])
            images = _run(each, images)
            passed.append(Passed(each.layer, each.path, arrives, tuple(images.shape[1:])))
    return passed


def _run(each: Made, images: torch.Tensor) -> torch.Tensor:
    """What comes out of a layer, as meta tensor."""
    layer, arrives = each.layer, tuple(images.shape[1:])
    told = written(layer)
    if problem := fix(layer.kind, settings(layer), arrives):
        raise layer.error(f"{told} {problem}")
    if layer.kind in _KEEPS_SHAPE:
        return images
    module = _nearest(each.module) if isinstance(each.module, nn.Upsample) else each.module
    try:
        result = module.eval()(images)
    except Exception as error:  # whatever a layer raises is about this shape: nothing else was given to it
        if "overflow" in str(error):
            raise layer.error(f"{told} makes more values than fit into memory: make it smaller") from error
        raise layer.error(f"{told} does not take {image_text(arrives)}: {first_sentence(error)}") from error
    if result.shape[:1] != images.shape[:1] or result.dim() < 2:
        raise layer.error(f"{told} mixes the images of a batch: dimension 0 is the batch, begin with 1")
    values = prod(result.shape[1:])
    if values == 0:
        raise layer.error(f"{told} leaves nothing of {image_text(arrives)}: use a smaller window, or larger images")
    if values > MAX_VALUES:
        raise layer.error(
            f"{told} makes {image_text(tuple(result.shape[1:]))} of one image, more than "
            f"{MAX_VALUES:,} values: make it smaller"
        )
    return result


def _nearest(module: nn.Upsample) -> nn.Upsample:
    """An Upsample that makes the same shape in a tenth of the time."""
    return nn.Upsample(module.size, module.scale_factor, recompute_scale_factor=module.recompute_scale_factor)


def assemble(network: Layer) -> nn.Sequential:
    """The network as torch has it, with fresh weights on the current default device.

    Only for one that `make_all` has let pass: what is made here is allocated.
    """
    children = (assemble(child) if child.kind == "Sequential" else make(child) for child in network.children)
    return nn.Sequential(*children)
