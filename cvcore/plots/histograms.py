"""How the values of a layer are spread, epoch by epoch: histograms one behind the other, or bands of quantiles."""

from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from plotly.colors import sample_colorscale

from cvcore.plots.style import ACCENT, styled

OVERLAP = 1.6  # steps between two epochs that the peak of a histogram reaches up


@dataclass(frozen=True)
class Rows:
    """What is drawn of E epochs: `edges` [B + 1] of the bins, `shares` [E, B] 0..1 of all values, `zeros` [E] 0..1
    exact zeros, which are in no bin, and `quantiles` [E, 7]: lowest, 5, 25, 50, 75, 95 %, highest."""

    title: str
    epochs: tuple[int, ...]
    edges: np.ndarray
    shares: np.ndarray
    zeros: np.ndarray
    quantiles: np.ndarray


def ridges(rows: Rows, *, height: int = 300) -> go.Figure:
    """A histogram for each epoch, the first at the top, each on its own line and scaled to its own peak."""
    # each begins and ends on its line, where the last bin ends
    places = np.concatenate([rows.edges[:1], (rows.edges[:-1] + rows.edges[1:]) / 2, rows.edges[-1:]]).astype(
        np.float32
    )
    peaks = np.maximum(rows.shares.max(axis=1, initial=0), 1e-12)
    colours = sample_colorscale("Viridis", np.linspace(0.2, 0.85, max(len(rows.epochs), 2)))
    traces = [
        {
            "type": "scatter",
            "x": places,
            "y": np.pad(OVERLAP * rows.shares[place] / peaks[place], 1).astype(np.float32) - place,
            "mode": "lines",
            "fill": "toself",
            "line": {"color": colours[place], "width": 1.5, "shape": "hvh"},
            "fillcolor": colours[place].replace("rgb", "rgba").replace(")", ", 0.45)"),
            "customdata": np.pad(100 * rows.shares[place], 1).astype(np.float32),
            "hoveron": "points",
            "hovertemplate": f"epoch {epoch}: %{{customdata:.2~f}} % of the values around %{{x:.3~g}}"
            f"{_zeros(rows, place)}<extra></extra>",
        }
        for place, epoch in enumerate(rows.epochs)
    ]
    figure = go.Figure(traces)
    figure = styled(figure, x=rows.title, y="epoch", height=height, legend=False)
    few = [place for place in range(len(rows.epochs)) if place % -(-len(rows.epochs) // 10) == 0]
    figure.update_yaxes(
        tickvals=[-place for place in few],
        ticktext=[str(rows.epochs[place]) for place in few],
        range=[-len(rows.epochs) + 0.7, OVERLAP + 0.15],
        showgrid=False,
    )
    figure.update_xaxes(nticks=5, exponentformat="power")
    return figure


def bands(rows: Rows, *, height: int = 300) -> go.Figure:
    """The median against epochs, in bands that hold the middle 50 % and 90 % of the values, and the extremes dotted."""
    figure = go.Figure()
    epochs = list(rows.epochs)
    quantiles = rows.quantiles.astype(np.float32)
    for low, high, share, opacity in ((1, 5, "90 %", 0.18), (2, 4, "50 %", 0.3)):
        figure.add_scatter(x=epochs, y=quantiles[:, high], mode="lines", line={"width": 0}, hoverinfo="skip")
        figure.add_scatter(
            x=epochs,
            y=quantiles[:, low],
            mode="lines",
            line={"width": 0},
            fill="tonexty",
            fillcolor=f"rgba(0, 114, 178, {opacity})",
            customdata=quantiles[:, high],
            hovertemplate=f"epoch %{{x}}: {share} lie from %{{y:.3~g}} to %{{customdata:.3~g}}<extra></extra>",
        )
    for index, name in ((0, "lowest"), (6, "highest")):
        figure.add_scatter(
            x=epochs,
            y=quantiles[:, index],
            mode="lines",
            line={"color": ACCENT, "width": 1, "dash": "dot"},
            hovertemplate=f"epoch %{{x}}: {name} %{{y:.3~g}}<extra></extra>",
        )
    figure.add_scatter(
        x=epochs,
        y=quantiles[:, 3],
        mode="lines+markers",
        line={"color": ACCENT, "width": 2},
        marker={"size": 5},
        hovertemplate="epoch %{x}: median %{y:.3~g}<extra></extra>",
    )
    figure = styled(figure, x="epoch", y=rows.title, height=height, legend=False)
    figure.update_yaxes(nticks=6, exponentformat="power")
    figure.update_xaxes(tickformat=",d", dtick=1 if len(epochs) and epochs[-1] - epochs[0] <= 6 else None)
    return figure


def _zeros(rows: Rows, place: int) -> str:
    share = float(rows.zeros[place])
    return f"<br>{100 * share:.3g} % are exactly 0" if share > 0 else ""
