"""The images that the filters section works on: five of the set, or the small numbers of the worked example."""

from dataclasses import dataclass

import numpy as np
import streamlit as st
from PIL import Image

from cvcore.analysis.kernels import WORKED_IMAGE
from cvcore.data.dataset import Dataset, Split

EXAMPLES = 5
LIMIT = 64  # pixels a side; more would make hovering slow


@dataclass(frozen=True)
class Picture:
    """An image uint8 [C, H, W] to filter, and what to call it."""

    image: np.ndarray
    name: str


def pictures(dataset: Dataset, split: str) -> tuple[list[Picture], int]:
    """(up to five images of the set, the first of each of five classes; which one is drawn large)."""
    part = dataset.split(split)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        place = st.container(width="stretch")
        with st.popover("Change", icon=":material/photo_library:"):
            labels = st.multiselect(
                "Classes",
                range(len(dataset.classes)),
                format_func=lambda label: dataset.classes[label],
                max_selections=EXAMPLES,
                placeholder="the first five",
                key=f"filters-classes-{dataset.name}",
                help="Up to five; the images are taken from these in turn.",
            )
            most = max(1, int(np.bincount(part.labels).max()) if len(part) else 1)
            turn = st.number_input(
                f"Begin with image (1 to {most:,})",
                1,
                most,
                key=f"filters-turn-{dataset.name}-{split}",
                help="1 takes the first image of each class, in stored order.",
            )
            cropped = False
            if max(dataset.image_shape[1:]) > LIMIT:
                height, width = dataset.image_shape[1:]
                way = st.radio(
                    "Images are used as",
                    ["a smaller copy", "a part from the middle"],
                    key="filters-copy",
                    help=f"They have {height}×{width} px; at most {LIMIT}×{LIMIT} are drawn, to be quick. "
                    "A smaller copy shows all of the image, a part from the middle its real pixels.",
                )
                cropped = way != "a smaller copy"
    found = examples(part, labels or list(range(len(dataset.classes)))[:EXAMPLES], turn - 1)
    names = _numbered([dataset.classes[part.labels[index]] for index in found])
    shown = [
        Picture(small_copy(np.asarray(part.images[index]), cropped), name)
        for index, name in zip(found, names, strict=True)
    ]
    large = 0
    if len(shown) > 1:
        large = place.segmented_control(
            "Large below",
            range(len(shown)),
            default=0,
            required=True,
            format_func=lambda number: names[number],
            key=f"filters-large-{dataset.name}-{len(shown)}",
            help="Which of these images is drawn large, with its arithmetic.",
        )
    return shown, large


def _numbered(names: list[str]) -> list[str]:
    """`names`, those that occur more than once with a number: cat 1, dog, cat 2."""
    return [
        f"{name} {names[: place + 1].count(name)}" if names.count(name) > 1 else name
        for place, name in enumerate(names)
    ]


def worked_picture() -> tuple[list[Picture], int]:
    """As `pictures`: the 5×5 numbers of the LeNet tutorial's example."""
    return [Picture(WORKED_IMAGE, "5×5 numbers")], 0


def examples(part: Split, labels: list[int], skip: int) -> list[int]:
    """Places of up to five images, from these classes in turn, each class from its image number `skip` (from 0) on.

    A class that has fewer begins anew at its first.
    """
    members = [np.flatnonzero(part.labels == label) for label in labels]
    members = [np.roll(each, -skip) for each in members if len(each)]
    turns = range(max(map(len, members), default=0))
    return [int(each[turn]) for turn in turns[:EXAMPLES] for each in members if turn < len(each)][:EXAMPLES]


def small_copy(image: np.ndarray, cropped: bool) -> np.ndarray:
    """`image` uint8 [C, H, W] as it is, or, if a side passes 64 pixels, its middle or a smaller copy of all of it."""
    _, height, width = image.shape
    if max(height, width) <= LIMIT:
        return image
    if cropped:
        top, left = max(0, height - LIMIT) // 2, max(0, width - LIMIT) // 2
        return image[:, top : top + LIMIT, left : left + LIMIT]
    scale = LIMIT / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    channels = [np.asarray(Image.fromarray(channel).resize(size, Image.Resampling.BOX)) for channel in image]
    return np.stack(channels)
