"""Drawings of windows: the input with its padding, the cells that one window covers, and the output beside it."""

from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from cvcore.analysis.geometry.layer import Layer, Pair
from cvcore.analysis.geometry.sizes import ADAPTIVE, TRANSPOSED, Axis
from cvcore.plots.style import ACCENT, CATEGORIES, GRID, styled

LARGEST_GRID = 32  # rows or columns, without padding, that are drawn as a grid
STRIP = 48  # cells of a larger image that are drawn along one axis
HEIGHT = 390
OUTSIDE, PADDING, CELL, COVERED, COVERED_PADDING = range(5)
NAMES = ("nothing", "padding", "not in this window", "in the window", "padding in the window")
# of each state, light and dark; what lies outside takes the page's ground
COLOURS = {
    False: ("rgba(0,0,0,0)", "#F1E3C4", "#DDE1E6", ACCENT, "#E69F00"),
    True: ("rgba(0,0,0,0)", "#4A3C1C", "#3A424D", "#4FA8E0", "#E69F00"),
}
MARK = CATEGORIES[3]


@dataclass(frozen=True)
class Cells:
    """A grid of cell states [rows, columns]; `top` and `left` are the places of its first row and column."""

    states: np.ndarray
    top: int
    left: int


def input_cells(layer: Layer, size: Pair, position: Pair) -> Cells:
    """States of the input's cells when the window stands at `position` (row, column) of the output.

    Of a transposed convolution the window is the one input cell at `position`, which writes.
    """
    if layer.kind == TRANSPOSED:
        return _grid(size, ((0, 0), (0, 0)), ([position[0]], [position[1]]))
    windows = tuple(axis.window(side, at) for axis, side, at in zip(layer.axes, size, position, strict=True))
    return _grid(size, tuple(axis.padding for axis in layer.axes), windows)


def output_cells(layer: Layer, size: Pair, position: Pair) -> Cells:
    """States of the output's cells: the one at `position`; of a transposed convolution all that input cell writes to.

    What a transposed convolution's padding cuts off is drawn as padding is.
    """
    output = layer.output(size)
    if layer.kind != TRANSPOSED:
        return _grid(output, ((0, 0), (0, 0)), ([position[0]], [position[1]]))
    windows = tuple(axis.window(side, at) for axis, side, at in zip(layer.axes, size, position, strict=True))
    return _grid(output, tuple(axis.padding for axis in layer.axes), windows)


def grid_figure(cells: Cells, *, dark: bool, title: str, name: str) -> go.Figure:
    """The cells as squares, those in the window in the accent colour, the whole window framed."""
    rows, columns = cells.states.shape
    colours = COLOURS[dark]
    figure = go.Figure(
        go.Heatmap(
            z=cells.states,
            x0=cells.left,
            y0=cells.top,
            zmin=-0.5,
            zmax=4.5,
            colorscale=_steps(colours),
            showscale=False,
            xgap=1 if max(rows, columns) > 20 else 2,
            ygap=1 if max(rows, columns) > 20 else 2,
            text=[[NAMES[state] for state in row] for row in cells.states],
            hovertemplate=f"{name}[%{{y}}, %{{x}}]: %{{text}}<extra></extra>",
        )
    )
    covered = np.argwhere(cells.states >= COVERED)
    if len(covered):
        (first_row, first_column), (last_row, last_column) = covered.min(0), covered.max(0)
        figure.add_shape(
            type="rect",
            x0=cells.left + first_column - 0.5,
            x1=cells.left + last_column + 0.5,
            y0=cells.top + first_row - 0.5,
            y1=cells.top + last_row + 0.5,
            line={"color": MARK, "width": 3},
        )
    return _square(figure, cells, title)


def strip_figure(axis: Axis, size: int, position: int, *, dark: bool, title: str) -> go.Figure:
    """One axis of a large image: input cells above, outputs below, and lines from the window to what it makes.

    Shows at most STRIP cells of the input around the window; of a transposed convolution those of the output.
    """
    turned = axis.kind == TRANSPOSED
    window = axis.window(size, position)
    long, count = (axis.output(size), size) if turned else (size, axis.output(size))
    middle = (window[0] + window[-1]) // 2
    wide = max(STRIP, len(range(window[0], window[-1] + 1)) + 8)
    first = max(-axis.padding[0], min(middle - wide // 2, long + axis.padding[1] - wide))
    last = min(first + wide, max(long + axis.padding[1], window[-1] + 1)) - 1
    shown = [index for index in range(count) if first <= _centre(axis, size, index) <= last]
    colours = COLOURS[dark]
    figure = go.Figure()
    grid = _grid((1, long), ((0, 0), axis.padding), ([0], window))
    states = {grid.left + index: state for index, state in enumerate(grid.states[0])}
    _squares(figure, range(first, last + 1), 1, [colours[states.get(x, PADDING)] for x in range(first, last + 1)])
    places = [_centre(axis, size, index) for index in shown]
    _squares(figure, places, 0, [colours[COVERED if index == position else CELL] for index in shown], shown)
    centre = _centre(axis, size, position)
    for end, side in ((window[0] - 0.5, -0.3), (window[-1] + 0.5, 0.3)):
        figure.add_shape(type="line", x0=end, x1=centre + side, y0=0.8, y1=0.2, line={"color": MARK, "width": 2})
    styled(figure, x=f"{'output' if turned else 'input'} cell", y="", height=210, legend=False)
    figure.update_layout(title={"text": title, "x": 0, "font": {"size": 14}}, margin={"t": 36}, dragmode=False)
    names = ["input", "output"] if turned else ["output", "input"]
    figure.update_yaxes(
        range=[-0.4, 1.4], tickvals=[0, 1], ticktext=names, fixedrange=True, showgrid=False, showline=False
    )
    figure.update_xaxes(range=[first - 0.7, last + 0.7], fixedrange=True, showgrid=False)
    return figure


def _grid(size: Pair, padding: tuple[Pair, Pair], windows: tuple[list[int], list[int]]) -> Cells:
    """The grid that holds the image, its padding and the window, with the state of every cell."""
    starts = [min(-pad[0], window[0]) for pad, window in zip(padding, windows, strict=True)]
    ends = [max(side + pad[1], window[-1] + 1) for side, pad, window in zip(size, padding, windows, strict=True)]
    inside, padded, covered = [], [], []
    for start, end, side, pad, window in zip(starts, ends, size, padding, windows, strict=True):
        places = np.arange(start, end)
        inside.append((places >= 0) & (places < side))
        padded.append((places >= -pad[0]) & (places < side + pad[1]))
        covered.append(np.isin(places, window))
    is_inside, is_padded, is_covered = (np.logical_and.outer(*each) for each in (inside, padded, covered))
    states = np.where(is_inside, CELL, np.where(is_padded, PADDING, OUTSIDE))
    states[is_covered & is_inside] = COVERED
    states[is_covered & ~is_inside] = COVERED_PADDING
    return Cells(states.astype(np.uint8), *starts)


def _centre(axis: Axis, size: int, index: int) -> float:
    """The middle of the window of `index`, in cells."""
    if axis.kind == ADAPTIVE:
        window = axis.window(size, index)
        return (window[0] + window[-1]) / 2
    return index * axis.stride - axis.padding[0] + axis.dilation * (axis.kernel - 1) / 2


def _squares(figure: go.Figure, places, height: float, colours: list[str], names=None) -> None:
    places = list(places)
    figure.add_bar(
        x=places,
        y=[0.5] * len(places),
        base=height - 0.25,
        width=0.86,
        marker={"color": colours, "line": {"width": 0}},
        customdata=list(places if names is None else names),
        hovertemplate="cell %{customdata}<extra></extra>",
    )
    figure.update_layout(barmode="overlay")


def _steps(colours: tuple[str, ...]) -> list[list]:
    """A colour scale of five flat steps."""
    scale: list[list] = []
    for number, colour in enumerate(colours):
        scale += [[number / 5, colour], [(number + 1) / 5, colour]]
    return scale


def _square(figure: go.Figure, cells: Cells, title: str) -> go.Figure:
    """Square cells, the first row on top, nothing that moves under a finger."""
    styled(figure, x="column", y="row", height=HEIGHT, legend=False)
    figure.update_layout(
        title={"text": title, "x": 0.5, "xanchor": "center", "font": {"size": 14}},
        dragmode=False,
        margin={"l": 4, "r": 4, "t": 36, "b": 4},
    )
    rows, columns = cells.states.shape
    small = max(rows, columns) <= 16
    shared = {"fixedrange": True, "constrain": "domain", "showgrid": False, "showline": False, "ticks": ""}
    shared |= {"tickfont": {"size": 10}, "gridcolor": GRID, "dtick": 1 if small else None, "tickformat": "d"}
    room = 0.6 + 0.012 * max(rows, columns)  # so that a frame at the border is not cut
    figure.update_xaxes(range=[cells.left - room, cells.left + columns - 1 + room], **shared)
    ends = [cells.top + rows - 1 + room, cells.top - room]
    figure.update_yaxes(range=ends, scaleanchor="x", constraintoward="middle", **shared)
    return figure
