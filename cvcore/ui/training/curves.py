"""Curves: loss and accuracy of the chosen runs, as they grow."""

from collections.abc import Sequence

from cvcore.training.run import Run
from cvcore.ui.live_curves import live_curves
from cvcore.ui.runs import result_metrics, store
from cvcore.ui.training import preflight


def show(runs: Sequence[Run]) -> None:
    """The result of a single finished run in numbers, then the curves."""
    if len(runs) == 1:
        only = store().find(runs[0].run_id)
        if only.status == "done":
            result_metrics(only)
    preflight.outcome(runs)
    live_curves([run.run_id for run in runs])
