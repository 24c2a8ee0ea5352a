"""Every classifier of torchvision: names, what its default weights say of it, and a builder."""

from __future__ import annotations

import torch
import torchvision
from torch import nn
from torch.overrides import TorchFunctionMode
from torchvision.models import inception as inception_module

# Their position tables or grids have the size of one image; all the others average over whatever is left of it.
_ONE_SIZE = ("vit", "maxvit")


def classifier_names() -> list[str]:
    """Names of all torchvision classifiers, sorted."""
    return torchvision.models.list_models(module=torchvision.models)


def default_weights(name: str):
    """torchvision's default weights of a classifier: their `transforms` and `meta`; nothing is downloaded."""
    return torchvision.models.get_model_weights(name).DEFAULT


def default_input(name: str) -> tuple[int, int, int]:
    """(3, S, S), where S is what the default weights crop to."""
    size = default_weights(name).transforms.keywords.get("crop_size", 224)
    return (3, size, size)


def smallest_side(name: str) -> int:
    """The smallest height and width, in pixels, that torchvision publishes for a classifier."""
    return max(default_weights(name).meta.get("min_size", (1, 1)))


def top1(name: str) -> float | None:
    """Published accuracy of the default weights on ImageNet-1K's validation images, in percent; None if unsaid."""
    metrics = default_weights(name).meta.get("_metrics", {})
    return metrics.get("ImageNet-1K", {}).get("acc@1")


def takes_any_size(name: str) -> bool:
    """Whether one set of weights takes images of any size from the smallest up."""
    return not name.startswith(_ONE_SIZE)


def build(name: str, image_shape: tuple[int, int, int], num_classes: int) -> nn.Module:
    """A randomly initialised torchvision classifier for 3×H×W images, on the current default device.

    Its forward returns logits [N, classes] in training mode too. Raises what torchvision raises where sizes do not fit.
    """
    options: dict = {"weights": None, "num_classes": num_classes}
    if name.startswith("vit"):
        options["image_size"] = _square_side(image_shape)
    elif name.startswith("maxvit"):
        options["input_size"] = tuple(image_shape[1:])
    elif name == "googlenet":
        # In training mode auxiliary heads would make the output a tuple; the published weights are without them.
        options |= {"aux_logits": False, "init_weights": True}
    elif name == "inception_v3":
        return _inception_v3(options)
    elif name.startswith("mnasnet"):
        return MNASNet(mnasnet_width(name), num_classes=num_classes)
    elif name.startswith("regnet"):
        with _NumbersOnCpu():
            return torchvision.models.get_model(name, **options)
    return torchvision.models.get_model(name, **options)


def _square_side(image_shape: tuple[int, int, int]) -> int:
    _, height, width = image_shape
    if height != width:
        raise ValueError(f"its patches need a square image, not {height}×{width}")
    return height


class _IdleHead(inception_module.InceptionAux):
    """Inception's auxiliary head, kept but never computed."""

    def forward(self, x: torch.Tensor) -> None:
        return None


def _inception_v3(options: dict) -> nn.Module:
    """Inception v3 with one output. Its published weights and parameter count include the auxiliary head, so that it
    stays, idle, where GoogLeNet's go; it is not computed, because it would make the output in training mode a tuple."""
    blocks = inception_module
    parts = [blocks.BasicConv2d, blocks.InceptionA, blocks.InceptionB, blocks.InceptionC, blocks.InceptionD]
    parts += [blocks.InceptionE, _IdleHead]
    model = torchvision.models.inception_v3(**options, inception_blocks=parts, aux_logits=True, init_weights=True)
    model.aux_logits = False
    return model


class MNASNet(torchvision.models.MNASNet):
    """torchvision's MNASNet, which takes weights without a version too, as all other networks do: state dicts that
    were copied or came as safetensors have none."""

    def _load_from_state_dict(self, *state) -> None:
        nn.Module._load_from_state_dict(self, *state)


def mnasnet_width(name: str) -> float:
    """Its width, as its name says.

    >>> mnasnet_width("mnasnet0_75")
    0.75
    """
    return float(name.removeprefix("mnasnet").replace("_", "."))


class _NumbersOnCpu(TorchFunctionMode):
    """Keeps the few small tensors on the CPU from which RegNet reads its widths: on meta there is nothing to read.
    Its layers are made by other functions and follow the default device."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func in (torch.arange, torch.tensor):
            kwargs = {"device": "cpu", **kwargs}
        return func(*args, **kwargs)
