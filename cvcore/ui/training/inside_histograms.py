"""Histograms: weights, gradients and activations of the chosen layers, epoch by epoch."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from cvcore.plots import histograms as plots
from cvcore.ui.architectures.defaults import following
from cvcore.ui.architectures.inside_layers import percent
from cvcore.ui.frame import chart, escaped
from cvcore.ui.runs import label
from cvcore.ui.training.inside_data import Key, key_of, spreads

RIDGES, BANDS = "histograms", "quantiles"
MOST_LAYERS = 4
EXPLANATION = """
- Everything here is measured **afterwards**, with the weights that the run kept, on one fixed batch of up to 64
  training images without augmentation: training itself pays nothing for it.
- **Weights** are a layer's weight, without biases. They start in a narrow bell and spread as the network learns; weight
  decay holds them back.
- **Gradients** are those of the mean cross-entropy. They shrink as the loss does. Much smaller in early layers than in
  late ones: they vanish on their way back. Growing from epoch to epoch: the learning rate is too high.
- **Activations** are what leaves the layer. Crowded at the ends of tanh or sigmoid, they are saturated; exactly zero
  almost everywhere after a ReLU, most of it is dead. Exact zeros are in no bin: the line above tells their share.
- The network runs in evaluation mode: Dropout drops nothing and BatchNorm uses its running averages, so that all epochs
  meet the same conditions. Gradients in training mode differ a little.
- **Histograms**: one for each epoch, the first on top, each as tall as its own peak; the outermost 0.1 % at either end
  are left out. **Quantiles**: the line is the median, the bands hold the middle 50 % and 90 % of the values, and dots
  mark lowest and highest.
"""


def show(replays: Sequence, subject=None) -> None:
    """The view."""
    from cvcore.training.insight.histograms import layers_with_values

    options = []
    for each in replays:
        with each.at() as model:
            options.append(layers_with_values(model, each.steps))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        layers = _choose_layers(options)
        form = st.segmented_control(
            "Drawn as",
            [RIDGES, BANDS],
            default=RIDGES,
            required=True,
            key="spread",
            bind="query-params",
            help="Histograms show shapes, quantiles show the course.",
        )
    for each, known in zip(replays, options, strict=True):
        if len(each.epochs) == 1:
            st.info(
                f"{escaped(label(each.run))} kept the weights of its best epoch only, as runs of earlier versions did: "
                "train it again to see all its epochs.",
                icon=":material/info:",
            )
        there = tuple(layer for layer in layers if layer in known)
        if missing := [layer for layer in layers if layer not in known]:
            st.caption(f"{escaped(label(each.run))} has no {escaped(', '.join(missing))}.")
        if there:
            _one(each, there, form)
    with st.expander("What this shows", icon=":material/help:"):
        st.markdown(EXPLANATION)


def _choose_layers(options: Sequence[Sequence[str]]) -> list[str]:
    every = list(dict.fromkeys(layer for known in options for layer in known))
    default = [each for each in dict.fromkeys((options[0][0], options[0][-1])) if each]
    key = "spread-layers"
    value = st.session_state.get(key)
    if value is not None and not set(value) <= set(every):  # another network
        st.session_state[key] = [each for each in value if each in every] or default
    return st.multiselect(
        "Layers",
        every,
        default=following(key, default),
        max_selections=MOST_LAYERS,
        placeholder="choose one or several layers",
        key=key,
        bind="query-params",
        help="Layers with weights, and activations, in the order they run.",
        width=480,
    )


def _one(each, layers: tuple[str, ...], form: str) -> None:
    st.markdown(f"**{escaped(label(each.run))}**")
    found = spreads(each, layers)
    for layer in layers:
        of_layer = [series for series in found if series.layer == layer]
        for column, series in zip(st.columns(3, gap="medium"), of_layer, strict=False):
            with column:
                _panel(each, series, form)


def _panel(each, series, form: str) -> None:
    st.markdown(f":small[**{escaped(series.layer)}** {series.kind}{_notes(series)}]")
    who = f"{each.run.run_id[-6:]}-{series.layer}-{series.kind}"
    alt = f"{series.kind} of {series.layer} of {label(each.run)} by epoch"
    chart(_figure(key_of(each.run), series.layer, series.kind, form, series), key=f"spread-{who}", alt=alt)


@st.cache_resource(max_entries=64, show_spinner=False)
def _figure(run: Key, layer: str, kind: str, form: str, _series) -> go.Figure:
    series = _series
    counts = np.stack([spread.counts for spread in series.spreads])
    zeros = np.array([spread.zeros for spread in series.spreads])
    filled = np.maximum(counts.sum(axis=1, keepdims=True), 1)
    rows = plots.Rows(
        title=series.kind,
        epochs=tuple(spread.epoch for spread in series.spreads),
        edges=series.edges,
        shares=counts / filled * (1 - zeros[:, None]),
        zeros=zeros,
        quantiles=np.stack([spread.quantiles for spread in series.spreads]),
    )
    return plots.ridges(rows) if form == RIDGES or len(rows.epochs) == 1 else plots.bands(rows)


def _notes(series) -> str:
    """Exact zeros at first and at last, and what is no number."""
    first, last = series.spreads[0], series.spreads[-1]
    notes = ""
    if first.zeros or last.zeros:
        change = "" if first is last else f"{percent(first.zeros)} → "
        notes += f" · zeros {change}{percent(last.zeros)}"
    if any(spread.broken for spread in series.spreads):
        notes += " · some are not finite"
    return notes
