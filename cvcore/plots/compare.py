"""Networks side by side: what they cost against what they reach, and which layers they share."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from cvcore.analysis.compare import Diff, Row
from cvcore.analysis.graph import family
from cvcore.analysis.latency import Latency
from cvcore.plots.style import CATEGORIES, styled
from cvcore.ui.numbers import shape

NEUTRAL = "#9AA0A8"
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
                "opacity": 0.28,
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
            mode="markers+text",
            name=point.label + (" (accuracy unknown)" if hollow else ""),
            text=[point.label],
            textposition="top center",
            marker={
                "size": diameter(point.top1),
                "color": point.colour,
                "symbol": "circle-open" if hollow else "circle",
                "opacity": 0.9,
                "line": {"width": 2.5 if hollow else 1, "color": point.colour},
            },
            customdata=[_accuracy(point.top1)],
            hovertemplate=f"{point.label}: %{{x:,}} parameters, %{{y:,}} mult-adds, %{{customdata}}<extra></extra>",
        )
    figure = styled(figure, x="parameters", y="mult-adds for one image (MACs)", height=400)
    for update, values in ((figure.update_xaxes, "params"), (figure.update_yaxes, "mult_adds")):
        seen = [getattr(point, values) for point in points] + [row[1 + (values == "mult_adds")] for row in context]
        low, high = np.log10(max(1, min(seen))), np.log10(max(1, max(seen)))
        room = max(0.3, 0.12 * (high - low))  # a name must fit above the outermost bubble
        update(type="log", range=[low - room, high + room], dtick=1 if high - low > 1.2 else "D2", exponentformat="SI")
    return figure


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
