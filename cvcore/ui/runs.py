"""Runs on pages: the table, the live curves, progress and what can be done with a run."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from cvcore.config import RunConfig, TrainConfig
from cvcore.plots.style import CATEGORIES, colour_of
from cvcore.recipes.matching import match
from cvcore.training import notes
from cvcore.training.estimates import estimates
from cvcore.training.queue import Queue
from cvcore.training.run import Run
from cvcore.training.runs import RunStore, default_store
from cvcore.training.worker import ensure_worker
from cvcore.ui.frame import metric_row
from cvcore.ui.numbers import duration, short
from cvcore.ui.preload import start_loading_torch, wait_for_torch

BRIEF = ("status", "network", "data", "epochs", "test", "val", "params", "seconds", "trained")


def store() -> RunStore:
    """Where this app's runs live."""
    return default_store()


def label(run: Run) -> str:
    """A run in a few words: the name that somebody gave it, then what differs from the defaults; the last four
    characters tell twins apart."""
    config, train = run.config, run.config.train
    if name := notes.read(run).name:
        return f"{name} · {run.run_id[-4:]}"
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
    submitted = [Queue(store()).submit(config, fresh=fresh) for config in ready]
    for config, (run, cached) in zip(configs, submitted, strict=True):
        if not cached:
            estimates.keep(run, config)
    return submitted


def run_table(runs: Sequence[Run], *, brief: bool = False, key: str | None = None) -> list[Run]:
    """A sortable table of runs, `brief` without their settings; an empty one says what to do.

    With a `key` rows can be ticked: the runs that are.
    """
    if not runs:
        st.info("No runs yet. Choose data and network above, and press Train.", icon=":material/show_chart:")
        return []
    choice = {"on_select": "rerun", "selection_mode": "multi-row", "key": key} if key else {}
    rows = pd.DataFrame([_row(run) for run in runs])
    found = st.dataframe(
        rows.drop(columns=[column for column in ("name", "tags") if rows[column].isna().all()]),
        **choice,
        column_order=BRIEF if brief else None,
        hide_index=True,
        height="auto",
        placeholder="–",
        column_config={
            "status": st.column_config.TextColumn("Status"),
            "id": st.column_config.TextColumn("Id", help="Ends the run's name, in the plots and in its folder"),
            "name": st.column_config.TextColumn("Name"),
            "tags": st.column_config.ListColumn("Tags"),
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
    return [runs[place] for place in found.selection.rows if place < len(runs)] if key else []


def _row(run: Run) -> dict:
    config, end, written = run.config, run.end, notes.read(run)
    percent = {part: 100 * end[part][field] for part, field in (("best", "val_acc"), ("test", "acc")) if part in end}
    if config.train.selection == "test":
        percent.pop("best", None)  # nothing was held out
    active = not run.ended  # what still changes stands in the line above the plots
    return {
        "status": "in progress" if active else f"{run.status} (shipped)" if run.shipped else run.status,
        "id": run.run_id[-4:],
        "name": written.name or None,
        "tags": list(written.tags) or None,
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
