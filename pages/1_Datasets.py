"""Datasets: look at the images before anything is trained on them."""

import numpy as np
import streamlit as st

from cvcore.data import catalog, stats
from cvcore.data.dataset import Dataset
from cvcore.plots import bars
from cvcore.ui import data as ui_data
from cvcore.ui.frame import TRAINING, errors_as_lines, frame, link, metric_row
from cvcore.ui.numbers import shape

SHEET_COLUMNS, SHEET_ROWS = 6, 5  # two such sheets stand side by side, or below each other on a narrow screen
PER_PAGE = 2 * SHEET_COLUMNS * SHEET_ROWS


def main() -> None:
    frame("Datasets", "See what a network will learn from: the pictures first, the numbers beside them.")
    with errors_as_lines():
        name, split, classes_row = controls()
        entry = catalog.entry(name)
        st.caption(f"**{entry.title}.** {entry.about} Source: {entry.source}. Licence: {entry.licence}.")
        if entry.state == "needs download":
            offer_download(entry)
            return
        dataset = ui_data.opened(name)
        chosen = class_filter(classes_row, dataset)
        show_numbers(dataset)
        show_images(dataset, split, chosen)
        counts, constants = st.columns([3, 2], gap="large")
        with counts:
            show_counts(dataset)
        with constants:
            show_constants(dataset)


def controls() -> tuple[str, str, st.delta_generator.DeltaGenerator]:
    """The chosen data set and split, and the place where the class filter goes once the set is open."""
    left, middle, right = st.columns([3, 1.2, 3])
    name = left.selectbox(
        "Data set",
        catalog.names(),
        key="data",
        bind="query-params",
        help="Bundled sets are made on first use; the others are read from the data folder or downloaded.",
    )
    split = middle.segmented_control(
        "Split",
        ["train", "test"],
        default="train",
        required=True,
        key="split",
        bind="query-params",
        help="Training images teach the network; test images are looked at once, at the end.",
    )
    return name, split, right


def class_filter(place, dataset: Dataset) -> list[int]:
    """Labels of the classes to show; all if none is chosen."""
    labels = place.multiselect(
        "Classes",
        range(len(dataset.classes)),
        format_func=lambda label: dataset.classes[label],
        placeholder="all classes",
        key=f"classes-{dataset.name}",
        help="Show only images of these classes.",
    )
    return labels or list(range(len(dataset.classes)))


def offer_download(entry: catalog.Entry) -> None:
    """Say what the download costs; fetch on a click, with progress."""
    st.info(
        f"{entry.title} is not on this machine. It needs a download of {entry.download_mb:.0f} MB.",
        icon=":material/download:",
    )
    if st.button(f"Download {entry.download_mb:.0f} MB", type="primary"):
        bar = st.progress(0.0, text=f"Downloading {entry.title} …")
        try:
            catalog.download(
                entry.name, lambda share: bar.progress(share, text=f"Downloading {entry.title} … {share:.0%}")
            )
        finally:
            bar.empty()
        st.rerun()


def show_images(dataset: Dataset, split: str, labels: list[int]) -> None:
    """A page of labelled images in the order in which the set holds them."""
    part = dataset.split(split)
    found = np.flatnonzero(np.isin(part.labels, labels))
    pages = max(1, -(-len(found) // PER_PAGE))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        page = 1
        if pages > 1:
            page = st.number_input(
                f"Page, 1 to {pages:,}", 1, pages, key=f"page-{dataset.name}-{split}-{pages}", width=150
            )
        first, last = (page - 1) * PER_PAGE, min(page * PER_PAGE, len(found))
        st.caption(f"Images {first + 1:,} to {last:,} of {len(found):,}, in stored order", width="content")
    ui_data.show_images(dataset, split, found[first:last], columns=SHEET_COLUMNS, tile=58)


def show_numbers(dataset: Dataset) -> None:
    """How many images, of what size and range."""
    pixels = ui_data.pixel_stats(dataset.name, dataset.fingerprint)
    metric_row(
        ("Training images", f"{len(dataset.train):,}", ""),
        ("Test images", f"{len(dataset.test):,}", ""),
        ("Classes", f"{len(dataset.classes)}", ""),
        ("Image size (px)", shape(dataset.image_shape), "Channels × height × width; 1 channel is grey, 3 are colour."),
        ("Pixel range", f"{pixels.low}–{pixels.high}", "Lowest and highest stored value; a byte holds 0–255."),
    )


def show_constants(dataset: Dataset) -> None:
    """What to subtract and divide by, ready to paste."""
    st.subheader("Normalisation", anchor=False)
    pixels = ui_data.pixel_stats(dataset.name, dataset.fingerprint)
    mean, std = (tuple(round(value, 4) for value in values) for values in (pixels.mean, pixels.std))
    st.code(f"Normalize(\n    mean={mean},\n    std={std},\n)", language="python")
    st.caption("Mean and population standard deviation of the training images, per channel, on the scale 0..1.")
    link(TRAINING, "Train on this set", data=dataset.name)


def show_counts(dataset: Dataset) -> None:
    st.subheader("Images per class", anchor=False)
    train, test = (stats.class_counts(dataset.split(name), len(dataset.classes)) for name in ("train", "test"))
    st.plotly_chart(
        bars.class_counts(dataset.classes, train, test),
        key="counts",
        config={"displayModeBar": False},
        alt=f"Images of each of the {len(dataset.classes)} classes, training and test split",
    )
    low, high = (train + test).min(), (train + test).max()
    if low == high:
        st.caption(f"Every class has {low:,} images.")
    else:
        st.caption(f"{low:,} to {high:,} images a class: the largest has {high / max(low, 1):.2f} times the smallest.")


main()
