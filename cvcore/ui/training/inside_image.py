"""The image that the networks of runs look at: by number, or among mistakes or disagreements."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from cvcore.analysis import predictions as said
from cvcore.data.dataset import Dataset
from cvcore.errors import CvcoreError
from cvcore.models.fit import image_text
from cvcore.plots.feature_maps import mosaic
from cvcore.plots.sheet import as_png
from cvcore.training.run import Run
from cvcore.ui.architectures.defaults import following
from cvcore.ui.frame import escaped
from cvcore.ui.runs import label
from cvcore.ui.training.predictions_runs import is_same_task, look

if TYPE_CHECKING:
    from cvcore.training.insight.replay import Replay

ALL, MISTAKES, DISAGREEMENTS = "all test images", "mistakes", "disagreements"
THUMBNAIL = 64  # screen pixels


@dataclass(frozen=True)
class Subject:
    """A test image of the first run's data set."""

    dataset: Dataset
    index: int

    @property
    def label(self) -> int:
        return int(self.dataset.test.labels[self.index])

    @property
    def name(self) -> str:
        """Its true class."""
        return self.dataset.classes[self.label]

    @property
    def text(self) -> str:
        return f"test image {self.index:,} of {self.dataset.name} ({self.name})"

    def pixels(self, learnt: Dataset) -> tuple[np.ndarray, str]:
        """(uint8 [C, H, W] as a network of the set `learnt` receives it, what it is kept under).

        That is the same image in the size that it has there, where it is there.
        """
        same = learnt.name == self.dataset.name and len(learnt.test) == len(self.dataset.test)
        own = learnt if same else self.dataset
        return np.asarray(own.test.images[self.index]), f"{own.fingerprint} {self.index}"


def fits(replay: Replay, subject: Subject) -> bool:
    """Whether the network takes the image; a line says so if not."""
    image, _ = subject.pixels(replay.dataset)
    wanted = replay.dataset.image_shape
    if image.shape == wanted:
        return True
    st.info(
        f"{escaped(label(replay.run))} takes {image_text(wanted)} images, this one is {image_text(image.shape)}.",
        icon=":material/info:",
    )
    return False


def choose_image(dataset: Dataset, runs: Sequence[Run], *, shown: bool = True) -> Subject | None:
    """The chosen test image of `dataset`, that of the first of `runs`; None where there is none. It is `shown` beside
    the controls, with its class."""
    if not len(dataset.test):
        st.info(f"{dataset.name} has no test images.", icon=":material/image_not_supported:")
        return None
    with st.container(horizontal=True, vertical_alignment="bottom"):
        places = _among(dataset, runs)
        index = _number(dataset, places)
        subject = Subject(dataset, index)
        if shown:
            st.image(
                as_png(mosaic(np.asarray(dataset.test.images[index])[None], 1, THUMBNAIL, 0)),
                alt=subject.text,
                width=THUMBNAIL,
            )
            st.markdown(f"**{escaped(subject.name)}**  \n:small[true class]", width="content")
    return subject


def _among(dataset: Dataset, runs: Sequence[Run]) -> np.ndarray:
    """Indices of the test images to choose among."""
    every = np.arange(len(dataset.test))
    lists = {ALL: every}
    if found := _said(runs[0]):
        lists[MISTAKES] = said.confident_mistakes(found)
        if len(runs) > 1 and is_same_task(runs[0], runs[1]) and (other := _said(runs[1])):
            lists[DISAGREEMENTS] = said.disagreements(found, other)
    options = list(lists)
    among = st.selectbox(
        "Images",
        options,
        index=options.index(following("among", ALL, options)),
        key="among",
        bind="query-params",
        help="Mistakes are those of the first run, the most confident first. Disagreements: the first two say "
        "different classes.",
        width=210,
    )
    places = lists.get(among, every)
    if not len(places):
        st.caption(f"There are no {among}.", width="content")
        return every
    return places


def _said(run: Run) -> said.Predictions | None:
    """What the run said of the test images in their order, if that is known."""
    try:
        found = look(run, "test")
    except CvcoreError:
        return None
    in_order = found.part == "test" and np.array_equal(found.indices, np.arange(len(found.said)))
    return found.said if in_order else None


def _number(dataset: Dataset, places: np.ndarray) -> int:
    """The index of the chosen image; buttons for the next of `places`, and for any of them."""
    index = st.number_input(
        f"Image, 0 to {len(dataset.test) - 1:,}",
        0,
        len(dataset.test) - 1,
        key="image",
        bind="query-params",
        help="Its number in the test split, in stored order.",
        width=130,
    )
    at = np.flatnonzero(places == index)
    place = int(at[0]) if len(at) else -1
    st.button(
        "Next" if place >= 0 else "First",
        key="image-next",
        icon=":material/arrow_forward:",
        on_click=st.session_state.update,
        kwargs={"image": int(places[(place + 1) % len(places)])},
        help=f"{place + 1:,} of {len(places):,}" if place >= 0 else f"Of {len(places):,}",
    )
    st.button(
        "Random",
        key="image-random",
        icon=":material/shuffle:",
        on_click=_draw_one,
        args=(places,),
        help="One drawn at random",
    )
    return int(index)


def _draw_one(places: np.ndarray) -> None:
    st.session_state["image"] = int(random.choice(places))
