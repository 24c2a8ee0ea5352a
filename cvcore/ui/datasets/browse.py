"""Images: a sheet of pictures that can be sorted, filtered and clicked, and the clicked one beside it, large."""

from dataclasses import dataclass

import numpy as np
import streamlit as st
from PIL import Image

from cvcore.data import catalog
from cvcore.data.dataset import Dataset
from cvcore.data.describe import path_of
from cvcore.data.files import report
from cvcore.plots import images as plots
from cvcore.ui.data import measured
from cvcore.ui.datasets.originals import original
from cvcore.ui.frame import chart, is_dark, metric_row
from cvcore.ui.numbers import shape

COLUMNS, ROWS, TILE = 6, 7, 64
PER_PAGE = COLUMNS * ROWS
LARGE = 480  # pixels: an original is shown no larger

STORED, MIXED, BY_CLASS = "stored order", "mixed", "by class"
DARK, BRIGHT, SMALL, BIG = "darkest first", "brightest first", "smallest first", "largest first"


@dataclass(frozen=True)
class Choice:
    """Which images of a split are shown, in which order."""

    labels: tuple[int, ...]  # all if empty
    order: str
    brightness: tuple[float, float]  # 0..100 %
    sides: tuple[int, int] | None  # pixels of the original's shorter side; None for all


def show(dataset: Dataset, split: str) -> None:
    """The section."""
    if not len(dataset.split(split)):
        st.info(f"The {split} split of {dataset.name} is empty.", icon=":material/image_not_supported:")
        return
    choice = controls(dataset, split)
    found = arranged(dataset, split, choice)
    if not len(found):
        st.info("No image is left: choose more classes or a wider range of brightness.", icon=":material/filter_alt:")
        return
    left, right = st.columns(2, gap="large")
    with left:
        index = sheet(dataset, split, found, choice)
    with right:
        detail(dataset, split, index)


def controls(dataset: Dataset, split: str) -> Choice:
    """Filters and order."""
    by_files = report.of(dataset) is not None
    one, two, three, *four = st.columns([3, 1.8, 2.2, 2.2] if by_files else [3, 1.8, 2.2], vertical_alignment="bottom")
    labels = one.multiselect(
        "Classes",
        range(len(dataset.classes)),
        format_func=lambda label: dataset.classes[label],
        placeholder="all classes",
        key=f"classes-{dataset.name}",
        help="Show only images of these classes.",
    )
    order = two.selectbox(
        "Order",
        # files are stored class by class: mixed, the first page shows them all
        [MIXED, STORED, BY_CLASS, DARK, BRIGHT, SMALL, BIG] if by_files else [STORED, BY_CLASS, MIXED, DARK, BRIGHT],
        key=f"order-{dataset.name}",
        help="Stored order is that of the files. Brightness is the mean of all pixels; size is that of the original.",
    )
    low, high = three.slider(
        "Brightness (%)",
        0,
        100,
        (0, 100),
        key=f"brightness-{dataset.name}",
        help="Show only images whose mean intensity lies in this range: 0 is black, 100 is white.",
    )
    sides = size_filter(four[0], dataset, split) if by_files else None
    return Choice(tuple(labels), order, (low, high), sides)


def size_filter(place, dataset: Dataset, split: str) -> tuple[int, int] | None:
    """The chosen range of the originals' shorter sides in pixels; None for all."""
    shorter = report.used(dataset, split)[["width", "height"]].min(axis=1)
    low, high = int(shorter.min()), int(shorter.max())
    if low == high:
        return None
    chosen = place.slider(
        "Shorter side (px)",
        low,
        high,
        (low, high),
        key=f"side-{dataset.name}-{split}",
        help="Show only images whose original has a shorter side in this range.",
    )
    return None if chosen == (low, high) else chosen


def arranged(dataset: Dataset, split: str, choice: Choice) -> np.ndarray:
    """Indices of the images that pass the filters, in the chosen order."""
    labels = dataset.split(split).labels
    keep = np.isin(labels, choice.labels) if choice.labels else np.ones(len(labels), dtype=bool)
    needs_brightness = choice.order in (DARK, BRIGHT) or choice.brightness != (0, 100)
    brightness = measured(dataset)[split].brightness if needs_brightness else None
    if choice.brightness != (0, 100):
        low, high = choice.brightness
        keep &= (100 * brightness >= low) & (100 * brightness <= high)
    found = np.flatnonzero(keep)
    if choice.sides:
        shorter = report.used(dataset, split)[["width", "height"]].min(axis=1).to_numpy()
        found = found[(shorter[found] >= choice.sides[0]) & (shorter[found] <= choice.sides[1])]
    if choice.order == STORED:
        return found
    if choice.order == BY_CLASS:
        return found[np.argsort(labels[found], kind="stable")]
    if choice.order == MIXED:
        return np.random.default_rng(0).permutation(found)
    if choice.order in (DARK, BRIGHT):
        rank = brightness[found]
    else:
        used = report.used(dataset, split)
        rank = (used["width"].to_numpy().astype(np.int64) * used["height"].to_numpy())[found]
    return found[np.argsort(rank if choice.order in (DARK, SMALL) else -rank, kind="stable")]


def sheet(dataset: Dataset, split: str, found: np.ndarray, choice: Choice) -> int:
    """A page of the found images; the index of the one that was clicked last, or of the first."""
    pages = -(-len(found) // PER_PAGE)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        page = 1
        if pages > 1:
            page = st.number_input(
                # another choice begins on its first page
                f"Page, 1 to {pages:,}",
                1,
                pages,
                key=f"page-{dataset.name}-{split}-{choice}",
                width=130,
            )
        first, last = (page - 1) * PER_PAGE, min(page * PER_PAGE, len(found))
        st.caption(f"Images {first + 1:,} to {last:,} of {len(found):,}. Click one.", width="content")
    shown = found[first:last]
    key = f"sheet-{dataset.name}-{split}-{dataset.fingerprint[:8]}"
    place = clicked(key, shown)
    part = dataset.split(split)
    figure = plots.clickable_sheet(
        part.images[shown],
        [dataset.classes[label] for label in part.labels[shown]],
        [f"{dataset.classes[part.labels[index]]}, {path_of(dataset, split, index)}" for index in shown],
        columns=COLUMNS,
        tile=TILE,
        dark=is_dark(),
        chosen=place,
    )
    alt = f"{len(shown)} images of {dataset.name}; click one to see it large"
    chart(figure, key=key, alt=alt, saved=False, on_select="rerun", selection_mode="points")
    return int(shown[place])


def clicked(key: str, shown: np.ndarray) -> int:
    """Place of the image that was clicked on this sheet; 0 if none was, or if the sheet is another one now."""
    points = st.session_state.get(key, {}).get("selection", {}).get("point_indices", [])
    seen = f"{key}-seen"
    if st.session_state.get(seen) != shown.tolist():  # the click was on a sheet that is no longer shown
        st.session_state[seen] = shown.tolist()
        st.session_state[f"{key}-place"] = 0
        st.session_state[f"{key}-stale"] = points
    if points and points != st.session_state.get(f"{key}-stale"):
        st.session_state[f"{key}-place"] = points[0]
        st.session_state[f"{key}-stale"] = points
    return min(st.session_state.get(f"{key}-place", 0), len(shown) - 1)


def detail(dataset: Dataset, split: str, index: int) -> None:
    """One image, large, with its pixel values, its tensor's shape and range, and where it comes from."""
    image = np.asarray(dataset.split(split).images[index])
    label = dataset.classes[dataset.split(split).labels[index]]
    first = original(dataset, split, index)
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        st.markdown(f"**{label}** · {split} image {index:,}")
        view = "As the network sees it"
        if first is not None:
            view = st.segmented_control(
                "View",
                [view, "Original"],
                default=view,
                required=True,
                key=f"view-{dataset.name}",
                label_visibility="collapsed",
            )
        elif image.shape[0] == 1 and max(image.shape) <= plots.MOST_NUMBERS:
            view = "Numbers" if st.toggle("Numbers", key="numbers", help="Write every pixel's value into it.") else view
    if view == "Original":
        st.image(_fitted(first), alt=f"Original of {split} image {index}, {label}")
    else:
        figure = plots.pixels(image, numbers=view == "Numbers")
        chart(figure, key="pixels", alt=f"{split} image {index}, {label}, pixel by pixel")
    metric_row(
        ("Tensor", shape(image.shape), "Channels × height × width, as the network receives it."),
        ("Pixel range", f"{image.min()}–{image.max()}", "Lowest and highest value of this image; a byte holds 0–255."),
        ("As floats", f"{image.min() / 255:.2f}–{image.max() / 255:.2f}", "After ToTensor, which divides by 255."),
        ("Mean (0–255)", f"{image.mean():.1f}", "Mean of all values of this image."),
    )
    where(dataset, split, index)


def where(dataset: Dataset, split: str, index: int) -> None:
    """The image's file, the size of the original, and what was converted."""
    used = report.used(dataset, split)
    if used is None:
        place = catalog.entry(dataset.name).origin.source
        st.caption(f"Image {index:,} of the {split} split; all images are in {place or 'one made set'}.")
        return
    row = used.iloc[index]
    note = f" · {row['note']}" if row["note"] else ""
    st.caption(f"Original: {row['width']:,} × {row['height']:,} px{note}")
    st.code(row["path"], language=None)


def _fitted(picture: Image.Image) -> Image.Image:
    """At most LARGE pixels a side, so that a photograph of many millions is not sent to the browser."""
    copy = picture.copy()
    copy.thumbnail((2 * LARGE, LARGE))
    return copy
