"""A trained network made ready for images larger than its own, over which it slides (dense evaluation; Simonyan and
Zisserman, 2014, section 3.2).

Networks that end in global average pooling take any size as they are: their one linear layer answers for the mean of
all places, which is the mean of its answers for each. In VGG, AlexNet and their like the linear layers become
convolutions, and the class map is averaged over its places.
"""

import math
from copy import deepcopy

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from cvcore.analysis.inside.activations import evaluating
from cvcore.analysis.inside.fully_convolutional import FullyConvolutional, fully_convolutional
from cvcore.analysis.summary import meta_copy
from cvcore.errors import ModelError
from cvcore.models.fit import image_text
from cvcore.models.spec import ImageShape, ModelSpec
from cvcore.training.device import rough_mult_adds

MOST_TIMES = 100  # the work of sliding over one image, in images of the network's own size; VGG takes about 8
WORTH_LIMITING = 20e9  # mult-adds for one image, below which even more is quick
POOLS = (nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)
AGREEMENT = 0.01  # of the two forms at the network's own size, as a share of the largest score: GPUs round to 3 digits


class ClassMapMean(nn.Module):
    """A fully convolutional network whose class map is averaged over its places: logits [N, K] of any size."""

    def __init__(self, network: FullyConvolutional) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.network(images).mean(dim=(2, 3))


def dense_form(model: nn.Module, spec: ModelSpec, image_shape: ImageShape, largest: ImageShape) -> nn.Module:
    """A network with the weights of `model` that gives logits [N, K] for images of any size from `image_shape` up.

    At `image_shape`, for which `model` was built, it gives what the model gives. Shares the model's weights, on its
    device. Raises ModelError, in one line, where there is no such form, or where `largest` would take too long.
    """
    pools = _resizing_pools(model)
    if spec.any_size and not pools:
        return model
    with evaluating(model), torch.no_grad():
        form = ClassMapMean(_converted(model, image_shape, pools)).eval()
        _check_work(model, form, image_shape, largest)
        _check_equal(model, form, image_shape)
    return form


def _resizing_pools(model: nn.Module) -> list[str]:
    """Names of the adaptive pooling layers that bring maps to a size of more than one place."""
    found = {name: layer for name, layer in model.named_modules() if isinstance(layer, POOLS)}
    return [name for name, layer in found.items() if np.any(np.ravel(layer.output_size) != 1)]


def _converted(model: nn.Module, image_shape: ImageShape, pools: list[str]) -> FullyConvolutional:
    try:
        return fully_convolutional(model, image_shape)
    except ModelError:
        if len(pools) != 1 or not isinstance(model.get_submodule(pools[0]), nn.AdaptiveAvgPool2d):
            raise
        return fully_convolutional(without_pool(model, pools[0], image_shape), image_shape)


def without_pool(model: nn.Module, pool: str, image_shape: ImageShape) -> nn.Module:
    """A copy in which the next Linear layer reads the maps that enter the adaptive average pooling called `pool`.

    Pooling is linear, so a layer on pooled maps is a layer on the maps themselves with other weights. VGG on 64 pixels
    has 2×2 maps, which pooling repeats to 7×7: its first linear layer becomes one for 2×2. All other weights are
    shared. Raises ModelError if no Linear layer reads the pooled maps.
    """
    entering, leaving, name = _around(model, pool, image_shape)
    linear = model.get_submodule(name)
    rows, columns = (_pooling_matrix(*sides) for sides in zip(entering[1:], leaving[1:], strict=True))
    weight = linear.weight.detach().view(-1, *leaving)
    folded = torch.einsum("kcij,ia,jb->kcab", weight, rows.to(weight), columns.to(weight)).flatten(1)
    shared = [*model.parameters(), *model.buffers()]
    copy = deepcopy(model, {id(tensor): tensor for tensor in shared})
    with torch.device("meta"):
        layer = nn.Linear(folded.shape[1], linear.out_features, bias=linear.bias is not None)
    layer.weight, layer.bias = nn.Parameter(folded, requires_grad=False), linear.bias
    copy.set_submodule(name, layer)
    copy.set_submodule(pool, nn.Identity())
    return copy


def _around(model: nn.Module, pool: str, image_shape: ImageShape) -> tuple[ImageShape, ImageShape, str]:
    """(shape [C, h, w] that enters the pooling, shape that leaves it, name of the Linear layer that comes next)."""
    shell = meta_copy(model).eval().float()
    shapes: list[tuple[int, ...]] = []
    readers: list[str] = []
    shell.get_submodule(pool).register_forward_hook(
        lambda module, inputs, output: shapes.extend((inputs[0].shape[1:], output.shape[1:]))
    )
    for name, module in shell.named_modules():
        if isinstance(module, nn.Linear):
            module.register_forward_pre_hook(lambda module, inputs, name=name: readers.append(name))
    shell(torch.empty(1, *image_shape, device="meta"))
    first = next(iter(readers), "")
    if len(shapes) != 2 or not first or shell.get_submodule(first).in_features != math.prod(shapes[1]):
        raise ModelError(f"{pool} is not followed by a linear layer that reads all of it")
    return tuple(shapes[0]), tuple(shapes[1]), first


def _pooling_matrix(entering: int, leaving: int) -> torch.Tensor:
    """float32 [leaving, entering]: adaptive average pooling along one side, as a matrix.

    >>> _pooling_matrix(3, 2)
    tensor([[0.5000, 0.5000, 0.0000],
            [0.0000, 0.5000, 0.5000]])
    """
    return F.adaptive_avg_pool1d(torch.eye(entering)[None], leaving)[0].T


def _check_work(model: nn.Module, form: nn.Module, image_shape: ImageShape, largest: ImageShape) -> None:
    """Raises ModelError where sliding over an image would take minutes: where a linear layer reads large maps."""
    work = rough_mult_adds(meta_copy(form), torch.empty(1, *largest, device="meta"))
    times = work / max(1, rough_mult_adds(meta_copy(model), torch.empty(1, *image_shape, device="meta")))
    if work > WORTH_LIMITING and times > MOST_TIMES:
        raise ModelError(
            f"its linear layers read large maps: sliding over {image_text(largest)} would take {times:,.0f} times the "
            f"work of one {image_text(image_shape)} image"
        )


def _check_equal(model: nn.Module, form: nn.Module, image_shape: ImageShape) -> None:
    """Raises ModelError unless both give the same for two images of the model's own size."""
    device = next(model.parameters()).device
    images = torch.randn(2, *image_shape, generator=torch.Generator().manual_seed(0)).to(device)
    direct, slid = model(images), form(images)
    if not (direct - slid).abs().max() <= AGREEMENT * max(1.0, direct.abs().max().item()):
        raise ModelError("its convolutional form gives other scores at the network's own size")
