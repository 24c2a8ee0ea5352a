"""A classifier's linear head as convolutions, so that the network slides over images of any size (Sermanet et al.,
"OverFeat", 2013; Simonyan and Zisserman, section 3.2 on dense evaluation, 2014).

A Linear layer on a flattened C×H×W map is a convolution whose window is all of the map: the same weights, the same sum.
On a larger image the window has several places, and the result is a map of class scores instead of one vector.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import fx, nn

from cvcore.analysis.inside.activations import ACTIVATION, DROPOUT, evaluating, kind_of
from cvcore.analysis.summary import meta_copy
from cvcore.errors import ModelError
from cvcore.models.fit import first_sentence, image_text

ImageShape = tuple[int, int, int]
Link = tuple[str, nn.Module]


@dataclass(frozen=True)
class ClassMap:
    """What a converted network says of an image of `size` (height, width).

    `scores` are logits float [classes, h, w]; `direct` are those of the unconverted network, float [classes], or None
    where it does not take this size, which `reason` explains. `entering` is the shape [C, H, W] of the features that
    reach the head, where `expected` is what its first Linear layer was built for.
    """

    size: tuple[int, int]
    scores: np.ndarray
    direct: np.ndarray | None
    reason: str
    entering: tuple[int, int, int]
    expected: tuple[int, int, int]

    @property
    def average(self) -> np.ndarray:
        """The mean over all places of the map, float [classes]: the network's answer for the whole image."""
        return self.scores.mean(axis=(1, 2))


class FullyConvolutional(nn.Module):
    """`features`, then `head`, which is convolutions too. Its forward returns class scores [N, classes, h, w]."""

    def __init__(self, features: Sequence[nn.Module], head: Sequence[nn.Module]):
        super().__init__()
        self.features = nn.Sequential(*features)
        self.head = nn.Sequential(*head)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Class scores [N, classes, h, w] of images [N, C, H, W]."""
        return self.head(self.features(images))


def fully_convolutional(model: nn.Module, image_shape: ImageShape) -> FullyConvolutional:
    """`model`, a chain of layers with Flatten and Linear layers at its end, with convolutions instead of those.

    For images of `image_shape` (C, H, W) the map is 1×1 and equals the model's output in evaluation mode. The weights
    are the model's own, seen in another shape: nothing is copied. The other layers are the model's own objects.
    Raises ModelError, in one line, where the model is no such chain.
    """
    links = _chain(model)
    places = [place for place, (_, layer) in enumerate(links) if isinstance(layer, nn.Flatten)]
    if not places or not any(isinstance(layer, nn.Linear) for _, layer in links[places[0] :]):
        raise ModelError("the network has no Flatten followed by linear layers: there is nothing to convert")
    body, head = links[: places[0]], links[places[0] :]
    features, shape = _converted_body(body, image_shape)
    return FullyConvolutional(features, _converted_head(head, shape))


def _converted_body(links: list[Link], image_shape: ImageShape) -> tuple[list[nn.Module], ImageShape]:
    """(the layers before Flatten, adaptive pooling with fixed windows; the shape [C, H, W] that they end with)."""
    layers: list[nn.Module] = []
    values = torch.empty(1, *image_shape, device="meta")
    for name, layer in links:
        entering = tuple(values.shape[1:])
        try:
            values = meta_copy(layer).eval().float()(values)
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"{name} does not take {image_text(entering)}: {first_sentence(error)}") from error
        if values.dim() != 4:
            raise ModelError(f"{name} leaves no maps but {image_text(tuple(values.shape[1:]))}: nothing to slide over")
        if isinstance(layer, (nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)):
            layers += _fixed_pool(layer, entering[1:], tuple(values.shape[2:]), name)
        else:
            layers.append(layer)
    return layers, tuple(values.shape[1:])


def _converted_head(links: list[Link], shape: ImageShape) -> list[nn.Module]:
    """The layers from Flatten on, Linear ones as convolutions; the first reads all of a map of `shape` [C, H, W]."""
    layers: list[nn.Module] = []
    for name, layer in links:
        if isinstance(layer, nn.Linear):
            layers.append(as_convolution(layer, shape))
            shape = (layer.out_features, 1, 1)
        elif kind_of(layer) in (ACTIVATION, DROPOUT) or isinstance(layer, nn.Identity):
            layers.append(layer)
        elif not isinstance(layer, nn.Flatten):
            raise ModelError(f"{name}, a {type(layer).__name__} after Flatten, has no counterpart on maps")
    return layers


def _fixed_pool(
    layer: nn.Module, entering: tuple[int, int], leaving: tuple[int, int], name: str
) -> list[nn.AvgPool2d | nn.MaxPool2d]:
    """The pooling with a fixed window that does the same at this size; none where each window is one value."""
    if entering == leaving:
        return []
    if any(big % small for big, small in zip(entering, leaving, strict=True)):
        raise ModelError(
            f"{name} brings {image_text(entering)} to {image_text(leaving)} with windows of several sizes: choose an "
            "image size whose features divide evenly, such as the one that the network was designed for"
        )
    window = tuple(big // small for big, small in zip(entering, leaving, strict=True))
    return [nn.AvgPool2d(window) if isinstance(layer, nn.AdaptiveAvgPool2d) else nn.MaxPool2d(window)]


def _chain(model: nn.Module) -> list[Link]:
    """The (name, layer) pairs of a model in which each layer reads the one before it and nothing else."""
    try:
        # of a copy without weights: what tracing leaves behind is a circle of references, which would keep them
        nodes = list(fx.symbolic_trace(meta_copy(model)).graph.nodes)
    except Exception as error:  # tracing runs the model's own Python, which may raise anything
        raise ModelError(f"the network's graph cannot be traced ({first_sentence(error)})") from error
    links: list[Link] = []
    for before, node in pairwise(nodes):
        if node.op == "output":
            break
        if list(node.all_input_nodes) != [before]:
            raise ModelError("the network branches: only a chain of layers that ends in linear ones can be converted")
        links.append((str(node.target), _layer(model, node)))
    return links


def _layer(model: nn.Module, node: fx.Node) -> nn.Module:
    if node.op == "call_module":
        return model.get_submodule(str(node.target))
    if node.target in (torch.flatten, "flatten") and 1 in (*node.args[1:2], node.kwargs.get("start_dim")):
        return nn.Flatten()
    if node.target in (torch.relu, nn.functional.relu, "relu"):
        return nn.ReLU()
    name = getattr(node.target, "__name__", node.target)
    raise ModelError(f"the network calls {name}() between its layers, which is not converted")


def as_convolution(linear: nn.Linear, window: ImageShape) -> nn.Conv2d:
    """The convolution that does to maps of shape `window` (C, H, W) what `linear` does to them flattened.

    Its weights are a view of the linear layer's: they share memory.
    """
    channels, height, width = window
    with torch.device("meta"):  # no second set of weights, not even for a moment
        conv = nn.Conv2d(channels, linear.out_features, (height, width), bias=linear.bias is not None)
    weight = linear.weight.detach().view(linear.out_features, channels, height, width)
    conv.weight = nn.Parameter(weight, requires_grad=False)
    conv.bias = None if linear.bias is None else nn.Parameter(linear.bias.detach(), requires_grad=False)
    return conv.train(linear.training)


def class_maps(model: nn.Module, image_shape: ImageShape, images: Sequence[torch.Tensor]) -> list[ClassMap]:
    """The class map of each of `images` [1, C, H, W], of any sizes, by `model` in evaluation mode.

    `image_shape` is what the model was built for. Holds one set of weights, the model's own, and one image's maps.
    Raises ModelError where the model cannot be converted or an image is too small.
    """
    with evaluating(model), torch.no_grad():
        converted = fully_convolutional(model, image_shape).eval()
        return [_class_map(model, converted, image) for image in images]


@contextmanager
def _without_onednn() -> Iterator[None]:
    """Convolutions by PyTorch's own routine: oneDNN would copy the weights, 411 MB in VGG, to a layout of its own."""
    was = torch.backends.mkldnn.enabled
    torch.backends.mkldnn.enabled = False  # not flags(), which also sets TF32 and so warns where there is none
    try:
        yield
    finally:
        torch.backends.mkldnn.enabled = was


def _class_map(model: nn.Module, converted: FullyConvolutional, image: torch.Tensor) -> ClassMap:
    try:
        features = converted.features(image)
        with _without_onednn():
            scores = converted.head(features)[0]
    except RuntimeError as error:
        size = image_text(tuple(image.shape[1:]))
        raise ModelError(f"{size} images are too small for the network ({first_sentence(error)})") from error
    try:
        direct, reason = model(image)[0].cpu().numpy(), ""
    except RuntimeError as error:
        direct, reason = None, first_sentence(error)
    first = next(layer for layer in converted.head if isinstance(layer, nn.Conv2d))
    return ClassMap(
        size=tuple(image.shape[2:]),
        scores=scores.cpu().numpy(),
        direct=direct,
        reason=reason,
        entering=tuple(features.shape[1:]),
        expected=(first.in_channels, *first.kernel_size),
    )
