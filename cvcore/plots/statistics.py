"""Figures about a whole set: intensities, sizes of the originals."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from cvcore.plots.style import ACCENT, CATEGORIES, styled

RED, GREEN, BLUE = CATEGORIES[3], CATEGORIES[2], CATEGORIES[0]


def intensities(histogram: np.ndarray) -> go.Figure:
    """How often each intensity occurs, from counts int64 [C, 256]: share of the pixels in percent, a line a channel."""
    channels = [("grey", ACCENT)] if len(histogram) == 1 else [("red", RED), ("green", GREEN), ("blue", BLUE)]
    figure = go.Figure()
    for (name, colour), counts in zip(channels, histogram, strict=True):
        figure.add_scatter(
            x=np.arange(256),
            y=100 * counts / max(counts.sum(), 1),
            name=name,
            mode="lines",
            line={"color": colour, "width": 1.5},
            hovertemplate=f"{name} %{{x}}: %{{y:.3f}} % of the pixels<extra></extra>",
        )
    figure = styled(
        figure, x="intensity (0 black, 255 full)", y="share of pixels (%)", height=300, legend=len(channels) > 1
    )
    figure.update_xaxes(range=[-2, 257], tickvals=[0, 64, 128, 192, 255])
    if _is_peaked(histogram):
        figure.update_yaxes(title="share of pixels (%), log scale", type="log", dtick=1, exponentformat="none")
    return figure


def _is_peaked(histogram: np.ndarray) -> bool:
    """Whether one intensity (a white or black ground) hides all others on a linear scale."""
    return bool(histogram.max() > 0.2 * histogram.sum(axis=1).max())


def sizes(width: np.ndarray, height: np.ndarray) -> go.Figure:
    """Width against height of the originals, a dot for each size, larger where more images have it."""
    pairs, counts = np.unique(np.stack([width, height], axis=1), axis=0, return_counts=True)
    if len(pairs) > 2_000:  # a dot for each cell of a grid instead
        cell = max(1, int(pairs.max() / 60))
        grid = np.stack([width, height], axis=1) // cell * cell + cell // 2
        pairs, counts = np.unique(grid, axis=0, return_counts=True)
    figure = go.Figure(
        go.Scatter(
            x=pairs[:, 0],
            y=pairs[:, 1],
            mode="markers",
            marker={
                "size": 5 + 20 * np.sqrt(counts / counts.max()),
                "color": ACCENT,
                "opacity": 0.5,
                "line": {"width": 0},
            },
            customdata=counts,
            hovertemplate="%{x} × %{y} px: %{customdata:,} images<extra></extra>",
        )
    )
    figure = styled(figure, x="width (px)", y="height (px)", height=320, legend=False)
    figure.update_xaxes(rangemode="tozero")
    figure.update_yaxes(rangemode="tozero")
    return figure


def aspect_ratios(width: np.ndarray, height: np.ndarray) -> go.Figure:
    """How often the originals are how much wider than high."""
    ratio = width / np.maximum(height, 1)
    low, high = np.log2(max(ratio.min(), 1 / 16)), np.log2(min(ratio.max(), 16))
    edges = 2 ** np.linspace(min(low, -0.5), max(high, 0.5), 41)
    counts, _ = np.histogram(ratio, edges)
    centres: Sequence[float] = np.sqrt(edges[1:] * edges[:-1])
    figure = go.Figure(
        go.Bar(
            x=centres,
            y=counts,
            width=np.diff(edges),
            marker_color=ACCENT,
            hovertemplate="width / height near %{x:.2f}: %{y:,} images<extra></extra>",
        )
    )
    figure = styled(figure, x="width / height (1 is square)", y="images", height=320, legend=False)
    figure.update_yaxes(tickformat=",d")
    return figure
