"""Transfer learning: what a network learnt on one set, reused on a few images of another."""

import importlib
from collections.abc import Iterable
from contextlib import suppress

import numpy as np
import streamlit as st

from cvcore.config import RunConfig
from cvcore.data.split import training_indices
from cvcore.errors import RunError
from cvcore.training.queue import Queue
from cvcore.training.run import Run
from cvcore.transfer import ways
from cvcore.ui import data as ui_data
from cvcore.ui.frame import TRAINING, errors_as_lines, frame, link
from cvcore.ui.live_curves import watch
from cvcore.ui.runs import make_ready, store, submit
from cvcore.ui.transfer import estimate, predict
from cvcore.ui.transfer.backbones import backbones
from cvcore.ui.transfer.controls import controls
from cvcore.ui.transfer.look import TITLES, Look, runs_of

# each is a module of cvcore.ui.transfer with a function show(look)
SECTIONS = {
    "Results": "results",
    "Where do they look?": "where",
    "Is it really frozen?": "frozen",
    "How many images?": "amounts",
    "At test time": "test_time",
    "Which layers?": "layers",
}
COMPARE = "Compare strategies"


def main() -> None:
    frame(
        "Transfer learning",
        "A network has learnt one set and sees only a few images of another. Does what it knows help? "
        "Ways to reuse it, side by side.",
    )
    with errors_as_lines():
        make_ready()
    chosen = st.segmented_control(
        "What to do",
        [COMPARE, predict.DO],
        default=COMPARE,
        required=True,
        key="do",
        bind="query-params",
        help="Train on few images of your own, or ask networks that know ImageNet's thousand classes.",
    )
    with errors_as_lines():
        if chosen == predict.DO:
            predict.show()
        else:
            compare()


def compare() -> None:
    """A few images, a backbone, the strategies, and their runs looked at in one of several ways."""
    reusable = backbones()
    if not reusable:
        st.info("No finished run to reuse yet: train one on the Training page.", icon=":material/move_up:")
        link(TRAINING, "Train bn-cnn on glyphs", data="glyphs", model=ways.BACKBONE)
        return
    comparison, keys = controls(reusable)
    configs = {key: comparison.config(key) for key in keys}
    if not configs:
        st.info("Choose at least one strategy.", icon=":material/checklist:")
        return
    show_few_images(next(iter(configs.values())))
    explain(keys)
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button(
            "Train all",
            type="primary",
            icon=":material/play_arrow:",
            help="Those that were trained so before are not trained again.",
        ):
            submit(*configs.values())
        runs = runs_of(configs)
        stop_button(runs.values())
        estimate.show({key: config for key, config in configs.items() if key not in runs})
    show_sections(Look(comparison, tuple(configs), {TITLES[key]: run for key, run in runs.items()}))


def stop_button(runs: Iterable[Run]) -> None:
    """A button that pauses those that train or wait, where some do."""
    waiting = [run.run_id for run in runs if not run.ended]
    if waiting and st.button(
        "Stop all", icon=":material/pause:", help="Stops within one batch. Train all goes on exactly where each was."
    ):
        for run_id in waiting:
            with suppress(RunError):  # it ended in between
                Queue(store()).pause(run_id)
        st.rerun()


def explain(keys: list[str]) -> None:
    """What the chosen strategies mean."""
    for place, key in zip(st.columns(max(3, len(keys)), gap="medium"), keys, strict=False):
        each = ways.way(key)
        place.markdown(f"**{each.title}**  \n{each.meaning}")


def show_few_images(config: RunConfig) -> None:
    """All the images that the three will learn from."""
    dataset = ui_data.opened(config.data.name)
    labels = dataset.train.labels
    chosen, _ = training_indices(dataset, config.data)
    classes = len(dataset.classes)
    shown = np.concatenate([chosen[labels[chosen] == label][: max(1, 100 // classes)] for label in range(classes)])
    tile = 34 if max(map(len, dataset.classes)) < 5 else 58  # pixels: long names need room
    ui_data.show_images(dataset, "train", shown, columns=10 if tile == 34 else 6, tile=tile)
    part = f" {len(shown)} of them are shown." if len(shown) < len(chosen) else ""
    st.caption(
        f"These {len(chosen):,} labelled images are all that is learnt from.{part} The last epoch is kept; "
        "the held-out images only draw the curves."
    )


def show_sections(look: Look) -> None:
    """The runs of the strategies that were started, looked at in one of several ways."""
    section = st.pills(
        "Look at",
        list(SECTIONS),
        default="Results",
        required=True,
        key="section",
        bind="query-params",
        help="Ways to look at the same strategies.",
        wrap=True,
    )
    if section != "Results":
        watch([run.run_id for run in look.runs.values()])
    with errors_as_lines():
        module = importlib.import_module(f"cvcore.ui.transfer.{SECTIONS[section]}")
        module.show(look)


main()
