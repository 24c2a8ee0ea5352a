"""What a map needs that is there at once, computed once and kept: its images, PCA, and how well classes separate."""

from dataclasses import dataclass

import numpy as np
import streamlit as st

from cvcore.analysis import embedding
from cvcore.analysis.embedding import Embedding, Separation
from cvcore.config import RunConfig
from cvcore.data import catalog
from cvcore.data.dataset import Dataset
from cvcore.errors import CvcoreError
from cvcore.models import zoo
from cvcore.plots import map as map_plot
from cvcore.training.run import Run
from cvcore.ui import runs as ui_runs

SEED = 0


@dataclass(frozen=True)
class Question:
    """Which images a map is of: up to `count` of a split, in the shares of their classes."""

    fingerprint: str
    split: str
    count: int


@dataclass(frozen=True)
class Space:
    """Whose vectors are mapped: the features of a run, as it was when it last changed, or, without one, the pixels."""

    run_id: str = ""
    when: float = 0.0


PIXELS = Space()


@dataclass(frozen=True)
class Chosen:
    """The images of a map: places in the split [N], labels [N], the images at 32 pixels or less, uint8 [N, C, h, w]."""

    indices: np.ndarray
    labels: np.ndarray
    pictures: np.ndarray


@dataclass(frozen=True)
class Shown:
    """A map: of which run's features (None: of the pixels), the vectors [N, D] and the points they became."""

    run: Run | None
    space: Space
    values: np.ndarray
    map: Embedding


@st.cache_resource(max_entries=6, show_spinner=False)
def chosen(question: Question, _dataset: Dataset) -> Chosen:
    """The images of the question."""
    part = _dataset.split(question.split)
    indices = embedding.sample(np.asarray(part.labels), question.count, SEED)
    return Chosen(indices, np.asarray(part.labels[indices]), embedding.reduced_images(part.images, indices))


@st.cache_data(max_entries=6, show_spinner=False)
def sheet(question: Question, _chosen: Chosen) -> dict:
    """Their pictures as one JPEG."""
    return map_plot.sheet(_chosen.pictures)


def fitting_runs(dataset: Dataset) -> list[Run]:
    """Finished runs whose network takes images of this shape, those trained on this set first. Imports no torch."""
    done = [run for run in ui_runs.store().list() if run.status == "done" and _fits(run.config, dataset)]
    done = [run for run in done if run.config.model.name != "perceptron"]  # its features are the pixels themselves
    return sorted(done, key=lambda run: run.config.data.name != dataset.name)


def _fits(config: RunConfig, dataset: Dataset) -> bool:
    if config.data.name == dataset.name:
        return not config.data.fingerprint or config.data.fingerprint == dataset.fingerprint
    try:
        trained_on = tuple(catalog.entry(config.data.name).image)
    except CvcoreError:  # no such set any more
        trained_on = ()
    if not trained_on:
        return False
    spec = next((spec for spec in zoo.own_models() if spec.name == config.model.name), None)
    any_size = spec is not None and spec.any_size and min(dataset.image_shape[1:]) >= spec.min_side
    return trained_on == dataset.image_shape or (any_size and trained_on[0] == dataset.image_shape[0])


@st.cache_resource(max_entries=48, show_spinner=False)
def _kept(question: Question, space: Space, method: str) -> dict:
    """An empty shelf, the same for everybody who asks the same question; the oldest are thrown away."""
    return {}


def separation(question: Question, space: Space, method: str, values: np.ndarray, labels: np.ndarray) -> Separation:
    """How well classes separate among `values`: a space's vectors (method ""), or the points of a map of it."""
    shelf = _kept(question, space, method)
    if "separation" not in shelf:
        shelf["separation"] = embedding.separation(values, labels)
    return shelf["separation"]


def pca(question: Question, space: Space, values: np.ndarray) -> Embedding:
    """The PCA map of a space's vectors."""
    shelf = _kept(question, space, "pca")
    if "map" not in shelf:
        shelf["map"] = embedding.embed(values, "pca", seed=SEED)
    return shelf["map"]
