"""What training and predicting with a network takes of memory, with the formulas written out."""

from typing import TYPE_CHECKING, NamedTuple

import streamlit as st

from cvcore.ui.glossary import tip

if TYPE_CHECKING:
    from cvcore.analysis.summary import Summary

BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
OPTIMIZERS = {"SGD": "sgd", "SGD with momentum": "momentum", "Adam": "adam"}
EXPLANATION = """
**Forward** is the arithmetic of the VGG notes: the image and everything that convolutions, poolings and linear layers
make of it, all kept. A prediction needs less, because values can go as soon as nobody reads them any more.

**Forward + backward** has a gradient for each of these values. At no one moment are all of them there: values and
gradients go while the backward pass walks back.

**Kept for backward** is what PyTorch itself holds between the two passes, told by its own bookkeeping. It differs from
the forward sum: a max pooling also notes where its maxima were, ReLU6 keeps what came in, frozen layers at the
beginning keep nothing. Attention is counted step by step; the fused kernels that PyTorch chooses for it keep less.

The notes on VGG-16 that many tutorials copy say about 24 million values, 96 MB an image. The rows of their own table
add up to 15.2 million, 61.0 MB; with the adaptive pooling of torchvision's network it is 61.1 MB.
"""


class Choice(NamedTuple):
    """What the controls say. `title` is the optimizer's on the page, `optimizer` its name in the formulas."""

    batch: int
    title: str
    head_only: bool

    @property
    def optimizer(self) -> str:
        return OPTIMIZERS[self.title]


def controls() -> Choice:
    """The block's title and controls."""
    st.subheader("Memory", anchor=False)
    one, two, three = st.columns([1, 1.3, 2.4], vertical_alignment="bottom")
    batch = one.selectbox(
        "Images a batch",
        BATCHES,
        key="layers-batch",
        bind="query-params",
        help=f"Activations grow with the number of images that pass at once; weights do not. {tip('batch')}",
    )
    optimizer = two.selectbox(
        "Optimizer",
        OPTIMIZERS,
        index=2,
        key="layers-optimizer",
        bind="query-params",
        help=f"Momentum keeps one more number for each trainable parameter, Adam two. {tip('optimizer')}",
    )
    head_only = three.toggle(
        "Train the last layer only",
        key="layers-frozen",
        bind="query-params",
        help="Freezes all other layers, as when a pretrained network gets a new head (feature extraction). "
        f"{tip('layer')}",
    )
    return Choice(batch, optimizer, head_only)


def show(summary: "Summary", choice: Choice) -> None:
    """The lines, and what they mean."""
    st.markdown(table(summary, choice))
    with st.expander("What these lines mean", key="read-memory", bind="query-params"):
        st.markdown(EXPLANATION)


def table(summary: "Summary", choice: Choice) -> str:
    """The lines as a Markdown table: what, the formula with the numbers put in, the result."""
    from cvcore.analysis.memory import megabytes

    memory, (batch, title, head_only), optimizer = summary.memory, choice, choice.optimizer
    whole = ", if all layers were trained" if head_only else ""
    saved, state = batch * memory.saved_bytes, memory.state_bytes(optimizer)
    parameters = memory.weight_bytes + memory.gradient_bytes + state
    lines = [
        ("Forward", memory.forward_formula(batch)),
        (f"Forward + backward{whole}", memory.forward_backward_formula(batch)),
        ("Kept for backward, dropout off", f"{_times(batch)}{megabytes(memory.saved_bytes)} = {megabytes(saved)}"),
        (f"Weights + gradients + state of {title}", memory.parameter_formula(optimizer)),
        ("Training, kept for backward and weights together", f"{megabytes(saved)} + {megabytes(parameters)}"
         f" = {megabytes(saved + parameters)}"),
    ]  # fmt: skip
    rows = [_row(what, formula) for what, formula in lines]
    return "\n".join(["| What | How | Memory |", "|:--|:--|--:|", *rows])


def _row(what: str, formula: str) -> str:
    how, _, result = formula.rpartition(" = ")
    return f"| {what} | {how} | **{result}** |"


def _times(batch: int) -> str:
    return f"{batch:,} × " if batch > 1 else ""
