"""What each channel of an image gives to the output of a filter, side by side."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from cvcore.plots.filters import picture, signed_cells
from cvcore.plots.style import styled


def channels_figure(
    inputs: np.ndarray, parts: np.ndarray, whole: np.ndarray, names: Sequence[str], *, dark: bool, signed: bool
) -> go.Figure:
    """Above, every channel of the image [C, H, W] and the image; below, what each gives [C, H', W'] and the result.

    The result is the sum [1, H', W'] on one scale with its parts where `signed`, else the channels as one picture.
    """
    count = len(names)
    figure = go.Figure().set_subplots(
        2, count + 1, horizontal_spacing=0.05, vertical_spacing=0.12, column_titles=[*names, "together"]
    )
    limit = max(np.abs(parts).max(), np.abs(whole).max(), 1e-9)
    for column in range(count + 1):
        last = column == count
        figure.add_trace(picture(inputs if last else inputs[column : column + 1], 0, 0.0, 255.0), 1, column + 1)
        cells = whole if last else parts[column : column + 1]
        figure.add_trace(
            signed_cells(cells[0], dark, limit) if signed else picture(cells, 0, 0.0, 255.0), 2, column + 1
        )
    figure.update_traces(showscale=False, selector={"type": "heatmap"})
    figure = styled(figure, x="", y="", height=340, legend=False)
    figure.update_layout(margin_t=28)
    figure.update_annotations(font_size=13)
    figure.update_xaxes(visible=False, fixedrange=True, constrain="domain")
    figure.update_yaxes(visible=False, fixedrange=True, autorange="reversed", constrain="domain")
    for index, axis in enumerate(figure.select_yaxes()):
        axis.scaleanchor = f"x{index + 1}" if index else "x"
    if signed:
        _signs(figure, count)
    return figure


def _signs(figure: go.Figure, count: int) -> None:
    """Plus and equals signs between the pictures of the lower row."""
    axes = list(figure.select_xaxes())[count + 1 :]
    for index, sign in enumerate(["+"] * (count - 1) + ["="]):
        middle = (axes[index].domain[1] + axes[index + 1].domain[0]) / 2
        figure.add_annotation(
            x=middle, y=0.22, xref="paper", yref="paper", text=sign, showarrow=False, font_size=18, xanchor="center"
        )
