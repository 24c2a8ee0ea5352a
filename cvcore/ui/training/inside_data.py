"""Networks of runs, and what they make of images, each computed once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from cvcore.errors import RunError
from cvcore.training.run import Run
from cvcore.ui.architectures.defaults import following
from cvcore.ui.data import progress_bar

if TYPE_CHECKING:
    from cvcore.training.insight.gradcam import Cam
    from cvcore.training.insight.histograms import Series
    from cvcore.training.insight.replay import Replay
    from cvcore.training.insight.through import Maps

Key = tuple[str, int]  # which run, as of when: trained anew, it has other weights


def replay(run: Run) -> Replay:
    """The run's network, loaded once. Raises RunError where that cannot be."""
    return _replay(*key_of(run), run)


def key_of(run: Run) -> Key:
    """What results of the run are kept under."""
    try:
        return str(run.path), (run.path / "best.pt").stat().st_mtime_ns
    except OSError as error:
        raise RunError(f"best.pt of {run.run_id} is missing: train that run again") from error


@st.cache_resource(max_entries=3, show_spinner=False)
def _replay(path: str, changed: int, _run: Run) -> Replay:
    from cvcore.training.insight.replay import Replay

    return Replay(_run)


def choose_map_layer(replays: Sequence[Replay], key: str) -> list[str]:
    """The chosen layer of each network whose output is to be looked at; at first the first activation."""
    keys = [[step.key for step in each.steps] for each in replays]
    first = next((step.key for step in replays[0].steps if step.kind == "activation"), keys[0][0])
    return choose_layer(replays, keys, key, first)


def choose_layer(replays: Sequence[Replay], keys: Sequence[Sequence[str]], key: str, default: str) -> list[str]:
    """The chosen layer of each network; of the second the one that corresponds to it."""
    options = list(keys[0])
    chosen = st.selectbox(
        "Layer",
        options,
        index=options.index(following(key, default, options)),
        key=key,
        bind="query-params",
        help="In the order they run, by their names inside the network. Type to search.",
        width=260,
    )
    chosen = chosen if chosen in options else default
    return [
        chosen,
        *(_counterpart(chosen, replays[0], options, *other) for other in zip(replays[1:], keys[1:], strict=True)),
    ]


def _counterpart(chosen: str, one: Replay, options: Sequence[str], other: Replay, keys: Sequence[str]) -> str:
    """Of `keys` of the other network: that of the same name, else the one that is as many-th of its kind, else the one
    at the same depth."""
    if chosen in keys:
        return chosen
    kinds = [{step.key: step.kind or step.type for step in each.steps} for each in (one, other)]
    kind = kinds[0].get(chosen)
    alike = [[key for key in each if kinds[place].get(key) == kind] for place, each in enumerate((options, keys))]
    if kind and all(alike):
        return alike[1][min(alike[0].index(chosen), len(alike[1]) - 1)]
    return keys[max(0, round((list(options).index(chosen) + 1) / len(options) * len(keys)) - 1)]


def cam(run: Run, image: np.ndarray, image_key: str, layer: str, target: int | None) -> Cam:
    """Grad-CAM of the image at that layer, "" for the last maps; of the predicted class where there is no `target`.

    Raises ModelError where the network has no maps. The network is loaded only where the answer is not known.
    """
    return _cam(key_of(run), image_key, layer, target, run, image)


@st.cache_resource(max_entries=64, show_spinner=False)
def _cam(run: Key, image_key: str, layer: str, target: int | None, _run: Run, _image: np.ndarray) -> Cam:
    from cvcore.training.insight.gradcam import grad_cam, last_place, places

    each = replay(_run)
    place = next((place for place in places(each.steps) if place.key == layer), None) or last_place(each.steps)
    with each.at() as model:
        return grad_cam(model, each.tensor(np.array(_image)[None]), place, target)


def maps(each: Replay, image: np.ndarray, image_key: str, layer: str) -> np.ndarray:
    """float32 [channels, H, W]: what leaves the layer after the best epoch. Read-only."""
    return _maps(key_of(each.run), image_key, layer, each, image)


@st.cache_resource(max_entries=16, show_spinner=False)
def _maps(run: Key, image_key: str, layer: str, _replay: Replay, _image: np.ndarray) -> np.ndarray:
    from cvcore.analysis.inside.activations import find_step
    from cvcore.training.insight.through import maps_of

    return maps_of(_replay, _image, find_step(_replay.steps, layer))


def maps_by_epoch(each: Replay, image: np.ndarray, image_key: str, layer: str) -> Maps:
    """The strongest channels of the layer in every epoch that was kept."""
    return _maps_by_epoch(key_of(each.run), image_key, layer, each, image)


@st.cache_resource(max_entries=8, show_spinner=False)
def _maps_by_epoch(run: Key, image_key: str, layer: str, _replay: Replay, _image: np.ndarray) -> Maps:
    from cvcore.analysis.inside.activations import find_step
    from cvcore.training.insight.through import maps_through

    with progress_bar("Running the network of every epoch", "epochs") as bar:
        return maps_through(_replay, _image, find_step(_replay.steps, layer), bar)


def filters_by_epoch(each: Replay) -> dict:
    """The first layer's filters in every epoch that was kept."""
    return _filters_by_epoch(key_of(each.run), each)


@st.cache_resource(max_entries=8, show_spinner=False)
def _filters_by_epoch(run: Key, _replay: Replay) -> dict:
    from cvcore.training.insight.through import filters_through

    return filters_through(_replay)


def spreads(each: Replay, layers: tuple[str, ...]) -> tuple[Series, ...]:
    """How the values of these layers are spread in every epoch that was kept."""
    return _spreads(key_of(each.run), layers, each)


@st.cache_resource(max_entries=16, show_spinner=False)
def _spreads(run: Key, layers: tuple[str, ...], _replay: Replay) -> tuple[Series, ...]:
    from cvcore.analysis.inside.activations import find_step
    from cvcore.training.insight.histograms import fixed_images, measure

    steps = [find_step(_replay.steps, layer) for layer in layers]
    with progress_bar("Measuring every epoch", "epochs") as bar:
        return measure(_replay, steps, fixed_images(_replay), bar)
