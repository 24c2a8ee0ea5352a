"""Inside: what a network makes of an image, layer by layer, and what its layers hold."""

import importlib

import streamlit as st

from cvcore.ui.architectures import inside_images, inside_weights
from cvcore.ui.architectures.inside_weights import Weights
from cvcore.ui.frame import errors_as_lines
from cvcore.ui.glossary import tip
from cvcore.ui.numbers import short

MAPS, FILTERS, STEP, GROUPS, DENSE = "Feature maps", "Filters", "One step", "Groups", "Fully convolutional"
# each is a module beside this one with a function show(weights, subject); imported when it is looked at
VIEWS = {
    MAPS: "inside_maps",
    FILTERS: "inside_filters",
    STEP: "inside_step",
    GROUPS: "inside_groups",
    DENSE: "inside_dense",
}
WITHOUT_IMAGE = (FILTERS, GROUPS)
ASK_BYTES = 300e6  # of weights beyond which they are built on request only


def show(name: str, image: tuple[int, int, int], classes: int) -> None:
    """The section."""
    head, controls = st.container(), st.container(horizontal=True, vertical_alignment="bottom")
    with controls:
        weights = inside_weights.choose(name, image, classes)
    if weights.image != image:
        st.caption(f"These weights belong to the network for {_sizes(weights)}: the size chosen above is not used.")
    with st.spinner("Looking for layers …", show_time=True):
        anatomy = inside_weights.anatomy_of(weights)
    with head:
        view = _choose_view(anatomy)
    with errors_as_lines():
        subject = None
        if view not in WITHOUT_IMAGE:
            with controls:
                subject = inside_images.choose(weights)
            if subject is None:
                st.info("Choose an image file above.", icon=":material/image:")
                return
            with controls:
                st.image(inside_images.thumbnail(subject, weights), alt=subject.said, width=inside_images.THUMBNAIL)
        if view != GROUPS and not _may_load(weights):
            return
        importlib.import_module(f"cvcore.ui.architectures.{VIEWS[view]}").show(weights, subject)


def _choose_view(anatomy) -> str:
    there = {GROUPS: bool(anatomy.grouped), DENSE: not anatomy.not_convertible}
    return st.pills(
        "Show",
        [view for view in VIEWS if there.get(view, True)],
        default=MAPS,
        required=True,
        key="inside",
        bind="query-params",
        help="Feature maps: what leaves a layer. Filters: weights of the first layer. One step: what ReLU, pooling, "
        "BatchNorm or Dropout change. Groups, where convolutions have such. Fully convolutional, where the head can "
        "slide over larger images.",
        wrap=True,
    )


def _may_load(weights: Weights) -> bool:
    """Whether the weights are small, or the visitor has asked for them."""
    size = inside_weights.size_of(weights)
    if size <= ASK_BYTES:
        return True
    wanted = st.toggle(
        f"Build {short(size)}B of weights",
        key="build",
        bind="query-params",
        help=f"{tip('weights')} Those of this network are many: they are built for each look, and let go after it.",
    )
    if not wanted:
        st.info(
            f"The weights of this network take {short(size)}B of memory. They are built for each look, held once, and "
            "let go after it; that takes some seconds.",
            icon=":material/memory:",
        )
    return wanted


def _sizes(weights: Weights) -> str:
    return f"{'×'.join(map(str, weights.image))} images and {weights.classes:,} classes"
