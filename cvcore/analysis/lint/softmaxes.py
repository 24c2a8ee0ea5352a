"""Rules on softmaxes: over which axis they run, and none before a loss that contains one."""

from collections.abc import Iterator
from math import e, log

from torch import nn

from cvcore.analysis.lint.finding import Remark, View, caution, mistake, note, rule
from cvcore.analysis.lint.ops import BATCH, Op

PROBABILITIES = {"softmax": "Softmax", "softmin": "Softmin"}  # softmin is the softmax of −x
SOFTMAXES = PROBABILITIES | {"logsoftmax": "LogSoftmax"}


@rule("softmax-dim", "Softmax runs over the classes, not over the batch")
def softmax_dim(view: View) -> Iterator[Remark]:
    """Tutorials and learners write dim=0, or no dim: of [N, C] that is the batch, or PyTorch's guess."""
    for op in view.ops:
        if op.kind not in SOFTMAXES or len(op.arrived) < 2:
            continue
        name, shape, given = SOFTMAXES[op.kind], op.arrived, _dim(op)
        guess = 0 if len(shape) == 3 else 1  # what PyTorch takes where no dim is given
        dim = guess if given is None else given % len(shape)
        axes = "[N, " + ", ".join(map(str, shape[1:])) + "]"
        if dim == 0 and shape[0] == BATCH:
            how = "without dim picks 0 here, which" if given is None else "over dim 0"
            is_row = len(shape) == 2 or (view.last is not None and view.last.op is op)
            yield mistake(
                op.where,
                f"{name} {how} of {axes} normalises over the batch: each class's probabilities sum to 1 over the "
                "images, so the answer for one image depends on the others, and an image alone gets 1 for every class.",
                f"dim=1, the axis of the {shape[1]:,} classes" if is_row else "dim=-1, or the axis that is to sum to 1",
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
    if isinstance(op.module, nn.Softmax2d):
        return 1
    return op.setting("dim", 1, None)


@rule("softmax-before-loss", "No Softmax before a loss that contains one")
def softmax_before_loss(view: View) -> Iterator[Remark]:
    """Cross-entropy is LogSoftmax and NLL in one: a Softmax before it is the second."""
    op, classes = view.last.op if view.last else None, view.outputs
    if op is None or classes < 2 or view.loss != "cross_entropy":
        return
    if op.kind in PROBABILITIES:
        name = PROBABILITIES[op.kind]
        this = "this Softmax" if name == "Softmax" else "this Softmin, the softmax of −x,"
        best, lowest = e / (e + classes - 1), log(e + classes - 1) - 1
        yield mistake(
            op.where,
            f"nn.CrossEntropyLoss applies LogSoftmax itself, so {this} is a second one. From 0..1 the second can "
            f"give {classes:,} classes at most {100 * best:.1f} % and the loss cannot fall below {lowest:.2f}: "
            "gradients shrink and training crawls.",
            f"leave the {name} out of the network; apply it to the logits when you show probabilities",
        )
    elif op.kind == "logsoftmax":
        yield note(
            op.where,
            "nn.CrossEntropyLoss applies LogSoftmax itself. A second one changes nothing, as its input sums to 1 "
            "already, but costs time and hides the logits.",
            'leave it out, or train with nn.NLLLoss (loss "nll")',
        )
