"""Where a network's parameters, mult-adds and memory sit: shares of layers or stages, and the tree of its modules."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from cvcore.plots.style import CATEGORIES, styled

# in the order of the columns of the tables
MEASURES = ("parameters", "mult-adds", "memory")
COLOURS = dict(zip(MEASURES, CATEGORIES, strict=False))
UNITS = {"parameters": "parameters", "mult-adds": "mult-adds", "memory": "bytes of activations"}
MANY = 8  # rows
BAR, ROOMY, GAP = 30, 44, 84  # pixels of a group of bars, where there are many and where few, and of what stands around
NEUTRAL = "#9AA0A8"
INK = dict.fromkeys((*(CATEGORIES[index] for index in (1, 2, 4, 5)), NEUTRAL), "#14181D")  # on light colours
LEVELS = 8  # of the tree; what lies deeper is counted with the module around it
LEVELS_SHOWN = 4


def shares(names: Sequence[str], counts: Mapping[str, Sequence[int]], ids: Sequence[str] | None = None) -> go.Figure:
    """Percent of the network that each row, called `names`, holds of each measure; in running order from the top.

    `counts` has the exact numbers, one for each name, by measure; they must be those of the whole network. `ids` tell
    rows apart whose names are the same or shortened, and are shown on hover.
    """
    ids = list(names) if ids is None else list(ids)
    rows = list(range(len(names)))
    figure = go.Figure()
    for measure, values in counts.items():
        total = max(sum(values), 1)
        figure.add_bar(
            x=[100 * value / total for value in values],
            y=rows,
            orientation="h",
            name=measure,
            marker_color=COLOURS[measure],
            customdata=list(zip(ids, values, strict=True)),
            hovertemplate=f"%{{customdata[0]}}<br>%{{customdata[1]:,}} {UNITS[measure]}, %{{x:.1f}} %<extra></extra>",
        )
    figure.update_layout(barmode="group", bargap=0.28, bargroupgap=0.06)
    height = GAP + len(names) * (BAR if len(names) > MANY else ROOMY)
    figure = styled(figure, x="share of the whole network (%)", y="", height=height)
    figure.update_xaxes(rangemode="tozero")
    figure.update_yaxes(autorange="reversed", tickvals=rows, ticktext=list(names), showgrid=False)
    return figure


def tree(names: Sequence[str], values: Sequence[int], *, measure: str, title: str, dark: bool = False) -> go.Figure:
    """The network as nested modules, each as high as its share of `values`; a click opens one.

    `names` are module paths as in "layer1.0.conv1"; rows with the same path are added up. `title` is the network's.
    """
    sums = _sums(names, values)
    total = max(sums[""], 1)
    paths = [path for path, value in sums.items() if value or not path]
    branches = dict.fromkeys(branch for path in paths if (branch := _branch(path, sums)))
    colours = {branch: CATEGORIES[index % len(CATEGORIES)] for index, branch in enumerate(branches)}
    shown = [colours.get(_branch(path, sums), NEUTRAL) for path in paths]
    percent = "%{customdata[1]:.1f} %"
    figure = go.Figure(
        go.Icicle(
            ids=[path or "*" for path in paths],
            labels=[path.rpartition(".")[2] or title for path in paths],
            parents=["" if not path else path.rpartition(".")[0] or "*" for path in paths],
            values=[sums[path] for path in paths],
            customdata=[(path or title, 100 * sums[path] / total) for path in paths],
            branchvalues="total",
            sort=False,
            maxdepth=LEVELS_SHOWN,
            tiling={"orientation": "h", "pad": 1},
            marker={
                "colors": shown,
                "line": {"width": 0.5, "color": "#14181D" if dark else "#FFFFFF"},
            },
            leaf={"opacity": 1},
            texttemplate="%{label}",
            textfont={"color": [INK.get(colour, "#FFFFFF") for colour in shown]},
            hovertemplate=f"%{{customdata[0]}}<br>%{{value:,}} {UNITS[measure]}, {percent}<extra></extra>",
            pathbar={"visible": True, "thickness": 22},
        )
    )
    figure = styled(figure, x="", y="", height=420, legend=False)
    figure.update_layout(margin={"l": 0, "r": 0, "t": 26, "b": 4}, uniformtext={"minsize": 10, "mode": "hide"})
    return figure


def _sums(names: Sequence[str], values: Sequence[int]) -> dict[str, int]:
    """The sum of each path down to LEVELS pieces, and of all its beginnings; "" is the whole network."""
    sums: dict[str, int] = {"": 0}
    for name, value in zip(names, values, strict=True):
        sums[""] += value
        pieces = name.split(".")[:LEVELS] if name else []
        for count in range(1, len(pieces) + 1):
            path = ".".join(pieces[:count])
            sums[path] = sums.get(path, 0) + value
    return sums


def _branch(path: str, sums: Mapping[str, int]) -> str:
    """The part of the network that gives a path its colour: its first piece, or two where one holds most of the whole;
    "" for what lies above those."""
    first, *rest = path.split(".")
    if not path or sums[first] <= 0.8 * sums[""]:
        return first
    return f"{first}.{rest[0]}" if rest else ""
