"""Predictions: what the chosen runs said of images they did not learn from, right and wrong."""

import importlib
from collections.abc import Sequence

import streamlit as st

from cvcore.training.insight.stored import splits_of
from cvcore.training.run import Run
from cvcore.ui.frame import body
from cvcore.ui.training.predictions_runs import SPLITS, choose, finished, is_same_task, look

CONFUSION, CLASSES, MISTAKES, CALIBRATION = "Confusion", "Classes", "Mistakes", "Calibration"
# each is a module beside this one with a function show(looks), of one run or two; calibration takes all
VIEWS = {
    CONFUSION: "predictions_confusion",
    CLASSES: "predictions_classes",
    MISTAKES: "predictions_mistakes",
    CALIBRATION: "predictions_calibration",
}


def show(runs: Sequence[Run]) -> None:
    """The section."""
    done = finished(runs)
    if not done:
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        view = st.pills(
            "Show",
            list(VIEWS),
            default=CONFUSION,
            required=True,
            key="predictions",
            bind="query-params",
            help="Confusion: which class is taken for which. Classes: precision, recall and F1 of each. Mistakes: the "
            "most confident ones, and the hits that were nearly missed. Calibration: whether 90 % sure is right in 90 "
            "of 100 cases.",
            wrap=True,
        )
        split = _choose_split(done)
    chosen: list[Run] = done
    if view != CALIBRATION:
        with st.container(horizontal=True, vertical_alignment="bottom"):
            chosen = [run for run in choose(done, is_same_task) if run]
    looks = [look(run, split if split in splits_of(run) else "test") for run in chosen]
    with body(f"predictions-{view}"):
        importlib.import_module(f"cvcore.ui.training.{VIEWS[view]}").show(looks)


def _choose_split(runs: Sequence[Run]) -> str:
    """ "test" or "val"; those who chose their epoch on the test set have nothing else."""
    there = [split for split in SPLITS if any(split in splits_of(run) for run in runs)]
    if len(there) == 1:
        st.caption("On test images, which also chose the epoch: the figures are optimistic.", width="content")
        return there[0]
    named = {text: split for split, text in SPLITS.items()}
    return named[
        st.segmented_control(
            "On",
            list(named),
            default=SPLITS["test"],
            required=True,
            key="split",
            bind="query-params",
            help="Test images were looked at once, at the end. Validation images chose the epoch that was kept.",
        )
    ]
