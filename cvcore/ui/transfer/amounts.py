"""How many images do I need? Accuracy against the number of training images, with seeds."""

import numpy as np
import streamlit as st

from cvcore.config import RunConfig
from cvcore.plots import amounts as plots
from cvcore.training.run import Run
from cvcore.transfer import ways
from cvcore.ui import data as ui_data
from cvcore.ui.frame import chart, errors_as_lines
from cvcore.ui.runs import submit
from cvcore.ui.transfer.look import TITLES, Look, colour_of_way, runs_of

AMOUNTS = (1, 2, 5, 10, 20, 50, 100, 200, 500)
AT_FIRST = (1, 2, 5, 10)
TICK = 2.0  # seconds between two looks at runs that train

Points = dict[tuple[str, int, int], RunConfig]  # by strategy, images a class, seed


def show(look: Look) -> None:
    """Which amounts and how many seeds; a button that trains what is missing; the curves as far as they are known."""
    left, right = st.columns([4, 1], vertical_alignment="bottom")
    chosen = left.pills(
        "Images a class",
        _possible(look.comparison),
        selection_mode="multi",
        default=[each for each in AT_FIRST if each in _possible(look.comparison)],
        key="amounts",
        bind="query-params",
        help="For each of them every strategy is trained.",
    )
    seeds = right.number_input(
        "Seeds",
        value=3,
        min_value=1,
        max_value=20,
        step=1,
        key="amount-seeds",
        persist_state="session",
        help="Each draws other images, first weights and order; the band is one standard deviation of what they reach.",
    )
    if not chosen:
        st.info("Choose at least one number of images.", icon=":material/stacked_line_chart:")
        return
    points = {
        (key, count, seed): look.comparison.on(count, seed).config(key)
        for key in look.keys
        for count in sorted(chosen)
        for seed in range(seeds)
    }
    runs = runs_of(points)
    missing = [config for point, config in points.items() if _is_missing(runs.get(point))]
    if missing and st.button(
        f"Train {len(missing):,} runs",
        icon=":material/play_arrow:",
        help="Those that are there already are not trained again; Cancel them one by one on the Training page.",
    ):
        submit(*missing)
        st.rerun()
    ended = all(run.ended for run in runs.values())
    st.fragment(_curves, run_every=None if ended else TICK)(points, ended)


def _is_missing(run: Run | None) -> bool:
    return run is None or run.status in ("failed", "cancelled", "paused", "interrupted")


def _curves(points: Points, had_ended: bool) -> None:
    with errors_as_lines():
        runs = runs_of(points)
        if not had_ended and all(run.ended for run in runs.values()):
            st.rerun()
        done = {point: run for point, run in runs.items() if run.status == "done"}
        if len(done) < len(runs):
            st.progress(len(done) / len(runs), text=f"{len(done):,} of {len(runs):,} runs are done")
        if not done:
            st.info("Nothing is known yet: train the runs above.", icon=":material/stacked_line_chart:")
            return
        found: dict[str, dict[int, list[float]]] = {}
        for (key, count, _), run in done.items():
            found.setdefault(TITLES[key], {}).setdefault(count, []).append(run.end["test"]["acc"])
        chart(
            plots.accuracy_by_amount(
                found, {title: colour_of_way(title) for title in found}, "training images a class"
            ),
            key="amounts-chart",
            alt="Test accuracy against the number of training images of " + ", ".join(found),
        )
        st.caption("Lines: mean over the seeds. Bands: one standard deviation. All runs are tested on the same images.")


def _possible(comparison: ways.Comparison) -> list[int]:
    """Numbers of images that every class has."""
    labels = np.asarray(ui_data.opened(comparison.data["name"]).train.labels)
    fewest = int(np.bincount(labels).min())
    return [each for each in AMOUNTS if each <= fewest]
