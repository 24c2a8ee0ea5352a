"""One step of a network as pictures: before and after on one scale, histograms, and who reaches whom in groups."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from cvcore.analysis.inside.groups import Grouped
from cvcore.plots.feature_maps import map_cells
from cvcore.plots.style import ACCENT, CATEGORIES, GRID, styled

NEUTRAL = "#8A8F98"
PEAKED = 0.5  # share of the values in one bin beyond which the others are lost on a linear axis


def step_figure(
    maps: Sequence[np.ndarray], titles: Sequence[str], *, limit: float, signed: bool, dark: bool, height: int = 330
) -> go.Figure:
    """Maps [h, w] side by side on one scale, each with its title; pixels are square."""
    figure = go.Figure().set_subplots(1, len(maps), horizontal_spacing=0.03, column_titles=list(titles))
    for column, values in enumerate(maps, start=1):
        figure.add_trace(map_cells(values, limit=limit, signed=signed, dark=dark, bar=column == 1), 1, column)
    figure = styled(figure, x="", y="", height=height, legend=False)
    figure.update_layout(margin={"l": 4, "r": 4, "t": 30, "b": 36}, dragmode=False)
    figure.update_annotations(font_size=13)
    bar = {"x": 0.5, "xanchor": "center", "len": 0.5, "y": -0.03}
    figure.update_traces(colorbar=bar, selector={"showscale": True})
    figure.update_xaxes(visible=False, fixedrange=True, constrain="domain")
    down = {"autorange": "reversed", "constrain": "domain", "constraintoward": "top"}  # close to the titles
    figure.update_yaxes(visible=False, fixedrange=True, **down)
    for index, axis in enumerate(figure.select_yaxes()):
        axis.scaleanchor = f"x{index + 1}" if index else "x"
    return figure


def step_histogram(edges: np.ndarray, counts: Sequence[np.ndarray], names: Sequence[str]) -> go.Figure:
    """Share of the values (%) in bins that all share, a line each; the first is what was before the step."""
    figure = go.Figure()
    colours, dashes = (NEUTRAL, ACCENT, CATEGORIES[3]), ("solid", "solid", "dot")
    shares = [each / max(each.sum(), 1) for each in counts]
    peaked = max(share.max(initial=0) for share in shares) > PEAKED
    least = min((share[share > 0].min() for share in shares if share.any()), default=1.0)
    floor = 100 * least / 2 if peaked else 0.0  # a logarithm has no zero: empty bins lie at the lower edge
    for index, (name, share) in enumerate(zip(names, shares, strict=True)):
        figure.add_scatter(
            x=edges,
            y=np.maximum(100 * np.append(share, share[-1:]), floor),
            name=name,
            mode="lines",
            # below the others and wide, so that it is seen where a step changes nothing
            line={"shape": "hv", "color": colours[index], "width": 2 if index else 6, "dash": dashes[index]},
            opacity=1.0 if index else 0.45,
            hovertemplate=f"{name}: %{{y:.3~g}} % of the values from %{{x:.3~g}}<extra></extra>",
        )
    figure = styled(figure, x="value", y="share of values (%)", height=260)
    if peaked:
        figure.update_yaxes(title="share of values (%), log scale", type="log", exponentformat="none")
        figure.update_yaxes(tickvals=[0.001, 0.01, 0.1, 1, 10, 100], range=[np.log10(floor), 2.05])
    figure.add_vline(x=0, line={"color": GRID, "width": 1})
    return figure


def reach_figure(layer: Grouped, output: int) -> go.Figure:
    """The matrix of output channels (rows) and input channels (columns): what reaches what is filled, group by group.

    The row of the chosen output channel is marked where it reads.
    """
    wide, high = layer.inputs / layer.groups, layer.outputs / layer.groups
    starts = np.arange(layer.groups)
    left, top = starts * wide - 0.5, starts * high - 0.5
    gap = np.full(layer.groups, np.nan)
    x = np.stack([left, left + wide, left + wide, left, left, gap], axis=1).ravel()
    y = np.stack([top, top, top + high, top + high, top, gap], axis=1).ravel()
    figure = go.Figure(
        go.Scatter(x=x, y=y, mode="lines", fill="toself", fillcolor=ACCENT, line={"color": ACCENT, "width": 1.5})
    )
    figure.update_traces(hoverinfo="skip", name="reached")
    figure.add_scatter(
        x=left + wide / 2,
        y=top + high / 2,
        mode="markers",
        marker={"opacity": 0, "size": 10},
        text=[_group_text(layer, group) for group in starts],
        hovertemplate="%{text}<extra></extra>",
    )
    figure = styled(figure, x="input channel", y="output channel", height=460, legend=False)
    reads = layer.inputs_of(output)
    ends = {"x0": reads.start - 0.5, "x1": reads.stop - 0.5, "y0": output - 0.5, "y1": output + 0.5}
    figure.add_shape(type="rect", line={"color": CATEGORIES[1], "width": 3}, fillcolor=CATEGORIES[1], **ends)
    line = {"color": CATEGORIES[1], "width": 1, "dash": "dot"}
    figure.add_shape(type="line", x0=-0.5, x1=reads.start - 0.5, y0=output, y1=output, line=line)
    frame = {"x0": -0.5, "x1": layer.inputs - 0.5, "y0": -0.5, "y1": layer.outputs - 0.5}
    figure.add_shape(type="rect", line={"color": NEUTRAL, "width": 1}, **frame)
    rooms = 0.01 * layer.inputs, 0.01 * layer.outputs
    figure.update_xaxes(range=[-0.5 - rooms[0], layer.inputs - 0.5 + rooms[0]], showgrid=False, side="top")
    figure.update_yaxes(range=[layer.outputs - 0.5 + rooms[1], -0.5 - rooms[1]], showgrid=False)
    square = layer.inputs == layer.outputs
    figure.update_xaxes(constrain="domain", constraintoward="left")
    figure.update_yaxes(constrain="domain", constraintoward="top", **({"scaleanchor": "x"} if square else {}))
    figure.update_layout(margin={"l": 8, "r": 8, "t": 44, "b": 8})
    return figure


def _group_text(layer: Grouped, group: int) -> str:
    outputs = layer.outputs_of_group(int(group))
    inputs = layer.inputs_of(outputs.start)
    return f"group {group}: outputs {_span(outputs)} read inputs {_span(inputs)}"


def _span(channels: range) -> str:
    """
    >>> _span(range(4, 8)), _span(range(4, 5))
    ('4 to 7', '4')
    """
    return f"{channels.start}" if len(channels) == 1 else f"{channels.start} to {channels.stop - 1}"
