"""Curves that grow while runs train, with progress and what can be done with a run."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress

import streamlit as st

from cvcore.errors import RunError
from cvcore.plots import curves
from cvcore.training import worker
from cvcore.training.queue import Queue
from cvcore.training.reading import overfits_since
from cvcore.training.run import Run
from cvcore.ui.frame import chart, errors_as_lines
from cvcore.ui.numbers import duration, short
from cvcore.ui.runs import colours, label, store, submit

TICK = 0.3  # seconds between two looks at runs that train
WATCH = 1.0  # seconds between two looks at runs that train and are not shown
REDRAW = 1.5  # seconds between two changes of a plot that grows: every change mounts it anew
STOP_BUTTONS = (
    (
        "Pause",
        ":material/pause:",
        Queue.pause,
        "Stop within one batch; Resume goes on exactly there, whenever you like.",
    ),
    ("Cancel", ":material/stop:", Queue.cancel, "Stop within one batch; what was computed is kept."),
)


def live_curves(
    run_ids: Sequence[str], names: dict[str, str] | None = None, colour: dict[str, str] | None = None
) -> None:
    """Loss and accuracy of runs side by side, with progress and buttons; looks again while any of them trains.

    `names` gives other labels than `label(run)`, `colour` others than `colours`. Whenever a run ends, the whole page is
    run again.
    """
    ended = [run.ended for run in _present(run_ids)]
    st.fragment(_guarded_live_curves, run_every=None if all(ended) else TICK)(
        tuple(run_ids), names or {}, colour or colours(run_ids), ended
    )


def watch(run_ids: Sequence[str]) -> None:
    """Draw the page again whenever one of these runs ends; where `live_curves` shows them, it does that."""
    ended = [run.ended for run in _present(run_ids)]
    if not all(ended):
        st.fragment(_rerun_when_changed, run_every=WATCH)(tuple(run_ids), ended)


def _rerun_when_changed(run_ids: tuple[str, ...], had_ended: list[bool]) -> None:
    if [run.ended for run in _present(run_ids)] != had_ended:
        st.rerun()


def _guarded_live_curves(
    run_ids: tuple[str, ...], names: dict[str, str], colour: dict[str, str], ended: list[bool]
) -> None:
    with errors_as_lines():  # a fragment's own reruns pass by the page's guard
        _live_curves(run_ids, names, colour, ended)


def _live_curves(
    run_ids: tuple[str, ...], names: dict[str, str], colour: dict[str, str], had_ended: list[bool]
) -> None:
    runs = _present(run_ids)
    if [run.ended for run in runs] != had_ended:
        st.rerun()
    for run in runs:
        _state_line(run, names.get(run.run_id) or label(run))
    epochs = _epochs_to_draw(runs)
    drawn = [
        curves.Curve(
            names.get(run.run_id) or label(run),
            run.history[: epochs[run.run_id]],
            colour[run.run_id],
            run.end.get("best", {}).get("epoch"),
            None if run.ended else run.config.train.epochs,
            run.size.get("batches", 0),
        )
        for run in runs
    ]
    left, right = st.columns(2, gap="medium")
    who = ", ".join(curve.label for curve in drawn)
    chart(curves.loss_curves(drawn), key="loss", alt=f"Loss against epochs of {who}", place=left)
    chart(curves.accuracy_curves(drawn), key="accuracy", alt=f"Accuracy against epochs of {who}", place=right)
    _point_out_overfitting(runs, names)
    validation = "test images, which chose the epoch" if _all_on_test(runs) else "validation images"
    st.caption(f"Full lines: {validation}. Dotted: training images. A ring marks the epoch whose weights were kept.")


def _point_out_overfitting(runs: Sequence[Run], names: dict[str, str]) -> None:
    """Say of which runs the validation loss rises while the training loss falls."""
    for run in runs:
        if since := overfits_since(run.history):
            who = f"{names.get(run.run_id) or label(run)}: " if len(runs) > 1 else ""
            st.caption(
                f":material/trending_up: {who}**overfitting**: validation loss has risen since epoch {since} (▲) while "
                "training loss fell. Fewer epochs, augmentation, weight decay or more images help."
            )


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
            for text, icon, how, about in STOP_BUTTONS:
                key = f"{text.lower()}-{run.run_id}"
                st.button(text, key=key, on_click=_stop, args=(how, run.run_id), icon=icon, help=about)
            return
        st.warning(f"**{name}** {_ending(run)}", icon=":material/info:")
        text = "Train again" if run.status == "failed" else "Resume"
        if st.button(text, key=f"resume-{run.run_id}", icon=":material/play_arrow:"):
            submit(run.config)
            st.rerun()


def _progress(run: Run) -> tuple[float, str]:
    """(share done 0..1, text) of a run that is queued or running."""
    if run.status == "queued":
        worker.ensure_worker(store())
        ahead = Queue(store()).waiting()
        before = ahead.index(run.run_id) if run.run_id in ahead else 0
        busy = any(other.status == "running" for other in store().list())
        if busy:  # the first worker has its hands full: another may take what waits, if a core is free
            worker.call_help(store(), before + 1)
        if before:
            return 0.0, f"queued, {before} before it"
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


def _stop(how: Callable[[Queue, str], None], run_id: str) -> None:
    with suppress(RunError):  # it may have ended between the last look and the click
        how(Queue(store()), run_id)
