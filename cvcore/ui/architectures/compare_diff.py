"""What differs between two networks: stage by stage as a picture, and layer by layer as a table."""

import pandas as pd
import streamlit as st

from cvcore.ui.frame import chart, escaped
from cvcore.ui.glossary import tip
from cvcore.ui.numbers import shape, short

MATCHES = ("resolution", "order")
STATES = {
    "same": "alike in both networks",
    "changed": "the same job with another kernel, shape or cost",
    "added": "in the other network only",
    "removed": "in the first network only",
}
OTHER = "Other network minus first, for one image."
STATE_COLOURS = {"same": "grey", "changed": "orange", "added": "green", "removed": "red"}


def show(networks: list, classes: int) -> None:
    """The diff of one of the networks against the first."""
    first, *others = networks
    st.subheader("Stage by stage", anchor=False)
    other, by = _controls(others)
    diff, figure = _diff((first.name, other.name, first.input, classes, by), first, other)
    chart(
        figure,
        key="compare-alignment",
        alt=f"Layers of {first.label} (upper lanes) and {other.label} (lower lanes): "
        + "; ".join(f"{stage.key}: {_counts(stage)}" for stage in diff.stages),
    )
    st.caption(
        f"Upper lane: {escaped(first.label)}. Lower lane: {escaped(other.label)}. C convolution, L linear, "
        "T attention, N normalisation, A activation, P pooling, · others. Point at a cell to read its layer."
    )
    _stage_table(diff)
    _layer_table(diff)


def _controls(others: list) -> tuple:
    """(the network that is held against the first, how stages are matched)."""
    labels = {each.label: each for each in others}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        label = next(iter(labels))
        if len(labels) > 1:
            label = st.pills(
                "Against the first",
                list(labels),
                default=label,
                required=True,
                key="against",
                bind="query-params",
                help="Which network is held against the first one.",
            )
        by = st.segmented_control(
            "Match stages by",
            list(MATCHES),
            default=MATCHES[0],
            required=True,
            key="match",
            bind="query-params",
            help=f"{tip('stage')} Resolution: stages whose maps are the same part of the input. Order: the first stage "
            "with the first, the second with the second, as for one network with two stems; also where no resolution "
            "is shared.",
        )
    return labels.get(label, others[0]), by or MATCHES[0]


@st.cache_resource(max_entries=32, show_spinner=False)
def _diff(question: tuple, _first, _second) -> tuple:
    """(the diff of two networks, its figure); `question` has all that they depend on, ending with the way to match."""
    from cvcore.analysis.compare import diff
    from cvcore.plots.compare import alignment

    found = diff(_first, _second, question[-1])
    return found, alignment(found)


def _counts(stage) -> str:
    return ", ".join(f"{stage.count(state)} {state}" for state in STATE_COLOURS if stage.count(state)) or "nothing"


def _stage_table(diff) -> None:
    """Differences by stage; their sum is the difference of the totals."""
    rows = []
    for stage in diff.stages:
        sizes = " → ".join(dict.fromkeys(shape(size) if size else "–" for size in stage.sizes))
        rows.append([stage.key, sizes, *(stage.count(state) for state in STATE_COLOURS), *stage.delta])
    sums = [sum(row[column] for row in rows) for column in range(2, 9)]
    columns = ["stage", "maps", *STATE_COLOURS, "params", "mult_adds", "bytes"]
    table = pd.DataFrame([*rows, ["all", "", *sums]], columns=columns)
    for column, unit in (("params", ""), ("mult_adds", ""), ("bytes", "B")):
        table[column] = [_signed(value, unit) for value in table[column]]
    st.dataframe(
        table,
        key="compare-stages",
        hide_index=True,
        height="content",
        column_config={
            "stage": st.column_config.TextColumn(
                "Stage", help=f"Part of the input's height and width. {tip('stage')}", pinned=True
            ),
            "maps": st.column_config.TextColumn("Maps (px)", help="The largest map of the stage in each network"),
            **{
                state: st.column_config.NumberColumn(state.capitalize(), width=80, help=told)
                for state, told in STATES.items()
            },
            "params": st.column_config.TextColumn(
                "Δ parameters", alignment="right", help=f"{OTHER} {tip('parameters')}"
            ),
            "mult_adds": st.column_config.TextColumn(
                "Δ mult-adds", alignment="right", help=f"{OTHER} {tip('mult-adds')}"
            ),
            "bytes": st.column_config.TextColumn(
                "Δ activations", alignment="right", help=f"{OTHER} {tip('activation')}"
            ),
        },
    )


def _layer_table(diff) -> None:
    """All pairs of layers of one stage, or of all."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.subheader("Layer by layer", anchor=False, width="content")
        stages = ["all", *(stage.key for stage in diff.stages)]
        stage = st.selectbox(
            "Stage",
            stages,
            key="stage",
            bind="query-params",
            width=150,
            help=f"Show the layers of one stage only. {tip('stage')}",
        )
        differences = st.toggle(
            "Only differences",
            value=True,
            key="differences",
            bind="query-params",
            help="Leave out the layers that both networks have alike.",
        )
    table = _layers(diff, stage if stage in stages else "all", differences)
    if table.empty:
        st.caption("No differences here.")
        return
    number = st.column_config.NumberColumn
    st.dataframe(
        table,
        key="compare-layers",
        hide_index=True,
        height="content" if len(table) <= 14 else 520,
        placeholder="–",
        column_config={
            "state": st.column_config.MultiselectColumn(
                "State",
                options=list(STATE_COLOURS),
                color=list(STATE_COLOURS.values()),
                width=96,
                help=" ".join(f"{state.capitalize()}: {told}." for state, told in STATES.items()),
            ),
            "stage": st.column_config.TextColumn("Stage", width=66, help=tip("stage")),
            "first": st.column_config.TextColumn(diff.first.label, width=140, help="Layer of the first network"),
            "second": st.column_config.TextColumn(diff.second.label, width=140, help="Layer of the other network"),
            "type": st.column_config.TextColumn(
                "Type, kernel / stride", help=f"Of the layer. {tip('kernel')} {tip('stride')}"
            ),
            "output": st.column_config.TextColumn("Output", help="Shape for one image, first → other"),
            "params": number("Δ parameters", format="localized", help=f"{OTHER} {tip('parameters')}"),
            "mult_adds": number("Δ mult-adds", format="localized", help=f"{OTHER} {tip('mult-adds')}"),
            "bytes": number("Δ activations (bytes)", format="localized", help=f"{OTHER} {tip('activation')}"),
            "field": number("Δ field (px)", format="localized", help=f"{OTHER} {tip('receptive field')}"),
        },
    )
    st.caption("Differences are other minus first; a layer that is added or removed counts with all it has.")


def _layers(diff, chosen: str, differences: bool) -> pd.DataFrame:
    rows = []
    for stage in diff.stages:
        for pair in stage.pairs if chosen in ("all", stage.key) else ():
            if differences and pair.state == "same":
                continue
            one = None if pair.first is None else diff.first.rows[pair.first]
            two = None if pair.second is None else diff.second.rows[pair.second]
            rows.append(_layer(stage.key, pair.state, one, two))
    return pd.DataFrame(rows)


def _layer(stage: str, state: str, one, two) -> dict:
    def delta(key: str) -> int:
        return (getattr(two, key) if two else 0) - (getattr(one, key) if one else 0)

    fields = [row.field for row in (one, two) if row is not None and row.field is not None]
    return {
        "state": [state],
        "stage": stage,
        "first": (one.name or "(network)") if one else None,
        "second": (two.name or "(network)") if two else None,
        "type": _both(one, two, _kind),
        "output": _both(one, two, lambda row: shape(row.output)),
        "params": delta("params"),
        "mult_adds": delta("mult_adds"),
        "bytes": delta("activation_bytes"),
        "field": fields[1] - fields[0] if len(fields) == 2 else None,
    }


def _both(one, two, told) -> str:
    """What is told of both layers: once where it is the same."""
    return " → ".join(dict.fromkeys(told(row) for row in (one, two) if row is not None))


def _kind(row) -> str:
    window = f" {shape(row.kernel)} / {shape(row.stride)}" if row.kernel and row.stride else ""
    return f"{row.type}{window}"


def _signed(value: int, unit: str) -> str:
    if not value:
        return "="
    told = short(abs(value)) if abs(value) >= 1000 else f"{abs(value)} "
    return f"{'+' if value > 0 else '−'}{told.strip() if not unit else told}{unit}"
