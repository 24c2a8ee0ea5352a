"""Figures of a filter at work: the input with the window on it, the kernel, the output."""

import base64

import numpy as np
import plotly.graph_objects as go
from PIL import Image

from cvcore.analysis.arithmetic import number_text, whole_form
from cvcore.plots.filter_text import Hover
from cvcore.plots.sheet import as_png
from cvcore.plots.style import CATEGORIES, styled

Box = tuple[float, float, int, int]  # top, left, height, width, in pixels

NUMBERS_UP_TO = 12  # rows and columns; larger grids have no room for a number in each cell
HEIGHT = 390  # of the large pictures, screen pixels
GRID_WIDTH = 250  # of their pixels together, at least
GREY = [[0, "#000000"], [1, "#FFFFFF"]]
# vermilion below zero, blue above, the page's own grey at zero
SIGNED = {False: ("#D55E00", "#F4F5F7", "#0072B2"), True: ("#FF9A56", "#1F242B", "#62B8F0")}
MARK = CATEGORIES[1]
HOVER_LABEL = {"align": "left", "bgcolor": "#1F2328", "bordercolor": MARK, "font": {"color": "#FFFFFF", "size": 13}}


def input_figure(
    padded: np.ndarray, *, padding: int, window: Box | None = None, high: float = 255.0, title: str = "Input"
) -> go.Figure:
    """The image with its padding [C, H + 2P, W + 2P], the padding tinted, the window outlined.

    Pixels are counted from the image's own corner, so the padding has negative places. NaN is an empty cell.
    """
    figure = go.Figure(picture(padded, -padding, 0.0, high))
    height, width = padded.shape[1] - 2 * padding, padded.shape[2] - 2 * padding
    if padding:
        for x0, x1, y0, y1 in _ring(height, width, padding):
            figure.add_shape(
                type="rect", x0=x0, x1=x1, y0=y0, y1=y1, fillcolor=CATEGORIES[4], opacity=0.25, line_width=0
            )
    if window is not None:
        _outline(figure, window)
    return _pixels(figure, padded.shape[1:], -padding, title)


def kernel_figure(kernel: np.ndarray, *, dark: bool, title: str = "Kernel", height: int = 250) -> go.Figure:
    """The weights [kh, kw] as coloured cells with their numbers; fractions as whole numbers with their divisor."""
    weights, divisor = whole_form(kernel)
    limit = max(np.abs(weights).max(), 1e-9)
    figure = go.Figure(
        go.Heatmap(
            z=weights,
            zmin=-limit,
            zmax=limit,
            colorscale=_signed_scale(dark),
            showscale=False,
            text=[[number_text(value) for value in row] for row in weights],
            texttemplate="%{text}",
            xgap=1,
            ygap=1,
            customdata=[[number_text(value) for value in row] for row in kernel],
            hovertemplate="kernel[%{y}, %{x}] = %{customdata}<extra></extra>",
        )
    )
    figure = _pixels(figure, kernel.shape, 0, title + (f", ÷ {divisor:,}" if divisor > 1 else ""))
    figure.update_layout(height=height)
    figure.update_traces(textfont_size=15 if max(kernel.shape) <= 5 else 11)
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    return figure


def output_figure(
    values: np.ndarray,
    hover: Hover,
    *,
    pixel: tuple[int, int],
    dark: bool,
    signed: bool,
    scale: tuple[float, float],
    title: str = "Output",
) -> go.Figure:
    """The output [C, H', W'] with one pixel outlined; hovering tells the arithmetic, a click selects a point.

    `signed` draws one channel in colours, `scale` being (−limit, limit); else it is a picture, black to white along
    `scale`. Plotly lets nobody click a heatmap, so an unseen marker lies over each pixel.
    """
    figure = go.Figure(signed_cells(values[0], dark, scale[1]) if signed else picture(values, 0, *scale))
    figure.update_traces(hoverinfo="skip", hovertemplate=None)
    rows, columns = (axis.ravel().astype(np.uint8) for axis in np.mgrid[: values.shape[1], : values.shape[2]])
    unseen = {"marker": {"opacity": 0}}
    figure.add_scatter(
        x=columns,
        y=rows,
        mode="markers",
        marker={"opacity": 0, "symbol": "square", "size": max(3, 280 // max(values.shape[1:])), "color": MARK},
        selected=unseen,
        unselected=unseen,
        customdata=hover.numbers,
        text=hover.texts,
        hovertemplate=hover.template,
        hoverlabel={
            "align": "left",
            "bgcolor": "#1F2328",
            "bordercolor": MARK,
            "font": {"color": "#FFFFFF", "size": 13},
        },
        showlegend=False,
    )
    _outline(figure, (*pixel, 1, 1))
    figure = _pixels(figure, values.shape[1:], 0, title)
    figure.update_layout(hoverdistance=-1)
    return figure


def as_bytes(values: np.ndarray, scale: tuple[float, float], *, signed: bool, dark: bool) -> np.ndarray:
    """The output [C, H, W] as a small picture, uint8 [1 or 3, H, W], in the colours of `output_figure`."""
    low, high = scale
    if not signed:
        return np.clip((values - low) / (high - low) * 255, 0, 255).round().astype(np.uint8)
    below, zero, above = (
        np.array([int(colour[start : start + 2], 16) for start in (1, 3, 5)]) for colour in SIGNED[dark]
    )
    share = np.clip(values[0] / high, -1, 1)[..., None]
    mixed = zero + np.abs(share) * (np.where(share < 0, below, above) - zero)
    return mixed.round().astype(np.uint8).transpose(2, 0, 1)


def picture(pixels: np.ndarray, start: int, low: float, high: float) -> go.Heatmap | go.Image:
    """[1, H, W] as grey cells, with their numbers where there is room; [3, H, W] as a colour image."""
    if len(pixels) == 3:
        alpha = np.where(np.isfinite(pixels).all(axis=0), 255, 0)[None]
        rgba = np.concatenate([np.clip(np.nan_to_num(pixels), 0, 255).round(), alpha]).astype(np.uint8)
        png = as_png(Image.fromarray(np.ascontiguousarray(rgba.transpose(1, 2, 0))))
        source = "data:image/png;base64," + base64.b64encode(png).decode()
        place = "row %{y}, column %{x}<br>R %{color[0]}, G %{color[1]}, B %{color[2]}<extra></extra>"
        return go.Image(source=source, x0=start, y0=start, dx=1, dy=1, hovertemplate=place)
    cells = pixels[0].astype(np.float32)
    return go.Heatmap(
        z=cells,
        x0=start,
        y0=start,
        dx=1,
        dy=1,
        zmin=low,
        zmax=high,
        colorscale=GREY,
        colorbar=_BAR,
        hovertemplate="row %{y}, column %{x}: %{z:.4~g}<extra></extra>",
        **_numbers(cells),
    )


def signed_cells(values: np.ndarray, dark: bool, limit: float) -> go.Heatmap:
    """Values [H, W] on the scale from −limit to limit, with their numbers where there is room."""
    cells = values.astype(np.float32)
    return go.Heatmap(
        z=cells,
        zmin=-limit,
        zmax=limit,
        colorscale=_signed_scale(dark),
        colorbar=_BAR,
        hovertemplate="row %{y}, column %{x}: %{z:.4~g}<extra></extra>",
        **_numbers(cells),
    )


_BAR = {"orientation": "h", "thickness": 8, "len": 0.8, "y": -0.1, "yanchor": "top", "outlinewidth": 0, "nticks": 5}


def _signed_scale(dark: bool) -> list[list]:
    below, zero, above = SIGNED[dark]
    return [[0, below], [0.5, zero], [1, above]]


def _numbers(cells: np.ndarray) -> dict:
    """Options of a heatmap that write each number into its cell, where the grid is small enough to read them."""
    side = max(cells.shape)
    if side > NUMBERS_UP_TO:
        return {}
    text = [["" if np.isnan(value) else number_text(value) for value in row] for row in cells]
    longest = max(len(each) for row in text for each in row)
    size = min(14, int(GRID_WIDTH / side / (0.6 * longest + 0.4)))  # a digit is some 0.6 of its height wide
    gaps = {"xgap": 1, "ygap": 1}
    return {"text": text, "texttemplate": "%{text}", "textfont": {"size": size}, **gaps} if size >= 8 else gaps


def _ring(height: int, width: int, padding: int) -> list[tuple[float, float, float, float]]:
    """The padding as four rectangles (x0, x1, y0, y1): above, below, left, right."""
    left, right, top, bottom = -0.5 - padding, width - 0.5 + padding, -0.5 - padding, height - 0.5 + padding
    return [
        (left, right, top, -0.5),
        (left, right, height - 0.5, bottom),
        (left, -0.5, -0.5, height - 0.5),
        (width - 0.5, right, -0.5, height - 0.5),
    ]


def _outline(figure: go.Figure, box: Box) -> None:
    """A frame around `box`, in a dark one, so that it shows on any colour."""
    top, left, height, width = box
    for colour, thickness in (("rgba(0, 0, 0, 0.75)", 5), (MARK, 2.5)):
        figure.add_shape(
            type="rect",
            x0=left - 0.5,
            x1=left + width - 0.5,
            y0=top - 0.5,
            y1=top + height - 0.5,
            line={"color": colour, "width": thickness},
        )


def _pixels(figure: go.Figure, shape: tuple[int, int], start: int, title: str) -> go.Figure:
    """Square pixels, the first row on top, nothing that moves under a finger."""
    figure = styled(figure, x="", y="", height=HEIGHT, legend=False)
    figure.update_layout(
        title={"text": title, "x": 0.5, "xanchor": "center", "font": {"size": 14}},
        dragmode=False,
        margin={"l": 4, "r": 4, "t": 36, "b": 4},
    )
    shared = {
        "fixedrange": True,
        "constrain": "domain",
        "showgrid": False,
        "showline": False,
        "ticks": "",
        "tickfont": {"size": 10},
    }
    step = None
    if max(shape) <= NUMBERS_UP_TO:
        step = 1
        # seen between cells that stand apart, so that white ones show on a white page
        ends = {"x0": start - 0.5, "x1": start + shape[1] - 0.5, "y0": start - 0.5, "y1": start + shape[0] - 0.5}
        line = {"color": "rgba(138, 143, 152, 0.5)", "width": 1}
        figure.add_shape(type="rect", layer="below", fillcolor=line["color"], line=line, **ends)
    room = 0.5 + 0.012 * max(shape)  # so that a frame at the border is not cut
    figure.update_xaxes(range=[start - room, start + shape[1] - 1 + room], dtick=step, **shared)
    down = {"scaleanchor": "x", "constraintoward": "top", **shared}
    figure.update_yaxes(range=[start + shape[0] - 1 + room, start - room], dtick=step, **down)
    return figure
