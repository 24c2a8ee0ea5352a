"""What a map has to wait for, done in threads, so that the page goes on: features of a run, and t-SNE.

Jobs are shared by all visitors and kept: whoever turns away meanwhile finds the answer later.
"""

import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
import streamlit as st

from cvcore.analysis import embedding
from cvcore.analysis.embedding import Embedding
from cvcore.errors import CvcoreError
from cvcore.training.run import Run
from cvcore.ui.datasets.map_data import SEED, Question, Space
from cvcore.ui.preload import start_loading_torch

log = logging.getLogger(__name__)

PATIENCE = 1.0  # seconds that a page waits for an answer before it shows a progress line
TICK = 0.4  # seconds between two looks at a job


class Job(ABC):
    """One piece of work in a thread of its own, which begins at once; `answer` is there when it is `ready`."""

    def __init__(self) -> None:
        self.answer: Any = None
        self.error: CvcoreError | None = None
        self.spent = False  # stopped, or its error was told: whoever asks again gets another job
        self.begun = time.monotonic()
        self.thread = threading.Thread(target=self._run, name=type(self).__name__, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.answer = self.work()
        except CvcoreError as error:
            self.error = error
        except Exception as error:
            log.exception("%s failed", type(self).__name__)
            self.error = CvcoreError(f"the map could not be made ({error}): choose fewer images")

    @abstractmethod
    def work(self) -> Any:
        """The answer; runs in the job's thread."""

    @abstractmethod
    def progress(self) -> tuple[float, str]:
        """(share done 0..1, text) for the progress line."""

    def ready(self) -> bool:
        """Whether the answer is there; waits up to PATIENCE after the beginning. Raises what went wrong."""
        self.thread.join(max(0.0, PATIENCE - (time.monotonic() - self.begun)))
        if self.thread.is_alive():
            return False
        if self.error:
            self.spent = True
            raise self.error
        return True

    def stop(self) -> None:
        """End the work soon, if it can be ended."""
        self.spent = True


class FeaturesJob(Job):
    """What enters the head of a run's network for the images `indices` of `images`."""

    def __init__(self, run: Run, images: np.ndarray, indices: np.ndarray) -> None:
        self.run, self.images, self.indices = run, images, indices
        self.share: float | None = None
        super().__init__()

    def work(self) -> np.ndarray:
        from cvcore.training.features import features

        self._hear(0.0)
        return features(self.run, self.images, self.indices, self._hear)

    def _hear(self, share: float) -> None:
        if self.spent:
            raise CvcoreError("this was stopped: choose the run again")
        self.share = share

    def progress(self) -> tuple[float, str]:
        if self.share is None:
            return 0.0, "Loading PyTorch, once after the server starts …"
        return self.share, f"{len(self.indices):,} images pass through the network …"


class TsneJob(Job):
    """t-SNE of vectors; one at a time on a server."""

    turn = threading.Lock()
    pace = 1.0  # seconds it took here last, by the seconds that were expected

    def __init__(self, values: np.ndarray) -> None:
        self.values: np.ndarray | None = values
        self.count = len(values)
        self.started: float | None = None
        super().__init__()

    def work(self) -> Embedding:
        with self.turn:
            if self.spent:
                raise CvcoreError("this was stopped: choose t-SNE again")
            self.started = time.monotonic()
            found = embedding.embed(self.values, "tsne", seed=SEED)
            TsneJob.pace = (time.monotonic() - self.started) / embedding.tsne_seconds(self.count)
            self.values = None
            return found

    def stop(self) -> None:
        """Only before its turn: scikit-learn cannot be stopped, so that the map had better be kept."""
        self.spent = self.started is None

    def progress(self) -> tuple[float, str]:
        """As told; scikit-learn does not say how far it is, so that the share is of the time it should take."""
        name = f"t-SNE of {self.count:,} images"
        if self.started is None:
            return 0.0, f"{name}: waits until another map is ready"
        expected = embedding.tsne_seconds(self.count) * TsneJob.pace
        passed = time.monotonic() - self.started
        if passed >= expected:
            return 0.97, f"{name}: takes longer than the {max(1, expected):.0f} s estimated"
        return 0.97 * passed / expected, f"{name}: about {max(1, expected - passed):.0f} s left, by estimate"


@st.cache_resource(max_entries=3, show_spinner=False)
def _features_job(question: Question, space: Space, _make: Callable[[], FeaturesJob]) -> FeaturesJob:
    return _make()  # few are kept: features of 5,000 images may take 100 MB


@st.cache_resource(max_entries=8, show_spinner=False)
def _tsne_job(question: Question, space: Space, _make: Callable[[], TsneJob]) -> TsneJob:
    return _make()


def features(question: Question, space: Space, run: Run, images: np.ndarray, indices: np.ndarray) -> FeaturesJob:
    """The job that passes images through the network of `space`'s run, new or one that was begun before."""
    start_loading_torch()
    return _kept(_features_job, question, space, lambda: FeaturesJob(run, images, indices))


def tsne(question: Question, space: Space, values: np.ndarray) -> TsneJob:
    """The job that maps a space's vectors, new or one that was begun before."""
    return _kept(_tsne_job, question, space, lambda: TsneJob(values))


def _kept(cache: Callable[..., Job], question: Question, space: Space, make: Callable[[], Job]) -> Any:
    """The job in `cache`; one that is spent makes room for another try."""
    job = cache(question, space, make)
    if job.spent:
        cache.clear(question, space, make)
        job = cache(question, space, make)
    return job


def show_progress(job: Job, back: str, on_back: Callable[[], None]) -> None:
    """A progress line, with a button `back` that stops the job where it can be stopped and calls `on_back`.

    The page runs again when the job ends.
    """
    with st.container(horizontal=True, vertical_alignment="center"):
        st.fragment(_line, run_every=TICK)(job)
        st.button(back, key="map-back", on_click=_stop, args=(job, on_back), icon=":material/arrow_back:")


def _line(job: Job) -> None:
    if not job.thread.is_alive():
        st.rerun()
    share, text = job.progress()
    st.progress(share, text=text)


def _stop(job: Job, on_back: Callable[[], None]) -> None:
    job.stop()
    on_back()
