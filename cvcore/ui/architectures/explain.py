"""Explain: one idea at a time, with its formula and a picture that can be played with; and the glossary."""

import importlib

import streamlit as st

from cvcore.ui import glossary
from cvcore.ui.frame import errors_as_lines

GLOSSARY = "Glossary"
# card: module of this folder and its function, which is given (name, image, classes); imported when it is looked at
CARDS = {
    "Softmax": ("explain_basics", "softmax"),
    "Convolution": ("explain_basics", "convolution"),
    "Pooling": ("explain_basics", "pooling"),
    "Why non-linearities": ("explain_basics", "nonlinearity"),
    "3×3 against 7×7": ("explain_layers", "stacks"),
    "1×1 convolution": ("explain_layers", "pointwise"),
    "BatchNorm and Dropout": ("explain_layers", "train_and_eval"),
    "Blocks": ("explain_networks", "blocks"),
    "The pyramid": ("explain_networks", "pyramid"),
    "Memory of VGG": ("explain_networks", "memory"),
}
# the ideas that help to read a section of the page, offered below it
BESIDE = {
    "Layers": ("Convolution", "Pooling", "BatchNorm and Dropout", "1×1 convolution", "The pyramid", "Memory of VGG"),
    "Receptive field": ("3×3 against 7×7", "Convolution", "Pooling"),
    "Compare": ("Blocks", "3×3 against 7×7", "1×1 convolution"),
    "Graph": ("Blocks", "1×1 convolution"),
    "Inside": ("Convolution", "Pooling", "Why non-linearities", "BatchNorm and Dropout"),
    "Remarks": ("Softmax", "Why non-linearities", "BatchNorm and Dropout"),
    "Calculator": ("Convolution", "Pooling", "3×3 against 7×7"),
}


def show(name: str, image: tuple[int, int, int], classes: int) -> None:
    """The cards, one of them open."""
    _section(name, image, classes)


@st.fragment
def _section(name: str, image: tuple[int, int, int], classes: int) -> None:
    with errors_as_lines():
        card = st.pills(
            "Idea",
            [*CARDS, GLOSSARY],
            default="Softmax",
            required=True,
            key="card",
            bind="query-params",
            wrap=True,
            help="Each takes a minute. Most are about any network; the pyramid is that of the one chosen above.",
        )
        if card == GLOSSARY:
            _glossary()
        else:
            _card(card, name, image, classes)


@st.fragment
def beside(section: str, name: str, image: tuple[int, int, int], classes: int) -> None:
    """The cards that help to read a section, none of them open; nothing below a section that has none."""
    cards = BESIDE.get(section)
    if not cards:
        return
    st.divider()
    with errors_as_lines():
        card = st.pills(
            "Explained",
            cards,
            key=f"beside-{section.lower().replace(' ', '-')}",
            bind="query-params",
            wrap=True,
            help="Opens the explanation here.",
        )
        if card:
            _card(card, name, image, classes)


def _card(card: str, name: str, image: tuple[int, int, int], classes: int) -> None:
    module, function = CARDS[card]
    getattr(importlib.import_module(f"cvcore.ui.architectures.{module}"), function)(name, image, classes)


def _glossary() -> None:
    wanted = st.text_input(
        "Search",
        key="term",
        bind="query-params",
        max_chars=60,
        placeholder="stride, frozen, …",
        help="Words of a term or of what it means.",
    )
    found = glossary.search(wanted)
    if not found:
        st.info("No term has these words: search for fewer, or for another.", icon=":material/search_off:")
        return
    st.caption(f"{len(found)} of {len(glossary.terms())} terms")
    st.markdown("\n".join(f"- **{name}**: {meaning}" for name, meaning in found.items()))
