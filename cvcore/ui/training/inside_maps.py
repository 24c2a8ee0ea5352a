"""Feature maps of an image after the best epoch, in one network or two."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from cvcore.plots import feature_maps as plots
from cvcore.ui.architectures.inside_layers import maps_text, number, percent
from cvcore.ui.architectures.inside_maps import limit_of
from cvcore.ui.frame import chart, escaped, is_dark
from cvcore.ui.runs import label
from cvcore.ui.training.inside_data import Key, choose_map_layer, key_of, maps

SHOWN = 64
COLUMN = 0.72  # of the width that sheets are made for: they stand in one of two columns
EXPLANATION = """
- Each small picture is one **channel** of the layer for this image, the strongest (largest mean absolute value) first;
  point at one for its number. All share one colour scale, which ends at the value that 0.1 % of the values pass.
- Channels of two networks do **not** correspond: each network numbers what it finds in its own order. Compare what
  kinds of things are found, how sharp they are, and how many channels stay empty.
- The *Architectures* page shows more of a single network, layer by layer.
"""


def show(replays: Sequence, subject) -> None:
    """The view."""
    if not replays:
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        layers = choose_map_layer(replays, "map-layer")
        channel = st.number_input(
            "Channel",
            0,
            value=None,
            placeholder="the strongest",
            key="map-channel",
            bind="query-params",
            help="Shown large. Left empty, it is the one with the largest mean absolute value.",
            width=150,
        )
    if len(replays) == 1:
        left, right = st.columns(2, gap="large")
        found, order = _maps(replays[0], subject, layers[0])
        with left:
            _sheet(replays[0], subject, layers[0], found, order)
        with right:
            _large(replays[0], subject, layers[0], found, order, channel)
    else:
        for column, each, layer in zip(st.columns(2, gap="large"), replays, layers, strict=True):
            with column:
                found, order = _maps(each, subject, layer)
                _sheet(each, subject, layer, found, order)
                _large(each, subject, layer, found, order, channel)
    with st.expander("What this shows", icon=":material/help:"):
        st.markdown(EXPLANATION)


def _maps(each, subject, layer: str) -> tuple[np.ndarray, np.ndarray]:
    """(maps [C, H, W], channels with the strongest first)."""
    from cvcore.analysis.inside.anatomy import strongest_first

    image, key = subject.pixels(each.dataset)
    found = maps(each, image, key, layer)
    return found, strongest_first(found)


def _sheet(each, subject, layer: str, found: np.ndarray, order: np.ndarray) -> None:
    from cvcore.analysis.inside.anatomy import figures

    told = figures(found)
    st.markdown(f"**{escaped(label(each.run))}**")
    zeros = f" · {percent(told.zeros)} zeros" if told.zeros else ""
    st.markdown(f":small[{escaped(layer)} · {maps_text(found.shape)}{zeros}]")
    shown = order[:SHOWN]
    alt = f"{len(shown)} feature maps of {layer} of {label(each.run)} for {subject.text}"
    figure = _sheet_figure(key_of(each.run), subject.pixels(each.dataset)[1], layer, is_dark(), found, shown)
    chart(figure, key=f"maps-{each.run.run_id[-6:]}", alt=alt, saved=False)
    if len(shown) < len(order):
        st.caption(f"The {SHOWN} strongest of {len(order):,} channels.")


@st.cache_resource(max_entries=16, show_spinner=False)
def _sheet_figure(run: Key, image: str, layer: str, dark: bool, _maps: np.ndarray, _shown: np.ndarray) -> go.Figure:
    from cvcore.analysis.inside.anatomy import strength

    how = strength(_maps)
    pictures = plots.colours(_maps[_shown], limit_of(_maps), signed=bool(np.nanmin(_maps) < 0), dark=dark)
    hovers = [f"channel {channel}<br>mean |value| {number(how[channel])}" for channel in _shown]
    figure = plots.channel_sheet(pictures, hovers)
    return figure.update_layout(height=int(figure.layout.height * COLUMN))  # or a gap would follow: it is scaled down


def _large(each, subject, layer: str, found: np.ndarray, order: np.ndarray, channel: int | None) -> None:
    channel = int(order[0]) if channel is None else min(int(channel), len(found) - 1)
    values = found[channel]
    st.markdown(f":small[**Channel {channel:,}** · {number(np.nanmin(values))} … {number(np.nanmax(values))}]")
    key = f"map-{each.run.run_id[-6:]}"
    if values.size == 1:
        names = each.dataset.classes if len(found) == len(each.dataset.classes) else ()
        chart(plots.values_figure(found[:, 0, 0], channel, names), key=key, alt=f"What leaves {layer}")
        return
    figure = plots.map_over_image(
        values,
        subject.pixels(each.dataset)[0],
        opacity=0.75,
        limit=float(np.nanmax(np.abs(values))),
        signed=bool(np.nanmin(found) < 0),
        dark=is_dark(),
        height=400,
    )
    chart(figure, key=key, alt=f"Channel {channel} of {layer} over {subject.text}")
