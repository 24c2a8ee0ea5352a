"""Statistics: how many of what, how large, how bright; and the constants for Normalize, ready to paste."""

import numpy as np
import streamlit as st

from cvcore.data import stats
from cvcore.data.dataset import Dataset
from cvcore.data.files import report
from cvcore.plots import bars
from cvcore.plots import statistics as plots
from cvcore.plots.sheet import as_png, contact_sheet
from cvcore.ui.data import measured
from cvcore.ui.frame import TRAINING, chart, is_dark, link

MOST_MEANS = 40  # classes whose mean image is shown


def show(dataset: Dataset, split: str) -> None:
    """The section."""
    found = measured(dataset)
    left, right = st.columns([3, 2], gap="large")
    with left:
        show_counts(dataset)
    with right:
        show_constants(dataset, found["train"].pixels)
    left, right = st.columns(2, gap="large")
    with left:
        show_intensities(found[split], split)
    with right:
        show_means(dataset, found[split], split)
    show_sizes(dataset, split)


def show_counts(dataset: Dataset) -> None:
    """Images of each class in each split, and how uneven the classes are."""
    st.subheader("Images per class", anchor=False)
    counts = {name: stats.class_counts(split, len(dataset.classes)) for name, split in dataset.splits.items()}
    figure = bars.class_counts(dataset.classes, counts)
    chart(figure, key="counts", alt=f"Images of each of the {len(dataset.classes)} classes in each split")
    total = sum(counts.values())
    ratio = stats.imbalance(total)
    if ratio == 1:
        st.caption(f"Every class has {total[0]:,} images.")
    elif np.isinf(ratio):
        empty = ", ".join(np.array(dataset.classes)[total == 0])
        st.caption(f"No images of {empty}: a network cannot learn what it never sees.")
    else:
        worth = ": accuracy alone will flatter a network that favours it" if ratio > 2 else ""
        st.caption(
            f"{total.min():,} to {total.max():,} images a class; the largest has {ratio:.2f} times the smallest{worth}."
        )


def show_constants(dataset: Dataset, pixels: stats.PixelStats) -> None:
    """What to subtract and divide by, ready to paste."""
    st.subheader("Normalisation", anchor=False)
    mean, std = (", ".join(f"{value:.4f}" for value in values) for values in (pixels.mean, pixels.std))
    st.code(f"Normalize(\n    mean=[{mean}],\n    std=[{std}],\n)", language="python")
    st.caption(
        f"Mean and population standard deviation of the training images, per channel, on the scale 0–1. Stored values "
        f"run from {pixels.low} to {pixels.high}."
    )
    link(TRAINING, "Train on this set", data=dataset.name)


def show_intensities(found: stats.SplitStats, split: str) -> None:
    """Histogram of each channel."""
    st.subheader("Intensities", anchor=False)
    chart(plots.intensities(found.histogram), key="intensities", alt=f"Histogram of the {split} images' intensities")


def show_means(dataset: Dataset, found: stats.SplitStats, split: str) -> None:
    """The mean image of each class."""
    st.subheader("Mean image of each class", anchor=False)
    shown = np.argsort(-stats.class_counts(dataset.split(split), len(dataset.classes)), kind="stable")[:MOST_MEANS]
    shown = np.sort(shown)
    images = np.round(255 * found.class_means[shown]).astype(np.uint8)
    captions = [dataset.classes[label] for label in shown]
    columns, tile = (3, 140) if len(shown) <= 6 else (5, 84) if len(shown) <= 15 else (8, 50)
    sheet = contact_sheet(images, captions, columns=columns, tile=2 * tile, gap=16, caption=30, dark=is_dark())
    st.image(as_png(sheet), width=columns * (tile + 8), alt=f"Mean of all {split} images of {', '.join(captions[:12])}")
    part = f"{MOST_MEANS} of {len(dataset.classes)} classes are shown. " if len(dataset.classes) > MOST_MEANS else ""
    st.caption(f"{part}Sharp where all images of a class agree, grey where they differ.")


def show_sizes(dataset: Dataset, split: str) -> None:
    """Sizes and shapes of the originals, where they vary."""
    used = report.used(dataset, split)
    if used is None or used.empty:
        return
    width, height = used["width"].to_numpy(), used["height"].to_numpy()
    if (width == width[0]).all() and (height == height[0]).all():
        st.caption(f"All originals are {width[0]:,} × {height[0]:,} pixels.")
        return
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Sizes of the originals", anchor=False)
        chart(plots.sizes(width, height), key="sizes", alt="Width against height of the originals")
        st.caption(
            f"Width {width.min():,} to {width.max():,}, height {height.min():,} to {height.max():,} pixels; "
            f"the middle ones are {int(np.median(width)):,} × {int(np.median(height)):,}."
        )
    with right:
        st.subheader("Aspect ratios", anchor=False)
        chart(plots.aspect_ratios(width, height), key="aspects", alt="How many originals are how much wider than high")
        st.caption("A square crop cuts the sides off wide images; stretching them distorts what they show.")
