"""Networks side by side: what they cost against what they reach, and which layers they share."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from cvcore.analysis.compare import Diff, Row
from cvcore.analysis.graph import family
from cvcore.analysis.latency import Latency
from cvcore.plots.style import CATEGORIES, NEUTRAL, styled
from cvcore.ui.numbers import shape

STATES = {"same": NEUTRAL, "changed": CATEGORIES[1], "added": CATEGORIES[2], "removed": CATEGORIES[3]}
LETTERS = {
    "convolution": "C",
    "linear": "L",
    "attention": "T",
    "normalisation": "N",
    "activation": "A",
    "pooling": "P",
    "join": "+",
    "other": "·",
}
LEGIBLE = 44  # cells side by side that have room for a letter
LANE, HEAD = 23, 74  # pixels of one network's lane, and of what stands around all lanes
SMALL = (300, 290)  # pixels of the plot on a narrow screen; where it is wider, names have more room
BESIDE = 4  # places for a name next to its bubble
UNKNOWN = 15  # pixels: diameter where no accuracy is published


@dataclass(frozen=True)
class Point:
    """A network in the bubble chart; `top1` in percent, None where none is published."""

    label: str
    params: int
    mult_adds: int
    top1: float | None
    colour: str


def diameter(top1: float | None) -> float:
    """Of a bubble, in pixels: from 8 at 55 % top-1 to 40 at 90 %."""
    return UNKNOWN if top1 is None else float(np.interp(top1, [55, 90], [8, 40]))


def bubbles(points: Sequence[Point], context: Sequence[tuple[str, int, int, float | None]] = ()) -> go.Figure:
    """Parameters against mult-adds on logarithmic axes; larger bubbles are more accurate, hollow ones unknown.

    `context` are (name, parameters, mult-adds, top-1) of further networks, drawn in grey behind.
    """
    figure = go.Figure()
    if context:
        figure.add_scatter(
            x=[params for _, params, _, _ in context],
            y=[mult_adds for _, _, mult_adds, _ in context],
            mode="markers",
            name="torchvision's classifiers",
            marker={
                "size": [diameter(top1) for *_, top1 in context],
                "color": NEUTRAL,
                "opacity": 0.22,
                "line": {"width": 0},
            },
            customdata=[(name, _accuracy(top1)) for name, _, _, top1 in context],
            hovertemplate="%{customdata[0]}: %{x:,} parameters, %{y:,} mult-adds, %{customdata[1]}<extra></extra>",
        )
    for point in points:
        hollow = point.top1 is None
        figure.add_scatter(
            x=[point.params],
            y=[point.mult_adds],
            mode="markers",
            name=point.label + (" (accuracy unknown)" if hollow else ""),
            showlegend=False,  # its name stands beside it
            zorder=1000 - round(10 * diameter(point.top1)),  # small ones above large ones, or they would be hidden
            marker={
                "size": diameter(point.top1),
                "color": point.colour,
                "symbol": "circle-open" if hollow else "circle",
                "opacity": 0.7,  # what lies below shows through
                "line": {"width": 2.5, "color": point.colour} if hollow else {"width": 1.5, "color": "#FFFFFF"},
            },
            customdata=[_accuracy(point.top1)],
            hovertemplate=f"{point.label}: %{{x:,}} parameters, %{{y:,}} mult-adds, %{{customdata}}<extra></extra>",
        )
    figure = styled(figure, x="parameters", y="mult-adds for one image (MACs)", height=400)
    ranges = []
    for update, values in ((figure.update_xaxes, "params"), (figure.update_yaxes, "mult_adds")):
        seen = [getattr(point, values) for point in points] + [row[1 + (values == "mult_adds")] for row in context]
        low, high = np.log10(max(1, min(seen))), np.log10(max(1, max(seen)))
        room = max(0.3, 0.12 * (high - low))  # a name must fit above the outermost bubble
        ranges.append((low - room, high + room))
        update(type="log", range=ranges[-1], dtick=1 if high - low > 1.2 else "D2", exponentformat="SI")
    _names(figure, points, ranges)
    return figure


def _names(figure: go.Figure, points: Sequence[Point], ranges: Sequence[tuple[float, float]]) -> None:
    """The points' names, beside their bubbles where there is room, else further off at the end of a line."""
    places = [_pixels(point, ranges) for point in points]
    boxes = [_around(place, 2 * [diameter(point.top1)]) for place, point in zip(places, points, strict=True)]
    for place, point in zip(places, points, strict=True):
        size = (7 * len(point.label) + 4, 15)
        shifts = _shifts(diameter(point.top1) / 2, size)
        found = [_around(np.add(place, shift), size) for shift in shifts]
        best = min(range(len(found)), key=lambda index: (sum(_shared(found[index], box) for box in boxes), index))
        boxes.append(found[best])
        figure.add_annotation(
            x=np.log10(point.params),
            y=np.log10(max(1, point.mult_adds)),
            text=f"<b>{point.label}</b>",
            ax=shifts[best][0],
            ay=shifts[best][1],
            standoff=diameter(point.top1) / 2,
            arrowhead=0,
            arrowwidth=1,
            arrowcolor=NEUTRAL if best >= BESIDE else "rgba(0,0,0,0)",
            font_size=12,
        )


def _pixels(point: Point, ranges: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Where a point lies in a small chart, right and down from the upper left corner."""
    values = np.log10(point.params), np.log10(max(1, point.mult_adds))
    x, y = ((value - low) / (high - low) for value, (low, high) in zip(values, ranges, strict=True))
    return SMALL[0] * x, SMALL[1] * (1 - y)


def _shifts(radius: float, size: tuple[float, float]) -> list[tuple[float, float]]:
    """How far a name may stand from the middle of its bubble: the first BESIDE are next to it."""
    far, across = radius + 10, radius + 4 + size[0] / 2
    beside = [(0, -far), (0, far), (across, 0), (-across, 0)]
    return beside + [
        (side * (across + 14), level * step)
        for step in (22, 40, 58, 76)
        for level in (-1, 1)
        for side in (0, 1, -1)
        if side or step > 22
    ]


def _around(middle: Sequence[float], size: Sequence[float]) -> tuple[float, float, float, float]:
    """(left, top, right, bottom)."""
    (x, y), (width, height) = middle, size
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _shared(one: Sequence[float], two: Sequence[float]) -> float:
    """The area that two boxes share."""
    width = min(one[2], two[2]) - max(one[0], two[0])
    height = min(one[3], two[3]) - max(one[1], two[1])
    return max(0.0, width) * max(0.0, height)


def _accuracy(top1: float | None) -> str:
    return "no published accuracy" if top1 is None else f"{top1:.1f} % top-1 published"


def alignment(diff: Diff) -> go.Figure:
    """Every layer of two networks as a cell, those of one stage in two lanes: the first network above the second.

    Layers that go together stand above each other; grey ones are the same, the colours tell what is changed, added (in
    the lower lane) and removed (in the upper one).
    """
    longest = max((len(stage.pairs) for stage in diff.stages), default=1)
    lanes = 3 * len(diff.stages) - 1
    codes = np.full((lanes, longest), np.nan)
    hover = np.full((lanes, longest), "", dtype=object)
    letters = np.full((lanes, longest), "", dtype=object)
    for number, stage in enumerate(diff.stages):
        for column, pair in enumerate(stage.pairs):
            one = None if pair.first is None else diff.first.rows[pair.first]
            two = None if pair.second is None else diff.second.rows[pair.second]
            for lane, row, network in ((0, one, diff.first), (1, two, diff.second)):
                if row is not None:
                    place = 3 * number + lane, column
                    codes[place] = list(STATES).index(pair.state)
                    hover[place] = f"{network.label}, {pair.state}<br>{_told(row)}"
                    letters[place] = LETTERS[family(row.type)] if row.type[0] != "(" else "·"
    figure = go.Figure(
        go.Heatmap(
            z=codes,
            customdata=hover,
            text=letters,
            texttemplate="%{text}" if longest <= LEGIBLE else None,
            textfont={"size": 10, "color": "#1F2328"},
            hovertemplate="%{customdata}<extra></extra>",
            hoverongaps=False,
            colorscale=_steps(),
            zmin=-0.5,
            zmax=len(STATES) - 0.5,
            xgap=1,
            ygap=2,
            showscale=False,
        )
    )
    for state, colour in STATES.items():
        count = sum(stage.count(state) for stage in diff.stages)
        figure.add_scatter(
            x=[None], y=[None], mode="markers", name=f"{state} ({count})", marker={"symbol": "square", "color": colour}
        )
    figure = styled(figure, x="layers of the stage, in running order", y="", height=HEAD + LANE * lanes)
    titles = [f"{stage.key}{_sizes(stage.sizes)}" for stage in diff.stages]
    ticks = [3 * number + 0.5 for number in range(len(titles))]
    figure.update_yaxes(autorange="reversed", tickvals=ticks, ticktext=titles, showgrid=False)
    figure.update_xaxes(showgrid=False, showticklabels=False, range=[-0.6, max(longest, 8) - 0.4])
    return figure


def _steps() -> list[tuple[float, str]]:
    """A colour scale with one flat step for each state."""
    count = len(STATES)
    return [(edge / count, colour) for place, colour in enumerate(STATES.values()) for edge in (place, place + 1)]


def _sizes(sizes: tuple[tuple[int, int] | None, ...]) -> str:
    told = list(dict.fromkeys(shape(size) for size in sizes if size))
    return f"  {' | '.join(told)}" if told else ""


def _told(row: Row) -> str:
    """A layer in two lines."""
    window = f", kernel {shape(row.kernel)}, stride {shape(row.stride)}" if row.kernel and row.stride else ""
    field = f", field {row.field} px" if row.field else ""
    costs = f"{row.params:,} parameters, {row.mult_adds:,} mult-adds"
    return f"{row.name or '(network)'}: {row.type}{window}<br>output {shape(row.output)}{field}<br>{costs}"


def latencies(measured: Sequence[Latency], labels: Sequence[str], colours: Sequence[str]) -> go.Figure:
    """Median milliseconds a batch of each network, with its quartiles."""
    medians = [1e3 * each.median for each in measured]
    spreads = [[1e3 * abs(edge - each.median) for edge in each.spread] for each in measured]
    figure = go.Figure(
        go.Bar(
            x=medians,
            y=list(labels),
            orientation="h",
            marker_color=list(colours),
            text=[f"{median:.3g} ms" for median in medians],
            textposition="inside",
            insidetextanchor="start",
            error_x={
                "array": [high for _, high in spreads],
                "arrayminus": [low for low, _ in spreads],
                "color": NEUTRAL,
            },
            hovertemplate="%{y}: median %{x:.3g} ms<extra></extra>",
        )
    )
    figure = styled(figure, x="milliseconds a batch (median; line: quartiles)", y="", height=90 + 40 * len(measured))
    figure.update_layout(showlegend=False, margin_t=12)
    figure.update_xaxes(rangemode="tozero")
    figure.update_yaxes(autorange="reversed", showgrid=False)
    return figure
