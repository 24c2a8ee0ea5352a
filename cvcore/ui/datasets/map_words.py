"""What a map says in numbers and words: how well classes separate, and how it is to be read."""

import streamlit as st

from cvcore.analysis import embedding
from cvcore.analysis.embedding import Separation
from cvcore.data.dataset import Dataset
from cvcore.training.run import Run
from cvcore.ui import runs as ui_runs
from cvcore.ui.datasets import map_data
from cvcore.ui.datasets.map_data import PIXELS, Chosen, Question, Shown


def name(run: Run | None) -> str:
    """What is mapped, as it stands in a sentence."""
    return f"the features of {ui_runs.label(run)}" if run else "pixels"


def numbers(question: Question, shown: Shown, images: Chosen) -> None:
    """How many neighbours are of the same class, in the full space and on the map; a run's against the pixels'."""
    if len(images.indices) < 2:
        return
    labels, method = images.labels, shown.map.method
    full = map_data.separation(question, shown.space, "", shown.values, labels)
    flat = map_data.separation(question, shown.space, method, shown.map.points, labels)
    full_before = flat_before = None
    if shown.run:
        pixels = embedding.pixel_vectors(images.pictures)
        full_before = map_data.separation(question, PIXELS, "", pixels, labels)
        if method == "pca":  # t-SNE of the pixels would make everybody wait for a number
            before = map_data.pca(question, PIXELS, pixels)
            flat_before = map_data.separation(question, PIXELS, method, before.points, labels)
    st.markdown("**Same-class neighbours (%)**")
    with st.container(horizontal=True, gap="medium"):
        width = shown.values.shape[1]
        _agreement("In the full space", full, full_before, f"By distances between all {width:,} values.")
        _agreement("On this map", flat, flat_before, "By distances between the points as they are drawn.")
    against = " Arrows: against the pixels of the same images." if full_before else ""
    st.caption(
        f"Among the {full.neighbours} images nearest to each, mean over all images. Labels dealt at random would give "
        f"{100 * full.chance:.1f} %.{against}"
    )
    if full.silhouette is not None:
        before = "" if full_before is None else f"; of the pixels {_signed(full_before.silhouette)}"
        st.markdown(
            f"Silhouette in the full space {_signed(full.silhouette)}{before}",
            help="From −1 to 1, mean over all images: how much farther the nearest other class is than the own one. "
            "0: classes overlap. 1: they are far apart.",
        )


def _agreement(label: str, now: Separation, before: Separation | None, explanation: str) -> None:
    st.metric(
        label,
        f"{100 * now.agreement:.1f}",
        delta=None if before is None else f"{100 * (now.agreement - before.agreement):+.1f}",
        width="content",
        help=explanation,
    )


def _signed(value: float) -> str:
    """Two decimals, with a minus sign instead of a hyphen."""
    return f"{value:.2f}".replace("-", "−")


def reading(shown: Shown, dataset: Dataset, split: str) -> None:
    """How to read the map, in words."""
    found, run = shown.map, shown.run
    st.markdown("**How to read it**")
    if found.note:
        st.markdown(found.note)
    st.markdown(found.meaning)
    if found.explained:
        both = 100 * sum(found.explained)
        st.markdown(
            f"The axes are the two directions along which these images differ most. They hold {both:.1f} % of the "
            f"variance; {100 - both:.1f} % cannot be seen here. The two lines cross at the mean image."
        )
    elif found.perplexity:
        st.markdown(
            f"It was given at most {embedding.TSNE_DIMENSIONS} principal components, and weighs about "
            f"{found.perplexity:.0f} neighbours of each image (its perplexity). Another seed gives another map."
        )
    if run is None:
        st.markdown("Choose a finished run under “Map of” to see what training does to these distances.")
    elif run.config.data.name == dataset.name and split == "train":
        st.markdown("The network has learnt from these very images; the test split shows how it arranges new ones.")
