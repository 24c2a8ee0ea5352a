"""Grad-CAM: which places of an image spoke for a class, in one network or two."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from cvcore.errors import ModelError
from cvcore.plots import gradcam as plots
from cvcore.ui.frame import chart, escaped
from cvcore.ui.gradcam import EXPLANATION, choose_opacity, choose_target, draw
from cvcore.ui.numbers import shape
from cvcore.ui.runs import label
from cvcore.ui.training.inside_data import Key, cam, choose_layer, key_of


def show(replays: Sequence, subject) -> None:
    """The view."""
    from cvcore.training.insight.gradcam import last_place, places

    able = []
    for each in replays:
        try:
            last_place(each.steps)
            able.append(each)
        except ModelError:
            st.info(
                f"{escaped(label(each.run))} has no layer with maps, so no Grad-CAM: its filters are under "
                "*Through the epochs*.",
                icon=":material/info:",
            )
    if not able:
        return
    keys = [[place.key for place in places(each.steps)] for each in able]
    lasts = [last_place(each.steps).key for each in able]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        layers = choose_layer(able, keys, "cam-layer", lasts[0])
        if layers[0] == lasts[0]:
            layers = lasts  # the last maps of each, whatever they are called
        target = choose_target(able[0].dataset.classes)
        opacity = choose_opacity()
    columns = st.columns(2, gap="large")
    for column, each, layer in zip(columns, able, layers, strict=False):
        with column:
            _one(each, subject, layer, target, opacity)
    with st.expander("What this shows", icon=":material/help:"):
        st.markdown(EXPLANATION)


@st.cache_resource(max_entries=32, show_spinner=False)
def _likeliest_figure(
    run: Key, image: str, truth: int | None, _probabilities: np.ndarray, _names: tuple[str, ...]
) -> go.Figure:
    return plots.likeliest_figure(_probabilities, _names, truth)


def _one(each, subject, layer: str, target: int | None, opacity: float) -> None:
    image, key = subject.pixels(each.dataset)
    names = each.dataset.classes
    wanted = target if target is not None and target < len(names) else None
    found = cam(each.run, image, key, layer, wanted)
    truth = subject.label if names == subject.dataset.classes else None
    st.markdown(f"**{escaped(label(each.run))}**")
    share = 100 * found.probabilities[found.target]
    st.markdown(
        f":small[Places that speak for **{escaped(names[found.target])}**, {share:.1f} %, "
        f"in {escaped(layer)} ({shape(found.values.shape)} places)]"
    )
    if not np.isfinite(found.values).all():
        st.info("The network's numbers are not finite: its training diverged.", icon=":material/info:")
        return
    if found.is_empty:
        st.caption("No place of this layer speaks for this class.")
    who = each.run.run_id[-6:]
    alt = f"Grad-CAM of {label(each.run)} for {names[found.target]} on {subject.text}"
    draw(each.run, found, image, key, layer, opacity=opacity, height=330, alt=alt)
    chart(
        _likeliest_figure(key_of(each.run), key, truth, found.probabilities, names),
        key=f"likeliest-{who}",
        alt=f"The most probable classes; the true one is {subject.name}",
        saved=False,
    )
