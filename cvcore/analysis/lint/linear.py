"""The rule that linear layers in a row are one, and what that one would be."""

from collections.abc import Callable, Iterator, Sequence
from math import prod
from typing import NamedTuple

from cvcore.analysis.lint.finding import (
    AVERAGES,
    BATCH_NORMS,
    PASSING,
    Remark,
    View,
    caution,
    mistake,
    note,
    rule,
)
from cvcore.analysis.lint.ops import Op
from cvcore.models.fit import image_text

PADDINGS = {"pad", "zeropad", "constantpad"}
AFFINE = PASSING | AVERAGES | BATCH_NORMS | PADDINGS  # two linear layers with only these between are one


class Pair(NamedTuple):
    """Two layers with weights, and what lies between."""

    first: Op
    between: tuple[Op, ...]
    second: Op

    @property
    def params(self) -> int:
        return sum(p.numel() for op in (self.first, self.second) for p in op.module.parameters())


@rule("no-nonlinearity", "A non-linearity between any two linear layers")
def no_nonlinearity(view: View) -> Iterator[Remark]:
    """A product of two matrices is a matrix, a convolution of a convolution a convolution."""
    for op in view.ops:
        pair = _linear_pair(op) if op.is_weighted else None
        if pair is None:
            continue
        judge = {(True, True): _dense_pair, (False, False): _conv_pair}.get(
            (pair.first.is_linear, op.is_linear), _mixed
        )
        yield from judge(pair)


def _linear_pair(second: Op) -> Pair | None:
    """The layer before, where its result goes through nothing but affine steps, and to nobody else."""
    between, op = [], second.source
    while op is not None and (op.kind in AFFINE or _idle_activation(op)) and len(op.users) == 1:
        between.append(op)
        op = op.source
    if op is None or not op.is_weighted or len(op.users) != 1:
        return None
    return Pair(op, tuple(between), second)


def _idle_activation(op: Op) -> str:
    """What looks like a non-linearity and is linear as it is set, in words; "" where it is none of these."""
    if op.kind == "leakyrelu" and op.setting("negative_slope", 1, 0.01) == 1:
        return "LeakyReLU of slope 1, which changes nothing"
    if op.kind == "maxpool" and set(_sides(op.setting("kernel_size", 1, 2))) == {1}:
        return "max pooling of windows of one value, which has no maximum to choose"
    return ""


def _sides(value: int | Sequence[int]) -> Sequence[int]:
    return [value] if isinstance(value, int) else value


def _dense_pair(pair: Pair) -> Iterator[Remark]:
    first, second = pair.first.module, pair.second.module
    if first.out_features != second.in_features:  # the second reads several tokens at once, or along another axis
        yield from _mixed(pair)
        return
    inputs, hidden, outputs = first.in_features, first.out_features, second.out_features
    title = f"Linear {inputs:,}→{hidden:,} and Linear {hidden:,}→{outputs:,}"
    if hidden < min(inputs, outputs):
        yield note(
            pair.second.where,
            f"{title} with nothing non-linear between are one matrix of rank {hidden:,}: it saves parameters, "
            f"{pair.params:,} instead of {(inputs + 1) * outputs:,}, and adds no depth.",
            f"put nn.ReLU() after layer {pair.first.where}, unless the low rank is what you want",
        )
    elif not any(p.requires_grad for p in first.parameters()):
        yield note(
            pair.second.where,
            f"{title} follow each other; the first one is frozen, so the second reads its {hidden:,} outputs as they "
            "are.",
            f"replace layer {pair.first.where} instead of appending to it",
        )
    else:
        yield _one_layer(pair, title, f"Linear {inputs:,}→{outputs:,}", (inputs + 1) * outputs, mistake)


def _conv_pair(pair: Pair) -> Iterator[Remark]:
    first, second = pair.first.module, pair.second.module
    if first.groups > 1 or second.groups > 1:
        return  # depthwise separable: one layer in two cheaper steps, as in MobileNet and Xception
    inputs, hidden, outputs = first.in_channels, first.out_channels, second.out_channels
    pointwise = 1 in (prod(first.kernel_size), prod(second.kernel_size))
    normed = any(op.kind in BATCH_NORMS for op in pair.between)
    if pointwise and (hidden < min(inputs, outputs) or (normed and hidden == min(inputs, outputs))):
        return  # a linear bottleneck, as between the blocks of MobileNetV2; V3 has some that are not even narrower
    title = f"{_title(pair.first)} and {_title(pair.second)}"
    reach = _reach(pair)
    kinds = {pair.first.is_transposed, pair.second.is_transposed}
    if reach is None:
        yield _one_layer(pair, title, "convolution" if kinds == {False} else "linear layer", None, caution)
        return
    single = (inputs * prod(reach) + 1) * outputs
    level = mistake if single <= pair.params else caution
    if not pointwise and all(1 in (a, b) for a, b in zip(first.kernel_size, second.kernel_size, strict=True)):
        level = note  # 1×n and n×1: a window in two cheaper steps
    yield _one_layer(pair, title, f"{_noun(pair.second)} {inputs:,}→{outputs:,} {image_text(reach)}", single, level)


def _reach(pair: Pair) -> tuple[int, ...] | None:
    """The window of the one convolution that the pair, with poolings between, amounts to; None where it has none.

    A transposed convolution is a convolution's backward pass, so that two of them count from the end.
    """
    poolings = [op for op in reversed(pair.between) if op.kind in AVERAGES or op.kind == "maxpool"]
    steps = [pair.first, *poolings, pair.second]
    transposed = sum(op.is_transposed for op in steps)
    if transposed:
        steps.reverse()
    if transposed not in (0, len(steps)) or any(not hasattr(op.module, "kernel_size") for op in steps):
        return None
    reach, jump = [1] * len(pair.first.module.kernel_size), [1] * len(pair.first.module.kernel_size)
    for op in steps:
        for axis in range(len(reach)):
            kernel, stride = (_of_axis(getattr(op.module, name), axis) for name in ("kernel_size", "stride"))
            reach[axis] += (kernel - 1) * _of_axis(getattr(op.module, "dilation", 1), axis) * jump[axis]
            jump[axis] *= stride
    return tuple(reach)


def _of_axis(value: int | tuple[int, ...], axis: int) -> int:
    return value[axis] if isinstance(value, tuple) else value


def _mixed(pair: Pair) -> Iterator[Remark]:
    """A convolution that a fully connected layer reads, or the other way round."""
    if not pair.first.is_linear and pair.first.module.groups > 1:
        return
    inputs, outputs = prod(pair.first.arrived[1:]), prod(pair.second.shape[1:])
    single = (inputs + 1) * outputs
    averaged = any(op.kind in AVERAGES for op in pair.between)
    level = mistake if single <= pair.params and not averaged else caution
    title = f"{_title(pair.first)} and {_title(pair.second)}"
    yield _one_layer(pair, title, f"Linear {inputs:,}→{outputs:,}", single, level)


def _one_layer(pair: Pair, title: str, alone: str, single: int | None, level: Callable[..., Remark]) -> Remark:
    """The remark that a pair is worth no more than one layer, which would have `single` parameters."""
    norm = any(op.kind in BATCH_NORMS for op in pair.between)
    idle = next(filter(None, map(_idle_activation, pair.between)), "")
    between = "only BatchNorm between, which is linear too once it is trained" if norm else "no non-linearity between"
    between = f"only {idle}, between" if idle and not norm else between
    cost = f" ({single:,} parameters instead of {pair.params:,})" if single and single <= pair.params else ""
    first, second = pair.first.where, pair.second.where
    return level(
        pair.second.where,
        f"{title}, with {between}: together they compute nothing that one {alone}{cost} could not.",
        f"put nn.ReLU() between layers {first} and {second}",
    )


def _title(op: Op) -> str:
    if op.is_linear:
        return f"Linear {op.module.in_features:,}→{op.module.out_features:,}"
    window = image_text(op.module.kernel_size)
    return f"{_noun(op)} {op.module.in_channels:,}→{op.module.out_channels:,} {window}"


def _noun(op: Op) -> str:
    return "ConvTranspose" if op.is_transposed else "Conv"
