"""Confusion matrices: of one run, and the difference of two. Rows are the truth, columns what was said."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from cvcore.analysis.predictions import ClassScores
from cvcore.plots.filters import SIGNED
from cvcore.plots.style import CATEGORIES, styled

MOST_NUMBERS = 20  # classes up to which cells carry their numbers
MOST_CELLS = 200  # classes up to which each has its own row; more are drawn in blocks
MOST_TICKS = 30
LONGEST_NAME = 14
MOST_ROWS = 30  # classes in a chart of scores
CHOSEN = CATEGORIES[1]


@dataclass(frozen=True)
class Cells:
    """What is drawn: `values` [K, K], NaN where there is nothing to say; `counts` of images; names of the K classes.

    With `percent` values are 0..100, else they are images.
    """

    values: np.ndarray
    counts: np.ndarray
    names: tuple[str, ...]
    percent: bool = False

    @property
    def unit(self) -> str:
        return "%" if self.percent else "images"


def confusion_figure(
    cells: Cells, *, chosen: tuple[int, int] | None = None, mistakes_only: bool = False, clickable: bool = True
) -> go.Figure:
    """The matrix in viridis; point i of trace 1 is the i-th cell with images, row by row: see `clickable_cells`.

    `mistakes_only` leaves the diagonal empty, so that colours tell mistakes apart. `chosen` (row, column) is framed.
    """
    values = cells.values.astype(np.float32)
    if mistakes_only:
        values[np.diag_indices(len(values))] = np.nan
    high = float(np.nanmax(values, initial=0)) or 1.0
    figure = go.Figure(
        go.Heatmap(
            z=values,
            zmin=0,
            zmax=high,
            colorscale="Viridis",
            **_bar(cells),
            hovertemplate=_hover(cells, "%{y}", "%{x}", "%{z}"),
            **_numbers(values, cells, signed=False),
        )
    )
    return _laid_out(figure, cells, cells.counts > 0, chosen, clickable)


def difference_figure(
    cells: Cells, *, dark: bool, chosen: tuple[int, int] | None = None, clickable: bool = True
) -> go.Figure:
    """The second run's matrix less the first's: vermilion below zero, blue above, centred at zero.

    `cells.counts` are the images of both together, which make a cell clickable.
    """
    below, zero, above = SIGNED[dark]
    values = cells.values.astype(np.float32)
    limit = float(np.nanmax(np.abs(values), initial=0)) or 1.0
    figure = go.Figure(
        go.Heatmap(
            z=values,
            zmin=-limit,
            zmax=limit,
            colorscale=[[0, below], [0.5, zero], [1, above]],
            **_bar(cells),
            hovertemplate=_hover(cells, "%{y}", "%{x}", "%{z}"),
            **_numbers(values, cells, signed=True),
        )
    )
    ends = {"x0": -0.5, "x1": len(values) - 0.5, "y0": -0.5, "y1": len(values) - 0.5}
    figure.add_shape(
        type="rect", line={"color": "rgba(138, 143, 152, 0.6)", "width": 1}, **ends
    )  # its ground is the page's
    return _laid_out(figure, cells, cells.counts > 0, chosen, clickable)


def clickable_cells(counts: np.ndarray) -> list[tuple[int, int]]:
    """(row, column) of the points of the figure's trace 1: the cells with images, row by row."""
    return [(int(row), int(column)) for row, column in np.argwhere(counts > 0)]


def _laid_out(
    figure: go.Figure, cells: Cells, there: np.ndarray, chosen: tuple[int, int] | None, clickable: bool
) -> go.Figure:
    count = len(cells.values)
    if clickable:
        _add_points(figure, cells, there)
    if chosen is not None:
        row, column = chosen
        ends = {"x0": column - 0.5, "x1": column + 0.5, "y0": row - 0.5, "y1": row + 0.5}
        for colour, width in (("#FFFFFF", 5), (CHOSEN, 3)):  # seen on any colour
            figure.add_shape(type="rect", line={"color": colour, "width": width}, **ends)
    figure = styled(figure, x="predicted class", y="true class", height=474, legend=False)
    step = -(-count // MOST_TICKS)
    places = list(range(0, count, step))
    names = [_short(cells.names[place]) for place in places]
    axis = {
        "tickvals": places,
        "ticktext": names,
        "showgrid": False,
        "constrain": "domain",
        "fixedrange": True,
        "ticks": "",
        "showline": False,
    }
    steep = max(map(len, names), default=0) * count > 60 and max(map(len, names)) > 1
    figure.update_xaxes(range=[-0.5, count - 0.5], tickangle=-90 if steep else 0, constraintoward="left", **axis)
    figure.update_yaxes(range=[count - 0.5, -0.5], scaleanchor="x", constraintoward="top", **axis)
    margin = {"l": 8, "r": 8, "t": 36, "b": 8}  # above, the camera must not cover cells that can be clicked
    figure.update_layout(dragmode=False, clickmode="event+select", margin=margin)
    return figure


def _add_points(figure: go.Figure, cells: Cells, there: np.ndarray) -> None:
    """Unseen markers over the cells with images, since nobody can select a heatmap's cells."""
    rows, columns = (axis.astype(np.uint16) for axis in np.nonzero(there))
    unseen = {"marker": {"opacity": 0}}
    figure.add_scatter(
        x=columns,
        y=rows,
        mode="markers",
        marker={"opacity": 0, "symbol": "square", "size": max(4, 330 // len(cells.values)), "color": CHOSEN},
        selected=unseen,
        unselected=unseen,
        customdata=np.stack([cells.values[rows, columns], cells.counts[rows, columns]], axis=-1).astype(np.float32),
        text=[
            f"true: {cells.names[row]}<br>predicted: {cells.names[column]}"
            for row, column in zip(rows, columns, strict=True)
        ],
        hovertemplate="%{text}<br>"
        + _amount(cells, "%{customdata[0]:,.3~g}", "%{customdata[1]:,}")
        + "<extra></extra>",
        showlegend=False,
    )


def _hover(cells: Cells, row: str, column: str, value: str) -> str:
    """Of cells without a marker; their axes show names as ticks."""
    return f"true: {row}<br>predicted: {column}<br>{value} {cells.unit}<extra></extra>"


def _amount(cells: Cells, value: str, count: str) -> str:
    return f"{value} % · {count} images" if cells.percent else f"{value} images"


def _numbers(values: np.ndarray, cells: Cells, *, signed: bool) -> dict:
    """Options that write the numbers into the cells, zeros left out, where there is room for them."""
    if len(values) > MOST_NUMBERS:
        return {}
    text = [[_number(value, cells.percent, signed) for value in row] for row in values]
    longest = max((len(each) for row in text for each in row), default=1)
    size = int(np.clip(370 / len(values) / (0.62 * max(longest, 2)), 7, 14))
    return {"text": text, "texttemplate": "%{text}", "textfont": {"size": size}, "xgap": 1, "ygap": 1}


def _number(value: float, percent: bool, signed: bool) -> str:
    """
    >>> _number(12.0, False, True), _number(-3.0, False, True), _number(0.0, False, False), _number(0.4, True, False)
    ('+12', '−3', '', '<1')
    """
    if not np.isfinite(value) or value == 0:
        return ""
    if percent and abs(value) < 0.5:
        return ("+" if value > 0 else "−") * signed + "<1"
    return f"{value:{'+' if signed else ''},.0f}".replace("-", "−")


def _bar(cells: Cells) -> dict:
    """Options of the colour bar, below the matrix; none where the cells carry their numbers."""
    if len(cells.values) <= MOST_NUMBERS:
        return {"showscale": False}
    title = {"text": cells.unit, "side": "right"}
    shape = {"orientation": "h", "thickness": 8, "len": 0.7, "x": 0, "xanchor": "left", "y": 1.01, "yanchor": "bottom"}
    return {"colorbar": {**shape, "outlinewidth": 0, "title": title, "nticks": 6}}


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"


def scores_figure(scores: ClassScores, names: Sequence[str]) -> go.Figure:
    """Precision, recall and F1 (%) of each class as dots on a line, the lowest F1 on top; at most MOST_ROWS classes."""
    order = _lowest_first(scores.f1)
    figure = go.Figure()
    low, high = (pick(np.stack([scores.precision, scores.recall]), axis=0)[order] for pick in (np.min, np.max))
    _add_spans(figure, low, high)
    marks = (("precision", "circle", 0), ("recall", "diamond", 1), ("f1", "line-ns-open", 2))
    for name, symbol, colour in marks:
        figure.add_scatter(
            x=100 * getattr(scores, name)[order],
            y=np.arange(len(order)),
            mode="markers",
            name=name if name != "f1" else "F1",
            marker={"symbol": symbol, "size": 10, "color": CATEGORIES[colour], "line": {"width": 2 * (colour == 2)}},
            text=[names[label] for label in order],
            hovertemplate=f"%{{text}}: {name if name != 'f1' else 'F1'} %{{x:.1f}} %<extra></extra>",
        )
    return _rows_laid_out(figure, [names[label] for label in order], "precision, recall, F1 (%)", low)


def f1_figure(runs: Sequence[tuple[str, np.ndarray, str]], names: Sequence[str]) -> go.Figure:
    """F1 (%) of each class in runs, (label, F1 [K], colour) each; the lowest F1 of the first run on top."""
    order = _lowest_first(runs[0][1])
    stacked = np.stack([f1 for _, f1, _ in runs])
    low, high = (pick(stacked, axis=0)[order] for pick in (np.min, np.max))
    figure = go.Figure()
    _add_spans(figure, low, high)
    for (label, f1, colour), symbol in zip(runs, ("circle", "diamond-open"), strict=False):
        figure.add_scatter(
            x=100 * f1[order],
            y=np.arange(len(order)),
            mode="markers",
            name=label,
            marker={"size": 11, "color": colour, "symbol": symbol, "line": {"width": 2}},
            text=[names[each] for each in order],
            hovertemplate=f"{label}<br>%{{text}}: F1 %{{x:.1f}} %<extra></extra>",
        )
    return _rows_laid_out(figure, [names[label] for label in order], "F1 (%)", low)


def _lowest_first(f1: np.ndarray) -> np.ndarray:
    return np.argsort(np.nan_to_num(f1, nan=2.0), kind="stable")[:MOST_ROWS]


def _add_spans(figure: go.Figure, low: np.ndarray, high: np.ndarray) -> None:
    """A grey line from the lowest to the highest score of each row."""
    gap = np.full(len(low), np.nan)
    rows = np.arange(len(low))
    figure.add_scatter(
        x=100 * np.stack([low, high, gap], axis=1).ravel(),
        y=np.stack([rows, rows, gap], axis=1).ravel(),
        mode="lines",
        line={"color": "rgba(138, 143, 152, 0.55)", "width": 2},
        hoverinfo="skip",
        showlegend=False,
    )


def _rows_laid_out(figure: go.Figure, names: Sequence[str], title: str, low: np.ndarray) -> go.Figure:
    figure = styled(figure, x=title, y="", height=max(220, 90 + 22 * len(names)))
    start = 100 * float(np.nanmin(low)) if np.isfinite(low).any() else 0.0
    figure.update_xaxes(range=[max(-2, start - 5), 102])
    ticks = [_short(name) for name in names]
    figure.update_yaxes(tickvals=list(range(len(names))), ticktext=ticks, range=[len(names) - 0.4, -0.6])
    return figure
