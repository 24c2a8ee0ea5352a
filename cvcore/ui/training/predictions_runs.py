"""Which of the chosen runs are looked into, and what is known of them; each is read once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st

from cvcore.analysis import predictions as said
from cvcore.analysis.predictions import Predictions
from cvcore.data.dataset import Dataset
from cvcore.errors import CvcoreError, RunError
from cvcore.plots import sheet
from cvcore.training.insight.stored import Stored, images_of, predictions_file, stored_predictions
from cvcore.training.run import Run
from cvcore.ui import data as ui_data
from cvcore.ui.architectures.defaults import following
from cvcore.ui.frame import escaped, is_dark
from cvcore.ui.runs import label

NOBODY = "no other run"
SPLITS = {"test": "test images", "val": "validation images"}


@dataclass(frozen=True)
class Look:
    """What a run said of a split: `names` of the classes, and where the images are; `why` says why there are none.

    `part` is the data set's own split, `indices` [N] are places in it.
    """

    run: Run
    split: str
    said: Predictions
    matrix: np.ndarray
    names: tuple[str, ...]
    dataset: Dataset | None = None
    part: str = ""
    indices: np.ndarray | None = None
    why: str = ""

    @property
    def what(self) -> str:
        """ "test" or "validation"."""
        return SPLITS[self.split].split()[0]


def finished(runs: Sequence[Run], needs: Callable[[Run], object] = predictions_file) -> list[Run]:
    """Those of the runs that can be looked into; the others are named in one line each, with what to do."""
    found, problems = [], []
    for run in runs:
        try:
            needs(run)
            found.append(run)
        except RunError as error:
            problems.append(str(error))
    if not runs:
        st.info("Choose a run above.", icon=":material/info:")
    for problem in problems:
        st.info(escaped(problem[0].upper() + problem[1:]) + ".", icon=":material/hourglass_empty:")
    return found


def choose(runs: Sequence[Run], other: Callable[[Run, Run], bool] = lambda one, two: True) -> tuple[Run, Run | None]:
    """(the run to look into, the one to compare it with or None); both are in the address. `other` says who can be."""
    by_id = {run.run_id: run for run in runs}
    ids = list(by_id)
    if len(ids) == 1:
        return runs[0], None
    named = {**{run.run_id: label(run) for run in runs}, NOBODY: NOBODY}
    one = st.selectbox(
        "Run",
        ids,
        index=ids.index(following("of", ids[0], ids)),
        format_func=named.get,
        key="of",
        bind="query-params",
        help="Of the runs chosen above.",
        width=400,
    )
    one = one if one in by_id else ids[0]
    others = [NOBODY, *(each for each in ids if each != one and other(by_id[one], by_id[each]))]
    default = others[1] if len(ids) == 2 and len(others) == 2 else NOBODY
    two = st.selectbox(
        "Compare with",
        others,
        index=others.index(following("against", default, others)),
        format_func=named.get,
        key="against",
        bind="query-params",
        help="Another of the chosen runs, on the same images.",
        width=400,
    )
    return by_id[one], by_id.get(two)


def look(run: Run, split: str) -> Look:
    """What the run said of the split, with its images where they are there. Raises RunError where nothing is known."""
    file = predictions_file(run)
    found, matrix = _stored(str(file), file.stat().st_mtime_ns, split, run)
    names = tuple(map(str, range(found.predictions.classes)))
    try:
        config = run.config.data
        dataset = ui_data.opened(config.name, config.size, config.fit)
        if len(dataset.classes) == len(names) and config.fingerprint in ("", dataset.fingerprint):
            names = dataset.classes
        part, indices = images_of(run, dataset, split, found)
    except CvcoreError as error:
        return Look(run, split, found.predictions, matrix, names, why=str(error))
    return Look(run, split, found.predictions, matrix, names, dataset, part, indices)


@st.cache_resource(max_entries=32, show_spinner=False)
def _stored(path: str, changed: int, split: str, _run: Run) -> tuple[Stored, np.ndarray]:
    found = stored_predictions(_run, split)
    return found, said.confusion(found.predictions)


def is_same_task(one: Run, two: Run) -> bool:
    """Whether the two runs tell the same classes of the same set apart, so that their predictions can be compared."""
    return one.config.data.name == two.config.data.name and one.config.data.fingerprint == two.config.data.fingerprint


def show_sheet(found: Look, places: np.ndarray, captions: Sequence[str], *, columns: int, tile: int, alt: str) -> None:
    """The images at `places` of the predictions as one contact sheet, or why there are none."""
    if found.dataset is None:
        st.info(f"No pictures: {escaped(found.why)}.", icon=":material/image_not_supported:")
        return
    chosen = tuple(found.indices[places].tolist())
    png = _sheet(
        found.dataset.fingerprint, found.part, chosen, tuple(captions), columns, tile, is_dark(), found.dataset
    )
    st.image(png, alt=alt)


@st.cache_data(max_entries=64, show_spinner=False)
def _sheet(
    fingerprint: str,
    part: str,
    chosen: tuple[int, ...],
    captions: tuple[str, ...],
    columns: int,
    tile: int,
    dark: bool,
    _dataset: Dataset,
) -> bytes:
    images = _dataset.split(part).images[list(chosen)]
    return sheet.as_png(sheet.contact_sheet(images, captions, columns=columns, tile=tile, dark=dark))


def number_of(found: Look, place: int) -> str:
    """The image's number in its split, or among the predictions where it cannot be told."""
    return f"{place if found.indices is None else found.indices[place]:,}"


def percent(share: float) -> str:
    """A probability as a whole percentage that never claims certainty.

    >>> percent(0.974), percent(0.9999), percent(1.0), percent(0.001), percent(float("nan"))
    ('97 %', '>99 %', '100 %', '<1 %', '–')
    """
    if not np.isfinite(share):
        return "–"
    if share in (0, 1) or 0.005 <= share < 0.995:
        return f"{100 * share:.0f} %"
    return ">99 %" if share > 0.5 else "<1 %"
