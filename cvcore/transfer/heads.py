"""A network's head, the layer that maps features to classes: found, replaced, or followed by another."""

from dataclasses import dataclass

import torch
from torch import nn

from cvcore.config import Head
from cvcore.errors import ModelError
from cvcore.models import zoo
from cvcore.models.spec import ImageShape

APPENDED = ("append", "append-softmax")  # heads that leave the old one in its place
HIDDEN = 256  # units of the hidden layer of an "mlp" head


def head_name(model: nn.Module) -> str:
    """Dotted name of the head: the last Linear layer, or where there is none, as in SqueezeNet, the last convolution.

    Raises ModelError where there is neither.
    """
    for kind in (nn.Linear, nn.Conv2d):
        if found := [name for name, module in model.named_modules() if isinstance(module, kind)]:
            return found[-1]
    raise ModelError(
        f"{type(model).__name__} has no Linear layer or convolution to replace: choose a network that ends in one"
    )


@dataclass(frozen=True)
class Headed:
    """A network with a fresh head: `head` is the dotted name of what is fresh, `body` that of the reused network."""

    model: nn.Module
    head: str
    body: str = ""

    def state_of_body(self) -> dict[str, torch.Tensor]:
        """The values that come from elsewhere, by their names in the reused network."""
        start = f"{self.body}." if self.body else ""
        state = self.model.state_dict()
        reused = [name for name in state if name.startswith(start) and not self.is_fresh(name)]
        return {name.removeprefix(start): state[name] for name in reused}

    def is_fresh(self, name: str) -> bool:
        """Whether a parameter or a buffer belongs to the head."""
        return name == self.head or name.startswith(f"{self.head}.")


class Appended(nn.Module):
    """A whole network with its old head, and a new layer behind it; as published, with a softmax of its own."""

    def __init__(self, body: nn.Module, outputs: int, classes: int, softmax: bool) -> None:
        super().__init__()
        self.body = body
        new = nn.Linear(outputs, classes)
        self.head = nn.Sequential(new, nn.Softmax(dim=1)) if softmax else new

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(images))


def with_head(name: str, image_shape: ImageShape, classes: int, head: Head, outputs: int = 0) -> Headed:
    """The network `name` of the zoo with a fresh head of this kind for `classes`.

    `outputs` is how many values the reused network gives, which only "append" and "append-softmax" ask for. Raises
    ModelError where the network has no such head.
    """
    if head in APPENDED:
        body = zoo.build(name, image_shape, outputs)
        return Headed(Appended(body, outputs, classes, head == "append-softmax"), "head", "body")
    model = zoo.build(name, image_shape, classes)
    place = head_name(model)
    if head == "linear":
        place = place.split(".")[0]
        first = next((layer for layer in model.get_submodule(place).modules() if isinstance(layer, nn.Linear)), None)
        model.set_submodule(place, nn.Sequential(nn.Flatten(), nn.Linear(_inputs(first, name, head), classes)))
    if head == "mlp":
        inputs = _inputs(model.get_submodule(place), name, head)
        model.set_submodule(place, nn.Sequential(nn.Linear(inputs, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, classes)))
    return Headed(model, place)


def _inputs(layer: nn.Module | None, name: str, head: Head) -> int:
    """How many features enter the layer."""
    if not isinstance(layer, nn.Linear):
        raise ModelError(f"head: given {head!r}, but {name} ends in a convolution; choose replace or append")
    return layer.in_features
