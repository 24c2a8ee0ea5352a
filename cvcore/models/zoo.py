"""One registry of networks: ours, and on demand every torchvision classifier.

Importing this and listing our networks does not import torch: a builder is a "module:class" text until it is needed.
A plain name is our own network where we have one, else torchvision's; `torchvision:NAME` is always theirs.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cvcore.errors import ModelError, unknown_name
from cvcore.models.fit import check_request, first_sentence, forward_failure, image_text

if TYPE_CHECKING:
    from torch import nn

THEIRS = "torchvision:"
ImageShape = tuple[int, int, int]


@dataclass(frozen=True)
class ModelSpec:
    """What is known of a network without building it.

    `name` finds it again; `input` is the (C, H, W) of its paper, tutorial or default weights; `min_side` the smallest
    height and width in pixels; `any_size` says that one set of weights takes every image size from there up, while the
    other networks are built for one size.
    """

    name: str
    title: str
    source: str  # "ours" or "torchvision"
    paper: str
    year: int | None
    input: ImageShape
    min_side: int
    any_size: bool
    summary: str

    @property
    def default_classes(self) -> int:
        """Classes where nothing is said: 10 as in the tutorials, 1000 as in ImageNet."""
        return 10 if self.source == "ours" else 1000


_OURS: dict[str, tuple[ModelSpec, str]] = {}


def register(spec: ModelSpec, builder: str) -> None:
    """Adds one of our networks. `builder` is "module:callable", called with (image_shape, num_classes).

    Raises ValueError where the name is taken: two networks must never answer to one name.
    """
    if spec.name in _OURS:
        raise ValueError(f"a model named {spec.name!r} is registered already: choose another name")
    _OURS[spec.name] = (spec, builder)


def own_models() -> list[ModelSpec]:
    """Our networks, from the simplest up. Does not import torch."""
    return [spec for spec, _ in _OURS.values()]


def torchvision_models() -> list[ModelSpec]:
    """Every classifier of the installed torchvision, sorted by name. Imports torch; downloads nothing."""
    from cvcore.models import torchvision_nets

    return [_their_spec(name) for name in torchvision_nets.classifier_names()]


def find(name: str) -> ModelSpec:
    """The network of that name. Raises ModelError, with the nearest names, where there is none."""
    if name in _OURS:
        return _OURS[name][0]
    if name.startswith("@"):
        raise ModelError(f"{name}: networks from a file cannot be read by this version; give a name, see `models`")
    from cvcore.models import torchvision_nets

    theirs = torchvision_nets.classifier_names()
    if name.removeprefix(THEIRS) in theirs:
        return _their_spec(name.removeprefix(THEIRS))
    if name.startswith(THEIRS):
        raise ModelError(unknown_name("torchvision model", name.removeprefix(THEIRS), theirs))
    raise ModelError(unknown_name("model", name, [*_OURS, *theirs]))


def build(name: str, image_shape: ImageShape, num_classes: int) -> nn.Module:
    """The network, randomly initialised, on the current default device, for (C, H, W) images; it returns logits.

    Raises ModelError in one line where the name is unknown or the image does not fit.
    """
    spec = find(name)
    check_request(spec.name, image_shape, num_classes)
    try:
        if spec.source == "ours":
            module, _, attribute = _OURS[spec.name][1].partition(":")
            return getattr(importlib.import_module(module), attribute)(image_shape, num_classes)
        return _build_theirs(spec, image_shape, num_classes)
    except (
        ValueError,
        AssertionError,
    ) as error:  # how our layers, and torchvision's, say that sizes do not go together
        raise misfit(spec, image_shape, first_sentence(error)) from error


def check_fit(name: str, image_shape: ImageShape, num_classes: int, batch_size: int = 2) -> None:
    """Raises ModelError in one line where the network does not take (C, H, W) images; allocates nothing."""
    import torch

    with torch.device("meta"):
        model = build(name, image_shape, num_classes).eval()
        images = torch.empty(batch_size, *image_shape)
    with torch.no_grad():
        cause = forward_failure(model, images)
    if cause is not None:
        raise misfit(find(name), image_shape, cause)


def misfit(spec: ModelSpec, image_shape: ImageShape, cause: str) -> ModelError:
    """The error that says in one line what was given, where it fails, and what the network takes."""
    side = spec.min_side
    if spec.any_size or min(image_shape[1:]) < side:
        needs = f"use images of at least {side}×{side} pixels"
    else:
        needs = f"use {image_text(spec.input)} images, the size it was designed for"
    return ModelError(f"{spec.name} does not fit {image_text(image_shape)} images ({cause}): {needs}")


def _build_theirs(spec: ModelSpec, image_shape: ImageShape, num_classes: int) -> nn.Module:
    from cvcore.models import torchvision_nets

    if image_shape[0] != 3:
        raise ModelError(
            f"{spec.name} takes 3 channels (RGB), got {image_text(image_shape)}: choose a colour set such as shapes, "
            "or one of our own networks"
        )
    return torchvision_nets.build(spec.name.removeprefix(THEIRS), image_shape, num_classes)


def _their_spec(name: str) -> ModelSpec:
    from cvcore.models import torchvision_nets as nets

    family = nets.family(name)
    return ModelSpec(
        name=THEIRS + name if name in _OURS else name,  # so that find(spec.name) is always this network
        title=f"{family.title} ({name})",
        source="torchvision",
        paper=family.paper,
        year=family.year or None,
        input=nets.default_input(name),
        min_side=nets.smallest_side(name),
        any_size=nets.takes_any_size(name),
        summary=family.summary,
    )


def _register_ours() -> None:
    learn = "Microsoft Learn, Introduction to computer vision with PyTorch"
    lecun = "LeCun et al., Gradient-based learning applied to document recognition"
    digits, colour = (1, 28, 28), (3, 32, 32)
    rows = [
        # name, title, module:class, paper, year, input, min_side, any_size, summary
        ("perceptron", "Perceptron", "dense:Perceptron", learn, None, digits, 1, False,
         "One linear layer: every pixel votes for every class."),
        ("mlp", "Multi-layer perceptron", "dense:MLP", learn, None, digits, 1, False,
         "One hidden layer of 100 and a ReLU; still blind to which pixels are neighbours."),
        ("one-conv", "One convolution", "lenet:OneConv", learn, None, digits, 5, False,
         "Nine 5×5 filters slide over the image; a linear layer reads what they find."),
        ("two-conv", "Two convolutions", "lenet:TwoConv", learn, None, digits, 16, False,
         "Convolution and pooling twice: space shrinks, channels grow, parameters stay few."),
        ("lenet-cifar", "LeNet for CIFAR-10", "lenet:LeNetCifar", learn, None, colour, 32, False,
         "Three convolutions with ReLU and max pooling for small colour images."),
        ("lenet5", "LeNet-5", "lenet:LeNet5", lecun, 1998, digits, 28, False,
         "The network that read cheques: three convolutions, tanh, average pooling."),
        ("bn-cnn", "CNN with BatchNorm", "bn_cnn:BatchNormCNN", "", None, colour, 8, True,
         "Three stages of 3×3 convolution, BatchNorm and ReLU, then a global average: small, quick, accurate."),
    ]  # fmt: skip
    for name, title, builder, paper, year, shape, min_side, any_size, summary in rows:
        spec = ModelSpec(name, title, "ours", paper, year, shape, min_side, any_size, summary)
        register(spec, f"cvcore.models.{builder}")


_register_ours()
