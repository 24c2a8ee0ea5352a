"""Rules on layers that follow each other: what a pair of them computes together."""

from collections.abc import Callable, Iterator
from math import prod
from typing import NamedTuple

from cvcore.analysis.lint.finding import (
    AVERAGES,
    BATCH_NORMS,
    DROPOUTS,
    PASSING,
    Remark,
    View,
    caution,
    layers,
    mistake,
    note,
    plural,
    rule,
    some,
)
from cvcore.analysis.lint.trace import Op
from cvcore.models.fit import image_text

PADDINGS = {"pad", "zeropad", "constantpad"}
AFFINE = PASSING | AVERAGES | BATCH_NORMS | PADDINGS  # two linear layers with only these between are one
NORMS = BATCH_NORMS | {"layernorm", "groupnorm", "instancenorm", "localresponsenorm", "rmsnorm"}


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
    while op is not None and op.kind in AFFINE and len(op.users) == 1:
        between.append(op)
        op = op.source
    if op is None or not op.is_weighted or len(op.users) != 1:
        return None
    return Pair(op, tuple(between), second)


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
    if reach is None:
        yield _one_layer(pair, title, "convolution", None, caution)
        return
    single = (inputs * prod(reach) + 1) * outputs
    level = mistake if single <= pair.params else caution
    if not pointwise and all(1 in (a, b) for a, b in zip(first.kernel_size, second.kernel_size, strict=True)):
        level = note  # 1×n and n×1: a window in two cheaper steps
    yield _one_layer(pair, title, f"Conv {inputs:,}→{outputs:,} {image_text(reach)}", single, level)


def _reach(pair: Pair) -> tuple[int, ...] | None:
    """The window of the one convolution that the pair, with poolings between, amounts to; None where it has none."""
    steps = [pair.first, *(op for op in reversed(pair.between) if op.kind in AVERAGES), pair.second]
    if any(not hasattr(op.module, "kernel_size") for op in steps):
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
    if pair.first.is_conv and pair.first.module.groups > 1:
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
    between = "only BatchNorm between, which is linear too once it is trained" if norm else "no non-linearity between"
    cost = f" ({single:,} parameters instead of {pair.params:,})" if single and single <= pair.params else ""
    first, second = pair.first.where, pair.second.where
    return level(
        pair.second.where,
        f"{title}, with {between}: together they compute nothing that one {alone}{cost} could not.",
        f"put nn.ReLU() between layers {first} and {second}",
    )


@rule("bias-before-norm", "No bias that BatchNorm takes away again")
def bias_before_norm(view: View) -> Iterator[Remark]:
    found = [
        op
        for op in view.ops
        if op.is_weighted
        and op.module.bias is not None
        and [user.kind for user in op.users] in (["batchnorm"], ["syncbatchnorm"], ["instancenorm"])
    ]
    if found:
        count = sum(op.module.bias.numel() for op in found)
        names = layers([op.where for op in found])
        yield note(
            found[0].where,
            f"{names}: a bias right before a normalisation, which subtracts the mean and with it the bias. "
            f"{plural(count, 'parameter')} without effect in training.",
            "bias=False; the normalisation has a shift of its own",
        )


@rule("dropout-before-norm", "No Dropout right before BatchNorm")
def dropout_before_norm(view: View) -> Iterator[Remark]:
    for op in view.ops:
        if op.kind in BATCH_NORMS and op.source and op.source.kind in DROPOUTS and getattr(op.source.module, "p", 0.5):
            yield caution(
                op.where,
                "BatchNorm right after Dropout learns the variance of values that Dropout has spread; in evaluation "
                "Dropout is off, the variance is smaller, and the statistics are wrong (Li et al., 2018).",
                "Dropout after the last BatchNorm, or none",
            )


REPEATING = {"relu": "ReLU", "relu6": "ReLU6", "batchnorm": "BatchNorm", "logsoftmax": "LogSoftmax"}


@rule("repeated-layer", "No layer that only repeats the one before")
def repeated_layer(view: View) -> Iterator[Remark]:
    for op in view.ops:
        before = op.source
        if before is None:
            continue
        if op.kind == "softmax" and before.kind == "softmax":
            said = "Softmax of a Softmax flattens the probabilities: the second sees only values from 0 to 1."
            yield mistake(op.where, said, "leave one of them out")
        elif op.kind == "logsoftmax" and before.kind == "softmax":
            said = "LogSoftmax of a Softmax is not its logarithm: probabilities are taken for logits."
            yield mistake(op.where, said, "leave the Softmax out")
        elif op.kind == before.kind and op.kind in REPEATING:
            name = REPEATING[op.kind]
            said = f"{name} right after {name} (layer {before.where or '(network)'}) adds nothing."
            yield note(op.where, said, "leave one of them out")


@rule("saturating-activations", "No deep stack of Sigmoid or Tanh without normalisation")
def saturating_activations(view: View) -> Iterator[Remark]:
    if any(op.kind in NORMS for op in view.ops):
        return
    found = [op for op in view.ops if op.kind in ("sigmoid", "tanh") and op.source and _after_weights(op.source)]
    sigmoids = sum(op.kind == "sigmoid" for op in found)
    if len(found) < 4 and sigmoids < 3:
        return
    bound = f"at most 1/4 each, so at most {100 * 0.25**sigmoids:.2g} % of the gradient passes {sigmoids} of them"
    slope = bound if sigmoids >= 3 else "1 at zero and 7 % at ±2, so large values pass hardly any gradient back"
    names = some([op.where or op.kind for op in found])
    yield note(
        found[0].where,
        f"{len(found)} saturating activations ({names}) without normalisation: their slope is {slope}, and the first "
        "layers learn slowly.",
        "ReLU instead, or BatchNorm before them",
    )


def _after_weights(op: Op) -> bool:
    """Whether a layer with weights made this, so that the activation is no gate of an attention."""
    return op.is_weighted and all(user.kind != "mul" for each in op.users for user in each.users)


def _title(op: Op) -> str:
    if op.is_conv:
        return f"Conv {op.module.in_channels:,}→{op.module.out_channels:,} {image_text(op.module.kernel_size)}"
    return f"Linear {op.module.in_features:,}→{op.module.out_features:,}"
