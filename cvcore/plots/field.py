"""Pictures of receptive fields: a box on an image, a heat map of what matters in it, and sizes over depth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go
from PIL import Image

from cvcore.plots.images import data_uri
from cvcore.plots.style import ACCENT, CATEGORIES, colour_of, styled

if TYPE_CHECKING:  # they import torch, which takes seconds
    from cvcore.analysis.field.limits import DeadLayers
    from cvcore.analysis.receptive_field import Field

PADDED = "rgba(138, 143, 152, 0.30)"  # zeros around the image that the field reaches into
VEIL = "rgba(128, 128, 128, 0.55)"  # over the part of the image that is not seen
SHARP = 128  # pixels: smaller images are enlarged before they are sent, or the browser would blur them
HEIGHT = 400
Box = tuple[float, float, float, float]


def box_on_image(image: np.ndarray, layer: Field, unit: tuple[int, int]) -> go.Figure:
    """uint8 `image` [C, H, W] with the field of output `unit` (row, column) of a layer that has a local one.

    What lies outside the image is padding, in grey; what the unit does not see of the image is veiled; the dotted box
    is the field of the next output to the right, one stride further.
    """
    height, width = image.shape[1:]
    box, beside = layer.box(*unit), None
    if has_neighbour(layer, unit):
        beside = layer.box(unit[0], unit[1] + 1)
    figure = _on_image(image, [box, beside or box])
    top, left, bottom, right = box
    _rectangle(figure, box, fillcolor=PADDED, line={"width": 0}, layer="below")
    seen = (max(top, 0), max(left, 0), min(bottom, height), min(right, width))
    figure.add_shape(
        type="path", path=_frame((0, 0, height, width), seen), fillcolor=VEIL, fillrule="evenodd", line={"width": 0}
    )
    if beside:
        _rectangle(figure, beside, line={"color": CATEGORIES[1], "width": 2, "dash": "dot"})
    _rectangle(figure, box, line={"color": ACCENT, "width": 3})
    return figure


def has_neighbour(layer: Field, unit: tuple[int, int]) -> bool:
    """Whether there is an output to the right of `unit`."""
    return unit[1] + 1 < layer.output[1]


def whole_image(image: np.ndarray) -> go.Figure:
    """uint8 `image` [C, H, W] with a dashed frame around all of it: what a layer without a local field sees."""
    height, width = image.shape[1:]
    figure = _on_image(image, [])
    _rectangle(figure, (0, 0, height, width), line={"color": ACCENT, "width": 3, "dash": "dash"})
    return figure


def effect(share: np.ndarray, centre: tuple[float, float], radius: float, box: Box | None) -> go.Figure:
    """How much each pixel matters, [H, W] with sum 1, with the circle that holds 95 % of it and the computed `box`."""
    height, width = share.shape
    levels = np.sqrt(share / share.max())
    figure = go.Figure(
        go.Heatmap(z=np.round(levels * 255).astype(np.uint8), colorscale="Viridis", showscale=False, hoverinfo="skip")
    )
    row, column = centre
    line = {"color": CATEGORIES[1], "width": 3}
    figure.add_shape(type="circle", x0=column - radius, x1=column + radius, y0=row - radius, y1=row + radius, line=line)
    if box is not None and box[2] - box[0] <= height and box[3] - box[1] <= width:  # else it is out of the picture
        line = {"color": "white", "width": 2, "dash": "dash"}
        _rectangle(figure, box, line=line)
    ends = [(0, 0, height, width), (row - radius, column - radius, row + radius + 1, column + radius + 1)]
    tops, lefts, bottoms, rights = zip(*ends, strict=True)
    return _framed(figure, (min(tops), min(lefts), max(bottoms), max(rights)))


def _on_image(image: np.ndarray, boxes: Sequence[Box]) -> go.Figure:
    """The image in its own pixels, with room for what reaches out of it."""
    height, width = image.shape[1:]
    scale = max(1, -(-SHARP * 3 // max(height, width))) if max(height, width) < SHARP else 1
    pixels = np.repeat(np.repeat(image, scale, axis=1), scale, axis=2)
    grey = len(pixels) != 3
    picture = Image.fromarray(pixels[0] if grey else pixels.transpose(1, 2, 0)).convert("RGB")
    offset = 0.5 / scale - 0.5  # pixel 0 reaches from −0.5 to 0.5, however many dots it is drawn with
    figure = go.Figure(
        go.Image(source=data_uri(picture), x0=offset, y0=offset, dx=1 / scale, dy=1 / scale, hoverinfo="skip")
    )
    tops, lefts, bottoms, rights = zip((0, 0, height, width), *boxes, strict=True)
    return _framed(figure, (min(tops), min(lefts), max(bottoms), max(rights)))


def _framed(figure: go.Figure, area: Box) -> go.Figure:
    """`figure` without axes, showing this area and a small margin."""
    top, left, bottom, right = area
    margin = 0.03 * max(bottom - top, right - left)
    figure = styled(figure, x="", y="", height=HEIGHT, legend=False)
    bare = {"visible": False, "constrain": "domain", "fixedrange": True}
    figure.update_xaxes(range=[left - 0.5 - margin, right - 0.5 + margin], **bare)
    figure.update_yaxes(
        range=[bottom - 0.5 + margin, top - 0.5 - margin], scaleanchor="x", constraintoward="top", **bare
    )
    figure.update_layout(margin={"l": 0, "r": 0, "t": 0, "b": 0}, dragmode=False)
    return figure


def _rectangle(figure: go.Figure, box: Box, **options) -> None:
    top, left, bottom, right = (value - 0.5 for value in box)  # pixel 0 reaches from −0.5 to 0.5
    figure.add_shape(type="rect", x0=left, y0=top, x1=right, y1=bottom, **options)


def _frame(outer: Box, inner: Box) -> str:
    """A path around `outer` and around `inner`: filled evenly and oddly, what lies between."""
    paths = []
    for top, left, bottom, right in (outer, inner):
        corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
        paths.append("M " + " L ".join(f"{x - 0.5},{y - 0.5}" for x, y in corners) + " Z")
    return " ".join(paths)


def over_depth(layers: Sequence[Field], sides: tuple[int, int], chosen: int) -> go.Figure:
    """Side of the local field of every layer in running order, against the image's; the layer at `chosen` is marked."""
    figure = go.Figure()
    places = [place for place, layer in enumerate(layers) if layer.size]
    axes = [("field", 1)] if all(layers[place].size[0] == layers[place].size[1] for place in places) else []
    for label, axis in axes or [("height", 0), ("width", 1)]:
        figure.add_scatter(
            x=[place + 1 for place in places],
            y=[layers[place].size[axis] for place in places],
            mode="lines",
            line={"shape": "hv", "width": 2, "color": CATEGORIES[0 if axis else 2]},
            name=label,
            hovertext=[_told(layers[place]) for place in places],
            hoverinfo="text",
        )
    if chosen in places:
        size = layers[chosen].size[1]
        marker = {"size": 12, "color": CATEGORIES[3]}
        figure.add_scatter(
            x=[chosen + 1], y=[size], mode="markers", marker=marker, name="this layer", hoverinfo="text",
            hovertext=[_told(layers[chosen])],
        )  # fmt: skip
    figure = styled(figure, x="layer, in running order", y="receptive field (px)", height=280)
    figure.update_xaxes(range=[0, len(layers) + 1])
    _log_with_image(figure, sides, [max(layers[place].size) for place in places])
    return figure


def _told(layer: Field) -> str:
    status = "" if layer.status == "local" else f"<br>{layer.note}"
    height, width = layer.size
    return f"{layer.name or '(network)'} · {layer.type}<br>{height:,} × {width:,} px{status}"


def _log_with_image(figure: go.Figure, sides: tuple[int, int], sizes: Sequence[int]) -> None:
    """A logarithmic axis of pixels with the image's side as a line."""
    for place, side in enumerate(sorted(set(sides))):
        name = "image" if len(set(sides)) == 1 else "height" if side == sides[0] else "width"
        figure.add_hline(y=side, line={"dash": "dash", "width": 1.5, "color": "#8a8f98"})
        figure.add_annotation(
            x=place, xref="paper", y=np.log10(side), yref="y", text=f"{name} {side:,} px", showarrow=False,
            xanchor="right" if place else "left", yanchor="top" if place < len(set(sides)) - 1 else "bottom",
            font={"size": 12, "color": "#8a8f98"},
        )  # fmt: skip
    largest = max([*sizes, *sides], default=1)
    ticks = [tick for power in range(5) for tick in (10**power, 3 * 10**power) if tick <= largest * 2]
    figure.update_yaxes(
        type="log", range=[-0.1, np.log10(largest) + 0.15], tickvals=ticks, ticktext=[f"{tick:,}" for tick in ticks]
    )


@dataclass(frozen=True)
class _Strip:
    """One network's line: x in percent of its layers, y in pixels, and the place where it passes the image."""

    x: list[float]
    y: list[int]
    told: list[str]
    first: int | None


def limits(found: Sequence[DeadLayers], sides: tuple[int, int]) -> go.Figure:
    """Field over depth of several networks, a circle where each passes the image; beyond it the line is dotted."""
    figure = go.Figure()
    shown = [each for each in found if each.with_field]
    for index, each in enumerate(shown):
        strip, colour = _strip(each), colour_of(index)
        cut = len(strip.x) if strip.first is None else strip.first + 1
        pieces = [(slice(0, cut), "solid", each.model, True), (slice(cut - 1, None), "dot", each.model, False)]
        for part, dash, name, legend in pieces:
            if strip.x[part]:
                figure.add_scatter(
                    x=strip.x[part], y=strip.y[part], mode="lines",
                    line={"dash": dash, "width": 2.5, "color": colour, "shape": "hv"}, name=name,
                    legendgroup=name, showlegend=legend, hovertext=strip.told[part], hoverinfo="text",
                )  # fmt: skip
        if strip.first is not None:
            marker = {"size": 12, "color": colour, "symbol": "circle-open", "line": {"width": 3}}
            told = f"first past the image: {strip.told[strip.first]}"
            figure.add_scatter(
                x=[strip.x[strip.first]], y=[strip.y[strip.first]], mode="markers", marker=marker, showlegend=False,
                legendgroup=each.model, hovertext=[told], hoverinfo="text",
            )  # fmt: skip
    figure = styled(figure, x="depth (% of the network's layers)", y="receptive field (px)", height=360)
    figure.update_xaxes(range=[0, 101])
    _log_with_image(figure, sides, [max(each.largest.size) for each in shown])
    return figure


def _strip(found: DeadLayers) -> _Strip:
    places = [place for place, layer in enumerate(found.layers) if layer.size]
    return _Strip(
        x=[100 * (place + 1) / len(found.layers) for place in places],
        y=[max(found.layers[place].size) for place in places],
        told=[f"{found.model}<br>{_told(found.layers[place])}" for place in places],
        first=places.index(found.past[0]) if found.past else None,
    )
