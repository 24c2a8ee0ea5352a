"""Accuracy against how much there is to learn from."""

import statistics
from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from cvcore.plots.style import styled


def accuracy_by_amount(
    found: Mapping[str, Mapping[int, Sequence[float]]], colours: Mapping[str, str], x: str
) -> go.Figure:
    """A line of mean accuracies (given 0..1, shown in percent) for each strategy, over the amounts; where there are
    several seeds a band of one standard deviation to either side. `x` says what the amounts are."""
    figure = go.Figure()
    for name, by_amount in found.items():
        amounts = sorted(amount for amount, values in by_amount.items() if values)
        means = [100 * statistics.mean(by_amount[amount]) for amount in amounts]
        spreads = [100 * spread(by_amount[amount]) for amount in amounts]
        if any(spreads):
            upper = [mean + each for mean, each in zip(means, spreads, strict=True)]
            lower = [mean - each for mean, each in zip(means, spreads, strict=True)]
            figure.add_scatter(
                x=[*amounts, *reversed(amounts)],
                y=[*upper, *reversed(lower)],
                fill="toself",
                fillcolor=colours[name],
                opacity=0.15,
                line={"width": 0},
                mode="lines",
                hoverinfo="skip",
                showlegend=False,
                legendgroup=name,
            )
        figure.add_scatter(
            x=amounts,
            y=means,
            name=name,
            legendgroup=name,
            mode="lines+markers",
            line={"color": colours[name], "width": 2},
            marker={"size": 7},
            customdata=[[each, len(by_amount[amount])] for each, amount in zip(spreads, amounts, strict=True)],
            hovertemplate=f"{name}, %{{x}}: %{{y:.1f}} ± %{{customdata[0]:.1f}} %, "
            "%{customdata[1]} seeds<extra></extra>",
        )
    styled(figure, x=x, y="test accuracy (%)", height=400)
    every = sorted({amount for by_amount in found.values() for amount in by_amount})
    figure.update_xaxes(type="log", tickvals=every, ticktext=[f"{amount:,}" for amount in every])
    return figure


def spread(values: Sequence[float]) -> float:
    """The standard deviation of a sample; 0 of a single value."""
    return statistics.stdev(values) if len(values) > 1 else 0.0
