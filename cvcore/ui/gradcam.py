"""Grad-CAM on pages: for which class, how strong over the image, and the drawing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from cvcore.plots import gradcam as plots
from cvcore.training.run import Run
from cvcore.ui.architectures.defaults import following
from cvcore.ui.frame import chart, is_dark
from cvcore.ui.training.inside_data import Key, key_of

if TYPE_CHECKING:
    from cvcore.training.insight.gradcam import Cam

PREDICTED = "the predicted one"
EXPLANATION = """
- **Grad-CAM** (Selvaraju et al., 2017) asks a layer's feature maps: if this channel were a little stronger, by how much
  would the score of the class rise? Averaged over all places, that is the channel's weight; the weighted sum of the
  maps, cut at zero, is what you see. Bright places spoke **for** the class.
- The map has only as many cells as the layer has places and is stretched over the image: do not read its soft edges as
  exact. Late layers tell *what*, early ones *where*.
- Where nothing is bright, no place of this layer speaks for the class. Each map has its own scale, from 0 to its
  largest value.
- A bright background is a warning: the network may have learnt the wrong clue. Two networks with the same accuracy can
  look at different things.
"""


def choose_target(classes: Sequence[str]) -> int | None:
    """The class for which places speak; None for the one that each network predicts."""
    options = [PREDICTED, *classes]
    chosen = st.selectbox(
        "Class",
        options,
        index=options.index(following("cam-class", PREDICTED, options)),
        key="cam-class",
        bind="query-params",
        help="For which class the places speak. Each network has its own predicted class.",
        width=180,
    )
    return classes.index(chosen) if chosen in classes else None


def choose_opacity() -> float:
    """How much of the image the map covers, 0..1."""
    percent = st.slider(
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
    return percent / 100


def draw(
    run: Run, found: Cam, image: np.ndarray, image_key: str, layer: str, *, opacity: float, height: int, alt: str
) -> None:
    """The map that the run's network has at `layer`, over the uint8 image [C, H, W]."""
    figure = _figure(key_of(run), image_key, layer, found.target, opacity, is_dark(), height, found, image)
    chart(figure, key=f"cam-{run.run_id[-6:]}", alt=alt)


@st.cache_resource(max_entries=32, show_spinner=False)
def _figure(
    run: Key,
    image_key: str,
    layer: str,
    target: int,
    opacity: float,
    dark: bool,
    height: int,
    _found: Cam,
    _image: np.ndarray,
) -> go.Figure:
    return plots.cam_figure(_found.over_image, _image, opacity=opacity, dark=dark, height=height)
