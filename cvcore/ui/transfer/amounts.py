"""How many images do I need, and how large? Accuracy against their number, or their size, with seeds."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from cvcore.config import RunConfig
from cvcore.data import catalog
from cvcore.plots import amounts as plots
from cvcore.training.run import Run
from cvcore.transfer import ways
from cvcore.ui import data as ui_data
from cvcore.ui.frame import chart, errors_as_lines, escaped
from cvcore.ui.preload import wait_for_torch
from cvcore.ui.runs import submit
from cvcore.ui.transfer.look import TITLES, Look, colour_of_way, runs_of

AMOUNTS = (1, 2, 5, 10, 20, 50, 100, 200, 500)
AT_FIRST = (1, 2, 5, 10)
TICK = 2.0  # seconds between two looks at runs that train
IMAGES, SIZE = "images a class", "image size"

Points = dict[tuple[str, int, int], RunConfig]  # by strategy, amount, seed


@dataclass(frozen=True)
class Axis:
    """What accuracy is drawn against: amounts to choose from, those at first, and the settings of the images that make
    one; `left_out` says which there are not, and why."""

    label: str
    title: str
    options: list[int]
    at_first: list[int]
    key: str
    settings: Callable[[int], dict[str, Any]]
    left_out: tuple[str, ...] = ()


def show(look: Look) -> None:
    """Which amounts and how many seeds; a button that trains what is missing; the curves as far as they are known."""
    against = st.segmented_control(
        "Accuracy against",
        [IMAGES, SIZE],
        default=IMAGES,
        required=True,
        key="against-what",
        bind="query-params",
        help="How many images there are to learn from, or how many pixels they have.",
    )
    axis = {IMAGES: _by_images, SIZE: _by_size}[against](look)
    left, right = st.columns([4, 1], vertical_alignment="bottom")
    chosen = left.pills(
        axis.label,
        axis.options,
        selection_mode="multi",
        default=axis.at_first,
        key=axis.key,
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
    for line in axis.left_out:
        st.caption(line)
    chosen = sorted(set(chosen) & set(axis.options))  # of another network some may be left
    if not chosen:
        st.info(f"Choose at least one: {axis.label.lower()}.", icon=":material/stacked_line_chart:")
        return
    points = {
        (key, amount, seed): look.comparison.on(seed, **axis.settings(amount)).config(key)
        for key in look.keys
        for amount in chosen
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
    st.fragment(_curves, run_every=None if ended else TICK)(points, axis.title, ended)


def _is_missing(run: Run | None) -> bool:
    return run is None or run.status in ("failed", "cancelled", "paused", "interrupted")


def _curves(points: Points, title: str, had_ended: bool) -> None:
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
        for (key, amount, _), run in done.items():
            found.setdefault(TITLES[key], {}).setdefault(amount, []).append(run.end["test"]["acc"])
        chart(
            plots.accuracy_by_amount(found, {name: colour_of_way(name) for name in found}, title),
            key="amounts-chart",
            alt=f"Test accuracy against {title} of " + ", ".join(found),
        )
        st.caption("Lines: mean over the seeds. Bands: one standard deviation. All runs are tested on the same images.")


def _by_images(look: Look) -> Axis:
    """Numbers of images that every class has."""
    labels = np.asarray(ui_data.opened(look.comparison.data["name"]).train.labels)
    fewest = int(np.bincount(labels).min())
    possible = [each for each in AMOUNTS if each <= fewest]
    at_first = [each for each in AT_FIRST if each in possible]
    title = "training images a class"
    return Axis("Images a class", title, possible, at_first, "amounts", lambda amount: {"per_class": amount})


def _by_size(look: Look) -> Axis:
    """Sizes that the network and the weights take, around the one that the images have here."""
    compared = look.comparison
    dataset = ui_data.opened(compared.data["name"], compared.data.get("size", 0))
    own, classes = dataset.image_shape, len(dataset.classes)
    reused = any(key != ways.SCRATCH for key in look.keys)
    possible, refused = _sizes(compared.backbone, own, classes, compared.source, reused)
    # photographs are decoded anew for each size, which takes its time: only what is asked for
    small = catalog.entry(compared.data["name"]).state == "bundled"
    at_first = [size for size in possible if size == own[1] or (small and size < own[1])]
    why = tuple(f"Without {', '.join(map(str, sizes))} pixels: {escaped(reason)}." for sizes, reason in refused)
    title = "side of the images (pixels)"
    return Axis(
        "Image size (pixels)",
        title,
        possible,
        at_first,
        "sizes",
        lambda size: {} if size == own[1] else {"size": size},
        why,
    )


@st.cache_data(max_entries=64, show_spinner=False)
def _sizes(
    network: str, own: tuple[int, int, int], classes: int, source: str, reused: bool
) -> tuple[list[int], list[tuple[list[int], str]]]:
    """(sizes that can be compared, those that cannot with why)."""
    wait_for_torch()
    from cvcore.transfer import sizes

    asked = sizes.around(own[1], source)
    refused = sizes.refusals(network, own, classes, asked, reused)
    without = {size for each, _ in refused for size in each}
    return [size for size in asked if size not in without], refused
