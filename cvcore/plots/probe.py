"""Accuracy of linear probes against depth."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from cvcore.plots.drift import short_name
from cvcore.plots.style import CATEGORIES, styled
from cvcore.transfer.probe import Probed


def by_depth(found: Mapping[str, Sequence[Probed]]) -> go.Figure:
    """A line of test accuracies (percent) over the blocks, from the pixels up, for each way to begin."""
    figure = go.Figure()
    for (name, probes), colour in zip(found.items(), CATEGORIES, strict=False):
        figure.add_scatter(
            x=[short_name(each.block) for each in probes],
            y=[100 * each.accuracy for each in probes],
            name=name,
            mode="lines+markers",
            line={"color": colour, "width": 2},
            marker={"size": 8},
            customdata=[each.features for each in probes],
            hovertemplate=f"{name}<br>%{{x}}, %{{customdata:,}} features: %{{y:.1f}} %<extra></extra>",
        )
    styled(figure, x="block, from the image to the head", y="test accuracy of a linear probe (%)", height=380)
    figure.update_xaxes(type="category")
    return figure
