"""Learning curves of one or several runs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate

import plotly.graph_objects as go

from cvcore.plots.style import styled
from cvcore.training.comparison import Band
from cvcore.training.history import Epoch
from cvcore.training.reading import overfits_since, smoothed

AXES = {"epoch": "epoch", "step": "optimizer step", "seconds": "training time (s)"}


@dataclass(frozen=True)
class Curve:
    """A run to draw: what to call it, its history, its colour, the epoch whose weights were kept (if known), and, while
    it trains, how many epochs are planned: the axis is then as long from the start, and the curve grows into it.
    `batches` are the optimizer steps of an epoch, 0 where that is not known."""

    label: str
    history: Sequence[Epoch]
    colour: str
    best: int | None = None
    planned: int | None = None
    batches: int = 0

    def along(self, axis: str) -> list[float]:
        """Where each epoch's end stands on the axis "epoch", "step" or "seconds"."""
        if axis == "step" and self.batches:
            return [epoch.epoch * self.batches for epoch in self.history]
        if axis == "seconds":
            return list(accumulate(epoch.seconds for epoch in self.history))
        return [epoch.epoch for epoch in self.history]


@dataclass(frozen=True)
class Banded:
    """Repeats of a run with other seeds: what to call them, mean and range of a quantity, their colour."""

    label: str
    band: Band
    colour: str


@dataclass(frozen=True)
class View:
    """How curves are drawn: along which of AXES, how much of the past each point keeps (0..1), log scale or not."""

    axis: str = "epoch"
    smoothing: float = 0.0
    log: bool = False


@dataclass(frozen=True)
class _Quantity:
    """What is drawn upwards, and how its numbers read."""

    field: str
    title: str
    scale: float
    number: str
    unit: str


LOSS = _Quantity("loss", "cross-entropy (nats)", 1.0, ".4f", "")
ACCURACY = _Quantity("acc", "accuracy (%)", 100.0, ".1f", " %")


def loss_curves(curves: Sequence[Curve], view: View = View()) -> go.Figure:
    """Cross-entropy against epochs: validation as a full line, training dotted, the kept epoch ringed.

    The figure is made once for what it shows, and is not to be changed.
    """
    return _curves(_hashable(curves), LOSS, view)


def accuracy_curves(curves: Sequence[Curve], view: View = View()) -> go.Figure:
    """Accuracy in percent against epochs, drawn as `loss_curves`."""
    return _curves(_hashable(curves), ACCURACY, view)


def accuracy_bands(bands: Sequence[Banded]) -> go.Figure:
    """Mean validation accuracy over seeds as a line, from lowest to highest as a band."""
    return _bands(bands, ACCURACY)


def loss_bands(bands: Sequence[Banded]) -> go.Figure:
    """Mean validation loss over seeds as a line, from lowest to highest as a band."""
    return _bands(bands, LOSS)


def _hashable(curves: Sequence[Curve]) -> tuple[Curve, ...]:
    return tuple(replace(curve, history=tuple(curve.history)) for curve in curves)


@lru_cache(maxsize=64)  # a page draws the same curves on every rerun
def _curves(curves: tuple[Curve, ...], quantity: _Quantity, view: View) -> go.Figure:
    figure = go.Figure()
    for curve in curves:
        places = curve.along(view.axis)
        for part, dash, name in (("val", "solid", "validation"), ("train", "dot", "training")):
            values = [getattr(epoch, f"{part}_{quantity.field}") * quantity.scale for epoch in curve.history]
            shared = {"legendgroup": curve.label, "name": curve.label}
            if view.smoothing:  # what was measured stays in sight behind what was smoothed
                line = {"color": curve.colour, "dash": dash, "width": 1}
                figure.add_scatter(
                    x=places,
                    y=values,
                    mode="lines",
                    line=line,
                    opacity=0.25,
                    hoverinfo="skip",
                    showlegend=False,
                    **shared,
                )
            kind = f"{name}, smoothed" if view.smoothing else name
            figure.add_scatter(
                x=places,
                y=smoothed(values, view.smoothing),
                showlegend=part == "val",
                mode="lines+markers" if (curve.planned or len(places)) < 30 and not view.smoothing else "lines",
                marker={"size": 5},
                line={"color": curve.colour, "dash": dash, "width": 2},
                customdata=[epoch.epoch for epoch in curve.history],
                hovertemplate=f"{curve.label}<br>epoch %{{customdata}}, {kind}: %{{y:{quantity.number}}}{quantity.unit}"
                "<extra></extra>",
                **shared,
            )
        _ring_best(figure, curve, quantity, view)
        if quantity is LOSS:
            _mark_overfitting(figure, curve, view)
    figure = styled(figure, x=AXES[view.axis], y=quantity.title)
    _shape_axes(figure, curves, quantity, view)
    return figure


def _shape_axes(figure: go.Figure, curves: Sequence[Curve], quantity: _Quantity, view: View) -> None:
    if view.axis == "epoch":
        longest = max((curve.planned or len(curve.history) for curve in curves), default=1)
        figure.update_xaxes(range=[0.5, max(longest, 2) + 0.5], dtick=1 if longest <= 12 else None, tickformat=",d")
    if view.log and quantity is LOSS:
        figure.update_yaxes(type="log", minor={"showgrid": False}, dtick="D2")
    if not any(curve.history for curve in curves):  # nothing measured yet: no made-up numbers on the axis
        is_accuracy = quantity is ACCURACY
        figure.update_yaxes(range=[0, 100] if is_accuracy else [0, 1], showticklabels=is_accuracy)


def _ring_best(figure: go.Figure, curve: Curve, quantity: _Quantity, view: View) -> None:
    kept = [place for place, epoch in enumerate(curve.history) if epoch.epoch == curve.best]
    if kept:
        values = [getattr(epoch, f"val_{quantity.field}") * quantity.scale for epoch in curve.history]
        figure.add_scatter(
            x=[curve.along(view.axis)[kept[0]]],
            y=[smoothed(values, view.smoothing)[kept[0]]],
            mode="markers",
            marker={"size": 13, "symbol": "circle-open", "color": curve.colour, "line": {"width": 2}},
            legendgroup=curve.label,
            showlegend=False,
            cliponaxis=False,
            hovertemplate=f"{curve.label}<br>weights kept: epoch {curve.best}<extra></extra>",
        )


def _mark_overfitting(figure: go.Figure, curve: Curve, view: View) -> None:
    """A triangle where the validation loss was lowest, if it has risen since while the training loss fell."""
    since = overfits_since(curve.history)
    if since is None:
        return
    place = next(place for place, epoch in enumerate(curve.history) if epoch.epoch == since)
    figure.add_scatter(
        x=[curve.along(view.axis)[place]],
        y=[smoothed([epoch.val_loss for epoch in curve.history], view.smoothing)[place]],
        mode="markers",
        marker={"size": 11, "symbol": "triangle-up", "color": curve.colour},
        legendgroup=curve.label,
        showlegend=False,
        cliponaxis=False,
        hovertemplate=f"{curve.label}<br>overfitting: validation loss has risen since epoch {since}<extra></extra>",
    )


def _bands(bands: Sequence[Banded], quantity: _Quantity) -> go.Figure:
    figure = go.Figure()
    for each in bands:
        low, high, mean = (
            [quantity.scale * value for value in part] for part in (each.band.low, each.band.high, each.band.mean)
        )
        epochs = each.band.epochs
        figure.add_scatter(
            x=[*epochs, *reversed(epochs)],
            y=[*high, *reversed(low)],
            fill="toself",
            mode="lines",
            line={"width": 0, "color": each.colour},
            opacity=0.22,
            hoverinfo="skip",
            showlegend=False,
            legendgroup=each.label,
        )
        figure.add_scatter(
            x=epochs,
            y=mean,
            name=each.label,
            legendgroup=each.label,
            mode="lines",
            line={"color": each.colour, "width": 2},
            customdata=list(zip(low, high, strict=True)),
            hovertemplate=f"{each.label}<br>epoch %{{x}}: %{{y:{quantity.number}}}{quantity.unit}, from "
            f"%{{customdata[0]:{quantity.number}}} to %{{customdata[1]:{quantity.number}}}<extra></extra>",
        )
    return styled(figure, x="epoch", y=f"validation {quantity.title}")
