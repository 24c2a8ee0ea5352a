"""Layers: a network's layers, shapes, parameters, work and memory, and where they sit."""

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from cvcore.errors import CvcoreError
from cvcore.models import zoo
from cvcore.plots import costs
from cvcore.ui.architectures import layers_memory, layers_tables
from cvcore.ui.architectures.layers_tables import shortened
from cvcore.ui.frame import chart, errors_as_lines, escaped, is_dark, metric_row
from cvcore.ui.glossary import tip
from cvcore.ui.numbers import short

if TYPE_CHECKING:  # torch is loaded when there is something to count
    from cvcore.analysis.receptive_field import Field
    from cvcore.analysis.stages import Stage
    from cvcore.analysis.summary import Summary

ImageShape = tuple[int, int, int]
FEW = 16  # costly layers that are drawn one by one; deeper networks are drawn by stage
TALL = 560  # pixels of a long table
CONVENTIONS = """
One image without content passes through a copy of the network without weights (PyTorch's meta device), in evaluation
mode; torchinfo notes what comes out of each layer, and PyTorch's own operations what it computes. Nothing of the size
of the weights is allocated.

- **Mult-adds** are multiplications with their additions, also called MACs, for one image. FLOPs are twice as many. As
  torchinfo counts them, biases and the scale and shift of a normalisation are in; sums, activations and poolings are
  not. Products that torchinfo does not see, as in attention, are counted with PyTorch's own formulas.
- **Memory** of a layer is that of its activations: the values that it adds for one image, 4 bytes each. What works in
  place, as most ReLUs do, and what only looks at the same values in another shape, as Flatten does, adds nothing.
- **Field** is the receptive field in pixels, height × width; "global" where a value can see the whole image.
- **Padding** 'same' is shown as the number of pixels that it adds at the top and at the left.
- Rows marked *(own parameters)* are weights that a block holds itself; *(own operations)* what it computes between its
  layers, such as the sum of a residual block; *(not executed)* are weights of layers that do not run for a prediction,
  or that the module around them uses directly. With them the columns add up to the totals.
- A **stage** is a run of layers whose outputs have the same height and width. Side branches, such as those of
  squeeze-and-excitation, stay in the stage that they return to.
"""


def show(name: str, image: ImageShape, classes: int) -> None:
    """The section; its own controls rerun nothing else."""
    st.fragment(_guarded)(name, image, classes)


@st.cache_data(max_entries=128, show_spinner=False)
def summary_of(name: str, image: ImageShape, classes: int, head_only: bool) -> "tuple[Summary, list[Stage]]":
    """The network's summary and its stages; a large network takes a second."""
    from cvcore.analysis.stages import stages
    from cvcore.analysis.summary import summarize

    summary = summarize(name, image, classes, head_only=head_only)
    return summary, stages(summary.layers, summary.input)


@st.cache_data(max_entries=128, show_spinner=False)
def table_of(name: str, image: ImageShape, classes: int, head_only: bool) -> pd.DataFrame:
    """The table of layers, with their receptive fields."""
    summary, _ = summary_of(name, image, classes, head_only)
    return layers_tables.layers(summary, _fields(name, image, classes))


def _fields(name: str, image: ImageShape, classes: int) -> "tuple[Field, ...]":
    """The receptive fields; none where they cannot be told, which is no reason to show no table."""
    from cvcore.analysis.receptive_field import fields

    try:
        return fields(name, image, classes).layers
    except CvcoreError:
        return ()


def _guarded(name: str, image: ImageShape, classes: int) -> None:
    with errors_as_lines():  # a fragment's own reruns pass by the page's guard
        _show(name, image, classes)


def _show(name: str, image: ImageShape, classes: int) -> None:
    with st.spinner("Counting …"):
        summary_of(name, image, classes, False)  # what does not fit is told before anything is drawn
    above, below = st.container(), st.container()
    with below:
        choice = layers_memory.controls()  # one of them says what is trained, which the tables above show
    with above:
        with st.spinner("Counting …"):
            summary, stages = summary_of(name, image, classes, choice.head_only)
        _totals(summary)
        _costs(summary, stages, zoo.find(name).label)
        st.subheader("Layers, in the order they run", anchor=False)
        with st.spinner("Tracing receptive fields …"):  # takes as long again: the totals need not wait for it
            table = table_of(name, image, classes, choice.head_only)
        _layer_table(summary, table)
    layers_memory.show(summary, choice)
    with st.expander("How these numbers are counted", key="read-layers", bind="query-params"):
        st.markdown(CONVENTIONS)
        st.markdown(f"**Against published numbers**: {escaped(summary.check.note)}")


def _totals(summary: "Summary") -> None:
    from cvcore.analysis.memory import megabytes

    frozen = summary.params - summary.trainable_params
    split = f"{summary.trainable_params:,} trainable, {frozen:,} frozen"
    partial = summary.check.status == "partial"
    metric_row(
        ("Parameters", short(summary.params), f"Exactly {summary.params:,}: {split}. {tip('parameters')}"),
        (
            "Mult-adds an image (partial)" if partial else "Mult-adds an image",
            short(summary.mult_adds),
            f"Exactly {summary.mult_adds:,} MACs; ×2 for FLOPs: {short(2 * summary.mult_adds)}. {tip('mult-adds')}",
        ),
        (
            "Memory, forward",
            megabytes(summary.memory.forward_bytes),
            f"Input and all activations of one image, 4 bytes each. {tip('forward pass')}",
        ),
        (
            "Forward + backward",
            megabytes(summary.memory.forward_backward_bytes),
            f"The same with a gradient for every value, for one image; weights not included. {tip('backward pass')}",
        ),
        (
            "Size of the weights",
            megabytes(summary.memory.weight_bytes),
            f"4 bytes for each parameter (float32). {tip('weights')}",
        ),
    )
    st.caption(f"Mult-adds are MACs: ×2 for FLOPs, {short(2 * summary.mult_adds)}. {split.capitalize()}.")
    if partial:
        st.warning(f"Mult-adds are partial: {escaped(summary.check.note)}", icon=":material/warning:")


def _costs(summary: "Summary", stages: "list[Stage]", label: str) -> None:
    """Bars of shares, beside the table by stage; and for deep networks the tree of modules."""
    costly = [layer for layer in summary.layers if layer.params or layer.mult_adds]
    deep = len(costly) > FEW
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Where the cost sits", anchor=False)
        names, values = (
            layers_tables.stage_counts(stages) if deep else layers_tables.layer_counts(summary.layers, costly)
        )
        ids = [stage.label for stage in stages] if deep else names
        figure = costs.shares([shortened(each) for each in names], values, ids)
        what = "stages" if deep else "layers"
        alt = f"Share of parameters, mult-adds and activation memory of the {what} of {label}"
        chart(figure, key="layers-costs", alt=alt)
    with right:
        st.subheader("By stage", anchor=False)
        _stage_table(summary, stages)
    if deep:
        _tree(summary, label)


def _tree(summary: "Summary", label: str) -> None:
    st.subheader("Inside the modules", anchor=False)
    measure = st.segmented_control(
        "Size by",
        costs.MEASURES,
        default=costs.MEASURES[0],
        required=True,
        key="layers-measure",
        bind="query-params",
        help="What the height of a module stands for. Click a module to look inside, the bar above it to go back.",
    )
    values = [layers_tables.MEASURES[measure](layer) for layer in summary.layers]
    figure = costs.tree([layer.name for layer in summary.layers], values, measure=measure, title=label, dark=is_dark())
    chart(figure, key="layers-tree", alt=f"Modules of {label}, each as high as its share of {measure}")


def _stage_table(summary: "Summary", stages: "list[Stage]") -> None:
    st.dataframe(
        layers_tables.stages(stages),
        key=f"layers-stages-{summary.model}",  # another network, other column widths
        hide_index=True,
        height="content",
        column_config=layers_tables.stage_columns(),
        alt="Layers, parameters, mult-adds and activation memory of each stage",
    )
    st.caption(
        f"Sums: {len(summary.layers):,} rows, {summary.params:,} parameters, {summary.mult_adds:,} mult-adds, "
        f"{summary.memory.activation_bytes / 1e6:,.3g} MB of activations."
    )


def _layer_table(summary: "Summary", table: pd.DataFrame) -> None:
    st.dataframe(
        table,
        key=f"layers-{summary.model}",
        hide_index=True,
        height="content" if len(table) <= 16 else TALL,
        column_config=layers_tables.layer_columns(table),
        alt="Every layer with its window, output, receptive field, parameters, mult-adds and activations",
    )
    frozen = "" if "frozen" in table else " All parameters are trainable."
    st.caption(f"{len(table):,} rows; the columns add up to the totals. Click a column's name to sort.{frozen}")
