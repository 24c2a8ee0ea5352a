"""What a network makes of one picture: the likeliest classes, and the tensor that it was given."""

from collections.abc import Sequence
from html import escape

import numpy as np
import plotly.graph_objects as go

from cvcore.plots.feature_maps import bare_picture, colours, map_cells
from cvcore.plots.style import ACCENT, CATEGORIES, GRID, styled

MOST_NUMBERS = 64  # pixels a side up to which the pointer tells the values of a tensor


def likeliest(names: Sequence[str], probabilities: Sequence[float], right: str = "") -> go.Figure:
    """A bar for each class, the likeliest on top; the true one, where it is known, in another colour."""
    told = [f"{name[:24]}…" if len(name) > 25 else name for name in names]
    figure = go.Figure(
        go.Bar(
            x=[100 * value for value in probabilities],
            y=list(range(len(told))),  # two classes may be called alike once they are cut
            orientation="h",
            marker_color=[CATEGORIES[2] if name == right else ACCENT for name in names],
            text=[_percent(value) for value in probabilities],
            textposition="outside",
            cliponaxis=False,
            customdata=list(names),
            hovertemplate="%{customdata}: %{x:.3f} %<extra></extra>",
        )
    )
    figure = styled(figure, x="probability (%)", y="", height=70 + 34 * len(told), legend=False)
    figure.update_xaxes(range=[0, 118], tickvals=[0, 25, 50, 75, 100])
    figure.update_yaxes(autorange="reversed", showgrid=False, tickvals=list(range(len(told))), ticktext=told)
    return figure


def _percent(value: float) -> str:
    return f"{value:.1%}" if value >= 0.001 else "< 0.1%"


def tensor(values: np.ndarray, *, dark: bool, height: int = 280) -> go.Figure:
    """float [C, H, W] as the network was given it: one channel vermilion below 0 and blue above, three as a picture
    whose lowest value is black and whose highest is white."""
    channels, rows, columns = values.shape
    if channels == 1:
        limit, signed = float(np.abs(values).max()), bool(values.min() < 0)
        trace = map_cells(values[0], limit=limit, signed=signed, dark=dark)
    else:
        trace = go.Image(z=as_picture(values, dark=dark).transpose(1, 2, 0))
        if max(rows, columns) <= MOST_NUMBERS:
            told = "row %{y}, column %{x}: %{customdata}<extra></extra>"
            trace.update(customdata=np.round(values.transpose(1, 2, 0), 3).tolist(), hovertemplate=told)
        else:
            trace.update(hoverinfo="skip")
    figure = bare_picture(go.Figure(trace), (rows, columns), height)
    if channels != 1:
        figure.update_layout(margin_b=4)  # no bar of colours
    return figure


def as_picture(values: np.ndarray, *, dark: bool) -> np.ndarray:
    """uint8 [3, H, W] of float [C, H, W], coloured as `tensor` does it."""
    if len(values) == 1:
        return colours(values, float(np.abs(values).max()), signed=bool(values.min() < 0), dark=dark)[0]
    low, high = float(values.min()), float(values.max())
    return np.round((values - low) * (255 / max(high - low, 1e-9))).astype(np.uint8)


def bars(names: Sequence[str], probabilities: Sequence[float], right: str = "") -> str:
    """The same bars as a small HTML table, for many pictures side by side."""
    rows = []
    number = "white-space:nowrap;padding-left:8px;text-align:right;font-variant-numeric:tabular-nums"
    for name, value in zip(names, probabilities, strict=True):
        colour = CATEGORIES[2] if name == right else ACCENT
        bar = f'<div style="height:8px;border-radius:2px;width:{max(100 * value, 1):.1f}%;background:{colour}"></div>'
        rows.append(
            f'<tr><td style="padding:1px 8px 1px 0;max-width:84px;overflow:hidden;text-overflow:ellipsis;'
            f'white-space:nowrap" title="{escape(name)}">{escape(name)}</td>'
            f'<td style="width:100%"><div style="background:{GRID};border-radius:2px">{bar}</div></td>'
            f'<td style="{number}">{_percent(value)}</td></tr>'
        )
    return f'<table style="width:100%;font-size:12.5px;border-collapse:collapse">{"".join(rows)}</table>'
