"""Rules on what layers do in training only: Dropout, where it stands and how much it drops."""

from collections.abc import Iterator

from cvcore.analysis.lint.finding import BATCH_NORMS, DROPOUTS, Remark, View, caution, mistake, rule
from cvcore.analysis.lint.ops import Op


@rule("dropout-of-all", "No Dropout drops everything")
def dropout_of_all(view: View) -> Iterator[Remark]:
    """p is the share that is dropped, not the one that is kept."""
    for op in view.ops:
        if op.kind in DROPOUTS and _share(op) == 1:
            yield mistake(
                op.where,
                "Dropout with p=1 sets every value to 0 in training: nothing of the image passes, and no gradient "
                "comes back. p is the share that is dropped, not the one that is kept.",
                "p=0.5, or leave it out",
            )


@rule("dropout-on-output", "No Dropout on the output")
def dropout_on_output(view: View) -> Iterator[Remark]:
    if view.last is None:
        return
    for op in view.last.passed:
        if op.kind in DROPOUTS and 0 < _share(op) < 1:
            yield caution(
                op.where,
                f"Dropout after the last layer sets {100 * _share(op):.0f} % of the logits to 0 in training, those of "
                "the right class too, and no later layer can make up for it.",
                "put it before the last layer",
            )


@rule("dropout-before-norm", "No Dropout right before BatchNorm")
def dropout_before_norm(view: View) -> Iterator[Remark]:
    for op in view.ops:
        if op.kind in BATCH_NORMS and op.source and op.source.kind in DROPOUTS and _share(op.source):
            yield caution(
                op.where,
                "BatchNorm right after Dropout learns the variance of values that Dropout has spread; in evaluation "
                "Dropout is off, the variance is smaller, and the statistics are wrong (Li et al., 2018).",
                "Dropout after the last BatchNorm, or none",
            )


def _share(op: Op) -> float:
    """The share of values that a Dropout, layer or function, sets to 0 in training."""
    return op.setting("p", 1, 0.5)
