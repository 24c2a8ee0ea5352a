"""How far the blocks of networks moved in training."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from cvcore.plots.style import styled
from cvcore.transfer.drift import Drift

FLOOR = 1e-6  # what did not move at all stands here, since a logarithm has no place for it


def moved(runs: Mapping[str, Sequence[Drift]], colours: Sequence[str]) -> go.Figure:
    """The relative change of each block's weights, from the image to the head, a line for each run."""
    figure = go.Figure()
    for (name, blocks), colour in zip(runs.items(), colours, strict=True):
        told = [f"{each.relative:.2%}" if each.relative else "not at all" for each in blocks]
        figure.add_scatter(
            x=[short_name(each.block) for each in blocks],
            y=[max(each.relative, FLOOR) for each in blocks],
            name=name,
            mode="lines+markers",
            line={"color": colour, "width": 2},
            marker={"size": 8, "symbol": ["circle" if each.relative else "circle-open" for each in blocks]},
            customdata=told,
            hovertemplate=f"{name}<br>%{{x}} moved by %{{customdata}}<extra></extra>",
        )
    styled(figure, x="block, from the image to the head", y="change of the weights (share of their length)", height=380)
    ticks = [FLOOR, 1e-4, 1e-3, 1e-2, 1e-1, 1, 10]
    labels = ["none", "0.01 %", "0.1 %", "1 %", "10 %", "100 %", "1,000 %"]
    figure.update_yaxes(type="log", tickvals=ticks, ticktext=labels)
    figure.update_xaxes(type="category")
    return figure


def short_name(block: str) -> str:
    """A block's name without the parts that all have."""
    return block.removeprefix("body.").removeprefix("features.")
