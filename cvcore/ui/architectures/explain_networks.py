"""Cards: blocks side by side, the pyramid of a network, and the memory of VGG-16."""

import streamlit as st

from cvcore.analysis import explained
from cvcore.models import zoo
from cvcore.plots import explain as plots
from cvcore.ui.frame import chart, escaped, is_dark
from cvcore.ui.numbers import shape, short

VGG, VGG_IMAGE = "vgg16", (3, 224, 224)
ABOUT = {
    "ResNet-50": "Narrows, works, widens, and adds its input: it learns only what to change.",
    "ResNeXt-50": "The same cost, but twice as wide in the middle: 32 groups that do not see each other.",
    "DenseNet-121": "Adds nothing: its 32 new channels are laid beside the 256 it was given.",
    "MobileNetV2": "The other way round: widens six times, filters each channel by itself, narrows again.",
}


@st.cache_data(max_entries=1, show_spinner=False)
def _blocks() -> tuple[explained.Block, ...]:
    return explained.blocks()


@st.cache_data(max_entries=32, show_spinner=False)
def _pyramid(name: str, image: tuple[int, int, int], classes: int) -> list[tuple[int, int, int]]:
    from cvcore.analysis.summary import summarize

    return explained.pyramid(summarize(name, image, classes).layers)


@st.cache_data(max_entries=1, show_spinner=False)
def _memory() -> explained.Memory:
    from cvcore.analysis.summary import summarize

    return explained.memory(summarize(VGG, VGG_IMAGE, 1000).layers, VGG_IMAGE)


def blocks(name: str, image: tuple[int, int, int], classes: int) -> None:
    """Four blocks drawn beside each other, with their counts."""
    with st.spinner("Counting …"):
        found = _blocks()
    st.markdown("Modern networks repeat a **block** with a way around it (blue): what went in comes back at the end.")
    for place, block in zip(st.columns(4, gap="small"), found, strict=True):
        with place:
            st.markdown(f"**{block.title}**  \n:small[{block.network}]")
            channels = int(block.steps[0].split(", ")[1].split(" → ")[0])
            dot = plots.block_graph(block.steps, block.joined, channels, dark=is_dark())
            st.graphviz_chart(dot, width="stretch", height=340)
            st.markdown(f"**{block.weights:,}** weights  \n:small[{block.params:,} parameters with BatchNorm]")
            st.caption(ABOUT[block.network])
    names, weights = [block.title for block in found], [block.weights for block in found]
    figure = plots.pairs_of_bars(names, weights, [f"{count:,}" for count in weights], "weights of the convolutions")
    chart(figure, key="explain-blocks", alt=", ".join(f"{block.title}: {block.weights:,} weights" for block in found))
    st.latex(
        r"\begin{aligned} \text{ResNet: } 256\cdot 64 + 9\cdot 64^2 + 64\cdot 256 &= 69{,}632 \\ "
        r"\text{ResNeXt: } 256\cdot 128 + 9\cdot 128\cdot\tfrac{128}{32} + 128\cdot 256 &= 70{,}144 \end{aligned}"
    )
    st.caption(
        "Counted in torchvision's own blocks, which have no biases here. The inverted residual is the one of 64 "
        "channels: on 256 it would be 16 times as large."
    )


def pyramid(name: str, image: tuple[int, int, int], classes: int) -> None:
    """How the maps of the chosen network become smaller and more."""
    with st.spinner("Reading the layers …"):
        shapes = _pyramid(name, image, classes)
    label = escaped(zoo.find(name).label)
    st.markdown(
        "On its way through the network the image becomes **smaller and deeper**: space shrinks, channels grow. "
        "*Where* is given up for *what*."
    )
    if len(shapes) < 2:
        st.info(
            f"{label} has no feature maps that change: choose a convolutional network above.",
            icon=":material/filter_none:",
        )
        return
    first, last = shapes[0], shapes[-1]
    figure = plots.pyramid(shapes)
    chart(figure, key="explain-pyramid", alt=f"Feature maps of {name} from {shape(first)} to {shape(last)}")
    st.markdown(
        f"{label} on {shape(image)}: the first map is {shape(first)} "
        f"({short(first[0] * first[1] * first[2])} values), the last {shape(last)} "
        f"({short(last[0] * last[1] * last[2])} values)."
    )
    st.caption(
        "Halving both sides leaves a quarter of the places; twice the channels make it half the values. At twice "
        "the channels a 3×3 layer costs as many mult-adds at half the size as before."
    )


def memory(name: str, image: tuple[int, int, int], classes: int) -> None:
    """What VGG-16 keeps in memory for one image, by which count."""
    with st.spinner("Counting VGG-16 …"):
        found = _memory()
    st.markdown(
        "Training must keep what every layer made, since the backward pass needs it. VGG-16 on one image of "
        "3×224×224, at **4 bytes a value**:"
    )
    names = ["ReLU overwrites its input", "as often published", "every layer keeps its output"]
    sizes = [found.lean / 1e6, 96.0, found.full / 1e6]
    texts = [f"{size:.0f} MB" for size in sizes]
    figure = plots.pairs_of_bars(names, sizes, texts, "MB an image, forward")
    alt = ", ".join(f"{title}: {text}" for title, text in zip(names, texts, strict=True))
    chart(figure, key="explain-memory", alt=alt)
    kept = found.image + found.layers
    st.latex(rf"({found.image:,} + {found.layers:,})\cdot 4 = {found.lean:,}\text{{ B}}".replace(",", "{,}"))
    st.latex(rf"({kept:,} + {found.activations:,})\cdot 4 = {found.full:,}\text{{ B}}".replace(",", "{,}"))
    st.markdown(
        f"- **{found.lean / 1e6:.0f} MB** counts the image and what convolutions, poolings and "
        f"linear layers make; ReLU "
        "and dropout work in place, as in torchvision's VGG.\n"
        f"- **{found.full / 1e6:.0f} MB** counts the outputs of ReLU and dropout as well.\n"
        "- **About 96 MB** (24 M values) is what lecture notes and tutorials say; adding up the layers gives one "
        "of the other two.\n"
        "- With the **backward pass** about twice as much: a gradient for each value, "
        f"{2 * found.lean / 1e6:.0f} MB at least. The 138 M parameters, 553 MB, come once for all images."
    )
    st.caption(
        "42 % of the 15.1 M values are made by the first two convolutions, 64 maps of 224×224 each, which have "
        "0.03 % of the parameters."
    )
