"""What the receptive field section shows, computed once and kept."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import plotly.graph_objects as go
import streamlit as st

from cvcore.errors import CvcoreError
from cvcore.models import zoo
from cvcore.plots import field as plots
from cvcore.ui.architectures.inside_weights import Weights, network

if TYPE_CHECKING:
    from cvcore.analysis.field.effect import EffectiveField
    from cvcore.analysis.field.limits import DeadLayers
    from cvcore.analysis.receptive_field import Field, Fields

QUICK = 300_000  # pixels of the image × layers up to the chosen one: within half a second


@dataclass(frozen=True)
class Row:
    """A layer's field; `key` is its name, with "#2" for a second run; `place` among all rows, from 0."""

    key: str
    run: int
    place: int
    field: Field


@st.cache_resource(max_entries=64, show_spinner=False)
def fields_of(name: str, image: tuple[int, int, int], classes: int) -> Fields:
    """The receptive fields of all layers. Read-only."""
    from cvcore.analysis.receptive_field import fields

    return fields(name, image, classes)


def rows(found: Fields) -> list[Row]:
    """The layers under names that are all different."""
    runs: Counter[str] = Counter()
    listed = []
    for place, field in enumerate(found.layers):
        runs[field.name] += 1
        name = field.name or "(network)"
        listed.append(
            Row(name if runs[field.name] == 1 else f"{name}#{runs[field.name]}", runs[field.name], place, field)
        )
    return listed


def pair(values: tuple | None) -> str:
    """Two numbers as "7×7"; a dash where there are none.

    >>> pair((2071, 2071)), pair((2.5, 2.5)), pair(None)
    ('2,071×2,071', '2.5×2.5', '–')
    """
    return (
        "×".join(f"{value:,.4g}" if isinstance(value, float) else f"{value:,}" for value in values) if values else "–"
    )


def span(what: str, first: float, end: float) -> str:
    """The pixels from `first` up to `end`, which is not among them, in words.

    >>> span("rows", -121, 314)
    'rows −121 to 313'
    """
    return f"{what} {first:,} to {end - 1:,}".replace("-", "−")


def middle(field: Field) -> tuple[int, int]:
    """The (row, column) of the value in the middle of a layer's map."""
    height, width = field.output or (1, 1)
    return height // 2, width // 2


def share_inside(field: Field, sides: tuple[int, int]) -> float:
    """Share of the middle value's field that lies inside the image, 0..1."""
    top, left, bottom, right = field.box(*middle(field))
    height = max(0, min(bottom, sides[0]) - max(top, 0))
    width = max(0, min(right, sides[1]) - max(left, 0))
    return height * width / ((bottom - top) * (right - left))


def is_quick(weights: Weights, row: Row) -> bool:
    """Whether the effective field of a layer is there within half a second."""
    return weights.image[1] * weights.image[2] * (row.place + 1) <= QUICK


def effect_of(weights: Weights, row: Row) -> EffectiveField:
    """The effective field of a layer's middle value, with these weights. Read-only."""
    return _effect(weights, row.field.name, row.run, row.field.output)


@st.cache_resource(max_entries=64, show_spinner=False)
def _effect(weights: Weights, layer: str, run: int, output: tuple[int, ...]) -> EffectiveField:
    from cvcore.analysis.field.effect import effective_field

    with network(weights) as model:
        return effective_field(model, layer, weights.image, output=output, run=run)


@st.cache_resource(max_entries=64, show_spinner=False)
def effect_figure(weights: Weights, row: Row) -> go.Figure:
    """The heat map of a layer's effective field. Read-only."""
    found = effect_of(weights, row)
    return plots.effect(found.share, found.centre, found.radius, row.field.box(*middle(row.field)))


def measured(weights: Weights, row: Row) -> tuple[int, int] | None:
    """The size (height, width) of the field on a linear copy; None where it cannot be measured."""
    if row.field.type.startswith("Adaptive"):  # its windows grow with the strip that it would be measured on
        return None
    return _measured(weights.name, weights.image, weights.classes, row.field.name, row.run)


@st.cache_data(max_entries=256, show_spinner=False)
def _measured(name: str, image: tuple[int, int, int], classes: int, layer: str, run: int) -> tuple[int, int] | None:
    from cvcore.analysis.measured_field import support

    def build():
        return zoo.build(name, image, classes)

    try:
        found = [support(build, [layer], image[0], axis=axis, run=run)[layer] for axis in ("h", "w")]
    except CvcoreError:
        return None
    return found[0].size, found[1].size


@st.cache_resource(max_entries=64, show_spinner=False)
def limits_of(name: str, image: tuple[int, int, int], classes: int) -> DeadLayers:
    """The layers of a network whose fields exceed the image. Read-only."""
    from cvcore.analysis.field.limits import dead_layers

    return dead_layers([name], image, classes)[0]


@st.cache_resource(max_entries=32, show_spinner=False)
def limits_figure(chosen: tuple[str, ...], image: tuple[int, int, int], classes: int) -> go.Figure:
    """The chart of the fields of several networks over depth; it takes longer to make than all others together."""
    return plots.limits([limits_of(name, image, classes) for name in chosen], image[1:])


def names() -> list[str]:
    """All networks by name, ours first."""
    return [spec.name for spec in (*zoo.own_models(), *zoo.torchvision_models())]


@st.cache_data(max_entries=256, show_spinner=False)
def takes(name: str, image: tuple[int, int, int]) -> bool:
    """Whether a network takes images of this shape, as far as its description says."""
    try:
        spec = zoo.find(name)
    except CvcoreError:
        return False
    fits = spec.input[0] == image[0] or (spec.source == "ours" and spec.any_size)
    return fits and min(image[1:]) >= spec.min_side


def resnet50_text() -> str:
    """Why two receptive fields are published for ResNet-50."""
    from cvcore.analysis.field.limits import resnet50_field

    theirs, slim, paper = (resnet50_field(each)[-1].size for each in ("torchvision", "tf-slim", "paper"))
    return (
        f"A 3×3 convolution adds 2 × stride pixels to the field, so it matters whether the stride doubles before or "
        f"after it. torchvision halves the map in the 3×3 of the first unit of stages 2, 3 and 4: that convolution "
        f"still looks with the old stride of 4, 8 or 16 px, and the last map sees **{theirs} px**. TF-Slim halves it "
        f"in the last unit of the stage before, so the same three convolutions look with 8, 16 and 32 px, which adds "
        f"2·4 + 2·8 + 2·16 = {slim - theirs}: **{slim} px**.\n\n"
        f"The original paper's placement, in the 1×1 before that 3×3, gives {paper} px too. Both are right, each for "
        f"its own network; here everything is computed from the layers as they are in PyTorch."
    )
