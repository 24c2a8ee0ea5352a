"""Grad-CAM: which places of an image spoke for a class, in one network or two."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from cvcore.errors import ModelError
from cvcore.plots import gradcam as plots
from cvcore.ui.architectures.defaults import following
from cvcore.ui.frame import chart, escaped, is_dark
from cvcore.ui.numbers import shape
from cvcore.ui.runs import label
from cvcore.ui.training.inside_data import Key, cam, choose_layer, key_of

PREDICTED = "the predicted one"
EXPLANATION = """
- **Grad-CAM** (Selvaraju et al., 2017) asks a layer's feature maps: if this channel were a little stronger, by how much
  would the score of the class rise? Averaged over all places, that is the channel's weight; the weighted sum of the
  maps, cut at zero, is what you see. Bright places spoke **for** the class.
- The map has only as many cells as the layer has places (given above each picture) and is stretched over the image: do
  not read its soft edges as exact. Late layers tell *what*, early ones *where*.
- Where nothing is bright, no place of this layer speaks for the class.
- A bright background is a warning: the network may have learnt the wrong clue. Two networks with the same accuracy can
  look at different things.
"""


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
        target = _choose_target(able[0])
        opacity = st.slider(
            "Map over the image (%)",
            0,
            100,
            60,
            5,
            key="cam-opacity",
            bind="query-params",
            help="0: the image alone, 100: the map alone.",
            width=220,
        )
    columns = st.columns(2, gap="large")
    for column, each, layer in zip(columns, able, layers, strict=False):
        with column:
            _one(each, subject, layer, target, opacity / 100)
    with st.expander("What this shows", icon=":material/help:"):
        st.markdown(EXPLANATION)


def _choose_target(first) -> str:
    options = [PREDICTED, *first.dataset.classes]
    return st.selectbox(
        "Class",
        options,
        index=options.index(following("cam-class", PREDICTED, options)),
        key="cam-class",
        bind="query-params",
        help="For which class the places speak. Of two networks, each has its own predicted class.",
        width=180,
    )


@st.cache_resource(max_entries=32, show_spinner=False)
def _cam_figure(
    run: Key, image: str, layer: str, target: int, opacity: float, dark: bool, _found, _image: np.ndarray
) -> go.Figure:
    return plots.cam_figure(_found.over_image, _image, opacity=opacity, dark=dark)


@st.cache_resource(max_entries=32, show_spinner=False)
def _likeliest_figure(
    run: Key, image: str, truth: int | None, _probabilities: np.ndarray, _names: tuple[str, ...]
) -> go.Figure:
    return plots.likeliest_figure(_probabilities, _names, truth)


def _one(each, subject, layer: str, target: str, opacity: float) -> None:
    image, key = subject.pixels(each)
    names = each.dataset.classes
    wanted = names.index(target) if target in names else None
    found = cam(each, image, key, layer, wanted)
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
    figure = _cam_figure(key_of(each.run), key, layer, found.target, opacity, is_dark(), found, image)
    who = each.run.run_id[-6:]
    chart(figure, key=f"cam-{who}", alt=f"Grad-CAM of {label(each.run)} for {names[found.target]} on {subject.text}")
    chart(
        _likeliest_figure(key_of(each.run), key, truth, found.probabilities, names),
        key=f"likeliest-{who}",
        alt=f"The most probable classes; the true one is {subject.name}",
        saved=False,
    )
