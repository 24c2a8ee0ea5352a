"""The tables of a network's layers and stages, as data frames, and how their columns are shown."""

from collections import Counter
from collections.abc import Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from cvcore.plots.costs import MEASURES as NAMES
from cvcore.ui.glossary import tip
from cvcore.ui.numbers import shape

if TYPE_CHECKING:
    from cvcore.analysis.receptive_field import Field
    from cvcore.analysis.stages import Stage
    from cvcore.analysis.summary import Layer, Summary

MEASURES = dict(zip(NAMES, map(attrgetter, ("params", "mult_adds", "activation_bytes")), strict=True))
NOTHING = "–"
LONGEST = 28  # characters of a layer's name
Counts = tuple[list[str], dict[str, list[int]]]


def layers(summary: "Summary", fields: "Sequence[Field]" = ()) -> pd.DataFrame:
    """One row a layer. Fields are joined by the layer's name, and by which of its runs it is."""
    rows = summary.layers
    found = dict(zip(_runs(fields), fields, strict=True))
    columns: dict[str, list[Any]] = {
        "layer": [shortened(row.name or "(network)") for row in rows],
        "type": [row.type for row in rows],
        "kernel": [shape(row.kernel or ()) for row in rows],
        "stride": [shape(row.stride or ()) for row in rows],
        "padding": [shape(row.padding or ()) for row in rows],
        "output": sortable([shape(row.output) for row in rows]),
        "field": sortable([field_text(found.get(run)) for run in _runs(rows)]),
        "params": [row.params for row in rows],
    }
    if any(row.frozen_params for row in rows):
        columns["trainable"] = [row.trainable_params for row in rows]
        columns["frozen"] = [row.frozen_params for row in rows]
    columns["mult_adds"] = [row.mult_adds for row in rows]
    columns["activations"] = [row.activation_bytes / 1e3 for row in rows]
    return pd.DataFrame(columns)


def shortened(name: str) -> str:
    """A name with its middle left out where it is long: its end tells the layer, its beginning the part.

    >>> shortened("features.denseblock1.denselayer12.conv1")
    'feature…1.denselayer12.conv1'
    """
    if len(name) <= LONGEST:
        return name
    return f"{name[: LONGEST // 4]}…{name[-(LONGEST - LONGEST // 4 - 1) :]}"


def sortable(texts: Sequence[str]) -> list[str]:
    """Sizes such as "64×7×7" with blanks before them, which a column aligned right does not show, so that sorting them
    as text sorts them by their first number.

    >>> sortable(["64×7×7", "512×7×7", "global"])
    [' 64×7×7', '512×7×7', 'global']
    """
    firsts = [text.partition("×")[0] for text in texts]
    widest = max((len(first) for first in firsts if first.isdecimal()), default=0)
    return [
        " " * (widest - len(first)) + text if first.isdecimal() else text
        for first, text in zip(firsts, texts, strict=True)
    ]


def field_text(field: "Field | None") -> str:
    """A receptive field as "27×27", "global", or "–" where there is none to tell."""
    if field is None or field.status == "unavailable":
        return NOTHING
    if field.status == "global" or field.size is None:
        return "global"
    return shape(field.size)


def _runs(rows: "Sequence[Layer | Field]") -> list[tuple[str, int]]:
    """For each row its module's name, and how many rows of that name stand above it."""
    seen: Counter[str] = Counter()
    runs = []
    for row in rows:
        runs.append((row.name, seen[row.name]))
        seen[row.name] += 1
    return runs


def layer_columns(table: pd.DataFrame) -> dict[str, Any]:
    """How the columns of `layers` are shown; names are as wide as they need to be, up to a limit."""
    text, number = st.column_config.TextColumn, st.column_config.NumberColumn

    def width(column: str, most: int) -> int:
        return min(most, 26 + 7 * max(5, int(table[column].str.len().max())))  # pixels; its own name must fit

    window = {"width": 55, "alignment": "right"}
    return {
        "layer": text(
            "Layer", width=width("layer", 150), pinned=True, help=f"Its path inside the network. {tip('layer')}"
        ),
        "type": text("Type", width=width("type", 98), help="The class of the module"),
        "kernel": text("Kernel", **window, help=f"Height × width. {tip('kernel')}"),
        "stride": text("Stride", **window, help=f"Height × width. {tip('stride')}"),
        "padding": text("Padding", **window, help=f"Height × width. {tip('padding')}"),
        "output": text("Output", width=width("output", 92), alignment="right", help="Shape for one image, C×H×W"),
        "field": text(
            "Field (px)", width=70, alignment="right", help=f"Receptive field, height × width. {tip('receptive field')}"
        ),
        "params": number("Parameters", width=86, format="localized", help=tip("parameters")),
        "trainable": number("Trainable", width=100, format="localized", help="Parameters that training changes"),
        "frozen": number(
            "Frozen",
            width=100,
            format="localized",
            help=f"Parameters that training leaves as they are. {tip('frozen')}",
        ),
        "mult_adds": number("Mult-adds", width=102, format="localized", help=f"For one image. {tip('mult-adds')}"),
        "activations": number(
            "Memory (kB)",
            width=82,
            format="%,.1f",
            help="Activations: what the layer adds to memory for one image, 4 bytes a value; 0 where it works in place",
        ),
    }


def stages(found: "Sequence[Stage]") -> pd.DataFrame:
    """One row a stage."""
    return pd.DataFrame(
        {
            "stage": [stage.resolution for stage in found],
            "params": [stage.params for stage in found],
            "mult_adds": [stage.mult_adds for stage in found],
            "activations": [stage.activation_bytes / 1e6 for stage in found],
            "rows": [stage.layers for stage in found],
            "modules": [stage.modules for stage in found],
        }
    )


def stage_columns() -> dict[str, Any]:
    """How the columns of `stages` are shown."""
    text, number = st.column_config.TextColumn, st.column_config.NumberColumn
    return {
        "stage": text("Stage", width=80, pinned=True, help=f"Height × width that its layers give out. {tip('stage')}"),
        "params": number("Parameters", width=98, format="localized", help=tip("parameters")),
        "mult_adds": number("Mult-adds", width=112, format="localized", help=f"For one image. {tip('mult-adds')}"),
        "activations": number("Memory (MB)", width=94, format="%,.3f", help="Activations of one image, 4 bytes each"),
        "rows": number("Rows", width=52, help="Rows of the table of layers"),
        "modules": text("Modules", width=150, help="The parts of the network it lies in"),
    }


def layer_counts(rows: "Sequence[Layer]", costly: "Sequence[Layer]") -> Counts:
    """(names, numbers by measure) of the costly layers, and of all others together: the whole network."""
    names = [row.name or "(network)" for row in costly]
    others = [row for row in rows if not any(row is each for each in costly)]
    columns = {measure: [get(row) for row in costly] for measure, get in MEASURES.items()}
    if others:
        names.append(f"the other {len(others)}")
        for measure, get in MEASURES.items():
            columns[measure].append(sum(map(get, others)))
    return names, columns


def stage_counts(found: "Sequence[Stage]") -> Counts:
    """(resolutions, numbers by measure) of the stages."""
    return [stage.resolution for stage in found], {
        measure: [get(stage) for stage in found] for measure, get in MEASURES.items()
    }
