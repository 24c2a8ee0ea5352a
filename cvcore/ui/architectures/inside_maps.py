"""Feature maps: all channels that leave a layer as one picture, and one of them large over the image."""

from functools import partial

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from cvcore.plots import feature_maps as plots
from cvcore.ui.architectures.inside_images import Subject, receives
from cvcore.ui.architectures.inside_layers import choose_channel, choose_layer, maps_of, maps_text, number, percent
from cvcore.ui.architectures.inside_weights import Weights
from cvcore.ui.frame import chart, is_dark, metric_row
from cvcore.ui.glossary import tip
from cvcore.ui.numbers import shape

STRONGEST, BY_NUMBER = "strongest first", "by number"
COMMON, EACH = "one for all", "each its own"
EXPLANATION = """
- A **feature map** is what one channel of a layer makes of the image: one number for each place, large where the
  channel finds what it looks for. Early layers have large maps of edges and colours; later ones small maps of parts.
- **Colours**: from dark to light where no value is negative, as after a ReLU; otherwise blue above zero, vermilion
  below, and the ground at zero. With *one for all*, channels can be compared; the scale ends at the value that 0.1 %
  of the layer's values pass, so that a single peak does not darken the rest. *Each its own* shows weak channels too.
- **Zeros** are exact. After a ReLU a channel that is zero for every image is called dead.
- A map is stretched over the image here. Which pixels a value depends on exactly, and how far they lie, is the
  receptive field's affair.
- A layer without places, such as Linear, has channels of one value: they are drawn as cells, and as bars.
"""


def show(weights: Weights, subject: Subject) -> None:
    """The view."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        step = choose_layer(weights)
        order = st.segmented_control(
            "Order",
            [STRONGEST, BY_NUMBER],
            default=STRONGEST,
            required=True,
            key="inside-order",
            bind="query-params",
            help="Strongest first: by the mean absolute value of the map.",
        )
        scale = st.segmented_control(
            "Colour scale",
            [COMMON, EACH],
            default=COMMON,
            required=True,
            key="inside-scale",
            bind="query-params",
            help="One for all compares channels; each its own shows what is weak, too.",
        )
        place = st.container(width="content")
    maps = maps_of(weights, subject, step.key)
    ranks = _strongest_first(weights, subject.key, step.key, maps)
    with place:
        channel = choose_channel(len(maps), int(ranks[0]))
    left, right = st.columns([1, 1], gap="large")
    with left:
        _sheet(weights, subject, step, maps, ranks if order == STRONGEST else np.arange(len(maps)), scale, channel)
    with right:
        _large(weights, subject, step, maps, channel)
    _numbers(step, maps)
    st.caption(receives(subject, weights))
    with st.expander("What this shows", key="read-inside", bind="query-params", icon=":material/help:"):
        st.markdown(EXPLANATION)


@st.cache_resource(max_entries=32, show_spinner=False)
def _strongest_first(weights: Weights, key: str, layer: str, _maps: np.ndarray) -> np.ndarray:
    from cvcore.analysis.inside.anatomy import strongest_first

    return strongest_first(_maps)


@st.cache_resource(max_entries=32, show_spinner=False)
def _figures(weights: Weights, key: str, layer: str, channel: int | None, _maps: np.ndarray):
    from cvcore.analysis.inside.anatomy import figures

    return figures(_maps if channel is None else _maps[channel])


def _sheet(weights: Weights, subject: Subject, step, maps: np.ndarray, order: np.ndarray, scale: str, channel: int):
    """All channels, or as many as can be told apart."""
    shown = order[: plots.MOST_CHANNELS]
    if len(shown) < len(order):
        st.caption(f"The first {len(shown):,} of {len(order):,} channels.")
    which = (weights, subject.key, step.key, tuple(shown.tolist()), scale == COMMON, channel, is_dark())
    key = f"inside-sheet-{step.key}-{len(shown)}"
    chart(
        _sheet_figure(*which, maps),
        key=key,
        alt=f"{len(shown)} feature maps of {step.key}; click one to see it large",
        saved=False,
        on_select=partial(_clicked, key, shown),
        selection_mode="points",
    )


@st.cache_resource(max_entries=16, show_spinner=False)
def _sheet_figure(
    weights: Weights,
    key: str,
    layer: str,
    shown: tuple[int, ...],
    common: bool,
    channel: int,
    dark: bool,
    _maps: np.ndarray,
) -> go.Figure:
    maps = _maps[list(shown)]
    signed = bool(np.nanmin(_maps) < 0)
    limits = limit_of(_maps) if common else np.abs(maps).max(axis=(1, 2))
    means = np.abs(maps).mean(axis=(1, 2))
    lows, highs = maps.min(axis=(1, 2)), maps.max(axis=(1, 2))
    hovers = [
        f"channel {number_:,}<br>{number(low)} … {number(high)}, mean |value| {number(mean)}"
        for number_, low, high, mean in zip(shown, lows, highs, means, strict=True)
    ]
    pictures = plots.colours(maps, limits, signed=signed, dark=dark)
    return plots.channel_sheet(pictures, hovers, chosen=shown.index(channel) if channel in shown else None)


def limit_of(maps: np.ndarray) -> float:
    """Where the colour scale ends: passed by 0.1 % of the values in `maps`, from zero."""
    finite = np.abs(maps[np.isfinite(maps)])
    return float(np.quantile(finite, 0.999)) if finite.size else 1.0


def _clicked(key: str, shown: np.ndarray) -> None:
    points = st.session_state[key].selection.point_indices
    if points:  # a second click unselects it, which changes nothing here
        st.session_state["channel"] = int(shown[points[-1]])


def _large(weights: Weights, subject: Subject, step, maps: np.ndarray, channel: int) -> None:
    """One channel: over the image, or as a bar among the others."""
    values = maps[channel]
    found = _figures(weights, subject.key, step.key, channel, maps)
    st.markdown(
        f"**Channel {channel:,}** · {shape(values.shape)} · {number(found.low)} … {number(found.high)} · "
        f"{percent(found.zeros)} zeros"
    )
    if values.size == 1:
        figure = plots.values_figure(maps[:, 0, 0], channel, weights.labels)
        chart(figure, key="inside-values", alt=f"The {len(maps)} values that leave {step.key}")
        return
    place = st.container()
    opacity = st.slider(
        "Map over the image (%)",
        0,
        100,
        75,
        5,
        key="inside-opacity",
        bind="query-params",
        help="0: the image alone, 100: the map alone.",
    )
    figure = plots.map_over_image(
        values,
        subject.pixels(weights.image),
        opacity=opacity / 100,
        limit=float(np.abs(values).max()),
        signed=bool(np.nanmin(maps) < 0),
        dark=is_dark(),
    )
    alt = f"Channel {channel} of {step.key} over {subject.said}"
    chart(figure, key="inside-map", alt=alt, place=place)


def _numbers(step, maps: np.ndarray) -> None:
    from cvcore.analysis.inside.anatomy import figures

    found = figures(maps)
    metric_row(
        ("Layer", step.type, f"Its name in the network: {step.key}. {tip('layer')}"),
        (
            "Maps (channels × px)",
            maps_text(maps.shape),
            f"{found.count:,} values. {tip('feature map')} {tip('channel')}",
        ),
        ("Range", f"{number(found.low)} … {number(found.high)}", "Lowest and highest value of all channels"),
        ("Mean", number(found.mean), "Of all values"),
        ("Zeros", percent(found.zeros), "Share of values that are exactly 0"),
    )
