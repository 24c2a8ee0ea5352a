"""The curve of the learning-rate finder."""

import plotly.graph_objects as go

from cvcore.plots.style import ACCENT, CATEGORIES, styled
from cvcore.training.lr_finder import RangeTest

SUGGESTED = CATEGORIES[3]


def finder_curve(found: RangeTest) -> go.Figure:
    """Loss against the learning rate on a logarithmic axis: batches as dots, smoothed as a line, the suggestion."""
    figure = go.Figure()
    hover = "learning rate %{x:.2g}<br>%{fullData.name}: %{y:.4f}<extra></extra>"
    figure.add_scatter(
        x=found.lr,
        y=found.loss,
        name="each batch",
        mode="markers",
        marker={"size": 5, "color": "#8A8F98", "opacity": 0.6},
        hovertemplate=hover,
    )
    figure.add_scatter(
        x=found.lr,
        y=found.smoothed,
        name="smoothed",
        mode="lines",
        line={"width": 2.5, "color": ACCENT},
        hovertemplate=hover,
    )
    _mark(figure, found, found.lowest, "lowest", "circle-open", ACCENT)
    if found.suggestion is not None:
        _mark(figure, found, found.suggestion, f"suggestion {found.suggestion:g}", "diamond", SUGGESTED)
        figure.add_vline(x=found.suggestion, line={"color": SUGGESTED, "width": 1, "dash": "dot"})
    figure = styled(figure, x="learning rate (logarithmic)", y="cross-entropy (nats)")
    figure.update_xaxes(type="log", exponentformat="power", dtick=1)
    figure.update_yaxes(range=_range(found))
    return figure


def _mark(figure: go.Figure, found: RangeTest, rate: float, name: str, symbol: str, colour: str) -> None:
    """A mark on the smoothed curve at the step nearest to `rate`."""
    place = min(range(len(found.lr)), key=lambda each: abs(found.lr[each] / rate - 1))
    figure.add_scatter(
        x=[rate],
        y=[found.smoothed[place]],
        name=name,
        mode="markers",
        marker={"size": 11, "symbol": symbol, "color": colour, "line": {"width": 2}},
        hovertemplate=f"{name}<br>learning rate %{{x:.2g}}<br>smoothed loss %{{y:.4f}}<extra></extra>",
    )


def _range(found: RangeTest) -> list[float]:
    """From a little below all losses to above where the curve began: what diverged would flatten all the rest."""
    low, high = min(found.loss), max(found.smoothed[: len(found.smoothed) // 2 + 1])
    room = 0.35 * max(high - min(found.smoothed), 1e-3)
    return [min(low, min(found.smoothed)) - room / 3, high + room]
