"""The receptive field of every layer of a network: which input pixels one output value can see.

Three recurrences (`field.axis`) are carried along the traced graph (`field.tracing`), for height and width apart. Where
branches meet, the field is the union of theirs. Where something lets a value see the whole image, as a
squeeze-and-excitation gate does, the layer is "global", and the figures are those of the local path beside it.

Sources: Araujo, Norris and Sim, "Computing receptive fields of convolutional neural networks", Distill, 2019; and their
code, google-research/receptive_field, for the published values that the tests compare with.
"""

import operator
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from math import ceil, floor
from typing import Any, Literal

import torch
from torch import fx, nn

from cvcore.analysis.field.axis import Axis
from cvcore.analysis.field.layout import axes_in, is_lone, is_rearranged, plane
from cvcore.analysis.field.propagation import propagate
from cvcore.analysis.field.state import State, whole_number
from cvcore.analysis.field.tracing import Call, MisfitError, Trace, UntraceableError, trace
from cvcore.models import zoo
from cvcore.models.fit import check_request

Status = Literal["local", "global", "unavailable"]
Number = int | float
ADAPTIVE = ("_adaptive_avg_pool2d", "adaptive_avg_pool2d", "adaptive_max_pool2d")


@dataclass(frozen=True)
class Field:
    """The receptive field of one run of a layer; pairs are (height, width), in input pixels.

    `output` is the size of its map, () where it has none. `size` is the side of the field; `stride`, also called jump,
    how far the fields of neighbouring outputs lie apart; `padding` how far output 0's reaches out of the image.
    Output (i, j) sees rows i · stride − padding to i · stride − padding + size − 1, and columns likewise.
    `status` "global": every output sees the whole image, as `note` says; the figures are those of the local path, None
    where none is left. `note` says so where it sees all of one axis only ("global over the width"): along the other
    one the field is local; along this one, without a local path, the figures are the image's side and a stride of 0.
    "unavailable": `note` says why. Strides are fractions after layers that enlarge; sizes are upper bounds there.
    """

    name: str
    type: str
    output: tuple[int, ...]
    size: tuple[int, int] | None
    stride: tuple[Number, Number] | None
    padding: tuple[Number, Number] | None
    status: Status
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """The same as plain lists and numbers."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    def exceeds(self, height: int, width: int) -> bool:
        """Whether its local field is larger than an image of this size, in height or width."""
        return self.size is not None and (self.size[0] > height or self.size[1] > width)

    def box(self, row: int, column: int) -> tuple[int, int, int, int]:
        """(top, left, bottom, right) of what output (row, column) sees, in whole pixels; the last two are exclusive.

        >>> Field("conv", "Conv2d", (14, 14), (3, 3), (2, 2), (1, 1), "local").box(0, 5)
        (-1, 9, 2, 12)
        """
        places = zip((row, column), self.stride, self.padding, self.size, strict=True)
        ends = [(place * j - p, place * j - p + size - 1) for place, j, p, size in places]
        # a fraction of a pixel is in nobody's window; rounded first, because thirds are not exact
        (top, bottom), (left, right) = [(ceil(round(a, 6)), floor(round(b, 6)) + 1) for a, b in ends]
        return top, left, bottom, right


@dataclass(frozen=True)
class Fields:
    """The fields of all layers in running order, for an `input` of (C, H, W).

    `last_local` is the last map before global pooling or flatten; None where there is no map. `reason` says why nothing
    could be computed, and is empty otherwise.
    """

    model: str
    input: tuple[int, int, int]
    layers: tuple[Field, ...]
    last_local: Field | None
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """The same as plain dicts, lists and numbers, ready for `json.dumps`."""
        last = self.last_local.to_json() if self.last_local else None
        layers = [layer.to_json() for layer in self.layers]
        return {
            "model": self.model,
            "input": list(self.input),
            "layers": layers,
            "last_local": last,
            "reason": self.reason,
        }


def fields(name: str, image_shape: Sequence[int] | None = None, num_classes: int | None = None) -> Fields:
    """The receptive fields of a network of the zoo; without a shape or classes, those of its paper or tutorial.

    Raises ModelError in one line where the name is unknown or the image does not fit.
    """
    spec = zoo.find(name)
    shape = tuple(spec.input if image_shape is None else image_shape)
    classes = spec.default_classes if num_classes is None else num_classes
    check_request(spec.label, shape, classes)
    try:
        return fields_of_module(spec.name, lambda: zoo.build(name, shape, classes), shape)
    except MisfitError as error:
        raise zoo.misfit(spec, shape, error.cause) from error


def fields_of_module(name: str, network: nn.Module | Callable[[], nn.Module], image_shape: Sequence[int]) -> Fields:
    """The receptive fields of any network, or of the one that a function returns, for a (C, H, W) image.

    A function is called with the meta device as default, so that no weights are allocated. A network is left as it is.
    """
    shape = tuple(image_shape)
    build = (lambda: network) if isinstance(network, nn.Module) else network
    try:
        traced = trace(name, build, shape)
        states = propagate(traced.graph)
    except UntraceableError as error:
        return _unavailable(name, build, shape, str(error))
    layers = tuple(_field(call, states, shape[1:]) for call in traced.calls if call.is_leaf)
    return Fields(name, shape, layers, _last_local(traced, states, shape[1:]))


def _field(call: Call, states: dict[fx.Node, Any], sides: tuple[int, int]) -> Field:
    """The row of one run of a module, for an image of these sides."""
    state = states.get(call.node)
    if not isinstance(state, State):
        reason = "its output does not depend on the image" if call.node is not None else "it returns no tensor"
        return Field(call.name, call.type, (), None, None, None, "unavailable", reason)
    size = stride = padding = None
    output, axes = _output(state, call.node.meta["shape"]), _axes(state, sides)
    status, note = _status(state)
    if state.layout is not None and is_rearranged(state.layout) and status == "local":
        status, note = "unavailable", "its rows and columns are not those of the image: a view has rearranged them"
    if axes and status != "unavailable":
        size = tuple(ceil(axis.size) for axis in axes)
        stride = tuple(whole_number(axis.stride) for axis in axes)
        padding = tuple(whole_number(-axis.start) for axis in axes)
    return Field(call.name, call.type, output, size, stride, padding, status, note)


def _axes(state: State, sides: tuple[int, int]) -> tuple[Axis, ...]:
    """The local path along height and width. Where one axis has none left, because all of it is seen, the image's side
    stands in; () where neither has one, or where rows and columns cannot be told apart."""
    if state.layout is None or is_rearranged(state.layout) or (state.h is None and state.w is None):
        return ()
    found = [
        Axis(0, side, 0) if state.axis(name) is None and name in state.seen_whole else state.axis(name)
        for name, side in zip("hw", sides, strict=True)
    ]
    return () if None in found else tuple(found)


def _output(state: State, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Height and width of a tensor's map; () where it has none, or nobody can tell which of its sides they are."""
    layout = state.layout
    if layout is not None and plane(layout) and not is_rearranged(layout):
        return plane(layout)
    if len(shape) != 4 or (layout is None and shape[1] == shape[2] != shape[3]):  # its channels may come last
        return ()
    last = layout is not None and not is_rearranged(layout) and any(map(axes_in, layout[:2]))
    return tuple(shape[1:3] if last else shape[2:])


def _status(state: State) -> tuple[Status, str]:
    """What kind of field a state has, and the note that explains it."""
    notes = list(state.notes)
    if state.offset:
        notes.append(f"branches out of line by up to {whole_number(state.offset)} px: all that they see together")
    if state.through and (len(state.seen_whole) == 2 or not state.unknown):
        over = {("h",): " over the height", ("w",): " over the width"}.get(tuple(state.seen_whole), "")
        texts = list(dict.fromkeys(each.text for each in state.through))
        return "global", "; ".join([f"global{over}, through {_listed(texts)}", *notes])
    if state.unknown:
        return "unavailable", state.unknown
    return "local", "; ".join(notes)


def _listed(texts: Sequence[str]) -> str:
    return " and ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)


def _last_local(traced: Trace, states: dict[fx.Node, Any], sides: tuple[int, int]) -> Field | None:
    """The last map before the plane is given up. Adaptive pooling to several windows is not counted as one: it may
    spread one pixel over many outputs."""
    maps = [node for node in traced.graph.nodes if node.op == "call_function" and _is_map(states.get(node))]
    maps = [node for node in maps if not _is_call(node, ADAPTIVE) and not _is_side_output(node, states)]
    if not maps:
        return None
    node = maps[-1]
    runs: dict[fx.Node, Call] = {}
    for call in traced.calls:
        if call.node is not None and not (call.node in runs and runs[call.node].is_leaf):
            runs[call.node] = call  # the innermost module that returned it
    named = node
    while named not in runs and named.all_input_nodes:
        before = [each for each in named.all_input_nodes if _same_axes(states.get(each), states[node])]
        if not before:
            break
        named = before[0]
    if named.op == "placeholder":  # the image itself, only seen in another shape
        return None
    call = runs.get(named, Call("", "(own operations)"))
    return _field(Call(call.name, call.type, node), states, sides)


def _is_call(node: fx.Node, names: Sequence[str]) -> bool:
    return isinstance(node.target, torch._ops.OpOverload) and node.target._overloadpacket.__name__ in names


def _is_side_output(node: fx.Node, states: dict[fx.Node, Any]) -> bool:
    """Whether a tensor is something besides the result, such as the places where max pooling found its values."""
    return node.target is operator.getitem and node.args[1] > 0 and not isinstance(states[node.args[0]], list)


def _is_map(state: Any) -> bool:
    """Whether a tensor is a map: rows and columns in dimensions of their own, a local path along both."""
    if not isinstance(state, State) or state.layout is None or state.h is None or state.w is None:
        return False
    return sum(is_lone(dim) for dim in state.layout) == 2


def _same_axes(state: Any, other: State) -> bool:
    return isinstance(state, State) and (state.h, state.w) == (other.h, other.w)


def _unavailable(name: str, build: Callable[[], nn.Module], shape: tuple[int, ...], reason: str) -> Fields:
    """Every layer of a network that cannot be traced, in the order in which it was built."""
    with torch.device("meta"):
        leaves = [(path, module) for path, module in build().named_modules() if not any(module.children())]
    rows = [Field(path, type(module).__name__, (), None, None, None, "unavailable", reason) for path, module in leaves]
    return Fields(name, shape, tuple(rows), None, reason)
