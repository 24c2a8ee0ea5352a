"""How far the blocks of networks moved in training."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from cvcore.plots.style import styled
from cvcore.transfer.drift import Drift

FLOOR = 1e-6  # what did not move at all stands here, since a logarithm has no place for it


def moved(runs: Mapping[str, Sequence[Drift]], colours: Sequence[str], statistics: bool = False) -> go.Figure:
    """The relative change of each block's weights, or of its BatchNorm `statistics` where it has some, from the image
    to the head, a line for each run; the first are the widest, so that those that agree are all seen."""
    figure, wider = go.Figure(), min(1.5, 5 / max(1, len(runs) - 1))
    for below, ((name, blocks), colour) in enumerate(zip(runs.items(), colours, strict=True), start=1 - len(runs)):
        changes = {
            short_name(each.block): each.relative_statistics if statistics else each.relative
            for each in blocks
            if not statistics or each.relative_statistics is not None
        }
        figure.add_scatter(
            x=list(changes),
            y=[max(change, FLOOR) for change in changes.values()],
            name=name,
            mode="lines+markers",
            line={"color": colour, "width": 2 - wider * below},
            marker={"size": 8 - 2 * wider * below, "symbol": [_symbol(change) for change in changes.values()]},
            customdata=[f"{change:.2%}" if change else "not at all" for change in changes.values()],
            hovertemplate=f"{name}<br>%{{x}} moved by %{{customdata}}<extra></extra>",
        )
    what = "statistics" if statistics else "weights"
    styled(figure, x="block, from the image to the head", y=f"change of the {what} (share of their length)", height=380)
    ticks = [FLOOR, 1e-4, 1e-3, 1e-2, 1e-1, 1, 10]
    labels = ["none", "0.01 %", "0.1 %", "1 %", "10 %", "100 %", "1,000 %"]
    figure.update_yaxes(type="log", tickvals=ticks, ticktext=labels)
    figure.update_xaxes(type="category")
    return figure


def _symbol(change: float) -> str:
    return "circle" if change else "circle-open"


def short_name(block: str) -> str:
    """A block's name without the parts that all have."""
    return block.removeprefix("body.").removeprefix("features.")
