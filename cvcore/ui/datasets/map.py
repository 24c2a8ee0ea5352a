"""The map of a set: every image a point, alike images close together, by pixels or by what a trained network sees."""

from functools import partial

import numpy as np
import streamlit as st

from cvcore.analysis import embedding
from cvcore.data.dataset import Dataset
from cvcore.data.files import report
from cvcore.plots import map as map_plot
from cvcore.plots import sheet
from cvcore.training.run import Run
from cvcore.ui import runs as ui_runs
from cvcore.ui.datasets import map_data, map_jobs, map_view, map_words
from cvcore.ui.datasets.map_data import PIXELS, Chosen, Question, Shown, Space
from cvcore.ui.frame import errors_as_lines, is_dark

METHODS = {"PCA": "pca", "t-SNE": "tsne"}
COUNTS = (100, 250, 500, 1_000, 2_000, 5_000)
USUAL = 1_000  # images of the first map: it is there at once, and dots do not cover each other
FIRST_MARKED = 6  # classes in colour at first, where there are too many to colour all
SHARP = 32  # pixels: images up to this size are shown with their single pixels
NEAREST = 8  # images shown beside the one that was clicked


def show(dataset: Dataset, split: str) -> None:
    """The map of a split with its controls, how to read it, and how well classes separate; reruns by itself."""
    st.fragment(_guarded)(dataset, split)


def _guarded(dataset: Dataset, split: str) -> None:
    with errors_as_lines():  # a fragment's own reruns pass by the page's guard
        if len(dataset.split(split)) == 0:
            st.info(f"The {split} split has no images.", icon=":material/info:")
            return
        _show(dataset, split)


def _show(dataset: Dataset, split: str) -> None:
    runs = {run.run_id: run for run in map_data.fitting_runs(dataset)}
    method, run_id, count, marked = _controls(dataset, split, runs)
    question = Question(dataset.fingerprint, split, count)
    images = map_data.chosen(question, dataset)
    shown, job = _shown(question, runs.get(run_id), method, images, dataset)
    with st.container():  # there even when empty, so that the map below keeps its place, and with it its zoom
        if job:
            reset = _back_to_pca if isinstance(job, map_jobs.TsneJob) else partial(_back_to_pixels, dataset.name)
            map_jobs.show_progress(job, "Back to PCA" if reset is _back_to_pca else "Back to pixels", reset)
            st.caption(f"Meanwhile: PCA of {map_words.name(shown.run)}.")
    left, right = st.columns([2.2, 1], gap="medium")
    with left:
        picked = _draw(dataset, question, shown, images, marked)
    with right:
        map_words.numbers(question, shown, images)
        map_words.reading(shown, dataset, split)
    if picked is not None and picked in images.indices:
        _show_neighbours(dataset, images, shown.values, int(np.searchsorted(images.indices, picked)))


def _shown(
    question: Question, run: Run | None, method: str, images: Chosen, dataset: Dataset
) -> tuple[Shown, map_jobs.Job | None]:
    """(what can be shown now, the job that is still at work on what was asked for)."""
    space, values = PIXELS, embedding.pixel_vectors(images.pictures)
    if run:
        wanted = Space(run.run_id, run.when)
        job = map_jobs.features(question, wanted, run, dataset.split(question.split).images, images.indices)
        if not job.ready():
            return Shown(None, space, values, map_data.pca(question, space, values)), job
        space, values = wanted, job.answer
    if method == "tsne":
        job = map_jobs.tsne(question, space, values)
        if job.ready():
            return Shown(run, space, values, job.answer), None
        return Shown(run, space, values, map_data.pca(question, space, values)), job
    return Shown(run, space, values, map_data.pca(question, space, values)), None


def _controls(dataset: Dataset, split: str, runs: dict[str, Run]) -> tuple[str, str, int, list[int]]:
    """(method, run's id or "" for pixels, number of images, labels in colour)."""
    many = len(dataset.classes) > len(map_plot.MARKS)
    places = st.columns([1.1, 3, 1.2, 3] if many else [1.1, 3, 1.2])
    st.session_state.setdefault("map-method", "PCA")  # not `default`: the way back from t-SNE sets it too
    method = places[0].segmented_control(
        "Method",
        list(METHODS),
        required=True,
        key="map-method",
        persist_state="session",
        help="PCA (principal component analysis): the flat view along which images differ most; instant. "
        "t-SNE: bends the space so that near neighbours stay together; takes seconds.",
    )
    run_id = places[1].selectbox(
        "Map of",
        ["", *runs],
        format_func=lambda run_id: f"features of {ui_runs.label(runs[run_id])}" if run_id in runs else "pixels",
        key=f"map-run-{dataset.name}",
        persist_state="session",
        help="Pixels: images are near where their pixels are alike. Features of a run: what enters the last layer of "
        "the network that it trained. Listed are finished runs whose network takes images of this size.",
    )
    size = len(dataset.split(split))
    counts = [count for count in COUNTS if count < size] + [size] * (size <= COUNTS[-1])
    count = places[2].selectbox(
        "Images",
        counts,
        index=counts.index(USUAL) if USUAL in counts else len(counts) - 1,
        format_func=lambda count: f"{count:,}" + (" (all)" if count == size else ""),
        key=f"map-count-{dataset.name}-{split}",
        persist_state="session",
        help="A seeded sample in which every class keeps its share.",
    )
    labels = list(range(len(dataset.classes)))
    if many:
        labels = places[3].multiselect(
            "Classes in colour",
            labels,
            default=labels[:FIRST_MARKED],
            format_func=lambda label: dataset.classes[label],
            max_selections=len(map_plot.MARKS),
            placeholder="all grey",
            key=f"map-classes-{dataset.name}",
            persist_state="session",
            help=f"Up to {len(map_plot.MARKS)}; the other classes are grey.",
        )
    return METHODS[method], run_id, count, labels


def _back_to_pca() -> None:
    st.session_state["map-method"] = "PCA"


def _back_to_pixels(name: str) -> None:
    st.session_state[f"map-run-{name}"] = ""


def _draw(dataset: Dataset, question: Question, shown: Shown, images: Chosen, marked: list[int]) -> int | None:
    """Draw the map; the index of the image that was clicked last."""
    files = report.used(dataset, question.split)
    paths = None if files is None else files["path"].to_numpy()[images.indices].tolist()
    what = f"{'PCA' if shown.map.method == 'pca' else 't-SNE'} of {map_words.name(shown.run)}"
    return map_view.draw(
        map_plot.scene(shown.map, images.labels, dataset.classes, marked, indices=images.indices, paths=paths),
        map_data.sheet(question, images),
        key=f"map-{dataset.name}-{question.split}",
        identity=f"{question} {shown.space} {shown.map.method}",
        split=question.split,
        sharp=max(dataset.image_shape[1:]) <= SHARP,
        alt=f"Map of {len(images.indices):,} {question.split} images of {dataset.name}, {what}",
        file=f"map-{dataset.name}-{question.split}-{shown.map.method}-{shown.space.run_id or 'pixels'}",
    )


def _show_neighbours(dataset: Dataset, images: Chosen, values: np.ndarray, place: int) -> None:
    """The clicked image and those nearest to it in the full space."""
    near = embedding.nearest(values, place, NEAREST)
    labels = images.labels[near]
    own = int(images.labels[place])
    st.markdown(
        f"**Image {images.indices[place]}, {dataset.classes[own]}, and the {len(near)} nearest to it** in the full "
        f"space: {int((labels == own).sum())} of its class"
    )
    shown = np.array([place, *near])
    picture = sheet.contact_sheet(
        images.pictures[shown],
        [dataset.classes[label] for label in images.labels[shown]],
        columns=len(shown),
        tile=72,
        dark=is_dark(),
    )
    st.image(sheet.as_png(picture), alt=f"An image of {dataset.classes[own]} and its {len(near)} nearest neighbours")
