"""Cached answers about data sets for pages."""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from cvcore.data import catalog, stats
from cvcore.data.dataset import Dataset
from cvcore.plots import sheet
from cvcore.ui.frame import is_dark


def opened(name: str) -> Dataset:
    """The data set, with a word to the visitor while a bundled one is made (once, a few seconds)."""
    entry = catalog.entry(name)
    with st.spinner(f"Preparing {entry.title} (once) …", show_time=True):
        return catalog.open_dataset(name)


@st.cache_data(max_entries=64, show_spinner=False)
def pixel_stats(name: str, fingerprint: str) -> stats.PixelStats:
    """Statistics of the training images; the fingerprint makes the cache notice other images."""
    return stats.pixel_stats(catalog.open_dataset(name).train.images)


def show_images(dataset: Dataset, split: str, indices: Sequence[int], *, columns: int, tile: int) -> None:
    """The images `indices` with their class names, as two sheets side by side, or below each other where it is narrow.

    `columns` images stand in a row of each sheet, `tile` pixels wide.
    """
    per_sheet = -(-len(indices) // 2 // columns) * columns if len(indices) > columns else len(indices)
    with st.container(horizontal=True, gap="small"):
        for start in range(0, len(indices), max(per_sheet, 1)):
            chosen = tuple(int(index) for index in indices[start : start + per_sheet])
            names = ", ".join(dataset.classes[label] for label in dataset.split(split).labels[list(chosen)][:12])
            png = _contact_sheet(dataset.name, dataset.fingerprint, split, chosen, columns, tile, is_dark())
            st.image(png, alt=f"{len(chosen)} images of {dataset.name}, first: {names}")


@st.cache_data(max_entries=64, show_spinner=False)
def _contact_sheet(
    name: str, fingerprint: str, split: str, indices: tuple[int, ...], columns: int, tile: int, dark: bool
) -> bytes:
    """PNG of the images `indices` of a split with their class names."""
    dataset = catalog.open_dataset(name)
    part = dataset.split(split)
    chosen = np.asarray(indices)
    captions = [dataset.classes[label] for label in part.labels[chosen]]
    return sheet.as_png(sheet.contact_sheet(part.images[chosen], captions, columns=columns, tile=tile, dark=dark))
