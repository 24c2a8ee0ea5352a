"""Rules for what rearranges, takes apart or joins tensors: views, slices, concatenation, sums of branches."""

from collections.abc import Sequence
from dataclasses import replace

from cvcore.analysis.field.axis import Axis
from cvcore.analysis.field.layout import (
    TOKENS,
    Dim,
    Part,
    axes_in,
    axes_of,
    flattened,
    is_lone,
    plain,
    reshaped,
    resized,
)
from cvcore.analysis.field.state import Reach, State, Step, UnknownFieldError, reach, rule, whole_number

ROOT_MEAN_SQUARE = "normalisation by the root mean square"
SPREAD = "a map of one position, spread out"
GATE = "squeeze-and-excitation"
SHUFFLES = ("channel_shuffle", "native_channel_shuffle")


@rule("view", "reshape", "_unsafe_view", "_reshape_alias", "flatten", "unflatten")
def view(step: Step) -> State:
    state = step.state_of("self")
    layout = reshaped(state.layout, step.shape)
    if layout is None:
        if axes_of(state.layout):
            raise UnknownFieldError("a view cuts across rows and columns")
        layout = tuple(map(plain, step.shape))
    lost = flattened(layout)
    if lost:
        dropped = tuple(
            plain(size) if axes_in(dim) & lost else dim for dim, size in zip(layout, step.shape, strict=True)
        )
        return replace(state.with_layout(dropped), through=reach("flatten", lost))
    return state.with_layout(layout)


@rule("permute")
def permute(step: Step) -> State:
    state = step.state_of("self")
    return state.with_layout(tuple(state.layout[dim] for dim in step.args["dims"]))


@rule("transpose", "t", "swapaxes")
def transpose(step: Step) -> State:
    state = step.state_of("self")
    layout = list(state.layout)
    one, other = (step.args["dim0"], step.args["dim1"]) if "dim0" in step.args else (0, len(layout) - 1)
    layout[one], layout[other] = layout[other], layout[one]
    return state.with_layout(tuple(layout))


@rule("squeeze", "unsqueeze")
def squeeze(step: Step) -> State:
    state = step.state_of("self")
    layout = reshaped(state.layout, step.shape)  # only sizes of 1 come and go
    if layout is None or any(axes_in(dim) and any(part.axis == "" for part in dim) for dim in layout):
        layout = tuple(dim for dim in state.layout if dim)
        layout = tuple(map(plain, step.shape)) if not axes_of(layout) else None
    return state.with_layout(layout)


@rule("glu")
def gated_halves(step: Step) -> State:
    """One half of a dimension times a gate made of the other: of the channels, or of the rows or columns."""
    state, place = step.state_of("self"), step.args["dim"] % len(step.shape)
    halves = _cut(state, place, 0, 1, step.shape)
    if not axes_in(state.layout[place]):
        return halves
    name, apart = state.layout[place][0].axis, step.shape[place]
    both = state.axis(name).window(2, dilation=apart)  # two positions, half the map apart
    return replace(halves, **{name: both}, notes=("two halves of the map, and all between them",))


@rule("clone", "contiguous", "detach", "alias", "lift_fresh", "_to_copy", "as_strided", "copy", *SHUFFLES)
def same(step: Step) -> State:
    state = step.state_of("src" if step.name == "copy" else "self")
    if len(state.layout) != len(step.shape) or ("as_strided" in step.name and step.shape != step.shape_of("self")):
        raise UnknownFieldError(f"{step.name} rearranges memory")
    return state


@rule("expand")
def expand(step: Step) -> State:
    return _broadcast(step.state_of("self"), step.shape_of("self"), step.shape)


@rule("slice")
def slicing(step: Step) -> State:
    size = step.shape_of("self")[step.args["dim"]]
    start = step.args["start"] or 0
    return _cut(step.state_of("self"), step.args["dim"], start + size * (start < 0), step.args["step"], step.shape)


@rule("split", "split_with_sizes", "chunk", "unsafe_split", "unsafe_chunk")
def split(step: Step) -> list[State]:
    state, found, start = step.state_of("self"), [], 0
    for part in sorted(step.node.users, key=lambda user: user.args[1]):
        shape = part.meta["shape"]
        found.append(_cut(state, step.args["dim"], start, 1, shape))
        start += shape[step.args["dim"]]
    return found


@rule("select", "unbind")
def select(step: Step) -> State:
    state, place = step.state_of("self"), step.args["dim"]
    layout = list(state.layout)
    dim = layout.pop(place)
    lost = axes_in(dim)
    if lost - state.seen_whole:
        raise UnknownFieldError("one position of the map is picked")
    kept = tuple(() if axes_in(other) & lost else other for other in layout)
    return state.with_layout(kept)


@rule("cat", "concatenate")
def concatenate(step: Step) -> State:
    place = step.args["dim"] % len(step.shape)
    nodes = step.args["tensors"]
    known = [state for state in map(step.states.get, nodes) if state is not None and state.layout is not None]
    if not known:
        return State(None)
    base = max(known, key=lambda state: len(axes_of(state.layout)))
    dim: Dim = plain(step.shape[place])
    if axes_in(base.layout[place]):
        if len(known) > 1:
            raise UnknownFieldError("maps are joined side by side")
        dim = (Part(TOKENS, step.shape[place]),)  # patches, and a token that belongs to no place
    layout = tuple(dim if index == place else each for index, each in enumerate(base.layout))
    return _meet(base.with_layout(layout), [state for state in known if state is not base], skip=place)


@rule("stack")
def stack(step: Step) -> State:
    place = step.args["dim"] % len(step.shape)
    known = [state for state, _ in step.inputs if state.layout is not None]
    if not known:
        return State(None)
    joined = _meet(known[0], known[1:])
    layout = (*joined.layout[:place], plain(step.shape[place]), *joined.layout[place:])
    return joined.with_layout(layout)


def pointwise(step: Step) -> State:
    """Everything that meets at one place: a branch added, a map multiplied, an activation."""
    known = [(state, shape) for state, shape in step.inputs if state.layout is not None]
    if not known:
        return State(None)
    states = [_broadcast(state, shape, step.shape) for state, shape in known]
    base = max(states, key=lambda state: len(axes_of(state.layout)))
    others = [state for state in states if state is not base]
    found = _meet(base, others)
    through = tuple(each for state in states for each in state.through)
    gates = [state for state in others if not axes_of(state.layout) and state.through]
    if gates and axes_of(base.layout) and step.name == "mul":
        through = tuple(
            Reach(GATE, each.axes) if state in gates and each.text != ROOT_MEAN_SQUARE else each
            for state in [base, *others]
            for each in state.through
        )
    return replace(found, through=through)


def _broadcast(state: State, shape: Sequence[int], target: Sequence[int]) -> State:
    """The state after sizes of 1 were repeated."""
    missing = len(target) - len(shape)
    layout = [plain(size) for size in target[:missing]]
    through = state.through
    for dim, size, wanted in zip(state.layout, shape, target[missing:], strict=True):
        spread = size != wanted and axes_in(dim)
        through = (*through, *reach(SPREAD, axes_in(dim))) if spread else through
        layout.append(dim if axes_in(dim) and not spread else plain(wanted))
    return replace(state.with_layout(tuple(layout)), through=through)


def _cut(state: State, place: int, start: int, every: int, shape: Sequence[int]) -> State:
    """The state of every `every`-th position of a dimension, from `start` on."""
    place %= len(shape)
    dim = state.layout[place]
    layout = tuple(resized(dim, shape[place]) if index == place else each for index, each in enumerate(state.layout))
    if not axes_in(dim):
        return state.with_layout(layout)
    if every == 1 and start == 0 and sum(part.size for part in dim) == shape[place]:
        return state
    if not is_lone(dim):
        raise UnknownFieldError("a part is cut out of a rearranged map")
    axis = state.axis(dim[0].axis)
    moved = Axis(axis.start + start * axis.stride, axis.size, axis.stride * every)
    return replace(state.with_layout(layout), **{dim[0].axis: moved})


def _meet(base: State, others: Sequence[State], skip: int | None = None) -> State:
    """All that the branches see together. Raises UnknownFieldError where their strides differ."""
    found = base
    for other in others:
        if not axes_of(other.layout):
            continue
        ours, theirs = _places(base, skip), _places(other, skip)
        # an average along one axis stands beside a map that still has both
        if any(part not in (place, ()) for part, place in zip(theirs, ours, strict=True)) or not (
            axes_of(other.layout) <= axes_of(base.layout)
        ):
            raise UnknownFieldError("branches meet whose maps are arranged differently")
        for name in ("h", "w"):
            one, two = found.axis(name), other.axis(name)
            if one is None or two is None:
                continue
            if one.stride != two.stride:
                strides = " and ".join(str(whole_number(each.stride)) for each in (one, two))
                raise UnknownFieldError(f"branches of different strides meet, {strides} px")
            offset = max(found.offset, abs(one.centre - two.centre))
            found = replace(found, **{name: one.union(two)}, offset=offset)
    return found


def _places(state: State, skip: int | None) -> list[tuple[Part, ...]]:
    """Where rows and columns stand, without the dimension `skip`."""
    return [tuple(part for part in dim if part.axis) for index, dim in enumerate(state.layout) if index != skip]
