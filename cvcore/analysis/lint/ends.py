"""Rules on the end of a network: what it returns, and what the loss expects."""

from collections.abc import Iterator
from math import exp, inf, log, prod

from cvcore.analysis.lint.finding import LOSS_NAMES, PASSING, Last, Remark, View, caution, mistake, note, plural, rule
from cvcore.analysis.lint.ops import BATCH, Op, merged_failure
from cvcore.analysis.lint.softmaxes import PROBABILITIES
from cvcore.models.fit import image_text

RELUS = {"relu": "ReLU", "relu6": "ReLU6"}
# name, and the least and largest value, of activations that do not reach every number
BOUNDED = {
    "relu": ("ReLU", 0, inf),
    "relu6": ("ReLU6", 0, 6),
    "sigmoid": ("Sigmoid", 0, 1),
    "hardsigmoid": ("Hardsigmoid", 0, 1),
    "tanh": ("Tanh", -1, 1),
    "softsign": ("Softsign", -1, 1),
    "hardtanh": ("Hardtanh", -1, 1),
    "softplus": ("Softplus", 0, inf),
    "logsigmoid": ("LogSigmoid", -inf, 0),
}
TIGHT = 0.1  # a lowest loss above this is a mistake; below, the bound hardly matters


@rule("logits-into-nll", "What the loss receives is what it expects: logits, or log-probabilities for NLL")
def logits_into_nll(view: View) -> Iterator[Remark]:
    """NLL only picks the value at the label: without LogSoftmax it rewards any large number."""
    if view.last is None or view.loss != "nll":
        return
    op = view.last.op
    if op.kind == "logsoftmax" or (op.kind == "log" and op.source and op.source.kind in PROBABILITIES):
        return
    if _all_zero(op):
        yield _zeros(op)
        return
    given, falls, mend = "raw logits", "it falls without end", "nn.LogSoftmax(dim=1) as the last layer"
    if op.kind in PROBABILITIES:
        name = PROBABILITIES[op.kind]
        given, falls, mend = f"probabilities ({name})", "it stays between −1 and 0", f"LogSoftmax instead of {name}"
    elif op.kind in BOUNDED:
        name = BOUNDED[op.kind][0]
        given, mend = f"the output of {name}", f"nn.LogSoftmax(dim=1) instead of {name}"
        falls = "it falls as that value grows, whatever the other classes get"
    yield mistake(
        op.where,
        f"nn.NLLLoss expects log-probabilities and gets {given}: it only picks the value at the label and changes its "
        f"sign, so {falls}.",
        f'{mend}; or train with nn.CrossEntropyLoss (loss "cross_entropy")',
    )


def _all_zero(op: Op) -> bool:
    """Whether it is a ReLU of log-probabilities, which are never above 0."""
    before = op.source
    while before is not None and before.kind in PASSING:
        before = before.source
    return op.kind in RELUS and before is not None and before.kind == "logsoftmax"


def _zeros(op: Op) -> Remark:
    return mistake(
        op.where,
        f"{RELUS[op.kind]} after LogSoftmax makes every output 0, as log-probabilities are never above 0: the loss is "
        "the same for every image, and no gradient comes back.",
        f"leave the {RELUS[op.kind]} out",
    )


@rule("bounded-logits", "Logits are free to be any number before the loss")
def bounded_logits(view: View) -> Iterator[Remark]:
    """Sigmoid, Tanh, ReLU and the like at the very end cut the logits that cross-entropy wants to spread."""
    op, classes = view.last.op if view.last else None, view.outputs
    if op is None or classes < 2 or view.loss != "cross_entropy" or op.kind not in BOUNDED:
        return
    name, low, high = BOUNDED[op.kind]
    if op.kind == "hardtanh":
        low, high = op.setting("min_val", 1, low), op.setting("max_val", 2, high)
    if _all_zero(op):
        yield _zeros(op)
    elif op.kind in RELUS:
        yield from _cut_at_zero(op, view.last)
    elif inf in (-low, high):
        yield _one_sided(op.where, name, above=high == inf)
    else:
        yield _between(op.where, name, low, high, classes)


def _between(where: str, name: str, low: float, high: float, classes: int) -> Remark:
    best = 1 / (1 + (classes - 1) * exp(low - high))
    level = mistake if -log(best) > TIGHT else caution
    bounds = " and ".join(f"{bound:g}".replace("-", "−") for bound in (low, high))
    return level(
        where,
        f"{name} keeps every logit between {bounds}, so that of {classes:,} classes none can get more than "
        f"{100 * best:.3g} %: the loss cannot fall below {-log(best):.2f}.",
        f"leave the {name} out: cross-entropy turns logits into probabilities itself",
    )


def _one_sided(where: str, name: str, above: bool) -> Remark:
    side, vote, far = ("above", "down", "lower") if above else ("below", "up", "higher")
    return caution(
        where,
        f"{name} is the last layer: every logit is {side} 0, so a class cannot be voted {vote} past it, and the "
        f"{far} the value before it, the less gradient passes.",
        f"leave the {name} out: the loss takes any logits",
    )


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
        where, fix = _row_of_logits(view, trace.output)
        yield mistake(where, f"{said}; {LOSS_NAMES[view.loss]} with one label an image needs one row of logits.", fix)
    elif shape[0] != BATCH:
        where, fix = _row_of_logits(view, trace.output)
        rows = f"{shape[0] / BATCH:.3g} rows of logits for each image"
        yield mistake(where, f"The network gives {rows}: the images of a batch are mixed.", fix)
    elif view.classes is not None and shape[1] != view.classes:
        yield _wrong_count(view, shape[1], view.classes)


def _row_of_logits(view: View, output: Op) -> tuple[str, str]:
    """The layer to change, and how, for an output that is more or less than a row of logits an image."""
    merged = next((op for op in view.ops if op.merges_batch), None)
    if merged:
        return merged.where, merged_failure(merged).fix
    shape = output.shape
    if len(shape) < 3:
        return output.where, "return [N, classes]"
    first = _on_positions(output)
    if first:
        return first.where, _flat_before(view, first, output)
    last = _last_weighted(view)
    pooled = len(shape) == 3 or prod(shape[2:]) == 1 or last is None or last.is_linear  # no map of features
    values = prod(shape[1:]) if pooled else shape[1]
    parts = ["nn.Flatten()"] if pooled else [f"nn.AdaptiveAvgPool{len(shape) - 2}d(1)", "nn.Flatten()"]
    before = ""
    if view.classes not in (None, values):
        if last and len(shape) > 3 and _decides(view, last, values):
            before = f"out_channels={view.classes} in layer {last.where or '(network)'}, and "
        else:
            parts.append(f"nn.Linear({values}, {view.classes})")
    return output.where, f"{before}end with {' and '.join(filter(None, [', '.join(parts[:-1]), parts[-1]]))}"


def _flat_before(view: View, first: Op, output: Op) -> str:
    """What makes a chain that treats positions alone, from the layer `first` on, one of whole images."""
    fix = f"put nn.Flatten() before layer {first.where or '(network)'}, and in_features={prod(first.arrived[1:])}"
    last = _last_weighted(view)
    if view.classes in (None, output.shape[-1]) or last is None or not _decides(view, last, output.shape[-1]):
        return fix
    return f"{fix} in it, and out_features={view.classes} in layer {last.where or '(network)'}"


def _on_positions(output: Op) -> Op | None:
    """The first fully connected layer of a chain that ends the network and treats each position of a map alone."""
    found, op = None, output
    while op is not None and op.shape[:-1] == op.arrived[:-1] and not _wants_a_map(op):
        found = op if op.is_linear and len(op.arrived) > 2 else found
        op = op.source
    return found


def _wants_a_map(op: Op) -> bool:
    """Whether an operation that keeps the shape of a map would not take a row, or not as it is."""
    return op.kind in ("flatten", "batchnorm") or type(op.module).__name__.endswith("2d")


def _wrong_count(view: View, outputs: int, classes: int) -> Remark:
    fix, where = f"end with nn.Linear({outputs}, {classes})", ""
    last = _last_weighted(view)
    if last and _decides(view, last, outputs):
        fix, where = f"{'out_features' if last.is_linear else 'out_channels'}={classes}", last.where
    if outputs < classes:
        said = f"the loss fails at the first label from {outputs:,} up."
        return mistake(where, f"{plural(outputs, 'output')} for {plural(classes, 'class', 'classes')}: {said}", fix)
    extra = outputs - classes
    said = "1 of them is never right and learns" if extra == 1 else f"{extra:,} of them are never right and learn"
    told = f"{outputs:,} outputs for {plural(classes, 'class', 'classes')}: {said} to be low."
    return caution(where, told, fix)


def _last_weighted(view: View) -> Op | None:
    return next((op for op in reversed(view.ops) if op.is_weighted), None)


def _decides(view: View, op: Op, outputs: int) -> bool:
    """Whether the number of outputs is that of this layer alone, so that one argument changes it."""
    after = view.ops[view.ops.index(op) + 1 :]
    sized = any(each.module is not None and any(True for _ in each.module.parameters()) for each in after)
    free = op.is_linear or op.module.groups == 1
    return free and not sized and outputs == (op.module.out_features if op.is_linear else op.module.out_channels)
