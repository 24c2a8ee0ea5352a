"""Networks side by side: what each costs, and how one differs from the first."""

import pandas as pd
import streamlit as st

from cvcore.errors import ModelError
from cvcore.models import zoo
from cvcore.plots.style import colour_of
from cvcore.ui.architectures import compare_diff, compare_latency
from cvcore.ui.architectures.defaults import following
from cvcore.ui.frame import chart, escaped
from cvcore.ui.numbers import shape, short

# who is worth a look beside whom; the first that takes the image
PARTNERS = {
    "perceptron": ("mlp",),
    "mlp": ("perceptron",),
    "one-conv": ("two-conv",),
    "two-conv": ("one-conv",),
    "lenet5": ("lenet-cifar", "two-conv"),
    "lenet-cifar": ("lenet5", "bn-cnn"),
    "bn-cnn": ("lenet-cifar", "two-conv"),
    "resnet18": ("resnet34",),
    "resnet34": ("resnet50",),
    "resnet50": ("resnext50_32x4d",),
    "resnet18-small": ("resnet18",),
    "vgg16": ("vgg16_bn",),
    "vgg11": ("vgg11_bn",),
    "alexnet": ("vgg11",),
    "densenet121": ("resnet50",),
    "mobilenet_v2": ("mobilenet_v3_large",),
}
USUAL = ("resnet18", "resnet34", "bn-cnn", "two-conv", "mlp", "perceptron")
QUANTITIES = {
    "params": "Parameters",
    "mult_adds": "Mult-adds",
    "activation_bytes": "Activations",
    "layers": "Layers",
    "depth": "Depth",
    "top1": "Published top-1",
    "field": "Receptive field",
}
EXPLANATION = """
All networks see images of the same size and have the same number of classes, those chosen above; so parameters can
differ from published ones, which are for 1,000 classes. Where a network does not take the image, a line says why.

- **Mult-adds** are multiplications with their additions (MACs) for one image; FLOPs are about twice as many.
- **Activations**: the outputs of all layers for one image, 4 bytes a value. What works in place adds nothing.
- **Layers**: the modules that run, each time they run. **Depth**: layers with weights (convolutions and linear layers)
  on the longest way through; this is the 18 of ResNet-18. Attention counts as two.
- **Published top-1**: accuracy on ImageNet-1K's validation images that torchvision states for its weights. It is not
  measured here and belongs to the weights' own image size.
- **Receptive field**: how many input pixels one value of the last map before global pooling or flatten can see.

A **stage** is everything at one resolution: "1/4" has the maps of 1/4 of the image's height and width down to 1/8.
Within a stage layers are lined up by type, kernel and stride, as a program compares two texts. *Changed* layers do the
same job with another kernel, another shape or other costs. The differences of all stages add up to the total's.
"""


def show(name: str, image: tuple[int, int, int], classes: int) -> None:
    """The section: the page's network is the first, and up to three others stand beside it."""
    others, with_context = _controls(name, image, classes)
    names = [name, *others]
    with st.spinner("Comparing …"):
        networks, colours = _networks(names, image, classes)
    if not networks:
        return
    _totals(networks, colours, with_context)
    if len(networks) > 1:
        compare_diff.show(networks, classes)
    else:
        st.info("Choose another network above to see what differs.", icon=":material/compare_arrows:")
    compare_latency.show(networks, colours, image, classes)
    with st.expander("How networks are compared", key="read-compare", bind="query-params"):
        st.markdown(EXPLANATION)


def _controls(name: str, image: tuple[int, int, int], classes: int) -> tuple[list[str], bool]:
    """(the other networks, whether all of torchvision's are drawn behind)."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.multiselect(
            "Compare with",
            [each for each in _all_names() if each != name],
            default=following("with", _partner(name, image, classes)),
            max_selections=3,
            key="with",
            bind="query-params",
            placeholder="up to three networks",
            accept_new_options=True,
            help="Up to three others, beside the network chosen above. Type to search; the text of a network of your "
            "own, nn.Sequential(…), is taken too.",
            width=560,
        )
        behind = st.toggle(
            "All of torchvision",
            value=True,
            key="context",
            bind="query-params",
            help="Draw every classifier of torchvision in grey behind, with the numbers that torchvision publishes.",
        )
    return [each for each in dict.fromkeys(chosen) if each != name][:3], behind


@st.cache_data(max_entries=1, show_spinner=False)
def _all_names() -> list[str]:
    return [spec.name for spec in (*zoo.own_models(), *zoo.torchvision_models())]


@st.cache_data(max_entries=256, show_spinner=False)
def _partner(name: str, image: tuple[int, int, int], classes: int) -> list[str]:
    """The network that stands beside this one at first; none where no usual one takes the image."""
    for other in (*PARTNERS.get(name.removeprefix(zoo.THEIRS), ()), *USUAL):
        try:
            if other != name:
                zoo.check_fit(other, image, classes)
                return [other]
        except ModelError:
            continue
    return []


@st.cache_resource(max_entries=64, show_spinner=False)
def _network(name: str, image: tuple[int, int, int], classes: int):
    """A network in numbers: an `analysis.compare.Network`, the same object for everybody."""
    from cvcore.analysis.compare import network

    return network(name, image, classes)


def _networks(names: list[str], image: tuple[int, int, int], classes: int) -> tuple[list, list[str]]:
    """(the networks that take the image, the colour of each); a line for every other."""
    networks, colours = [], []
    for number, name in enumerate(names):
        try:
            networks.append(_network(name, image, classes))
            colours.append(colour_of(number))
        except ModelError as error:
            st.warning(escaped(str(error)), icon=":material/info:")
            if number == 0:
                return [], []
    return networks, colours


def _totals(networks: list, colours: list[str], with_context: bool) -> None:
    """The bubble chart and the table of totals; side by side for two networks, below each other for more."""
    left, right = st.columns([1, 1.4], gap="medium") if len(networks) <= 2 else (st.container(), st.container())
    from cvcore.plots.compare import Point, bubbles

    points = [
        Point(each.label, each.params, each.mult_adds, each.top1, colour)
        for each, colour in zip(networks, colours, strict=True)
    ]
    told = "; ".join(f"{each.label}: {each.params:,} parameters, {each.mult_adds:,} mult-adds" for each in networks)
    chart(
        bubbles(points, _context() if with_context else ()),
        key="compare-bubbles",
        alt=f"Parameters against mult-adds. {told}",
        place=left,
    )
    hollow = [each.label for each in networks if each.top1 is None]
    unknown = f" Hollow: no published accuracy ({', '.join(hollow)})." if hollow else ""
    grey = " Grey: published, at each one's own image size and 1,000 classes." if with_context else ""
    left.caption(f"The larger the bubble, the higher the published accuracy.{unknown}{grey}")
    right.dataframe(
        _table(networks),
        key=f"compare-totals-{len(networks)}",
        hide_index=True,
        column_config=_columns(networks),
    )
    for each in networks:
        for note in each.notes:
            right.caption(f"{escaped(each.label)}: {escaped(note)}.")


@st.cache_resource(max_entries=1, show_spinner=False)
def _context() -> tuple:
    from cvcore.analysis.compare import published_points

    return published_points()


def _table(networks: list) -> pd.DataFrame:
    """A row for each quantity: its value in each network, and how the others differ from the first."""
    from cvcore.analysis.compare import change

    rows = []
    for key, title in QUANTITIES.items():
        row = {"quantity": title}
        for number, each in enumerate(networks):
            row[f"value{number}"] = _value(each, key)
            if number:
                found = change(networks[0].value(key), each.value(key))
                row[f"change{number}"] = "–" if found is None else _change(key, *found)
        rows.append(row)
    return pd.DataFrame(rows)


def _columns(networks: list) -> dict:
    text = st.column_config.TextColumn
    columns = {"quantity": text("Quantity", pinned=True, width=108, help="What is compared; explained below")}
    for number, each in enumerate(networks):
        width = max(88, 24 + 7 * len(each.label))  # pixels: the name must fit
        columns[f"value{number}"] = text(each.label, alignment="right", width=width, help=each.name[:200])
        told = f"Difference to {networks[0].label}, and ratio"
        columns[f"change{number}"] = text("Δ", alignment="right", width=124, help=told)
    return columns


def _value(network, key: str) -> str:
    found = getattr(network, key)
    if found is None:
        return "–"
    if key == "field":
        return f"{shape(found)} px"
    if key == "top1":
        return f"{found:.1f} %"
    if key == "activation_bytes":
        return f"{short(found)}B" if found >= 1000 else f"{found} B"
    return f"{found:,}" if key in ("layers", "depth") else short(found)


def _change(key: str, difference: float, ratio: float | None) -> str:
    """ "+10.1 M (×1.86)"."""
    if not difference:
        return "="
    sign, size = "+" if difference > 0 else "−", abs(difference)
    if key == "top1":
        return f"{sign}{size:.1f} points"
    told = f"{size:,.0f}" if key in ("layers", "depth", "field") else short(size)
    unit = {"activation_bytes": "B" if size >= 1000 else " B", "field": " px"}.get(key, "")
    return f"{sign}{told}{unit}" + (f"  ×{ratio:.3g}" if ratio else "")
