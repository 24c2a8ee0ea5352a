"""What is known of the receptive field of one tensor, and the table of rules that carry it through an operation."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import fx

from cvcore.analysis.field.axis import Axis, Number
from cvcore.analysis.field.layout import Layout, axes_of
from cvcore.errors import ModelError


class UnknownFieldError(ModelError):
    """An operation whose effect on the field the recurrences cannot tell; the message says why."""


class Reach(NamedTuple):
    """What lets an output see the whole image along some axes: "h", "w" or "hw"."""

    text: str
    axes: str = "hw"


def reach(text: str, axes: set[str]) -> tuple[Reach, ...]:
    """One `Reach` along these axes; none where there are none."""
    return (Reach(text, "".join(sorted(axes))),) if axes else ()


@dataclass(frozen=True)
class State:
    """The field of a tensor: the local path along height and width, and what else reaches every output.

    `layout` is None where rows and columns can no longer be told apart. An axis is None where no local path is left.
    `offset` is by how many pixels branches that met were out of line. `through` says what lets an output see the whole
    image, and along which axes; `unknown` why the field cannot be told.
    """

    layout: Layout | None
    h: Axis | None = None
    w: Axis | None = None
    through: tuple[Reach, ...] = ()
    notes: tuple[str, ...] = ()
    offset: Number = 0
    unknown: str = ""

    def axis(self, name: str) -> Axis | None:
        """The field along "h" or "w"."""
        return self.h if name == "h" else self.w

    @property
    def seen_whole(self) -> set[str]:
        """Along which of "h" and "w" every output sees the whole image."""
        return {axis for each in self.through for axis in each.axes}

    def with_layout(self, layout: Layout | None, **changes: Any) -> "State":
        """This state on another layout; an axis that the layout does not hold any more is dropped."""
        held = axes_of(layout) if layout is not None else set()
        lost = {name: None for name in ("h", "w") if name not in held}
        return replace(self, layout=layout, **{**changes, **lost})


@dataclass
class Step:
    """One operation of the graph with the states of the tensors that go in."""

    node: fx.Node
    states: dict[fx.Node, Any]

    @property
    def name(self) -> str:
        """The operation's name without the mark of an in-place one: "relu" for aten.relu_.default."""
        return self.node.target._overloadpacket.__name__.rstrip("_")

    @cached_property
    def args(self) -> dict[str, Any]:
        """The operation's arguments by name, defaults filled in."""
        schema = self.node.target._schema.arguments
        found = {each.name: each.default_value for each in schema if each.has_default_value()}
        found |= {each.name: value for each, value in zip(schema, self.node.args, strict=False)}
        return found | self.node.kwargs

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the output; of the first where there are several."""
        if "shape" in self.node.meta:
            return self.node.meta["shape"]
        return next(user.meta["shape"] for user in self.node.users if "shape" in user.meta)

    def shape_of(self, argument: str) -> tuple[int, ...]:
        """Shape of the tensor that is given as `argument`."""
        return self.args[argument].meta["shape"]

    def state_of(self, argument: str) -> State:
        """State of the tensor that is given as `argument`. Raises UnknownFieldError where it is not the image's."""
        state = self.states.get(self.args[argument])
        if state is None:
            raise UnknownFieldError(f"{self.name} uses the image where weights are expected")
        return state

    @cached_property
    def inputs(self) -> list[tuple[State, tuple[int, ...]]]:
        """(state, shape) of all tensors that go in and come from the image."""
        return [
            (self.states[node], node.meta["shape"])
            for node in self.node.all_input_nodes
            if self.states.get(node) is not None
        ]


# pointwise operations that PyTorch does not mark as such
UNTAGGED = ("hardswish", "mish", "log_sigmoid_forward", "_prelu_kernel", "dropout", "rrelu", "rrelu_with_noise")
# what makes a tensor as large as another, without looking into it
FRESH = ("empty_like", "zeros_like", "ones_like", "full_like", "new_empty", "new_zeros", "new_ones", "new_full")

Rule = Callable[[Step], State | list[State]]
RULES: dict[str, Rule] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Registers the rule of these operations. Raises ValueError where one has a rule already."""

    def register(function: Rule) -> Rule:
        for name in names:
            if name in RULES:
                raise ValueError(f"the operation {name} has a rule already")
            RULES[name] = function
        return function

    return register


def is_pointwise(node: fx.Node) -> bool:
    """Whether every output value depends on the input values at its own place only, as PyTorch itself says."""
    return torch.Tag.pointwise in node.target.tags or node.target._overloadpacket.__name__.rstrip("_") in UNTAGGED


def unique(groups: Iterable[Iterable[Any]]) -> tuple[Any, ...]:
    """All texts, each once, in the order of their first appearance."""
    return tuple(dict.fromkeys(text for group in groups for text in group))


def whole_number(value: Any) -> int | float:
    """A number without its fraction where that is zero."""
    return int(value) if value == int(value) else float(value)
