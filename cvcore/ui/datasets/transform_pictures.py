"""The image that goes through a pipeline, and the cached picture of what comes out."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import streamlit as st
from PIL import Image

from cvcore.data.dataset import Dataset
from cvcore.data.transforms import pipeline as transforms
from cvcore.data.transforms.steps import Pipeline, is_random
from cvcore.plots.sheet import as_png
from cvcore.plots.transform_sheet import transform_sheet
from cvcore.ui.frame import is_dark

Source = Callable[[str, int], Image.Image]


class Subject(NamedTuple):
    """An image of a data set, and what says which one it is. `from_file`: the original, not what is stored."""

    dataset: Dataset
    split: str
    index: int
    from_file: bool
    image: Image.Image

    @property
    def label(self) -> str:
        """Name of its class."""
        return self.dataset.classes[self.dataset.split(self.split).labels[self.index]]

    @property
    def shape(self) -> tuple[tuple[int, int], int]:
        """((height, width) in pixels, channels)."""
        return transforms.size_and_channels(self.image)


def subject(dataset: Dataset, split: str, index: int, source: Source | None) -> Subject:
    """Image `index` of `split`, as `source` gives it where there is one."""
    image, from_file = _image(_identity(dataset), split, index, source is not None, dataset, source)
    return Subject(dataset, split, index, from_file, image)


def _identity(dataset: Dataset) -> str:
    return dataset.fingerprint or dataset.name


@st.cache_resource(max_entries=8, show_spinner=False)
def _image(
    fingerprint: str, split: str, index: int, has_source: bool, _dataset: Dataset, _source: Source | None
) -> tuple[Image.Image, bool]:
    """The picture to begin with, in as many channels as the set has, and whether it is the original: that is taken
    where it can be read, else what is stored."""
    if _source is not None:
        try:
            return _source(split, index).convert("L" if _dataset.image_shape[0] == 1 else "RGB"), True
        except OSError:
            pass  # the file is gone, or was damaged since the set was stored
    stored = np.asarray(_dataset.split(split).images[index])
    picture = stored[0] if len(stored) == 1 else np.ascontiguousarray(stored.transpose(1, 2, 0))
    return Image.fromarray(picture), False


class Drawn(NamedTuple):
    """PNG of the picture, how many results are in it, and the numbers of the first; `clipped` is the most of all."""

    png: bytes
    results: int
    shape: tuple[int, ...]
    dtype: str
    low: float
    high: float
    mean: tuple[float, ...]
    std: tuple[float, ...]
    clipped: float


def draw(chosen: Subject, pipeline: Pipeline, seeds: tuple[int, ...]) -> Drawn:
    """The image beside the results of `seeds`; where there are several crops, beside those of the first seed.

    Raises ConfigError where the pipeline cannot run.
    """
    which = (_identity(chosen.dataset), chosen.split, chosen.index, chosen.from_file)
    return _drawn(*which, pipeline, seeds, chosen.label, is_dark(), chosen.image)


def alone(chosen: Subject) -> bytes:
    """PNG of the image without any result."""
    return as_png(transform_sheet(chosen.image, _caption(chosen.label, chosen.image), [], [], dark=is_dark()))


@st.cache_data(max_entries=32, show_spinner=False)
def _drawn(
    fingerprint: str,
    split: str,
    index: int,
    from_file: bool,
    pipeline: Pipeline,
    seeds: tuple[int, ...],
    label: str,
    dark: bool,
    _image: Image.Image,
) -> Drawn:
    found = [transforms.run(pipeline, _image, seed) for seed in seeds]
    first = found[0]
    if len(first.pictures) > 1:
        pictures, captions = first.pictures, [f"crop {number}" for number in range(1, len(first.pictures) + 1)]
    else:
        pictures = [result.pictures[0] for result in found]
        captions = [f"seed {seed}" for seed in seeds] if is_random(pipeline) else [_caption("result", pictures[0])]
    sheet = transform_sheet(_image, _caption(label, _image), pictures, captions, dark=dark)
    numbers = (first.low, first.high, first.mean, first.std, max(each.clipped for each in found))
    return Drawn(as_png(sheet), len(pictures), first.shape, first.dtype, *numbers)


def _caption(label: str, image: Image.Image) -> str:
    return f"{label}, {image.height} x {image.width} px"  # the font of the sheet has no ×
