"""Results: accuracy, cost and curves of the strategies side by side."""

from collections.abc import Mapping
from contextlib import suppress

import pandas as pd
import streamlit as st

from cvcore.errors import CvcoreError
from cvcore.plots import bars
from cvcore.training.run import Run
from cvcore.transfer.ways import DEEPEN
from cvcore.ui.data import progress_bar
from cvcore.ui.frame import chart
from cvcore.ui.live_curves import live_curves
from cvcore.ui.preload import wait_for_torch
from cvcore.ui.runs import store
from cvcore.ui.training import preflight
from cvcore.ui.transfer.look import Look, colours_of

COLUMNS = ("strategy", "status", "test", "features", "train", "latency", "trainable", "params", "size", "run")


def show(look: Look) -> None:
    """Bars of test accuracy, curves, and a table of what each strategy cost."""
    runs, done = look.runs, look.done
    if not runs:
        st.info("Press Train all: the results appear here, in about half a minute.", icon=":material/show_chart:")
        return
    colour = colours_of(runs)
    if done:
        st.subheader("Accuracy on the test images", anchor=False)
        chart(
            bars.accuracies(
                list(done),
                [run.end["test"]["acc"] for run in done.values()],
                [colour[run.run_id] for run in done.values()],
            ),
            key="accuracies",
            alt="Test accuracy of each strategy",
        )
    live_curves([run.run_id for run in runs.values()], {run.run_id: title for title, run in runs.items()}, colour)
    preflight.outcome(list(runs.values()), {run.run_id: title for title, run in runs.items()})
    _table(runs)
    for title, run in runs.items():
        if run.config.transfer and run.config.transfer.strategy == DEEPEN:
            st.caption(f"{title}: {_copied(run.run_id, run)} come from {run.config.transfer.source}.")


@st.cache_data(max_entries=32, show_spinner="Reading the shallower network …")
def _copied(run_id: str, _run: Run) -> str:
    from cvcore.transfer.start import copied

    return str(copied(_run.config, store()))


def _table(runs: Mapping[str, Run]) -> None:
    latencies = _latencies(runs)
    st.dataframe(
        pd.DataFrame([{**_row(title, run), "latency": latencies.get(title)} for title, run in runs.items()]),
        hide_index=True,
        height="auto",
        placeholder="–",
        column_order=COLUMNS,
        column_config={
            "strategy": st.column_config.TextColumn("Strategy", help="How the backbone is reused"),
            "status": st.column_config.TextColumn("Status"),
            "test": st.column_config.NumberColumn("Test (%)", format="%.1f", help="Accuracy on the test images"),
            "features": st.column_config.NumberColumn(
                "Features (s)", format="%.1f", help="Running the backbone once over all images; 0 where they were there"
            ),
            "train": st.column_config.NumberColumn("Training (s)", format="%.1f", help="All epochs together"),
            "latency": st.column_config.NumberColumn(
                "Latency (ms)",
                format="%.3g",
                help="One image through the whole network, on this machine's CPU: the median of several times",
            ),
            "trainable": st.column_config.NumberColumn(
                "Trainable", format="localized", help="Parameters that learn in the first epoch"
            ),
            "params": st.column_config.NumberColumn("Parameters", format="localized", help="Of the whole network"),
            "size": st.column_config.NumberColumn("Size (MB)", format="%.2f", help="Its weights at 4 bytes each"),
            "run": st.column_config.TextColumn("Run", help="As `runs show` and the Training page know it"),
        },
    )


def _latencies(runs: Mapping[str, Run]) -> dict[str, float | None]:
    """Milliseconds for one image by strategy; nothing while any run trains, which would slow them down."""
    if not all(run.ended for run in runs.values()):
        return {}
    wait_for_torch()
    from cvcore.transfer.speed import network_of

    found = {}
    for title, run in runs.items():
        with suppress(CvcoreError):  # its images or its weights are gone
            found[title] = _latency(network_of(run.config), run) if run.status == "done" else None
    return found


@st.cache_resource(max_entries=64, show_spinner=False)
def _latency(network: tuple[str, ...], _run: Run) -> float:
    """Of a network, measured once on this server. Raises RunError where it cannot be."""
    from cvcore.transfer.speed import latency

    with progress_bar(f"Timing {_run.config.model.label}", "passes") as bar:
        return 1e3 * latency(_run, bar).median


def _row(title: str, run: Run) -> dict:
    params = run.size.get("params")
    return {
        "strategy": title,
        "status": run.status if run.ended else "in progress",  # drawn again when it ends
        "test": 100 * run.end["test"]["acc"] if run.status == "done" else None,
        "features": run.told.get("features", {}).get("seconds"),
        "train": sum(epoch.seconds for epoch in run.history) if run.ended and run.history else None,
        "trainable": run.size.get("trainable_params"),
        "params": params,
        "size": 4 * params / 1e6 if params else None,
        "run": run.run_id,
    }
