"""Predict with ImageNet: what networks that know a thousand things say of any picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st
from PIL import Image

from cvcore.plots import tried
from cvcore.plots.named import Line, named_picture
from cvcore.ui import uploads
from cvcore.ui.frame import chart, errors_as_lines, escaped, is_dark, metric_row
from cvcore.ui.numbers import short
from cvcore.ui.transfer.backbones import add, fetch
from cvcore.ui.transfer.pictures import CAMERA, EXAMPLES, UPLOAD, picture_from

if TYPE_CHECKING:
    from cvcore.transfer.pretrained import Pretrained, Sight

DO = "Predict with ImageNet"  # what the page calls it
FIRST = "torchvision:MobileNet_V2_Weights.IMAGENET1K_V1"  # the smallest download among the tutorials' networks
NONE = "none"


def address(network: str) -> dict[str, str]:
    """The choices that show what `network` says, with the weights that the tutorials used."""
    return {"do": DO, "network": f"{network} · IMAGENET1K_V1"}


def show() -> None:
    """A picture with what one or two networks say of it."""
    st.caption("A network that has learnt a thousand things names what it sees in any picture: the five likeliest.")
    keys, source = _controls()
    given = picture_from(source)
    shown = st.container()
    names = _second_names()
    if given is not None:
        with shown:
            _answers(keys, given, names)


def _answers(keys: list[str], given: uploads.Given, names: tuple[str, ...]) -> None:
    """What each network says; beside a single one, what it was given."""
    places = st.columns(2, gap="large")
    for key, place in zip(keys, places, strict=False):
        with place:
            _network(key, given, names)
    if len(keys) == 1 and _is_here(keys[0]):
        with places[1]:
            _tensor(_sight(keys[0], given.digest, given.picture))


def _controls() -> tuple[list[str], str]:
    """(the keys of one network or two, where the picture comes from)."""
    with st.spinner("Loading torchvision …"):
        offered = _offered()
    one, two, three = st.columns([3, 3, 2.4])
    here = [key for key in offered if _is_here(key)]
    first = one.selectbox(
        "Network",
        list(offered),
        index=list(offered).index(here[0] if here else FIRST),
        format_func=offered.get,
        key="network",
        bind="query-params",
        help="With the weights that it has after ImageNet, 1.2 million photographs of a thousand things. Those whose "
        "weights are here come first; the others are a download.",
    )
    others = {NONE: "no other", **{key: title for key, title in offered.items() if key != first}}
    second = two.selectbox(
        "Beside it",
        list(others),
        format_func=others.get,
        key="other-network",
        bind="query-params",
        help="A second network that looks at the same picture.",
    )
    source = three.segmented_control(
        "Picture from",
        [EXAMPLES, UPLOAD, CAMERA],
        default=EXAMPLES,
        required=True,
        key="picture",
        bind="query-params",
        help="It is prepared as the weights' authors tested them: shorter side resized, middle cropped, normalised.",
    )
    return [first, *([second] if second != NONE else [])], source


def _offered() -> dict[str, str]:
    """{key of weights: title}: those on the disk and files of one's own first. A title is what an address holds, and so
    the same before and after a download."""
    from cvcore.transfer import published, weight_files

    known = [each for each in published.everything() if each.top1 is not None]
    files = {each.key: f"{each.network} · {each.name}" for each in weight_files.kept() if each.network}
    here, away = (
        {each.key: f"{each.network} · {each.entry}" for each in known if each.on_disk is there}
        for there in (True, False)
    )
    return {**here, **files, **away}


def _is_here(key: str) -> bool:
    from cvcore.transfer import published

    return key.startswith("file:") or published.find(key).on_disk


def _second_names() -> tuple[str, ...]:
    """Names of the thousand classes in another language, where somebody gives them."""
    with st.expander("More options"):
        if st.button("Add weights", icon=":material/upload:", help="From torchvision, or a file of yours."):
            add()
        file = st.file_uploader(
            "Names in another language",
            type=["txt", "json"],
            max_upload_size=1,
            key="second-names",
            help="UTF-8 text with a line for each of the 1,000 classes, in their order, or a JSON list of them.",
        )
    if file is None:
        return ()
    from cvcore.transfer.class_names import read_names
    from cvcore.transfer.published import IMAGENET_CLASSES

    with errors_as_lines():  # the names that are known stay
        return read_names(file.getvalue(), file.name, IMAGENET_CLASSES)
    return ()


# --- what is said of them --------------------------------------------------------------------------------------------


def _network(key: str, given: uploads.Given, names: tuple[str, ...]) -> None:
    """The picture with what one network says of it; the offer to fetch its weights where they are not here."""
    if not _is_here(key):
        _offer(key)
        return
    network, sight = _loaded(key), _sight(key, given.digest, given.picture)
    lines = [Line(each.name, names[each.label] if names else "", each.probability) for each in sight.top]
    picture = named_picture(given.picture, lines, sight.box)
    st.markdown(f"**{escaped(network.label)}**")
    told = ", ".join(f"{each.name} {each.probability:.1%}" for each in sight.top)
    st.image(picture, alt=f"{given.name}, with the names that {network.label} gives it: {told}")
    spread = f"{1000 * min(sight.seconds):.0f} to {1000 * max(sight.seconds):.0f} ms"
    top1 = network.tested.top1
    metric_row(
        (
            "Forward pass (ms)",
            f"{1000 * sight.median:.0f}",
            f"One picture on this machine: the median of {len(sight.seconds)}, {spread}",
        ),
        ("Parameters", short(network.params), f"{network.params:,}"),
        ("Top-1 (%)", f"{100 * top1:.1f}", "As torchvision publishes it: of ImageNet's 50,000 validation images"),
    )
    st.download_button(
        "Picture",
        picture,
        file_name=f"{network.tested.network}.svg",
        mime="image/svg+xml",
        icon=":material/download:",
        key=f"named-{key}",
        help="With its names, as SVG",
        on_click="ignore",
    )


def _offer(key: str) -> None:
    from cvcore.transfer import published

    weights = published.find(key)
    st.info(
        f"The weights of {weights.network} are not on this disk. They are fetched once, checked and kept in torch's "
        "own folder.",
        icon=":material/cloud_download:",
    )
    if st.button(f"Download {weights.size_mb:,.0f} MB", icon=":material/download:", key=f"fetch-{key}"):
        fetch(key)


def _tensor(sight: Sight) -> None:
    """What the network was given."""
    size, (low, high) = "×".join(map(str, sight.tensor.shape)), (sight.tensor.min(), sight.tensor.max())
    st.markdown("**What it was given**")
    figure = tried.tensor(sight.tensor, dark=is_dark(), height=320)
    chart(figure, key="network-tensor", alt="The tensor that the network was given", saved=False)
    numbers = f"{size} numbers from {low:.2f} to {high:.2f}".replace("-", "−")
    st.caption(
        f"The framed part of the picture, as {numbers}. Whatever a network is shown, it answers with names of the "
        "thousand that it has learnt."
    )


@st.cache_resource(max_entries=3, show_spinner="Loading the network …")
def _loaded(key: str) -> Pretrained:
    from cvcore.transfer.pretrained import load

    return load(key)


@st.cache_resource(max_entries=64, show_spinner="Looking …")
def _sight(key: str, digest: str, _picture: Image.Image) -> Sight:
    return _loaded(key).look(_picture)
