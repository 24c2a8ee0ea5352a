"""The pictures of the explanations."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from cvcore.plots.style import ACCENT, CATEGORIES, styled

GREYS = {False: ("#DDE1E6", "#1F2328"), True: ("#3A424D", "#E6E8EB")}  # cell and letters, light and dark


def probabilities(logits: Sequence[float], shares: Sequence[float]) -> go.Figure:
    """Logits on the left, the probabilities that softmax makes of them on the right."""
    names = [f"class {number}" for number in range(1, len(logits) + 1)]
    figure = make_subplots(1, 2, subplot_titles=("Logits z", "Probabilities p"), horizontal_spacing=0.12)
    for column, values, form in ((1, logits, "{:.1f}"), (2, shares, "{:.3f}")):
        figure.add_bar(
            x=names,
            y=list(values),
            text=[form.format(value) for value in values],
            textposition="outside",
            cliponaxis=False,
            marker_color=CATEGORIES[: len(names)],
            row=1,
            col=column,
        )
    styled(figure, x="", y="", height=300, legend=False)
    figure.update_layout(margin_t=36)
    figure.update_yaxes(range=[-5.8, 5.8], row=1, col=1)
    figure.update_yaxes(range=[0, 1.12], row=1, col=2)
    return figure


def fit(x: np.ndarray, wanted: np.ndarray, found: np.ndarray) -> go.Figure:
    """The curve that is wanted and what the network makes of it."""
    figure = go.Figure()
    figure.add_scatter(x=x, y=wanted, name="wanted", mode="lines", line={"color": "#8A8F98", "dash": "dot", "width": 3})
    figure.add_scatter(x=x, y=found, name="network", mode="lines", line={"color": ACCENT, "width": 3})
    styled(figure, x="input x", y="output", height=340)
    figure.update_yaxes(range=[-2.6, 2.6])
    return figure


def pairs_of_bars(names: Sequence[str], values: Sequence[float], texts: Sequence[str], axis: str) -> go.Figure:
    """A few numbers to be compared, as lying bars with their texts."""
    figure = go.Figure(
        go.Bar(
            y=list(names),
            x=list(values),
            text=list(texts),
            orientation="h",
            textposition="auto",
            marker_color=[CATEGORIES[index % len(CATEGORIES)] for index in range(len(names))],
            hovertemplate="%{y}: %{text}<extra></extra>",
        )
    )
    styled(figure, x=axis, y="", height=90 + 46 * len(names), legend=False)
    figure.update_yaxes(autorange="reversed")
    return figure


def nested_fields(layers: int, *, dark: bool) -> go.Figure:
    """The pixels that one value sees after 1, 2, … 3×3 layers: rings around the middle."""
    side = 2 * layers + 1
    places = np.abs(np.arange(side) - layers)
    rings = np.maximum.outer(places, places)
    reached = np.maximum(rings, 1)
    figure = go.Figure(
        go.Heatmap(
            z=reached,
            zmin=1,
            zmax=max(layers, 2),
            colorscale=[[0, ACCENT], [1, GREYS[dark][0]]],
            showscale=False,
            xgap=2,
            ygap=2,
            hovertemplate="seen after %{z} layers<extra></extra>",
        )
    )
    return _bare(figure, f"{side}×{side} pixels seen by one value", 300)


def number_grid(values: np.ndarray, title: str, *, groups: np.ndarray | None = None, dark: bool) -> go.Figure:
    """A small grid of numbers; cells of one group (−1: none) have one colour."""
    colours = [GREYS[dark][0], *CATEGORIES]
    numbers = np.full(values.shape, 0) if groups is None else groups + 1
    count = len(colours)
    scale: list[list] = []
    for index, colour in enumerate(colours):
        scale += [[index / count, colour], [(index + 1) / count, colour]]
    figure = go.Figure(
        go.Heatmap(
            z=numbers,
            zmin=-0.5,
            zmax=count - 0.5,
            colorscale=scale,
            showscale=False,
            xgap=3,
            ygap=3,
            text=[[f"{value:g}" for value in row] for row in values],
            texttemplate="%{text}",
            textfont={"size": 16},  # without a colour: dark or light, whichever can be read on the cell
            hovertemplate="row %{y}, column %{x}: %{text}<extra></extra>",
        )
    )
    return _bare(figure, title, 300)


def picture(pixels: np.ndarray, title: str) -> go.Figure:
    """An image, uint8 [H, W, 3]."""
    return _bare(go.Figure(go.Image(z=pixels, hoverinfo="skip")), title, 300)


def spread(before: np.ndarray, after: np.ndarray) -> go.Figure:
    """How the values of one channel are spread before and after a normalisation."""
    figure = go.Figure()
    for name, values, colour in (("before", before, CATEGORIES[1]), ("after", after, ACCENT)):
        figure.add_histogram(
            x=values, name=name, marker_color=colour, opacity=0.7, xbins={"start": -10, "end": 14, "size": 0.4}
        )
    styled(figure, x="value", y="number of values", height=320)
    figure.update_layout(barmode="overlay")
    figure.update_xaxes(range=[-8, 12])
    return figure


def dropped(before: np.ndarray, after: np.ndarray) -> go.Figure:
    """Values of a layer before and after dropout, side by side."""
    figure = go.Figure()
    places = list(range(1, len(before) + 1))
    figure.add_bar(x=places, y=before, name="before", marker_color="#8A8F98")
    figure.add_bar(x=places, y=after, name="after", marker_color=ACCENT)
    styled(figure, x="value number", y="activation", height=320)
    figure.update_yaxes(range=[0, 4.2])
    return figure


def pyramid(shapes: Sequence[tuple[int, int, int]]) -> go.Figure:
    """Height of each feature map, centred, as wide as its channels are many; hover tells the shape."""
    widths = [
        0.25 + 0.75 * np.log2(1 + channels) / np.log2(1 + max(each[0] for each in shapes)) for channels, *_ in shapes
    ]
    starts = np.cumsum([0.0, *[width + 0.25 for width in widths[:-1]]])
    top = max(height for _, height, _ in shapes)
    figure = go.Figure(
        go.Bar(
            x=starts + np.array(widths) / 2,
            y=[height for _, height, _ in shapes],
            base=[-height / 2 for _, height, _ in shapes],
            width=widths,
            text=[f"{channels:,}" for channels, *_ in shapes],
            textposition="outside",
            cliponaxis=False,
            marker_color=ACCENT,
            customdata=["×".join(map(str, shape)) for shape in shapes],
            hovertemplate="%{customdata}<extra></extra>",
        )
    )
    figure.add_scatter(
        x=figure.data[0].x,
        y=[-height / 2 - 0.015 * top for _, height, _ in shapes],
        text=[f"{height}" for _, height, _ in shapes],
        mode="text",
        textposition="bottom center",
        textfont={"color": "#8A8F98"},
        hoverinfo="skip",
    )
    axis = "above: channels; below: height (px)"
    styled(figure, x=axis, y="", height=360, legend=False)
    figure.update_xaxes(showticklabels=False, showgrid=False)
    figure.update_yaxes(visible=False, range=[-0.64 * top, 0.64 * top])
    return figure


def block_graph(steps: Sequence[str], joined: str, channels: int, *, dark: bool) -> str:
    """A block as a graph in the DOT language: its convolutions in order, and the way around them."""
    line, letters = ("#8A8F98", GREYS[dark][1])
    node = f'shape=box style="rounded" color="{line}" fontcolor="{letters}" fontname="Helvetica" fontsize=13'
    lines = [
        'digraph { rankdir=TB; bgcolor="transparent"; ranksep=0.35;',
        f'node [{node}]; edge [color="{line}" fontcolor="{letters}" fontname="Helvetica" fontsize=12 arrowsize=0.7];',
        f'start [label="{channels} channels" shape=plaintext];',
        f'join [label="{joined}" shape=oval color="{ACCENT}" penwidth=2];',
    ]
    # groups on a line of their own: a wide box would make all letters of its graph small
    parts = [step.split(", ") for step in steps]
    labels = ["\\n".join((", ".join(each[:2]), *each[2:])) for each in parts]
    lines += [f's{number} [label="{label}"];' for number, label in enumerate(labels)]
    path = ["start", *[f"s{number}" for number in range(len(steps))], "join"]
    lines.append(" -> ".join(path) + ";")
    lines.append(f'start -> join [color="{ACCENT}" penwidth=2]; }}')
    return "\n".join(lines)


def _bare(figure: go.Figure, title: str, height: int) -> go.Figure:
    """Square cells without axes, the first row on top."""
    styled(figure, x="", y="", height=height, legend=False)
    figure.update_layout(
        title={"text": title, "x": 0.5, "xanchor": "center", "font": {"size": 14}}, margin_t=36, dragmode=False
    )
    figure.update_xaxes(visible=False, fixedrange=True, constrain="domain")
    figure.update_yaxes(visible=False, fixedrange=True, autorange="reversed", scaleanchor="x")
    return figure
