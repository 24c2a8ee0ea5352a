"""Learning curves of one or several runs."""

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from cvcore.plots.style import styled
from cvcore.training.history import Epoch


@dataclass(frozen=True)
class Curve:
    """A run to draw: what to call it, its history, its colour, the epoch whose weights were kept (if known), and, while
    it trains, how many epochs are planned: the axis is then as long from the start, and the curve grows into it."""

    label: str
    history: Sequence[Epoch]
    colour: str
    best: int | None = None
    planned: int | None = None


def loss_curves(curves: Sequence[Curve]) -> go.Figure:
    """Cross-entropy against epochs: validation as a full line, training dotted, the kept epoch ringed."""
    return _curves(curves, "loss", "cross-entropy (nats)", scale=1.0, number=".4f", unit="")


def accuracy_curves(curves: Sequence[Curve]) -> go.Figure:
    """Accuracy in percent against epochs, drawn as `loss_curves`."""
    return _curves(curves, "acc", "accuracy (%)", scale=100.0, number=".1f", unit=" %")


def _curves(curves: Sequence[Curve], field: str, title: str, *, scale: float, number: str, unit: str) -> go.Figure:
    figure = go.Figure()
    for curve in curves:
        epochs = [epoch.epoch for epoch in curve.history]
        for part, dash, name in (("val", "solid", "validation"), ("train", "dot", "training")):
            values = [getattr(epoch, f"{part}_{field}") * scale for epoch in curve.history]
            figure.add_scatter(
                x=epochs,
                y=values,
                name=curve.label,
                legendgroup=curve.label,
                showlegend=part == "val",
                mode="lines+markers" if (curve.planned or len(epochs)) < 30 else "lines",
                marker={"size": 5},
                line={"color": curve.colour, "dash": dash, "width": 2},
                hovertemplate=f"{curve.label}<br>epoch %{{x}}, {name}: %{{y:{number}}}{unit}<extra></extra>",
            )
        _ring_best(figure, curve, field, scale)
    figure = styled(figure, x="epoch", y=title)
    longest = max((curve.planned or len(curve.history) for curve in curves), default=1)
    figure.update_xaxes(range=[0.5, max(longest, 2) + 0.5], dtick=1 if longest <= 12 else None, tickformat=",d")
    if not any(curve.history for curve in curves):  # nothing measured yet: no made-up numbers on the axis
        figure.update_yaxes(range=[0, 100] if field == "acc" else [0, 1], showticklabels=field == "acc")
    return figure


def _ring_best(figure: go.Figure, curve: Curve, field: str, scale: float) -> None:
    kept = [epoch for epoch in curve.history if epoch.epoch == curve.best]
    if kept:
        figure.add_scatter(
            x=[kept[0].epoch],
            y=[getattr(kept[0], f"val_{field}") * scale],
            mode="markers",
            marker={"size": 13, "symbol": "circle-open", "color": curve.colour, "line": {"width": 2}},
            legendgroup=curve.label,
            showlegend=False,
            cliponaxis=False,
            hovertemplate=f"{curve.label}<br>weights kept: epoch {curve.best}<extra></extra>",
        )
