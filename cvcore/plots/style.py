"""Colours and layout shared by all plots, and by the theme of the app."""

import plotly.graph_objects as go

# Okabe & Ito's colours, told apart by people with any colour vision; without black and yellow, which are lost on dark
# and on white
CATEGORIES = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7")
ACCENT = CATEGORIES[0]
YELLOW = "#F0E442"  # the seventh of Okabe and Ito: pale on white, where six are not enough
NEUTRAL = "#8A8F98"  # of what others are set against, in light and dark
GRID = "rgba(138, 143, 152, 0.22)"


def colour_of(index: int) -> str:
    """The category colour at `index`, repeating after the last."""
    return CATEGORIES[index % len(CATEGORIES)]


def styled(figure: go.Figure, *, x: str, y: str, height: int = 340, legend: bool = True) -> go.Figure:
    """`figure` with axis titles, transparent ground, quiet grid and the legend above the plot."""
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 34 if legend else 12, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        colorway=CATEGORIES,
        showlegend=legend,
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0, "title": None},
        hovermode="closest",
    )
    axis = {"gridcolor": GRID, "zeroline": False, "automargin": True, "linecolor": GRID}
    figure.update_xaxes(title=x, **axis)
    figure.update_yaxes(title=y, **axis)
    return figure
