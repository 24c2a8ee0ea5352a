"""Groups: which input channels of a grouped convolution reach which output channel."""

import streamlit as st

from cvcore.plots.inside_steps import reach_figure
from cvcore.ui.architectures.defaults import following
from cvcore.ui.architectures.inside_images import Subject
from cvcore.ui.architectures.inside_weights import Weights, anatomy_of
from cvcore.ui.frame import chart, escaped, metric_row
from cvcore.ui.glossary import tip
from cvcore.ui.numbers import short

EXPLANATION = """
- In an ordinary convolution every output channel reads **all** input channels: the whole square would be filled.
  With *g* **groups** the channels are split into *g* parts that do not see each other: *g* blocks on the diagonal, and
  only 1/*g* of the weights and of the mult-adds.
- **ResNeXt** (Xie et al., 2016) has 32 groups in its 3×3 convolutions: many narrow paths side by side, whose number it
  calls cardinality. A 1×1 convolution before and after mixes the channels of all groups.
- **Depthwise** convolution is the extreme: one group for each channel (MobileNet, EfficientNet, ConvNeXt). It filters
  places only; the 1×1 convolution next to it mixes channels. AlexNet of 2012 had two groups, for two graphics cards.
"""


def show(weights: Weights, subject: Subject | None) -> None:
    """The view."""
    layers = {layer.name: layer for layer in anatomy_of(weights).grouped}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox(
            "Grouped convolution",
            list(layers),
            index=list(layers).index(following("inside-grouped", next(iter(layers)), list(layers))),
            key="inside-grouped",
            bind="query-params",
            help=f"The {len(layers):,} convolutions of this network with more than one group, in running order. "
            f"{tip('grouped convolution')}",
            width=320,
        )
        layer = layers.get(name) or next(iter(layers.values()))
        output = st.number_input(
            f"Output channel, 0 to {layer.outputs - 1:,}",
            0,
            layer.outputs - 1,
            key="inside-output",
            bind="query-params",
            help=f"Whose inputs are marked in the picture. {tip('channel')}",
            width=190,
        )
    left, right = st.columns([3, 2], gap="large")
    reads = layer.inputs_of(output)
    with left:
        alt = f"Block-diagonal matrix: {layer.groups} groups of {layer.name}"
        chart(reach_figure(layer, output), key="inside-reach", alt=alt)
    with right:
        kind = "depthwise: every channel by itself" if layer.is_depthwise else f"{layer.groups:,} groups"
        st.markdown(f"**{escaped(layer.name)}** · {kind}")
        span = f"input channel {reads.start:,}" if len(reads) == 1 else f"{len(reads)} input channels, {_span(reads)}"
        st.markdown(
            f"Output channel {output:,} is in group {layer.group_of(output):,} and reads {span}, of {layer.inputs:,}."
        )
        metric_row(
            ("Channels in → out", f"{layer.inputs:,} → {layer.outputs:,}", tip("channel")),
            ("Groups", f"{layer.groups:,}", f"Written groups= in nn.Conv2d. {tip('grouped convolution')}"),
            ("Kernel (px)", "×".join(map(str, layer.kernel)), f"Height × width. {tip('kernel')}"),
            ("Weights", short(layer.weights), f"Exactly {layer.weights:,}, without bias. {tip('weights')}"),
            (
                "Without groups",
                short(layer.weights_ungrouped),
                f"Exactly {layer.weights_ungrouped:,} weights, if every output channel read all inputs",
            ),
        )
        height, width = layer.kernel
        per_group = layer.inputs // layer.groups
        st.caption(
            f"{layer.outputs:,} outputs × {per_group:,} of {layer.inputs:,} inputs × {height}×{width} = "
            f"{layer.weights:,} weights."
        )
    with st.expander("What this shows", key="read-inside", bind="query-params", icon=":material/help:"):
        st.markdown(EXPLANATION)


def _span(channels: range) -> str:
    return f"{channels.start:,} to {channels.stop - 1:,}"
