"""Cached answers about data sets for pages."""

import numpy as np
import streamlit as st

from cvcore.data import catalog, stats
from cvcore.data.dataset import Dataset
from cvcore.plots import sheet


def opened(name: str) -> Dataset:
    """The data set, with a word to the visitor while a bundled one is made (once, a few seconds)."""
    entry = catalog.entry(name)
    with st.spinner(f"Preparing {entry.title} (once) …", show_time=True):
        return catalog.open_dataset(name)


@st.cache_data(max_entries=64, show_spinner=False)
def pixel_stats(name: str, fingerprint: str) -> stats.PixelStats:
    """Statistics of the training images; the fingerprint makes the cache notice other images."""
    return stats.pixel_stats(catalog.open_dataset(name).train.images)


@st.cache_data(max_entries=64, show_spinner=False)
def contact_sheet(
    name: str, fingerprint: str, split: str, indices: tuple[int, ...], columns: int, tile: int, dark: bool
) -> bytes:
    """PNG of the images `indices` of a split with their class names."""
    dataset = catalog.open_dataset(name)
    part = dataset.split(split)
    chosen = np.asarray(indices)
    captions = [dataset.classes[label] for label in part.labels[chosen]]
    return sheet.as_png(sheet.contact_sheet(part.images[chosen], captions, columns=columns, tile=tile, dark=dark))
