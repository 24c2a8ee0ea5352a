"""Architectures: a network's layers, and where its parameters and its work sit."""

import pandas as pd
import streamlit as st

from cvcore.models import zoo
from cvcore.plots import bars
from cvcore.ui.frame import TRAINING, chart, errors_as_lines, frame, link, metric_row
from cvcore.ui.numbers import shape, short
from cvcore.ui.preload import is_loaded, start_loading_torch, wait_for_torch

MAX_BARS = 16  # layers in the chart; the table has them all


def main() -> None:
    frame("Architectures", "Read a network layer by layer: what comes out of each layer, and what it costs.")
    start_loading_torch()
    with errors_as_lines():
        if not is_loaded():
            preview = st.empty()
            with preview.container():
                own_networks()
            wait_for_torch()
            preview.empty()
        name, image, classes = controls()
        show(name, image, classes)


def own_networks() -> None:
    """Something to read while torch loads: the small networks in a table."""
    rows = [
        {
            "network": spec.name,
            "title": spec.title,
            "input": shape(spec.input),
            "in short": spec.summary,
            "paper": spec.paper,
        }
        for spec in zoo.own_models()
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, height="auto")


def controls() -> tuple[str, tuple[int, int, int], int]:
    """The chosen network, input size [C, H, W] and number of classes."""
    own = [spec.name for spec in zoo.own_models()]
    others = [spec.name for spec in zoo.torchvision_models()]
    one, two, three, four, five = st.columns([3, 1, 1, 1, 1])
    name = one.selectbox(
        "Network",
        own + others,
        index=own.index("lenet5"),
        key="model",
        bind="query-params",
        help="Ours first, then every classifier of torchvision. Type to search.",
    )
    spec = zoo.find(name)
    sizes = []
    for place, text, value in zip((two, three, four), ("Channels", "Height", "Width"), spec.input, strict=True):
        help_text = "1: grey, 3: colour" if text == "Channels" else "Pixels"
        sizes.append(place.number_input(text, value=value, step=1, key=f"{name}-{text}", help=help_text))
    classes = five.number_input(
        "Classes", value=spec.default_classes, step=1, key=f"{name}-classes", help="Size of the output"
    )
    return name, tuple(sizes), classes


@st.cache_data(max_entries=128, show_spinner=False)
def summary_of(name: str, image: tuple[int, int, int], classes: int):
    """The network's summary; a large network takes a second."""
    from cvcore.analysis.summary import summarize

    return summarize(name, image, classes)


def show(name: str, image: tuple[int, int, int], classes: int) -> None:
    with st.spinner("Counting …"):
        summary = summary_of(name, image, classes)
    spec = zoo.find(name)
    st.caption(f"{spec.title}. {spec.summary} {spec.paper}")
    totals(summary)
    st.subheader("Layers, in the order they run", anchor=False)
    layer_table(summary)
    st.subheader("Where the cost sits", anchor=False)
    cost_chart(summary)
    with st.expander("How these numbers are counted"):
        st.markdown(
            "One image of no content passes through a copy of the network without weights (PyTorch's meta device); "
            "torchinfo notes what comes out of each layer. A **mult-add** is a multiplication with its addition, also "
            "called MAC; FLOPs are about twice as many. As torchinfo counts them, biases and the scale and shift of a "
            "normalisation are in. Products of matrices that torchinfo does not see, as in "
            "attention, are counted with PyTorch's own formulas. Rows marked *(own parameters)* are weights that a "
            "block holds itself; *(not executed)* are weights of layers that do not run for a prediction. "
            "The columns add up to the totals."
        )
    if spec.source == "ours":
        link(TRAINING, "Train this network", model=name)


def totals(summary) -> None:
    metric_row(
        ("Parameters", short(summary.params), f"exactly {summary.params:,}"),
        ("Mult-adds an image", short(summary.mult_adds), f"exactly {summary.mult_adds:,} MACs"),
        ("Layers", f"{len(summary.layers)}", "Rows of the table below"),
        ("Size of the weights", f"{summary.params * 4 / 1e6:.3g} MB", "4 bytes for each parameter (float32)"),
    )


def layer_table(summary) -> None:
    frame_of_layers = pd.DataFrame(
        {
            "layer": [layer.name or "(network)" for layer in summary.layers],
            "type": [layer.type for layer in summary.layers],
            "output": [shape(layer.output) for layer in summary.layers],
            "params": [layer.params for layer in summary.layers],
            "mult_adds": [layer.mult_adds for layer in summary.layers],
        }
    )
    wide = {column: 24 + 8 * int(frame_of_layers[column].str.len().max()) for column in ("layer", "type")}  # pixels
    st.dataframe(
        frame_of_layers,
        key=f"layers-{summary.model}",  # another network, other column widths
        hide_index=True,
        height="content" if len(frame_of_layers) <= 16 else 620,
        column_config={
            "layer": st.column_config.TextColumn(
                "Layer", width=min(260, wide["layer"]), help="Its name inside the network"
            ),
            "type": st.column_config.TextColumn("Type", width=min(150, wide["type"])),
            "output": st.column_config.TextColumn("Output", width=100, help="Shape of the result for one image"),
            "params": st.column_config.NumberColumn("Parameters", width=100, format="localized"),
            "mult_adds": st.column_config.NumberColumn(
                "Mult-adds", width=120, format="localized", help="MACs for one image"
            ),
        },
    )
    st.caption(f"Sums: {summary.params:,} parameters, {summary.mult_adds:,} mult-adds. Click a column to sort.")


def cost_chart(summary) -> None:
    """The layers that cost most, in running order, and all others together."""
    costly = [layer for layer in summary.layers if layer.params or layer.mult_adds]
    total_params, total_macs = max(summary.params, 1), max(summary.mult_adds, 1)
    top = sorted(costly, key=lambda layer: -(layer.params / total_params + layer.mult_adds / total_macs))[:MAX_BARS]
    shown = [layer for layer in costly if layer in top]
    names = [shortened(layer.name or "(network)") for layer in shown]
    params, mult_adds = [layer.params for layer in shown], [layer.mult_adds for layer in shown]
    if len(costly) > len(shown):
        names.append(f"the other {len(costly) - len(shown)}")
        params.append(summary.params - sum(params))
        mult_adds.append(summary.mult_adds - sum(mult_adds))
    chart(
        bars.layer_costs(names, params, mult_adds, total_params=summary.params, total_mult_adds=summary.mult_adds),
        key="costs",
        alt=f"Share of parameters and mult-adds in {len(names)} layers of {summary.model}",
    )


def shortened(name: str, longest: int = 28) -> str:
    """A layer's name with its middle left out where it is long: its end tells the layer, its beginning the part."""
    return name if len(name) <= longest else f"{name[: longest // 4]}…{name[-(longest - longest // 4 - 1) :]}"


main()
