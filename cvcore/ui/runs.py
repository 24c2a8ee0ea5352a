"""Runs on pages: the table, the live curves, progress and what can be done with a run."""

import time
from collections.abc import Sequence
from contextlib import suppress

import pandas as pd
import streamlit as st

from cvcore.config import RunConfig, TrainConfig
from cvcore.errors import RunError
from cvcore.plots import curves
from cvcore.plots.style import CATEGORIES, colour_of
from cvcore.recipes.matching import match
from cvcore.training.queue import Queue
from cvcore.training.runs import Run, RunStore, default_store
from cvcore.training.worker import ensure_worker
from cvcore.ui.frame import chart, errors_as_lines, metric_row
from cvcore.ui.numbers import duration, short
from cvcore.ui.preload import start_loading_torch, wait_for_torch

BRIEF = ("status", "network", "data", "epochs", "test", "val", "params", "seconds", "trained")
TICK = 0.3  # seconds between two looks at runs that train
REDRAW = 1.5  # seconds between two changes of a plot that grows: every change mounts it anew


def store() -> RunStore:
    """Where this app's runs live."""
    return default_store()


def label(run: Run) -> str:
    """A run in a few words: what differs from the defaults; the last four characters tell twins apart."""
    config, train = run.config, run.config.train
    told = [
        config.model.label + (f" {config.transfer.strategy}" if config.transfer else ""),
        config.data.name + (f", {config.data.per_class} a class" if config.data.per_class else ""),
        f"{train.optimizer} {train.lr:g}",
        f"{train.epochs} epochs",
    ]
    if train.schedule != "constant":
        told.append(train.schedule)
    if train.batch_size != TrainConfig().batch_size:
        told.append(f"batch {train.batch_size}")
    if train.seed:
        told.append(f"seed {train.seed}")
    found = match(config)
    if found and found.comparable and found.recipe.role:
        told.insert(0, found.recipe.role)  # which of a pair, whose settings may look the same
    return " · ".join([*told, run.run_id[-4:]])


def colours(run_ids: Sequence[str]) -> dict[str, str]:
    """A colour for each run, drawn from its id so that it is the same in every plot, on every page and for everybody.

    Where two in one plot would share one, the later takes the next that is free.
    """
    found: dict[str, str] = {}
    for run_id in run_ids:
        start = int(run_id[-6:], 16)
        wheel = [colour_of(start + step) for step in range(len(CATEGORIES))]
        found[run_id] = next((each for each in wheel if each not in found.values()), wheel[0])
    return found


def make_ready() -> None:
    """Let server and worker load torch while the visitor still looks, so that a click on Train need not wait for it."""
    start_loading_torch()
    ensure_worker(store())


def submit(*configs: RunConfig, fresh: bool = False) -> list[tuple[Run, bool]]:
    """Queue runs, or find those trained so before: (run, cached) each. All are checked before any is queued."""
    make_ready()
    wait_for_torch()
    from cvcore.training.check import checked

    ready = [checked(config, store()) for config in configs]
    return [Queue(store()).submit(config, fresh=fresh) for config in ready]


def run_table(runs: Sequence[Run], *, brief: bool = False) -> None:
    """A sortable table of runs, `brief` without their settings; an empty one says what to do."""
    if not runs:
        st.info("No runs yet. Choose data and network above, and press Train.", icon=":material/show_chart:")
        return
    st.dataframe(
        pd.DataFrame([_row(run) for run in runs]),
        column_order=BRIEF if brief else None,
        hide_index=True,
        height="auto",
        placeholder="–",
        column_config={
            "status": st.column_config.TextColumn("Status"),
            "id": st.column_config.TextColumn("Id", help="Ends the run's name, in the plots and in its folder"),
            "network": st.column_config.TextColumn("Network"),
            "data": st.column_config.TextColumn("Data"),
            "epochs": st.column_config.TextColumn("Epochs"),
            "test": st.column_config.NumberColumn("Test (%)", format="%.1f", help="Accuracy on the test images"),
            "val": st.column_config.NumberColumn(
                "Val. (%)", format="%.1f", help="Accuracy on held-out images, best epoch"
            ),
            "params": st.column_config.NumberColumn("Parameters", format="localized"),
            "seconds": st.column_config.NumberColumn("Time (s)", format="%.1f", help="Training, all epochs"),
            "trained": st.column_config.TextColumn("Trained"),
            "optimizer": st.column_config.TextColumn("Optimizer"),
            "lr": st.column_config.NumberColumn("Learning rate", format="%g"),
            "batch": st.column_config.NumberColumn("Batch size"),
            "run": st.column_config.TextColumn("Run"),
        },
    )


def _row(run: Run) -> dict:
    config, end = run.config, run.end
    percent = {part: 100 * end[part][field] for part, field in (("best", "val_acc"), ("test", "acc")) if part in end}
    if config.train.selection == "test":
        percent.pop("best", None)  # nothing was held out
    active = not run.ended  # what still changes stands in the line above the plots
    return {
        "status": "in progress" if active else f"{run.status} (shipped)" if run.shipped else run.status,
        "id": run.run_id[-4:],
        "network": config.model.label + (f" · {config.transfer.strategy}" if config.transfer else ""),
        "data": config.data.name + (f" · {config.data.per_class} a class" if config.data.per_class else ""),
        "epochs": f"– / {config.train.epochs:,}" if active else f"{len(run.history):,} / {config.train.epochs:,}",
        "test": percent.get("test"),
        "val": percent.get("best"),
        "params": run.size.get("params"),
        "seconds": None if active or not run.history else sum(epoch.seconds for epoch in run.history),
        "trained": None if active else run.date,
        "optimizer": config.train.optimizer,
        "lr": config.train.lr,
        "batch": config.train.batch_size,
        "run": run.run_id,
    }


def result_metrics(run: Run) -> None:
    """The finished run's result in a row of numbers."""
    best, test = run.end["best"], run.end["test"]
    accuracy = [
        ("Test accuracy (%)", f"{100 * test['acc']:.1f}", "On images that chose nothing, seen once"),
        (
            "Validation accuracy (%)",
            f"{100 * best['val_acc']:.1f}",
            "On held-out images, after the epoch that was kept",
        ),
    ]
    if run.config.train.selection == "test":
        accuracy = [("Test accuracy (%), optimistic", f"{100 * test['acc']:.1f}", "The same images chose the epoch")]
    metric_row(
        *accuracy,
        ("Epoch kept", f"{best['epoch']} of {len(run.history)}", "The epoch whose weights were kept"),
        ("Parameters", short(run.size["params"]), f"exactly {run.size['params']:,}"),
        ("Training time", duration(sum(epoch.seconds for epoch in run.history)), "All epochs together"),
    )


def live_curves(run_ids: Sequence[str], names: dict[str, str] | None = None) -> None:
    """Loss and accuracy of runs side by side, with progress and buttons; looks again while any of them trains.

    `names` gives other labels than `label(run)`. Whenever a run ends, the whole page is run again.
    """
    ended = [run.ended for run in _present(run_ids)]
    st.fragment(_guarded_live_curves, run_every=None if all(ended) else TICK)(tuple(run_ids), names or {}, ended)


def _guarded_live_curves(run_ids: tuple[str, ...], names: dict[str, str], ended: list[bool]) -> None:
    with errors_as_lines():  # a fragment's own reruns pass by the page's guard
        _live_curves(run_ids, names, ended)


def _live_curves(run_ids: tuple[str, ...], names: dict[str, str], had_ended: list[bool]) -> None:
    runs = _present(run_ids)
    if [run.ended for run in runs] != had_ended:
        st.rerun()
    for run in runs:
        _state_line(run, names.get(run.run_id) or label(run))
    epochs = _epochs_to_draw(runs)
    colour = colours(run_ids)
    drawn = [
        curves.Curve(
            names.get(run.run_id) or label(run),
            run.history[: epochs[run.run_id]],
            colour[run.run_id],
            run.end.get("best", {}).get("epoch"),
            None if run.ended else run.config.train.epochs,
        )
        for run in runs
    ]
    left, right = st.columns(2, gap="medium")
    who = ", ".join(curve.label for curve in drawn)
    chart(curves.loss_curves(drawn), key="loss", alt=f"Loss against epochs of {who}", place=left)
    chart(curves.accuracy_curves(drawn), key="accuracy", alt=f"Accuracy against epochs of {who}", place=right)
    validation = "test images, which chose the epoch" if _all_on_test(runs) else "validation images"
    st.caption(f"Full lines: {validation}. Dotted: training images. A ring marks the epoch whose weights were kept.")


def _whole(seconds: float) -> str:
    """A duration without tenths, which would only flicker."""
    return duration(seconds) if seconds >= 10 else f"{max(1, round(seconds))} s"


def _all_on_test(runs: Sequence[Run]) -> bool:
    return all(run.config.train.selection == "test" for run in runs)


def _epochs_to_draw(runs: Sequence[Run]) -> dict[str, int]:
    """How many epochs of each run to draw: all, but where epochs are short the plot changes once in REDRAW seconds."""
    now = {run.run_id: len(run.history) for run in runs}
    drawn, at = st.session_state.get("epochs_drawn", ({}, 0.0))
    early = any(0 < count <= 2 for count in now.values())
    ended = not any(run.status == "running" for run in runs)
    if now.keys() != drawn.keys() or early or ended or time.monotonic() - at >= REDRAW:
        drawn = now
        st.session_state["epochs_drawn"] = (now, time.monotonic())
    return drawn


def _present(run_ids: Sequence[str]) -> list[Run]:
    """The runs of those ids that are still there."""
    return [run for run in map(store().get, run_ids) if run]


def _state_line(run: Run, name: str) -> None:
    """Progress and Cancel while a run goes on; what to do when it ended early; nothing when it is done."""
    if run.status == "done":
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        if not run.ended:
            share, text = _progress(run)
            st.progress(share, text=f"**{name}** · {text}")
            st.button(
                "Cancel", key=f"cancel-{run.run_id}", on_click=_cancel, args=(run.run_id,), icon=":material/stop:"
            )
            return
        st.warning(f"**{name}** {_ending(run)}", icon=":material/info:")
        text = "Train again" if run.status == "failed" else "Resume"
        if st.button(text, key=f"resume-{run.run_id}", icon=":material/play_arrow:"):
            submit(run.config)
            st.rerun()


def _progress(run: Run) -> tuple[float, str]:
    """(share done 0..1, text) of a run that is queued or running."""
    if run.status == "queued":
        ensure_worker(store())
        ahead = Queue(store()).waiting()
        before = ahead.index(run.run_id) if run.run_id in ahead else 0
        if before:
            return 0.0, f"queued, {before} before it"
        busy = any(other.status == "running" for other in store().list())
        return 0.0, "waits until the run before it ends" if busy else "starting the trainer, a few seconds"
    epochs, told = run.config.train.epochs, run.progress
    done = len(run.history)
    if not told:
        return done / epochs, f"epoch {min(done + 1, epochs):,} of {epochs:,}"
    # between two batch events the last one still tells speed and time left, though its epoch may be over
    share = max(done, told["epoch"] - 1 + told["batch"] / told["batches"]) / epochs
    return share, (
        f"epoch {min(max(told['epoch'], done), epochs):,} of {epochs:,}"
        f" · batch {told['batch']:,} of {told['batches']:,}"
        f" · {short(told['images_per_s'])} images/s · about {_whole(told['eta'])} left"
    )


def _ending(run: Run) -> str:
    if run.status == "failed":
        return f"failed: {run.end.get('error', 'no reason was written')}"
    if not run.history:
        return f"was {run.status} before its first epoch ended. Resume starts it again."
    done = f"{len(run.history):,} of {run.config.train.epochs:,} epochs"
    return f"was {run.status} after {done}. Resume continues exactly where it stopped."


def _cancel(run_id: str) -> None:
    with suppress(RunError):  # it may have ended between the last look and the click
        Queue(store()).cancel(run_id)
