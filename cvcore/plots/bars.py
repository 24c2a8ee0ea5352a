"""Bars: images per class, accuracy per strategy."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from cvcore.plots.style import ACCENT, CATEGORIES, styled

SPLIT_COLOURS = {"train": CATEGORIES[0], "val": CATEGORIES[2], "test": CATEGORIES[4]}


def class_counts(classes: Sequence[str], counts_of: Mapping[str, Sequence[int]]) -> go.Figure:
    """Images of each class, stacked; `counts_of` has the counts of each split by its name."""
    figure = go.Figure()
    for name, counts in counts_of.items():
        colour = SPLIT_COLOURS.get(name, CATEGORIES[1])
        figure.add_bar(
            x=list(classes),
            y=counts,
            name=name,
            marker_color=colour,
            hovertemplate=f"%{{x}}, {name}: %{{y:,}} images<extra></extra>",
        )
    figure.update_layout(barmode="stack", bargap=0.25)
    figure = styled(figure, x="class", y="images", height=300)
    figure.update_layout(legend_traceorder="normal")
    figure.update_xaxes(type="category", showgrid=False, dtick=1 if len(classes) <= 40 else None, tickfont_size=11)
    figure.update_yaxes(tickformat=",d")
    return figure


def accuracies(labels: Sequence[str], values: Sequence[float], colours: Sequence[str]) -> go.Figure:
    """One bar of test accuracy (given 0..1, shown in percent) for each label."""
    figure = go.Figure(
        go.Bar(
            x=[100 * value for value in values],
            y=list(labels),
            orientation="h",
            marker_color=list(colours) or ACCENT,
            text=[f"{value:.1%}" for value in values],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{x:.1f} %<extra></extra>",
        )
    )
    figure = styled(figure, x="test accuracy (%)", y="", height=80 + 46 * len(labels), legend=False)
    figure.update_xaxes(range=[0, 108], tickvals=[0, 20, 40, 60, 80, 100])
    figure.update_yaxes(autorange="reversed", showgrid=False)
    return figure
