"""Rules for what mixes values of many places: means, linear layers, normalisation, attention."""

from dataclasses import replace

import torch
from torch import fx

from cvcore.analysis.field.layout import axes_in, axes_of, plain
from cvcore.analysis.field.moves import ROOT_MEAN_SQUARE
from cvcore.analysis.field.state import Reach, State, Step, UnknownFieldError, reach, rule

WINDOWED = "window attention: what a unit sees depends on where it stands in its window"
REDUCTIONS = {"mean": "global average pooling", "amax": "global max pooling", "max": "global max pooling"}


@rule("mean", "sum", "amax", "amin", "max", "min", "prod", "var", "var_mean", "std", "linalg_vector_norm", "logsumexp")
def reduction(step: Step) -> State:
    state = step.state_of("self")
    given = step.args.get("dim")
    count = len(state.layout)
    dims = range(count) if given is None or given == [] else [given] if isinstance(given, int) else given
    dims = {dim % count for dim in dims}
    lost = set().union(*(axes_in(state.layout[dim]) for dim in dims))
    rest = [dim for index, dim in enumerate(state.layout) if index not in dims]
    if lost & set().union(set(), *map(axes_in, rest)):
        raise UnknownFieldError("a part of a rearranged map is averaged")
    if step.args.get("keepdim") and given is not None:
        layout = tuple(() if index in dims else dim for index, dim in enumerate(state.layout))
    else:
        layout = tuple(rest)
    return replace(state.with_layout(layout), through=reach(_reduction_name(step, lost), lost))


def _reduction_name(step: Step, axes: set[str]) -> str:
    """What a reduction is called: the mean of squares belongs to nn.RMSNorm."""
    if step.name == "mean" and _is_root_mean_square(step):
        return ROOT_MEAN_SQUARE
    named = REDUCTIONS.get(step.name, f"{step.name} over the map")
    return named if len(axes) > 1 else named.removeprefix("global ").removesuffix(" over the map")


def _is_root_mean_square(step: Step) -> bool:
    """Whether squares are averaged, and divided by the root: pow, mean, perhaps plus epsilon, rsqrt."""
    after = [*step.node.users, *(later for user in step.node.users for later in user.users)]
    return _is_call(step.args["self"], "pow") and any(_is_call(node, "rsqrt") for node in after)


def _is_call(node: fx.Node, name: str) -> bool:
    return isinstance(node.target, torch._ops.OpOverload) and node.target._overloadpacket.__name__.rstrip("_") == name


@rule("_softmax", "_log_softmax", "softmax", "log_softmax", "_safe_softmax")
def softmax(step: Step) -> State:
    state = step.state_of("self")
    axes = axes_in(state.layout[step.args["dim"]])
    return replace(state, through=reach("softmax over the map" if len(axes) > 1 else "softmax", axes))


@rule("native_batch_norm", "cudnn_batch_norm", "_native_batch_norm_legit", "_native_batch_norm_legit_no_training")
def batch_norm(step: Step) -> State:
    """Learnt statistics are constants; those of the image itself, as in instance normalisation, see all of it."""
    counts = step.args.get("training", False)
    return replace(
        step.state_of("input"), through=(Reach("normalisation by the map's own statistics"),) if counts else ()
    )


@rule("native_group_norm")
def group_norm(step: Step) -> State:
    return replace(step.state_of("input"), through=(Reach("group normalisation"),))


@rule("native_layer_norm")
def layer_norm(step: Step) -> State:
    state = step.state_of("input")
    normed = state.layout[-len(step.args["normalized_shape"]) :]
    axes = axes_of(normed)
    text = "layer normalisation over the map" if len(axes) > 1 else "layer normalisation"
    return replace(state, through=reach(text, axes))


FACTORS = {
    "mm": ("self", "mat2"),
    "bmm": ("self", "mat2"),
    "mv": ("self", "vec"),
    "matmul": ("self", "other"),
    "addmm": ("mat1", "mat2"),
    "addmv": ("mat", "vec"),
    "baddbmm": ("batch1", "batch2"),
    "linear": ("input", "weight"),
}


@rule(*FACTORS)
def product(step: Step) -> State:
    """A linear layer where one factor is weights; attention where both come from the image."""
    left, right = (step.states.get(step.args[name]) for name in FACTORS[step.name])
    if left is not None and right is not None:
        return _attention([left, right])
    if left is not None:
        return _linear(left, -1, step.shape)
    if right is not None:
        return _linear(right, 0 if len(right.layout) < 3 else -2, step.shape)
    raise UnknownFieldError(f"{step.name} adds the image to a product of weights")


def _linear(state: State, place: int, shape: tuple[int, ...]) -> State:
    """The dimension at `place` is mixed, all others stay."""
    lost = axes_in(state.layout[place])
    place %= len(state.layout)
    layout = [() if axes_in(dim) & lost else dim for dim in state.layout]
    layout = [plain(shape[index]) if index == place or not dim else dim for index, dim in enumerate(layout)]
    text = "a linear layer over positions" if len(lost) > 1 else "a linear layer"
    return replace(state.with_layout(tuple(layout)), through=reach(text, lost))


@rule(
    "_scaled_dot_product_flash_attention_for_cpu",
    "_scaled_dot_product_attention_math",
    "_scaled_dot_product_flash_attention",
    "_scaled_dot_product_efficient_attention",
    "_fused_sdp_choice",
    "scaled_dot_product_attention",
)
def attention(step: Step) -> State:
    return _attention([state for state, _ in step.inputs])


def _attention(factors: list[State]) -> State:
    """Every position sees every other one, or, in windows, those of its own window."""
    outside = [part for state in factors for dim in state.layout[:-2] for part in dim]
    if any(part.axis and part.size > 1 for part in outside):
        raise UnknownFieldError(WINDOWED)
    return State(None, through=(Reach("attention"),))


@rule("roll")
def roll(step: Step) -> State:
    raise UnknownFieldError("shifted windows wrap around the border of the map")
