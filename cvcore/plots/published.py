"""A run's accuracy beside what a tutorial printed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from cvcore.plots.style import styled


@dataclass(frozen=True)
class Beside:
    """A run to draw: what to call it, its colour, its accuracies and the published ones, 0..1 by epoch."""

    label: str
    colour: str
    yours: Mapping[int, float]
    published: Mapping[int, float]


def published_curves(lines: Sequence[Beside], *, images: str, planned: int) -> go.Figure:
    """Accuracy in percent on `images` against epochs: each run as a full line, what was published dashed.

    The axis is as long as the longest, or as the `planned` epochs; a single published figure is a mark.
    """
    figure = go.Figure()
    for line in lines:
        for values, dash, who, symbol in (
            (line.yours, "solid", "yours", "circle"),
            (line.published, "dash", "published", "diamond-open"),
        ):
            epochs = sorted(values)
            if not epochs:
                continue
            figure.add_scatter(
                x=epochs,
                y=[100 * values[epoch] for epoch in epochs],
                name=f"{line.label}, {who}" if len(lines) > 1 else who,
                mode="lines+markers" if len(epochs) < 30 else "lines",
                line={"color": line.colour, "dash": dash, "width": 2},
                marker={"symbol": symbol, "size": 6 if who == "yours" else 9},
                hovertemplate=f"{line.label}, {who}<br>epoch %{{x}}: %{{y:.1f}} %<extra></extra>",
            )
    figure = styled(figure, x="epoch", y=f"accuracy on {images} images (%)")
    longest = max([planned, *(max(values, default=1) for line in lines for values in (line.yours, line.published))])
    figure.update_xaxes(range=[0.5, max(longest, 2) + 0.5], dtick=1 if longest <= 12 else None, tickformat=",d")
    return figure
