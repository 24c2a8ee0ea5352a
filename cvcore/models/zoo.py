"""One registry of networks: ours, and on demand every torchvision classifier.

Importing this and listing our networks does not import torch: a builder is a "module:callable" text until it is needed.
A plain name is our own network where we have one, else torchvision's; `torchvision:NAME` is always theirs. A network
that somebody typed goes by its whole text.
"""

from __future__ import annotations

import importlib
import re
from typing import TYPE_CHECKING

from cvcore.errors import ModelError, unknown_name
from cvcore.models.families import family
from cvcore.models.fit import check_request, first_sentence, forward_failure, image_text
from cvcore.models.ours import Network, own_networks
from cvcore.models.spec import ImageShape, ModelSpec

if TYPE_CHECKING:
    from torch import nn

THEIRS = "torchvision:"
DEPTH = re.compile(r"(vgg|resnet)(\d+)(|_bn|-small)")  # names of which only the number of layers differs
LONGEST_NAME = 60  # characters; what is longer is nobody's network and is quoted only in part

_OURS: dict[str, Network] = {}


def register(spec: ModelSpec, builder: str, **options) -> None:
    """Adds one of our networks. `builder` is "module:callable", called with (image_shape, num_classes, **options).

    Raises ValueError where the name is taken: two networks must never answer to one name.
    """
    if spec.name in _OURS:
        raise ValueError(f"a model named {spec.name!r} is registered already: choose another name")
    _OURS[spec.name] = Network(spec, builder, options)


def own_models() -> list[ModelSpec]:
    """Our networks, from the simplest up. Does not import torch."""
    return [network.spec for network in _OURS.values()]


def torchvision_models() -> list[ModelSpec]:
    """Every classifier of the installed torchvision, sorted by name. Imports torch; downloads nothing."""
    from cvcore.models import torchvision_nets

    return [_their_spec(name) for name in torchvision_nets.classifier_names()]


def find(name: str) -> ModelSpec:
    """What is known of the network of that name, or of that text. Raises ModelError where there is none."""
    if name in _OURS:
        return _OURS[name].spec
    if "(" in name and _typed().is_typed(name):  # no name has a bracket: only texts wait for the parser
        return _typed().spec_of(name)
    if name.startswith("@"):
        raise ModelError(f"{name}: networks in files are read by the command line only; give a name, see `models`")
    if len(name) > LONGEST_NAME:
        raise ModelError(f"unknown model {name[:LONGEST_NAME]!r}…: give a name, see `models`, or nn.Sequential(...)")
    from cvcore.models import torchvision_nets

    theirs = torchvision_nets.classifier_names()
    if name.removeprefix(THEIRS) in theirs:
        return _their_spec(name.removeprefix(THEIRS))
    if name.startswith(THEIRS):
        raise ModelError(unknown_name("torchvision model", name.removeprefix(THEIRS), theirs))
    raise ModelError(unknown_name("model", name, dict.fromkeys([*_OURS, *theirs])))


def deeper(name: str) -> list[str]:
    """The networks of the same family and form with more layers, from the shallowest up, as their names tell.

    >>> deeper("vgg11_bn"), deeper("torchvision:resnet101"), deeper("bn-cnn")
    (['vgg13_bn', 'vgg16_bn', 'vgg19_bn'], ['torchvision:resnet152'], [])
    """
    place = THEIRS if name.startswith(THEIRS) else ""
    own = DEPTH.fullmatch(name.removeprefix(THEIRS))
    alike = [each for each in map(DEPTH.fullmatch, _OURS) if own and each and each[1] == own[1] and each[3] == own[3]]
    return [place + each[0] for each in sorted(alike, key=lambda each: int(each[2])) if int(each[2]) > int(own[2])]


def build(name: str, image_shape: ImageShape, num_classes: int) -> nn.Module:
    """The network, randomly initialised, on the current default device, for (C, H, W) images; it returns logits.

    Raises ModelError in one line where the name is unknown or the image does not fit.
    """
    spec = find(name)
    check_request(spec.label, image_shape, num_classes)
    try:
        if spec.source == "ours":
            return _build_ours(_OURS[spec.name], image_shape, num_classes)
        if spec.source == "typed":
            return _typed().build(name, image_shape, num_classes)  # as it was given: errors point into that
        return _build_theirs(spec, image_shape, num_classes)
    except (ValueError, AssertionError) as error:  # so our layers, and torchvision's, say that sizes do not go together
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
    return ModelError(f"{spec.label} does not fit {image_text(image_shape)} images ({cause}): {needs}")


def _typed():
    """The module for networks that somebody typed."""
    from cvcore.models import typed

    return typed


def _build_ours(network: Network, image_shape: ImageShape, num_classes: int) -> nn.Module:
    module, _, attribute = network.builder.partition(":")
    return getattr(importlib.import_module(module), attribute)(image_shape, num_classes, **network.options)


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

    about = family(name)
    return ModelSpec(
        name=THEIRS + name if name in _OURS else name,  # so that find(spec.name) is always this network
        title=f"{about.title} ({name})",
        source="torchvision",
        paper=about.paper,
        year=about.year or None,
        input=nets.default_input(name),
        min_side=nets.smallest_side(name),
        any_size=nets.takes_any_size(name),
        summary=about.summary,
        default_classes=1000,
        top1=nets.top1(name),
    )


for _network in own_networks():
    register(_network.spec, _network.builder, **_network.options)
