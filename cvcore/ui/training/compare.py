"""Compare: the chosen runs over each other, what differs between them, and whether a difference is more than noise."""

from collections.abc import Sequence
from itertools import combinations

import pandas as pd
import streamlit as st

from cvcore.plots import curves
from cvcore.training import comparison
from cvcore.training.comparison import Repeats
from cvcore.training.run import Run
from cvcore.ui.frame import LABELS, chart, escaped
from cvcore.ui.runs import colours, label

NONE = "none"


def show(runs: Sequence[Run]) -> None:
    """Curves as the visitor wants them, the table of differences, seeds with their bands and verdicts."""
    drawn = [run for run in runs if run.history]
    if len(drawn) < 2:
        st.info(
            "Choose two or more runs above to compare them; with Overlay a new run joins those that are shown.",
            icon=":material/compare_arrows:",
        )
    if not drawn:
        return
    _overlay(drawn, _view())
    _table(drawn)
    groups = comparison.grouped(drawn)
    if any(len(group.runs) > 1 for group in groups):
        _seeds(groups)
    elif len(groups) == 2:
        st.caption(
            "One seed each tells little: another seed alone may change the accuracy by as much. "
            "Train with several seeds to get a verdict."
        )


def _view() -> curves.View:
    """How the curves are to be drawn."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        axis = st.segmented_control(
            "Along",
            list(curves.AXES),
            default="epoch",
            required=True,
            key="along",
            bind="query-params",
            help="An epoch is a pass over the training images, a step one update of the weights.",
        )
        smoothing = st.slider(
            "Smoothing",
            0.0,
            0.95,
            0.0,
            0.05,
            key="smoothing",
            bind="query-params",
            help="Share of the past in each point: an exponential moving average. What was measured stays behind it.",
            width=220,
        )
        log = st.toggle("Logarithmic loss", key="log", bind="query-params", help="Shows small losses apart.")
    return curves.View(axis, smoothing, log)


def _overlay(runs: Sequence[Run], view: curves.View) -> None:
    colour = colours([run.run_id for run in runs])
    drawn = [
        curves.Curve(
            label(run),
            run.history,
            colour[run.run_id],
            run.end.get("best", {}).get("epoch"),
            batches=run.size.get("batches", 0),
        )
        for run in runs
    ]
    if view.axis == "step" and not all(curve.batches for curve in drawn):
        st.caption("Steps are not known of all these runs: those are drawn along epochs.")
    left, right = st.columns(2, gap="medium")
    who = ", ".join(curve.label for curve in drawn)
    chart(curves.loss_curves(drawn, view), key="compare-loss", alt=f"Loss of {who}", place=left)
    chart(curves.accuracy_curves(drawn, view), key="compare-accuracy", alt=f"Accuracy of {who}", place=right)


def _table(runs: Sequence[Run]) -> None:
    """Only what differs, with the results; one run may be the baseline that the others are measured against."""
    st.subheader("What differs", anchor=False)
    labels = {run.run_id: label(run) for run in runs}
    pinned = st.selectbox(
        "Baseline",
        [NONE, *labels.values()],
        key="baseline",
        bind="query-params",
        help="The run that the others are measured against, in percentage points.",
        width=420,
    )
    baseline = next((run for run in runs if labels[run.run_id] == pinned), None)
    differs = comparison.differing([run.config for run in runs])
    rows = [
        {
            "run": labels[run.run_id],
            **{name: _text(values[place]) for name, values in differs.items()},
            **_results(run, baseline),
        }
        for place, run in enumerate(runs)
    ]
    table = pd.DataFrame(rows).sort_values("test", ascending=False, na_position="last")
    st.dataframe(
        table,
        hide_index=True,
        placeholder="–",
        column_config={
            **{name: st.column_config.TextColumn(_label(name)) for name in differs},
            "run": st.column_config.TextColumn("Run", pinned=True),
            "test": st.column_config.NumberColumn("Test (%)", format="%.1f", help="Accuracy on the test images"),
            "change": st.column_config.NumberColumn(
                "To baseline (points)", format="%+.1f", help="Test accuracy less that of the baseline"
            ),
            "val": st.column_config.NumberColumn("Val. (%)", format="%.1f", help="Best epoch, on held-out images"),
            "params": st.column_config.NumberColumn("Parameters", format="localized"),
            "seconds": st.column_config.NumberColumn("Time (s)", format="%.1f", help="Training, all epochs"),
        },
    )
    if not differs:
        st.caption("These runs have the same settings.")


def _label(name: str) -> str:
    """What a setting is called on pages."""
    return LABELS.get(name) or name.replace("_", " ").capitalize()


def _text(value: object) -> str:
    """A setting as a cell."""
    if isinstance(value, list):
        return ", ".join(map(str, value)) or NONE
    return f"{value:g}" if isinstance(value, float) else "–" if value is None else str(value)


def _results(run: Run, baseline: Run | None) -> dict[str, float | None]:
    test, best = run.end.get("test"), run.end.get("best")
    of_baseline = baseline.end.get("test") if baseline else None
    both = test and of_baseline
    result = {
        "test": 100 * test["acc"] if test else None,
        "change": 100 * (test["acc"] - of_baseline["acc"]) if both else None,
        "val": 100 * best["val_acc"] if best and run.config.train.selection != "test" else None,
        "params": run.size.get("params"),
        "seconds": sum(epoch.seconds for epoch in run.history),
    }
    if baseline is None:
        del result["change"]
    return result


def _seeds(groups: Sequence[Repeats]) -> None:
    """Mean and range over seeds of each setting, and a verdict on every two of them."""
    st.subheader("Over seeds", anchor=False)
    names = _names(groups)
    colour = colours([group.runs[0].run_id for group in groups])
    left, right = st.columns(2, gap="medium")
    for place, draw, field in (
        (left, curves.loss_bands, "val_loss"),
        (right, curves.accuracy_bands, "val_acc"),
    ):
        bands = [
            curves.Banded(name, comparison.band(group.runs, field), colour[group.runs[0].run_id])
            for name, group in zip(names, groups, strict=True)
        ]
        chart(draw(bands), key=f"bands-{field}", alt="Mean and range over seeds", place=place)
    for (first, a), (second, b) in combinations(zip(names, groups, strict=True), 2):
        said = comparison.verdict(a.accuracies, b.accuracies)
        if said is None:
            st.caption(f"{escaped(first)} against {escaped(second)}: each needs two finished seeds or more.")
            continue
        icon = ":material/check_circle:" if said.is_beyond_noise else ":material/drag_handle:"
        st.markdown(f"{icon} **{escaped(said.text(first, second))}**  \n:small[Test accuracy. {said.test}.]")
    st.caption("Lines are means over seeds, bands go from the lowest to the highest.")


def _names(groups: Sequence[Repeats]) -> list[str]:
    """What each group is called: what sets it apart from the others."""
    differs = comparison.differing([group.config for group in groups])
    if not differs:
        return [label(groups[0].runs[0])]
    return [_told({name: values[place] for name, values in differs.items()}) for place in range(len(groups))]


def _told(values: dict[str, object]) -> str:
    """Settings in a line: "learning rate 0.01, batch size 32"."""
    return ", ".join(f"{_label(name).lower()} {_text(value)}" for name, value in values.items())
