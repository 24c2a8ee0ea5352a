"""Calibration curves: how often predictions of some confidence are right, and how many there are."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from cvcore.analysis.predictions import Reliability
from cvcore.plots.style import NEUTRAL, styled


@dataclass(frozen=True)
class Curve:
    """A run to draw: what to call it, its calibration, its colour."""

    label: str
    reliability: Reliability
    colour: str


def calibration_figure(curves: Sequence[Curve]) -> go.Figure:
    """Above, accuracy against mean confidence of each bin, with the diagonal of perfect calibration; below, how many
    images are in each bin, on a logarithmic scale."""
    figure = go.Figure().set_subplots(2, 1, shared_xaxes=True, row_heights=[0.68, 0.32], vertical_spacing=0.06)
    figure.add_scatter(
        x=[0, 100],
        y=[0, 100],
        mode="lines",
        name="perfect",
        line={"color": NEUTRAL, "width": 1.5, "dash": "dash"},
        hoverinfo="skip",
        row=1,
        col=1,
    )
    for curve in curves:
        _add(figure, curve)
    figure = styled(figure, x="", y="accuracy (%)", height=520)
    edges = curves[0].reliability.edges if curves else np.array([0, 1])
    # bins begin where the first image is: with ten classes nobody is less than 10 % sure
    filled = [np.flatnonzero(curve.reliability.images)[:1] for curve in curves]
    low = min((100 * edges[first[0]] for first in filled if len(first)), default=0)
    figure.update_xaxes(range=[low - 1, 101], tickvals=list(range(0, 101, 10)))
    figure.update_xaxes(title="confidence (%): probability of the predicted class", row=2, col=1)
    figure.update_yaxes(range=[-2, 102], row=1, col=1)
    most = max((curve.reliability.images.max() for curve in curves), default=1)
    ticks = [10**power for power in range(int(np.log10(max(most, 1))) + 2)]
    figure.update_yaxes(
        title="images (log)",
        type="log",
        range=[np.log10(0.7), np.log10(max(most, 2) * 1.4)],
        tickvals=ticks,
        ticktext=[f"{tick:,}" for tick in ticks],
        row=2,
        col=1,
    )
    figure.update_layout(bargap=0.08, barmode="group", margin_t=40)
    return figure


def _add(figure: go.Figure, curve: Curve) -> None:
    found = curve.reliability
    there = found.images > 0
    middle = 50 * (found.edges[:-1] + found.edges[1:])
    spans = [f"{100 * low:.0f}–{100 * high:.0f} %" for low, high in zip(found.edges[:-1], found.edges[1:], strict=True)]
    texts = np.array(spans)[there]
    custom = np.stack([found.images[there], 100 * found.confidence[there]], axis=-1)
    figure.add_scatter(
        x=100 * found.confidence[there],
        y=100 * found.accuracy[there],
        mode="lines+markers",
        cliponaxis=False,
        name=curve.label,
        legendgroup=curve.label,
        line={"color": curve.colour, "width": 2},
        # a bin with few images says little
        marker={"size": 4 + 3.5 * np.log10(found.images[there]), "line": {"width": 0}},
        text=texts,
        customdata=custom,
        hovertemplate=f"{curve.label}<br>bin %{{text}}: %{{customdata[0]:,}} images<br>mean confidence "
        "%{customdata[1]:.1f} %, accuracy %{y:.1f} %<extra></extra>",
        row=1,
        col=1,
    )
    figure.add_bar(
        x=middle[there],
        y=found.images[there],
        name=curve.label,
        legendgroup=curve.label,
        showlegend=False,
        marker={"color": curve.colour, "line": {"width": 0}},
        text=texts,
        textposition="none",
        hovertemplate=f"{curve.label}<br>bin %{{text}}: %{{y:,}} images<extra></extra>",
        row=2,
        col=1,
    )
