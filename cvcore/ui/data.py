"""Data sets on pages: opened with progress, measured with progress, shown as contact sheets."""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import streamlit as st

from cvcore.data import catalog, duplicates, stats
from cvcore.data.dataset import Dataset
from cvcore.plots import sheet
from cvcore.ui.frame import is_dark
from cvcore.ui.numbers import duration

OWN_SIZE = "own"
SIZES = (28, 32, 64, 96, 128, 160, 224, 256)  # pixels a side that are offered
SLOW = 0.7  # seconds of work before a progress bar shows


def working_size() -> tuple[int, str]:
    """Size in pixels and fit that images are brought to; the set's own unless others are asked for."""
    size = st.selectbox(
        "Working size (px)",
        [OWN_SIZE, *map(str, SIZES)],
        key="size",
        bind="query-params",
        help="Side of the square that images are decoded to, once. Own: as they are; photographs of many sizes at 64. "
        "Networks that are trained on this set get them so.",
    )
    fits = _fits(size)
    if st.session_state.get("fit", "crop") not in fits:
        st.session_state["fit"] = "crop"
    fit = st.segmented_control(
        "Fit",
        fits,
        default="crop",
        required=True,
        key="fit",
        bind="query-params",
        help="crop: the shorter side is scaled, the middle is kept. crop-256: it is scaled to so many pixels, more "
        "than are kept, as networks on ImageNet are tested. stretch: the shape is distorted, all is kept.",
    )
    return (0 if size == OWN_SIZE else int(size)), fit


def _fits(size: str) -> list[str]:
    """Ways to get to a size; one that was asked for in an address or by a recipe is among them."""
    if size == OWN_SIZE:
        return ["crop", "stretch"]
    asked = st.session_state.get("fit") or st.query_params.get("fit", "")
    scaled = re.fullmatch(r"crop-([1-9]\d{0,3})", asked)
    fits = [asked] if scaled and int(scaled[1]) >= int(size) else []
    return ["crop", *dict.fromkeys([f"crop-{round(int(size) * 8 / 7)}", *fits]), "stretch"]  # usual: 256 of 224


def opened(name: str, size: int = 0, fit: str = "crop") -> Dataset:
    """The data set; while it is made or read, once, a bar says how far that is and a button stops it.

    What was read stays read: the next call goes on from there. Ends the script where the visitor stopped it.
    """
    title = catalog.entry(name).title
    flag = f"stopped-{name}-{size}-{fit}"
    if st.session_state.get(flag):
        st.info(f"Reading {title} is stopped. What was read is kept.", icon=":material/pause_circle:")
        st.button("Go on", key=f"{flag}-go-on", type="primary", on_click=lambda: st.session_state.pop(flag, None))
        st.stop()
    with st.spinner(f"Preparing {title} (once) …", show_time=True), progress_bar(f"Reading {title}", "images") as bar:
        return catalog.open_dataset(name, size, fit, _stoppable(bar, flag))


def _stoppable(bar: Callable[[float, float], None], flag: str) -> Callable[[float, float], None]:
    """`bar`, with a button that stops the work from the moment the bar shows."""
    place = st.empty()

    def tell(done: float, total: float) -> None:
        if total and bar(done, total) and not place_taken:
            place_taken.append(True)
            place.button(
                "Stop", key=f"{flag}-stop", icon=":material/stop:", on_click=lambda: st.session_state.update({flag: 1})
            )
        if total and done >= total:
            place.empty()

    place_taken: list[bool] = []
    return tell


@contextmanager
def progress_bar(title: str, unit: str = "", scale: float = 1) -> Iterator[Callable[[float, float], bool]]:
    """A function (done, total) that draws a bar once work has taken SLOW seconds, with the time that is left.

    It answers whether the bar shows. The bar goes when the work ends.
    """
    place, started, last = st.empty(), time.monotonic(), [0.0]

    def tell(done: float, total: float) -> bool:
        now = time.monotonic()
        if not total or now - started < SLOW:
            return False
        if now - last[0] > 0.2 or done >= total:
            last[0] = now
            left = (now - started) / max(done, 1e-9) * (total - done)
            counted = f" {done / scale:,.0f} of {total / scale:,.0f} {unit}" if unit else ""
            place.progress(min(1.0, done / total), text=f"{title} …{counted}, about {duration(left)} left")
        return True

    try:
        yield tell
    finally:
        place.empty()


@st.cache_data(ttl=60, max_entries=64, show_spinner=False)
def size_on_disk(name: str) -> int:
    """Bytes that a set takes, as of the last minute."""
    return catalog.size_on_disk(name)


def measured(dataset: Dataset) -> dict[str, stats.SplitStats]:
    """The statistics of each split, measured on the first call with a progress bar."""
    with progress_bar(f"Measuring {dataset.name}", "images") as bar:
        return stats.of(dataset, bar)


def pairs(dataset: Dataset) -> list[duplicates.Pair]:
    """The duplicates of a set, searched on the first call with a progress bar."""
    with progress_bar("Looking for duplicates") as bar:
        return duplicates.of(dataset, lambda share: bar(share, 1.0))


def show_images(dataset: Dataset, split: str, indices: Sequence[int], *, columns: int, tile: int) -> None:
    """The images `indices` with their class names, as two sheets side by side, or below each other where it is narrow.

    `columns` images stand in a row of each sheet, `tile` pixels wide.
    """
    per_sheet = -(-len(indices) // 2 // columns) * columns if len(indices) > columns else len(indices)
    with st.container(horizontal=True, gap="small"):
        for start in range(0, len(indices), max(per_sheet, 1)):
            chosen = tuple(int(index) for index in indices[start : start + per_sheet])
            names = ", ".join(dataset.classes[label] for label in dataset.split(split).labels[list(chosen)][:12])
            png = contact_sheet(dataset.fingerprint, dataset, split, chosen, columns, tile, is_dark())
            st.image(png, alt=f"{len(chosen)} images of {dataset.name}, first: {names}")


@st.cache_data(max_entries=64, show_spinner=False)
def contact_sheet(
    fingerprint: str, _dataset: Dataset, split: str, indices: tuple[int, ...], columns: int, tile: int, dark: bool
) -> bytes:
    """PNG of the images `indices` of a split with their class names."""
    part = _dataset.split(split)
    chosen = np.asarray(indices)
    captions = [_dataset.classes[label] for label in part.labels[chosen]]
    return sheet.as_png(sheet.contact_sheet(part.images[chosen], captions, columns=columns, tile=tile, dark=dark))
