"""Filters: the weights of the layer that reads the pixels, as small pictures."""

from functools import partial

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from cvcore.plots import feature_maps as plots
from cvcore.plots.inside_steps import step_figure
from cvcore.ui.architectures.inside_images import Subject
from cvcore.ui.architectures.inside_layers import number
from cvcore.ui.architectures.inside_weights import Weights, anatomy_of, network
from cvcore.ui.frame import chart, is_dark, metric_row
from cvcore.ui.glossary import tip
from cvcore.ui.numbers import shape

COMMON, EACH = "one for all", "each its own"
MOST_NUMBERS = 12  # side by side that can be read
CHANNELS = {1: ("",), 3: ("red", "green", "blue")}
EXPLANATION = """
- Only the first layer reads pixels, so only its filters can be looked at as pictures. A filter answers most strongly
  to a patch that looks like itself.
- **Zero is the middle grey**; lighter is a positive weight, darker a negative one. A filter on three channels is shown
  as one colour picture: each of its channels is red, green or blue around the middle.
- **Untrained** filters are noise. Trained on photographs, they become edges, stripes and opposing colours, in every
  network; look for noise that is left, a sign that a filter was of no use or training too short.
- A **Linear** layer on the pixels has one filter as large as the image for each of its outputs: in a perceptron, the
  template of a class.
"""


def show(weights: Weights, subject: Subject) -> None:
    """The view."""
    with st.spinner("Building the network …", show_time=True):
        filters = _filters(weights)
    count, channels = filters.weights.shape[:2]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        scale = st.segmented_control(
            "Contrast",
            [COMMON, EACH],
            default=COMMON,
            required=True,
            key="inside-filter-scale",
            bind="query-params",
            help="One for all compares filters; each its own stretches every filter to full contrast.",
        )
        chosen = st.number_input(
            f"Filter, 0 to {count - 1:,}",
            0,
            count - 1,
            key="inside-filter",
            bind="query-params",
            help=f"Or click one. {tip('filter')}",
            width=170,
        )
    colour = channels == 3
    left, right = st.columns(2, gap="large")
    shown = min(count, plots.MOST_CHANNELS // (1 if colour else channels))
    with left:
        key = f"inside-filters-{weights.name}-{weights.which}"
        chart(
            _sheet(weights, shown, scale == COMMON, chosen, filters),
            key=key,
            alt=f"{shown} filters of {filters.name}; click one to see its weights",
            saved=False,
            on_select=partial(_clicked, key, 1 if colour else channels),
            selection_mode="points",
        )
    with right:
        _large(weights, filters, chosen)
    biggest = float(np.abs(filters.weights).max())
    metric_row(
        ("First layer", filters.name, f"{filters.type}. {tip('layer')}"),
        ("Filters", f"{count:,}", f"Each makes one channel. {tip('filter')}"),
        ("Weights of each", shape(filters.weights.shape[1:]), f"Channels × height × width. {tip('weights')}"),
        ("Largest weight", number(biggest), "Absolute value; where the common scale ends"),
    )
    with st.expander("What this shows", key="read-inside", bind="query-params", icon=":material/help:"):
        st.markdown(EXPLANATION)


@st.cache_resource(max_entries=8, show_spinner=False)
def _filters(weights: Weights):
    from cvcore.analysis.inside.anatomy import Filters, first_filters

    with network(weights) as model:
        found = first_filters(model, anatomy_of(weights).steps, weights.image)
        return Filters(found.name, found.type, found.weights.copy())  # not a view that would keep the network


@st.cache_resource(max_entries=16, show_spinner=False)
def _sheet(weights: Weights, shown: int, common: bool, chosen: int, _filters) -> go.Figure:
    cells = _filters.weights[:shown]
    channels = cells.shape[1]
    limits = np.abs(cells).max() if common else np.abs(cells).max(axis=(1, 2, 3))
    hovers = [f"filter {index}: {number(each.min())} … {number(each.max())}" for index, each in enumerate(cells)]
    if channels in (1, 3):
        return plots.channel_sheet(
            plots.filter_pictures(cells, limits), hovers, chosen=chosen if chosen < shown else None
        )
    hovers = [f"{text}, channel {channel}" for text in hovers for channel in range(channels)]
    pictures = plots.filter_pictures(cells, limits)
    return plots.channel_sheet(pictures, hovers, columns=channels * max(1, round((shown / channels) ** 0.5)))


def _clicked(key: str, tiles: int) -> None:
    """`tiles`: pictures for each filter."""
    points = st.session_state[key].selection.point_indices
    if points:
        st.session_state["inside-filter"] = points[-1] // tiles


def _large(weights: Weights, filters, chosen: int) -> None:
    """The weights of one filter, channel by channel."""
    cells = filters.weights[chosen]
    label = f" (class {weights.labels[chosen]})" if filters.type == "Linear" and chosen < len(weights.labels) else ""
    st.markdown(f"**Filter {chosen:,}**{label} · weights {number(cells.min())} … {number(cells.max())}")
    names = CHANNELS.get(len(cells), tuple(f"channel {index}" for index in range(len(cells))))
    limit = float(np.abs(cells).max())
    figure = step_figure(cells[:4], names[:4], limit=limit, signed=True, dark=is_dark(), height=360)
    if cells.shape[-1] * min(len(cells), 4) <= MOST_NUMBERS:
        figure.update_traces(texttemplate="%{z:.2f}", textfont={"size": 11}, xgap=1, ygap=1)
    chart(figure, key="inside-weights", alt=f"The weights of filter {chosen} of {filters.name}")
    if len(cells) > 4:
        st.caption(f"The first 4 of {len(cells)} channels.")
