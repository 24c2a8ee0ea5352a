"""Fully convolutional: the linear head as convolutions, which slide over larger images and answer with a map."""

import numpy as np
import pandas as pd
import streamlit as st

from cvcore.plots.feature_maps import map_over_image
from cvcore.ui.architectures.defaults import following
from cvcore.ui.architectures.inside_images import Subject, receives, tensor
from cvcore.ui.architectures.inside_layers import batch_size, number
from cvcore.ui.architectures.inside_weights import Weights, anatomy_of, network
from cvcore.ui.frame import chart, is_dark, metric_row
from cvcore.ui.glossary import tip
from cvcore.ui.numbers import shape

MOST_SIDE = 640  # pixels: larger images take long and much memory
EXPLANATION = """
- **The same numbers, read differently.** A Linear layer on a flattened C×H×W map multiplies every value by a weight
  and adds: that is a convolution whose window is the whole map. Its weights are only seen in another shape, nothing is
  copied or trained. A Linear layer behind it sees one place at a time: a 1×1 convolution.
- **On a larger image the window has several places.** VGG makes 7×7 features of 224 pixels and halves five times, so
  256 pixels leave 8×8 features and a 7×7 window has 2×2 places; 448 leave 14×14 and 8×8 places. Each place is the
  network's answer for a part of the image, and neighbours share nearly all of the work. VGG's authors average the map
  for the answer to the whole image (dense evaluation, section 3.2 of the paper).
- **The version with linear layers** has a fixed number of inputs: VGG's first one takes 512·7·7 = 25,088 values, and
  448 pixels leave 512·14·14 = 100,352. It breaks. torchvision's VGG and AlexNet do not: **adaptive pooling** averages
  any map to the size that the head expects, here 14×14 to 7×7, at the price of one blurred answer instead of a map.
- The converted network answers for features that it averaged itself where the original has adaptive pooling: at the
  size it was built for the two agree to the rounding of float32, at others they need not.
"""


def show(weights: Weights, subject: Subject) -> None:
    """The view."""
    with st.spinner("Running the network at each size …", show_time=True):
        maps = _maps(weights, subject.key, subject)
    native = maps[0]
    best = int(native.average.argmax())
    names = [_name(weights, index) for index in range(len(native.average))]
    chosen = st.selectbox(
        "Class whose scores are shown",
        names,
        index=names.index(following("class", names[best], names)),
        key="class",
        bind="query-params",
        help=f"At first the class with the largest score at the size that the network was built for. {tip('class')}",
        width=320,
    )
    index = names.index(chosen)
    _pictures(weights, subject, maps, index, chosen)
    _equality(native)
    _table(weights, maps)
    _why(maps)
    if weights.kind == "untrained":
        st.caption("The weights are random: sizes and equality hold all the same, the scores mean nothing.")
    st.caption(receives(subject, weights))
    with st.expander("Why this works", key="read-inside", bind="query-params", icon=":material/help:"):
        st.markdown(EXPLANATION)


def sizes(image: tuple[int, int, int]) -> list[tuple[int, int]]:
    """(height, width) to run: the network's own, 8/7 of it (256 for 224) and twice as large, up to MOST_SIDE.

    >>> sizes((3, 224, 224)), sizes((1, 28, 28))
    ([(224, 224), (256, 256), (448, 448)], [(28, 28), (32, 32), (56, 56)])
    """
    _, height, width = image
    found = [(height * times // 7, width * times // 7) for times in (7, 8, 14)]
    return [size for size in dict.fromkeys(found) if size == (height, width) or max(size) <= MOST_SIDE]


@st.cache_resource(max_entries=4, show_spinner=False)
def _maps(weights: Weights, key: str, _subject: Subject) -> list:
    from cvcore.analysis.inside.fully_convolutional import class_maps

    steps = anatomy_of(weights).steps
    batch_size(steps, steps[-1])  # refuses what is too large
    images = [tensor(_subject, weights, size=size) for size in sizes(weights.image)]
    with network(weights) as model:
        return class_maps(model, weights.image, images)


def _pictures(weights: Weights, subject: Subject, maps: list, index: int, name: str) -> None:
    limit = max(float(np.abs(each.scores[index]).max()) for each in maps)
    signed = any(each.scores[index].min() < 0 for each in maps)
    places = st.columns(len(maps), gap="small")
    for place, each in zip(places, maps, strict=True):
        values = each.scores[index]
        figure = map_over_image(
            values,
            subject.pixels((weights.image[0], *each.size)),
            opacity=0.6,
            limit=limit,
            signed=signed,
            dark=is_dark(),
            height=380,
            title=f"{shape(each.size)} px → {shape(values.shape)}",
            numbers=max(values.shape) <= 8,
        )
        alt = f"Scores of {name} on the image at {shape(each.size)} pixels"
        chart(figure, key=f"inside-dense-{each.size[0]}", alt=alt, place=place)


def _equality(native) -> None:
    """That both forms agree at the size of the network."""
    if native.direct is None:
        return
    difference = float(np.abs(native.scores[:, 0, 0] - native.direct).max()) if native.scores[0].size == 1 else np.nan
    largest = float(np.abs(native.direct).max())
    metric_row(
        (
            f"Largest difference at {shape(native.size)} px",
            number(difference),
            "Between the scores of the network with linear layers and those of its converted form, over all classes",
        ),
        ("Largest score", number(largest), "Absolute value, over all classes"),
        ("Relative", number(difference / max(largest, 1e-12)), "float32 has about 7 digits: 1e−7 is its rounding"),
    )


def _table(weights: Weights, maps: list) -> None:
    rows = []
    for each in maps:
        top = int(each.average.argmax())
        direct = each.direct
        rows.append(
            {
                "size": shape(each.size),
                "features": shape(each.entering),
                "map": shape(each.scores.shape[1:]),
                "average": f"{_name(weights, top)} ({number(float(each.average[top]))})",
                "direct": "breaks"
                if direct is None
                else f"{_name(weights, int(direct.argmax()))} ({number(float(direct.max()))})",
                "difference": None if direct is None else float(np.abs(each.average - direct).max()),
            }
        )
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        height="content",
        placeholder="–",
        column_config={
            "size": st.column_config.TextColumn(
                "Image (px)", width=90, help="Height × width that the network is given"
            ),
            "features": st.column_config.TextColumn(
                "Features", width=100, help=f"What reaches the head. {tip('features')}"
            ),
            "map": st.column_config.TextColumn(
                "Class map", width=90, help=f"Places of the head's window, a score for each class. {tip('class')}"
            ),
            "average": st.column_config.TextColumn("Average of the map", help="The class with the largest mean score"),
            "direct": st.column_config.TextColumn(
                "With linear layers",
                help=f"The network as it was; with adaptive pooling where it has such. {tip('layer')}",
            ),
            "difference": st.column_config.NumberColumn(
                "Largest difference", format="%.3g", help="Between the two, over all classes"
            ),
        },
    )


def _why(maps: list) -> None:
    """Why the largest image breaks the linear layers, or why it does not, with the numbers."""
    last = maps[-1]
    expected, entering = int(np.prod(last.expected)), int(np.prod(last.entering))
    if expected == entering:
        return
    numbers = (
        f"the first linear layer takes {'·'.join(map(str, last.expected))} = {expected:,} values; "
        f"at {shape(last.size)} px the features are {'·'.join(map(str, last.entering))} = {entering:,}"
    )
    if last.direct is None:
        st.markdown(f"**With linear layers it breaks at {shape(last.size)} px:** {numbers}.")
    else:
        st.markdown(
            f"**With linear layers it would break at {shape(last.size)} px:** {numbers}. This network has adaptive "
            f"pooling, which first averages {shape(last.entering[1:])} to {shape(last.expected[1:])}, so it answers."
        )


def _name(weights: Weights, index: int) -> str:
    return weights.labels[index] if index < len(weights.labels) else f"class {index:,}"
