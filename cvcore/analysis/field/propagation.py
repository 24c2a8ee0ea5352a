"""Carries the receptive field along a traced graph: one rule per operation, and what every operation passes on."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import fx

from cvcore.analysis.field import mixing as field_mixing  # noqa: F401 - they fill the table of rules
from cvcore.analysis.field import moves as field_moves
from cvcore.analysis.field import windows as field_windows  # noqa: F401 - they fill the table of rules
from cvcore.analysis.field.axis import Axis
from cvcore.analysis.field.layout import of_images
from cvcore.analysis.field.state import FRESH, RULES, State, Step, UnknownFieldError, is_pointwise, unique
from cvcore.analysis.field.tracing import UNKNOWN

MERGING = ("cat", "concatenate", "stack")  # like sums, they go on with the operands whose layout is known


def propagate(graph: fx.Graph) -> dict[fx.Node, Any]:
    """The state of every tensor of a traced graph by its node: None for weights, a list where there are several."""
    states: dict[fx.Node, Any] = {}
    for node in graph.nodes:
        if node.op == "placeholder":
            states[node] = State(of_images(node.meta["shape"]), Axis(), Axis())
        elif node.op != "call_function":
            states[node] = None
        elif isinstance(node.target, torch._ops.OpOverload):
            states[node] = _after(Step(node, states))
        else:  # one of several outputs
            whole = states[node.args[0]]
            states[node] = whole[node.args[1]] if isinstance(whole, list) else whole
    return states


def _after(step: Step) -> State | list[State] | None:
    """The state after an operation: what its rule says, and whatever the tensors that go in brought along."""
    inputs = [state for state, _ in step.inputs]
    if not inputs or step.name in FRESH:
        return None
    if UNKNOWN in step.node.meta:
        return _inherited(State(None, unknown=step.node.meta[UNKNOWN]), inputs, step)
    merges = step.name in MERGING or (step.name not in RULES and is_pointwise(step.node))
    found = State(None)
    if merges or all(state.layout is not None for state in inputs):
        try:
            found = _rule(step)(step)
        except UnknownFieldError as error:
            found = State(None, unknown=str(error))
    if isinstance(found, list):
        return [_inherited(each, inputs, step) for each in found]
    return _inherited(found, inputs, step)


def _rule(step: Step) -> Callable[[Step], State | list[State]]:
    if step.name in RULES:
        return RULES[step.name]
    if is_pointwise(step.node):
        return field_moves.pointwise
    raise UnknownFieldError(f"the recurrences do not cover the operation {step.name}")


def _inherited(found: State, inputs: list[State], step: Step) -> State:
    """`found` with the reasons and notes of the tensors that went in."""
    gated = step.name == "mul" and is_pointwise(step.node) and found.layout is not None  # it has sorted them itself
    before = [] if gated else [state.through for state in inputs]
    lost = [state.through for state in inputs if state.layout is None]
    unknown = next((state.unknown for state in [*inputs, found] if state.unknown), "")
    notes = unique([*(state.notes for state in inputs), found.notes])
    offset = max(state.offset for state in [*inputs, found])
    through = unique([*before, *lost, found.through])
    return replace(found, through=through, notes=notes, offset=offset, unknown=unknown)
