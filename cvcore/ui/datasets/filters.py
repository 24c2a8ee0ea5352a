"""Filters: convolution and pooling of a set's own images, down to the arithmetic of one output pixel."""

from functools import partial

import numpy as np
import streamlit as st

from cvcore.analysis.geometry.sizes import output_size
from cvcore.data.dataset import Dataset
from cvcore.plots import filters, sheet
from cvcore.ui.datasets import filter_controls as controls
from cvcore.ui.datasets import filter_images as images
from cvcore.ui.datasets import filter_views as views
from cvcore.ui.datasets.filter_controls import Choice
from cvcore.ui.datasets.filter_images import Picture
from cvcore.ui.datasets.filter_views import Filtering
from cvcore.ui.frame import errors_as_lines, is_dark
from cvcore.ui.numbers import shape

STRIP_TILE = 84  # screen pixels of each of the five images
EXPLANATION = """
- **Convolution** lays the kernel over the image, multiplies each weight by the pixel below it, and adds the products:
  one output pixel. Then the window moves on by the **stride**. (Mathematicians turn the kernel round first; networks
  do not.)
- **Padding** adds pixels around the image, so that its border is looked at as often as its middle. With a 3×3 kernel,
  padding 1 and stride 1 the output is as large as the input.
- **Several channels**: the kernel has one slice for each. Every slice gives its own sum, and all are added, so one
  filter makes one channel, however many go in. A layer with 16 filters makes 16.
- **Pooling** has no weights and keeps the channels apart: it only makes the image smaller.
- Here the weights are chosen by hand. A network starts with random ones and **learns** them.
- Pixels are shown as they are stored, 0 to 255. Networks are given the same divided by 255, and every sum shrinks
  alike.
"""

WORKED_CONVOLUTION = """
**The worked example of the LeNet tutorial.** The 3×3 kernel lies on the top left corner of the numbers. Nine products,
added up: 1·2 + 2·0 + 3·1 + 0·0 + 1·1 + 2·2 + 3·1 + 0·0 + 1·2 = **15**, the first number of the output. One step to
the right gives the next.
"""
WORKED_POOLING = """
**Pooling by hand.** The window lies on the top left corner of the numbers and becomes the first number of the output.
Then it moves on by the stride.
"""


def show(dataset: Dataset, split: str) -> None:
    """The section: five images and their filtered forms, one of them large, one output pixel worked out."""
    _section(dataset, split)


@st.fragment
def _section(dataset: Dataset, split: str) -> None:
    with errors_as_lines():
        left, right = st.columns([5, 6], gap="medium")
        with left:
            choice = controls.choose(dataset.image_shape[0])
        with right:
            pictures, large = images.worked_picture() if choice.worked else images.pictures(dataset, split)
            overview = st.container()
        if not pictures:
            st.info(f"The {split} split of {dataset.name} has no image of these classes: choose others.")
            return
        picture = pictures[large]
        names = {1: ("",), 3: ("R", "G", "B")}.get(len(picture.image), tuple(map(str, range(len(picture.image)))))
        first, middle, last = st.columns([4, 2.2, 4], vertical_alignment="center")
        with middle:
            kernel_place = st.container()
            filtering = Filtering(choice, None if choice.pooling else _edit(choice, names), names)
        values = filtering.values(picture.image)
        with overview:
            _overview(dataset, pictures, filtering)
        source = "numbers" if choice.worked else dataset.name
        row_place = st.container()
        pixel = _pixel(row_place, source, values, start=(0, 0) if choice.worked else None)
        arithmetic = filtering.at(picture.image, pixel)
        views.show_input(first, picture, filtering, arithmetic)
        views.show_kernel(kernel_place, filtering)
        key = "filters-output"
        views.show_output(last, picture, values, filtering, pixel, key, partial(_clicked, key, source))
        views.work_out(arithmetic, filtering)
        if len(picture.image) > 1:
            views.show_channels(picture, values, filtering)
        with st.expander("What this shows", icon=":material/help:"):
            st.markdown(EXPLANATION)


def size_text(image: tuple[int, int], window: tuple[int, int], padding: int, stride: int) -> str:
    """The formula of the output size with its numbers; once where height and width are alike."""
    sizes = [output_size(side, f, padding=padding, stride=stride) for side, f in zip(image, window, strict=True)]
    worked = [
        f"⌊({side} − {f} + 2·{padding}) / {stride}⌋ + 1 = **{size}**"
        for side, f, size in zip(image, window, sizes, strict=True)
    ]
    alike = image[0] == image[1] and window[0] == window[1]
    text = worked[0] if alike else f"{worked[0]} high, {worked[1]} wide"
    return f"Output size  N = ⌊(W − F + 2P) / S⌋ + 1  \n= {text}"


def _edit(choice: Choice, names: tuple[str, ...]) -> np.ndarray:
    with st.popover("Edit the weights", icon=":material/edit:", width="stretch"):
        return controls.edited_kernels(choice, names)


def _overview(dataset: Dataset, pictures: list[Picture], filtering: Filtering) -> None:
    """The images above their outputs, and the size of the output."""
    choice = filtering.choice
    sheet_place = st.container()
    _output_size(dataset, pictures[0].image.shape[1:], filtering)  # first: it tells why an output cannot be computed
    if choice.worked:
        return
    outputs = [filtering.values(each.image) for each in pictures]
    scale = filtering.scale(*outputs)
    drawn = [filters.as_bytes(each, scale, signed=filtering.signed, dark=is_dark()) for each in outputs]
    captions = [_short(each.name) for each in pictures] + [_range(each) for each in outputs]
    tiles = [each.image for each in pictures] + drawn
    png = sheet.as_png(sheet.contact_sheet(tiles, captions, columns=len(pictures), tile=STRIP_TILE, dark=is_dark()))
    named = ", ".join(each.name for each in pictures)
    alt = f"{len(pictures)} images of {dataset.name} ({named}) above what the filter makes of them"
    sheet_place.image(png, alt=alt)


def _output_size(dataset: Dataset, side: tuple[int, int], filtering: Filtering) -> None:
    """The formula of the output's size with its numbers, and what they mean."""
    choice = filtering.choice
    if choice.worked and choice.pooling:
        st.markdown(WORKED_POOLING)
    elif choice.worked and not (filtering.edited or choice.padding or choice.bias):
        st.markdown(WORKED_CONVOLUTION)
    st.markdown(size_text(side, filtering.window, choice.padding, choice.stride))
    st.caption(
        "W: side of the image, F: of the window, P: padding, S: stride, in pixels; ⌊ ⌋ rounds down."
        + ("" if choice.worked else " Under each output: its lowest and highest value.")
        + _copied(dataset, side, choice.worked)
    )


def _range(values: np.ndarray) -> str:
    """Lowest and highest value; with a plain hyphen, because the sheet's letters have no minus sign."""
    return f"{values.min():.0f} … {values.max():.0f}"


def _short(name: str) -> str:
    return name if len(name) <= 12 else f"{name[:11]}…"


def _copied(dataset: Dataset, side: tuple[int, int], worked: bool) -> str:
    full = dataset.image_shape[1:]
    if worked or side == full:
        return ""
    return f" The images of {dataset.name} have {shape(full)} px; this is a part or a smaller copy of {shape(side)} px."


def _pixel(place, source: str, values: np.ndarray, start: tuple[int, int] | None) -> tuple[int, int]:
    """The output pixel to work out: the visitor's own, or else `start`, or else the strongest answer of the filter."""
    height, width = values.shape[1:]
    row, column = (f"filters-{name}-{source}" for name in ("row", "column"))
    state = st.session_state
    if state.get(f"filters-fixed-{source}") and row in state and column in state:
        state[row], state[column] = min(state[row] or 0, height - 1), min(state[column] or 0, width - 1)
    else:
        strongest = np.unravel_index(np.abs(values).sum(axis=0).argmax(), (height, width))
        state[row], state[column] = start or tuple(map(int, strongest))
    place.subheader("One output pixel, worked out", anchor=False)
    with place.container(horizontal=True, vertical_alignment="bottom"):
        for key, name, size in ((row, "row", height), (column, "column", width)):
            st.number_input(
                f"Output {name} (0 to {size - 1})",
                0,
                size - 1,
                key=key,
                width=170,
                on_change=_fix,
                args=(source,),
                help=f"Which {name} of the output is worked out below, counted from 0. Or click a pixel of the output.",
            )
        st.caption("Point at the output to read a pixel's arithmetic; click it to see it worked out below.")
    return state[row], state[column]


def _fix(source: str) -> None:
    st.session_state[f"filters-fixed-{source}"] = True


def _clicked(key: str, source: str) -> None:
    """Take over the clicked pixel. A second click on it unselects it, which changes nothing here."""
    points = st.session_state[key].selection.points
    if points:
        st.session_state[f"filters-row-{source}"] = int(points[-1]["y"])
        st.session_state[f"filters-column-{source}"] = int(points[-1]["x"])
        _fix(source)
