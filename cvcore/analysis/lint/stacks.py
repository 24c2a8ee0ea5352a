"""Rules on layers that follow each other: what a pair of them computes together."""

from collections.abc import Iterator

from cvcore.analysis.lint.finding import (
    BATCH_NORMS,
    Remark,
    View,
    layers,
    mistake,
    note,
    plural,
    rule,
    some,
)
from cvcore.analysis.lint.ops import Op
from cvcore.analysis.lint.softmaxes import PROBABILITIES

NORMS = BATCH_NORMS | {"layernorm", "groupnorm", "instancenorm", "localresponsenorm", "rmsnorm"}


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


REPEATING = {"relu": "ReLU", "relu6": "ReLU6", "batchnorm": "BatchNorm", "logsoftmax": "LogSoftmax"}


@rule("repeated-layer", "No layer that only repeats the one before")
def repeated_layer(view: View) -> Iterator[Remark]:
    for op in view.ops:
        before = op.source
        if before is None:
            continue
        if op.kind in PROBABILITIES and before.kind in PROBABILITIES:
            names = f"{PROBABILITIES[op.kind]} of a {PROBABILITIES[before.kind]}"
            said = f"{names} flattens the probabilities: the second sees only values from 0 to 1."
            yield mistake(op.where, said, "leave one of them out")
        elif op.kind == "logsoftmax" and before.kind in PROBABILITIES:
            name = PROBABILITIES[before.kind]
            said = f"LogSoftmax of a {name} is not its logarithm: probabilities are taken for logits."
            yield mistake(op.where, said, f"leave the {name} out")
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
