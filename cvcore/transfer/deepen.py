"""A deeper network that begins with layers of a shallower one (Simonyan and Zisserman, 2014, section 3.1).

The paper trained its shallowest network, A, from random weights. The deeper ones began with A's first four convolutions
and its three Linear layers, and with random numbers in between; all of it learnt at the same rate. Which layers fit is
told by their shapes and their order, so that the shallower network need not be built: its state dict has both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch

from cvcore.errors import ModelError
from cvcore.transfer.heads import Headed

FIRST = 4  # convolutions that are taken
CONVOLUTION, LINEAR, NORM = "convolution", "Linear", "BatchNorm"


@dataclass(frozen=True)
class Copied:
    """Names of the layers that were taken, {in the network: in the source}, and (how many, of how many of the
    network's) convolutions and Linear layers."""

    layers: Mapping[str, str]
    convolutions: tuple[int, int]
    linear: tuple[int, int]

    def __str__(self) -> str:
        """In words, such as "4 of 13 convolutions and 2 of 3 Linear layers"."""
        (taken, there), (also, with_them) = self.convolutions, self.linear
        return f"{taken} of {there} convolutions and {also} of {with_them} Linear layers"


@dataclass(eq=False)
class _Layer:
    """A layer of a state dict: its dotted name and its tensors, by the last part of theirs."""

    name: str
    tensors: dict[str, torch.Tensor] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        if "running_mean" in self.tensors:
            return NORM
        return {4: CONVOLUTION, 2: LINEAR}.get(len(self.shape), "")

    @property
    def shape(self) -> tuple[int, ...]:
        """Of its weight."""
        weight = self.tensors.get("weight", self.tensors.get("running_mean"))
        return () if weight is None else tuple(weight.shape)


_Pair = tuple[_Layer, _Layer]  # of the source, of the network


def deepen(network: Headed, weights: Mapping[str, torch.Tensor], names: tuple[str, str], same_classes: bool) -> Copied:
    """Give `network` the first convolutions of `weights` with their BatchNorm, and the Linear layers, where they fit.

    The head is taken only where both tell the `same_classes` apart. `names` are what the weights and the network are
    called. Raises ModelError, and changes nothing, where the network is not deeper, or nothing fits.
    """
    given, own = _layers(weights), _layers(network.model.state_dict())
    theirs, ours = ([layer for layer in layers if layer.kind in (CONVOLUTION, LINEAR)] for layers in (given, own))
    source, name = names
    if len(theirs) >= len(ours):
        raise ModelError(
            f"strategy: given deepen, but {source} has {len(theirs)} convolutions and Linear layers, and {name} "
            f"{len(ours)}: choose a deeper network, or another strategy"
        )
    head = next(layer for layer in ours if layer.name == network.head)
    last = next((layer for layer in reversed(theirs) if layer.kind == head.kind), None)
    bodies = [[layer for layer in layers if layer not in (head, last)] for layers in (theirs, ours)]
    pairs = _by_shape(*(_of_kind(CONVOLUTION, layers) for layers in bodies), most=FIRST)
    pairs += _norms_behind(pairs, given, own)
    pairs += _by_shape(*(_of_kind(LINEAR, layers)[::-1] for layers in bodies))  # from the end
    if same_classes and last and last.shape == head.shape:
        pairs.append((last, head))
    if not pairs:
        raise ModelError(
            f"strategy: given deepen, but no layer of {source} has the shape of one of {name}: choose a deeper network "
            "of the same family, or another strategy"
        )
    _copy(pairs)
    counts = (_count(kind, pairs, ours) for kind in (CONVOLUTION, LINEAR))
    return Copied({ours.name: theirs.name for theirs, ours in pairs}, *counts)


def _layers(state: Mapping[str, torch.Tensor]) -> list[_Layer]:
    """The layers of a state dict, in its order, which is that in which a network's author wrote them down."""
    found: dict[str, _Layer] = {}
    for key, tensor in state.items():
        name, _, part = key.rpartition(".")
        found.setdefault(name, _Layer(name)).tensors[part] = tensor
    return list(found.values())


def _of_kind(kind: str, layers: list[_Layer]) -> list[_Layer]:
    return [layer for layer in layers if layer.kind == kind]


def _by_shape(given: list[_Layer], own: list[_Layer], most: int | None = None) -> list[_Pair]:
    """Each of the first `most` of `given` with the first of `own` that has its shape and comes after the last one."""
    pairs, start = [], 0
    for layer in given[:most]:
        place = next((place for place in range(start, len(own)) if own[place].shape == layer.shape), None)
        if place is not None:
            pairs.append((layer, own[place]))
            start = place + 1
    return pairs


def _norms_behind(pairs: list[_Pair], given: list[_Layer], own: list[_Layer]) -> list[_Pair]:
    """The BatchNorm right behind both layers of a pair, where it has the same shape."""
    behind = [(_behind(theirs, given), _behind(ours, own)) for theirs, ours in pairs]
    norms = [(one, two) for one, two in behind if one and two and one.kind == two.kind == NORM]
    return [(one, two) for one, two in norms if one.shape == two.shape]


def _behind(layer: _Layer, layers: list[_Layer]) -> _Layer | None:
    return next(iter(layers[layers.index(layer) + 1 :]), None)


def _copy(pairs: list[_Pair]) -> None:
    """Overwrite the network's values, to which the tensors of its state dict belong."""
    with torch.no_grad():
        for theirs, ours in pairs:
            for part, tensor in ours.tensors.items():
                if part in theirs.tensors:
                    tensor.copy_(theirs.tensors[part])


def _count(kind: str, pairs: list[_Pair], ours: list[_Layer]) -> tuple[int, int]:
    return sum(layer.kind == kind for _, layer in pairs), sum(layer.kind == kind for layer in ours)
