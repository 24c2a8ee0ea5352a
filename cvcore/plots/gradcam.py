"""Grad-CAM over its image, and which classes the network thinks of."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from cvcore.plots.feature_maps import map_over_image
from cvcore.plots.style import ACCENT, CATEGORIES, styled


def cam_figure(
    over_image: np.ndarray, image: np.ndarray, *, opacity: float, dark: bool, height: int = 330
) -> go.Figure:
    """The map float [H, W], already stretched, over uint8 `image` [C, H, W]: viridis from 0 to its largest value."""
    limit = float(np.nanmax(over_image, initial=0))
    figure = map_over_image(over_image, image, opacity=opacity, limit=limit, signed=False, dark=dark, height=height)
    figure.update_traces(
        showscale=False, hovertemplate="row %{customdata[0]}, column %{customdata[1]}: %{z:.3~g}<extra></extra>"
    )
    figure.update_layout(margin={"l": 0, "r": 0, "t": 4, "b": 4})
    return figure


def likeliest_figure(probabilities: np.ndarray, names: Sequence[str], truth: int | None, count: int = 5) -> go.Figure:
    """The `count` most probable classes as bars (%), the true one in orange."""
    finite = np.nan_to_num(probabilities, nan=0.0)
    order = np.argsort(-finite, kind="stable")[:count][::-1]
    figure = go.Figure(
        go.Bar(
            x=100 * finite[order],
            y=[str(names[label]) for label in order],
            orientation="h",
            marker={"color": [CATEGORIES[1] if label == truth else ACCENT for label in order], "line": {"width": 0}},
            text=[f"{100 * finite[label]:.1f}" for label in order],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{x:.2f} %<extra></extra>",
        )
    )
    figure = styled(figure, x="probability (%)", y="", height=44 + 26 * len(order), legend=False)
    figure.update_xaxes(range=[0, 112], tickvals=[0, 50, 100], fixedrange=True)
    figure.update_yaxes(type="category", fixedrange=True)
    return figure
