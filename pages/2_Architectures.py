"""Architectures: what a network is made of, what its units see, and how it differs from another."""

import importlib
from contextlib import suppress

import streamlit as st

from cvcore.errors import ModelError
from cvcore.models import typed as typed_text
from cvcore.models import zoo
from cvcore.models.fit import MAX_CHANNELS, MAX_CLASSES, MAX_SIDE
from cvcore.models.spec import ModelSpec
from cvcore.ui.architectures import explain, meanwhile, typed
from cvcore.ui.architectures.defaults import put
from cvcore.ui.frame import TRAINING, body, errors_as_lines, escaped, frame, keep_steps, link
from cvcore.ui.glossary import tip
from cvcore.ui.preload import is_loaded, start_loading_torch, wait_for_torch

# each is a module of cvcore.ui.architectures with a function show(name, image, classes); imported when it is looked at
SECTIONS = {
    "Layers": "layers",
    "Receptive field": "receptive",
    "Compare": "compare",
    "Graph": "graph",
    "Inside": "inside",
    "Remarks": "remarks",
    "Calculator": "calculator",
    "Explain": "explain",
}
YOUR_OWN = "your own"
STEMS = ["7×7/2 + pool", "3×3/1"]
NUMBERS = {
    # label: what it is, and the most that is taken
    "Channels": (f"Of the images: 1 is grey, 3 is colour. {tip('channel')}", MAX_CHANNELS),
    "Height": ("Of the images, in pixels", MAX_SIDE),
    "Width": ("Of the images, in pixels", MAX_SIDE),
    "Classes": (f"Numbers that come out, one for each class. {tip('class')}", MAX_CLASSES),
}


def main() -> None:
    frame("Architectures", "Take a network apart: its layers, what each unit sees, and how two networks differ.")
    keep_steps()
    start_loading_torch()
    with errors_as_lines():
        loading = st.empty()  # always there: what follows keeps its place, and with it its parameter in the address
        if not is_loaded():
            with loading.container():
                meanwhile.own_networks()
                wait_for_torch()
            loading.empty()
        take_asked()
        row = st.container(horizontal=True, vertical_alignment="bottom")
        name = choose_network(row)
        if name is None:
            return
        spec = zoo.find(name)
        image, classes = choose_input(spec, row)
        if spec.source == "typed" and not typed.fits(name, image):
            return
        if spec.source != "typed":  # its text is in sight
            about(spec)
        section = choose_section(name)
        with body(f"{name} {image} {classes} {section}"), st.spinner("Working it out …", show_time=True):
            importlib.import_module(f"cvcore.ui.architectures.{SECTIONS[section]}").show(name, image, classes)
            explain.beside(section, name, image, classes)


def take_asked() -> None:
    """Bring the network that a link or another page names to the form in which it stands in the list."""
    found = in_the_list(str(st.session_state.get("model") or st.query_params.get("model") or ""))
    if found:
        put(**found)
        st.rerun()  # with an address that is right: this run began with another one


def in_the_list(asked: str) -> dict[str, str]:
    """Values for the page's widgets where a network is not named as in the list; none where it is, or is unknown.

    A text is one's own network, a twin for small images is the network with another stem, and `torchvision:` before a
    name that only torchvision has says nothing.
    """
    if typed_text.is_typed(asked):
        with suppress(ModelError):
            return {"model": YOUR_OWN, "network": typed_text.pretty(asked)}
        return {"model": YOUR_OWN}  # the text area shows what is there
    if twin_of := next((spec.name for spec in zoo.own_models() if spec.small_stem == asked), None):
        return {"model": twin_of, "stem": STEMS[1]}
    if asked.startswith(zoo.THEIRS):
        with suppress(ModelError):
            name = zoo.find(asked).name
            return {"model": name} if name != asked else {}
    return {}


def choose_network(place) -> str | None:
    """The name of the chosen network, with the chosen stem; None where a typed one cannot be read yet."""
    twins = {spec.small_stem for spec in zoo.own_models()}
    own = [spec.name for spec in zoo.own_models() if spec.name not in twins]
    others = [spec.name for spec in zoo.torchvision_models()]
    name = place.selectbox(
        "Network",
        [*own, YOUR_OWN, *others],
        index=own.index("lenet5"),
        key="model",
        bind="query-params",
        help="Ours first, then one that you type, then every classifier of torchvision. Type to search.",
        width=320,
    )
    if name == YOUR_OWN:
        return typed.text_area()
    twin = zoo.find(name).small_stem
    if twin is None:
        return name
    stem = st.segmented_control(
        "Stem",
        STEMS,
        default=STEMS[0],
        required=True,
        key="stem",
        bind="query-params",
        help="The first layers. 7×7 with stride 2 and pooling suit photographs; on small images they throw away "
        "fifteen of sixteen places before the first block: there a 3×3 with stride 1 is better.",
    )
    return name if stem == STEMS[0] else twin


def choose_input(spec: ModelSpec, place) -> tuple[tuple[int, int, int], int]:
    """The input size (C, H, W) and the number of classes; what differs from the network's own is in the address."""
    own = (*spec.input, spec.default_classes)
    keys = [f"{spec.label}-{label}" for label in NUMBERS]
    asked = asked_for(own)
    for key, value, (_, most) in zip(keys, asked or own, NUMBERS.values(), strict=True):
        if asked or key not in st.session_state:
            st.session_state[key] = min(max(value, 1), most)
    values = tuple(
        place.number_input(label, 1, most, step=1, key=key, help=about, width=105)
        for key, (label, (about, most)) in zip(keys, NUMBERS.items(), strict=True)
    )
    tell_address(input=(values[:3], own[:3]), classes=(values[3:], own[3:]))
    return (values[0], values[1], values[2]), values[3]


def asked_for(own: tuple[int, ...]) -> tuple[int, ...] | None:
    """(C, H, W, classes) where the address did not get its numbers from this page: at the beginning of a visit, and
    when the visitor goes back in the browser. `own` is what holds where it has none.

    Else None: where another network was chosen since, the numbers in the address are not its.
    """
    found = tuple(st.query_params.get(key) for key in ("input", "classes"))
    if found == st.session_state.get("numbers-told"):
        return None
    image, classes = own[:3], own[3]
    with suppress(AttributeError, ValueError):  # it is not there, or somebody wrote it by hand
        channels, height, width = (int(part) for part in found[0].split(","))
        image = (channels, height, width)
    with suppress(TypeError, ValueError):
        classes = int(found[1])
    return (*image, classes)


def tell_address(**numbers: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    """Put the chosen numbers into the address where they are not the network's own; (chosen, own) by parameter."""
    for key, (chosen, own) in numbers.items():
        text = ",".join(map(str, chosen))
        if chosen == own:
            st.query_params.pop(key, None)
        elif st.query_params.get(key) != text:
            st.query_params[key] = text
    st.session_state["numbers-told"] = tuple(st.query_params.get(key) for key in numbers)


def about(spec: ModelSpec) -> None:
    """What the network is and who published it."""
    paper = f" {escaped(spec.paper)}{f', {spec.year}' if spec.year else ''}." if spec.paper else ""
    top1 = f" Published top-1 accuracy on ImageNet: {spec.top1:.1f} %." if spec.top1 else ""
    st.caption(f"**{escaped(spec.title)}.** {escaped(spec.summary)}{paper}{top1}")


def choose_section(name: str) -> str:
    """What to look at."""
    left, right = st.columns([5, 1], vertical_alignment="bottom")
    with right.container(horizontal=True, horizontal_alignment="right"):
        link(TRAINING, "Train it", model=name)
    return left.pills(
        "Look at",
        list(SECTIONS),
        default="Layers",
        required=True,
        key="section",
        bind="query-params",
        help="Eight ways to look at the same network.",
        wrap=True,
    )


main()
