"""Rules on the end of a network: what it returns, and what the loss expects."""

from collections.abc import Iterator
from math import e, log

from cvcore.analysis.lint.finding import (
    DROPOUTS,
    LOSS_NAMES,
    Last,
    Remark,
    View,
    caution,
    mistake,
    note,
    plural,
    rule,
)
from cvcore.analysis.lint.trace import BATCH, Op
from cvcore.models.fit import image_text

SOFTMAXES = ("softmax", "logsoftmax")
NAMES = {"softmax": "Softmax", "logsoftmax": "LogSoftmax", "sigmoid": "Sigmoid", "tanh": "Tanh"}
RELUS = {"relu": "ReLU", "relu6": "ReLU6"}


@rule("softmax-dim", "Softmax runs over the classes, not over the batch")
def softmax_dim(view: View) -> Iterator[Remark]:
    """Tutorials and learners write dim=0, or no dim: of [N, C] that is the batch, or PyTorch's guess."""
    for op in view.ops:
        if op.kind not in SOFTMAXES or len(op.arrived) < 2:
            continue
        name, shape, given = NAMES[op.kind], op.arrived, _dim(op)
        guess = 0 if len(shape) == 3 else 1  # what PyTorch takes where no dim is given
        dim = guess if given is None else given % len(shape)
        axes = "[N, " + ", ".join(map(str, shape[1:])) + "]"
        if dim == 0 and shape[0] == BATCH:
            how = "without dim picks 0 here, which" if given is None else "over dim 0"
            yield mistake(
                op.where,
                f"{name} {how} of {axes} normalises over the batch: each class's probabilities sum to 1 over the "
                "images, so the answer for one image depends on the others, and an image alone gets 1 for every class.",
                f"dim=1, the axis of the {shape[1]:,} classes",
            )
        elif given is None:
            yield caution(
                op.where,
                f"{name} without dim lets PyTorch guess: dim {dim} of {axes}, right here, but 0 for three axes. "
                "PyTorch warns that the guess will go.",
                f"dim={dim}",
            )
        elif view.last and view.last.op is op and len(shape) == 4 and dim != 1:
            yield mistake(
                op.where,
                f"{name} over dim {given} of {axes} normalises over positions of the map, not over classes.",
                "dim=1, the axis of the classes",
            )


def _dim(op: Op) -> int | None:
    """The dim of a softmax, layer or function, as it was given."""
    if op.module is not None:
        return 1 if type(op.module).__name__ == "Softmax2d" else op.module.dim
    return op.options.get("dim", op.arguments[1] if len(op.arguments) > 1 else None)


@rule("softmax-before-loss", "No Softmax before a loss that contains one")
def softmax_before_loss(view: View) -> Iterator[Remark]:
    """Cross-entropy is LogSoftmax and NLL in one: a Softmax before it is the second."""
    op, classes = view.last.op if view.last else None, _outputs(view)
    if op is None or classes < 2 or view.loss != "cross_entropy":
        return
    if op.kind == "softmax":
        best, lowest = e / (e + classes - 1), log(e + classes - 1) - 1
        yield mistake(
            op.where,
            f"nn.CrossEntropyLoss applies LogSoftmax itself, so this Softmax is a second one. From 0..1 the second can "
            f"give {classes:,} classes at most {100 * best:.1f} % and the loss cannot fall below {lowest:.2f}: "
            "gradients shrink and training crawls.",
            "leave the Softmax out of the network; apply it to the logits when you show probabilities",
        )
    elif op.kind == "logsoftmax":
        yield note(
            op.where,
            "nn.CrossEntropyLoss applies LogSoftmax itself. A second one changes nothing, as its input sums to 1 "
            "already, but costs time and hides the logits.",
            'leave it out, or train with nn.NLLLoss (loss "nll")',
        )


@rule("logits-into-nll", "What the loss receives is what it expects: logits, or log-probabilities for NLL")
def logits_into_nll(view: View) -> Iterator[Remark]:
    """NLL only picks the value at the label: without LogSoftmax it rewards any large number."""
    if view.last is None or view.loss != "nll":
        return
    op = view.last.op
    if op.kind == "logsoftmax" or (op.kind == "log" and op.source and op.source.kind == "softmax"):
        return
    given = "probabilities (Softmax)" if op.kind == "softmax" else "raw logits"
    mend = "LogSoftmax instead of Softmax" if op.kind == "softmax" else "nn.LogSoftmax(dim=1) as the last layer"
    yield mistake(
        op.where,
        f"nn.NLLLoss expects log-probabilities and gets {given}: it only picks the value at the label and changes its "
        + ("sign, so it stays between −1 and 0." if op.kind == "softmax" else "sign, so it falls without end."),
        f'{mend}; or train with nn.CrossEntropyLoss (loss "cross_entropy")',
    )


@rule("bounded-logits", "Logits are free to be any number before the loss")
def bounded_logits(view: View) -> Iterator[Remark]:
    """Sigmoid, Tanh or ReLU at the very end cut the logits that cross-entropy wants to spread."""
    op, classes = view.last.op if view.last else None, _outputs(view)
    if op is None or classes < 2 or view.loss != "cross_entropy":
        return
    if op.kind in ("sigmoid", "tanh"):
        low = 0 if op.kind == "sigmoid" else -1
        best = e / (e + (classes - 1) * e**low)
        yield mistake(
            op.where,
            f"{NAMES[op.kind]} keeps every logit between {'0' if low == 0 else '−1'} and 1, so that of {classes:,} "
            f"classes none can get more than {100 * best:.1f} %: the loss cannot fall below {-log(best):.2f}.",
            f"leave the {NAMES[op.kind]} out: cross-entropy turns logits into probabilities itself",
        )
    elif op.kind in RELUS:
        yield from _cut_at_zero(op, view.last)


def _cut_at_zero(op: Op, last: Last) -> Iterator[Remark]:
    name = RELUS[op.kind]
    if last.averaged:
        yield note(
            op.where,
            f"{name} before the average that ends the network: logits cannot be negative. SqueezeNet is built so, and "
            "a class map that is 0 everywhere gets no gradient.",
            f"leave this {name} out in a network of your own",
        )
    else:
        yield caution(
            op.where,
            f"{name} is the last layer: negative logits become 0, so a class cannot be voted down, and a class whose "
            "logit is 0 for all images gets no gradient any more.",
            f"leave this {name} out: the loss takes any logits",
        )


@rule("dropout-on-output", "No Dropout on the output")
def dropout_on_output(view: View) -> Iterator[Remark]:
    if view.last is None:
        return
    for op in view.last.passed:
        p = getattr(op.module, "p", op.options.get("p", 0.5))
        if op.kind in DROPOUTS and p > 0:
            yield caution(
                op.where,
                f"Dropout after the last layer sets {100 * p:.0f} % of the logits to 0 in training, those of the right "
                "class too, and no later layer can make up for it.",
                "put it before the last layer",
            )


@rule("output-classes", "The last layer has one output for each class")
def output_classes(view: View) -> Iterator[Remark]:
    trace = view.trace
    if trace.failure:
        return
    if trace.output is None:
        said = f"returns a {trace.output_type}" if trace.output_type != "Tensor" else "returns nothing of the image"
        yield mistake("", f"The network {said}, not one tensor of logits.", "return the logits [N, classes] alone")
        return
    shape = trace.output.shape
    if len(shape) != 2:
        one = "The output is one number for the whole batch" if not shape else "The output has no axis of classes"
        said = f"The output of an image has shape {image_text(shape[1:])}" if len(shape) > 1 else one
        yield mistake(
            trace.output.where,
            f"{said}; {LOSS_NAMES[view.loss]} with one label an image needs one row of logits.",
            "end with nn.AdaptiveAvgPool2d(1) and nn.Flatten()" if len(shape) == 4 else "return [N, classes]",
        )
    elif view.classes is not None and shape[1] != view.classes:
        yield _wrong_count(view, shape[1], view.classes)


def _wrong_count(view: View, outputs: int, classes: int) -> Remark:
    fix, where = f"end with nn.Linear({outputs}, {classes})", ""
    last = next((op for op in reversed(view.ops) if op.is_weighted), None)
    if last and outputs == last.shape[1 if last.is_conv else -1]:
        fix, where = f"{'out_channels' if last.is_conv else 'out_features'}={classes}", last.where
    if outputs < classes:
        said = f"the loss fails at the first label from {outputs:,} up."
        return mistake(where, f"{plural(outputs, 'output')} for {classes:,} classes: {said}", fix)
    said = f"{outputs - classes:,} are never right and learn to be low."
    return caution(where, f"{outputs:,} outputs for {classes:,} classes: {said}", fix)


def _outputs(view: View) -> int:
    """How many logits an image gets; 0 where the output is no row of them."""
    shape = view.trace.output.shape if view.trace.output else ()
    return shape[1] if len(shape) > 1 else 0
