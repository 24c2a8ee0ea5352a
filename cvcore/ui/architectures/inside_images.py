"""The image that a network looks at: of a data set on this machine, or uploaded; as the network receives it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from PIL import Image

from cvcore.data import catalog
from cvcore.data.dataset import Dataset
from cvcore.data.files.decode import Form, to_array
from cvcore.errors import DataError
from cvcore.plots.feature_maps import mosaic
from cvcore.plots.sheet import as_png
from cvcore.ui import data as ui_data
from cvcore.ui import uploads
from cvcore.ui.architectures.inside_weights import Weights
from cvcore.ui.datasets.originals import picture
from cvcore.ui.frame import escaped
from cvcore.ui.numbers import shape
from cvcore.ui.runs import store

if TYPE_CHECKING:
    import torch

UPLOAD = "upload"
LARGEST_BATCH = 32
THUMBNAIL = 64  # screen pixels


@dataclass(frozen=True)
class Subject:
    """The image to look at, named `said`; `key` tells it from all others.

    `dataset` with `split` and `index`, or `upload`, is where it is from; `fit` how it is brought to another size.
    """

    key: str
    said: str
    dataset: Dataset | None = None
    split: str = "test"
    index: int = 0
    upload: Image.Image | None = None
    fit: str = "crop"

    def pixels(self, image: tuple[int, int, int], index: int | None = None) -> np.ndarray:
        """uint8 (C, H, W) as a network for such images receives it, before normalisation; of `index`, if given."""
        channels, height, width = image
        form = Form(1 if channels not in (1, 3) else channels, height, width, self.fit)
        if self.dataset is not None:
            place = self.index if index is None else index
            stored = np.asarray(self.dataset.split(self.split).images[place])
            if stored.shape == image:
                return stored
            original = picture(self.dataset, self.split, place)
        else:
            original = self.upload
        found = to_array(original, form)
        return found if len(found) == channels else np.repeat(found, channels, axis=0)

    def batch(self, count: int) -> list[int | None]:
        """Indices of up to `count` images, this one first, of the same split; an upload is alone."""
        if self.dataset is None:
            return [None]
        others = (place for place in range(len(self.dataset.split(self.split))) if place != self.index)
        return [self.index, *(place for place, _ in zip(others, range(count - 1), strict=False))]


def choose(weights: Weights) -> Subject | None:
    """The chosen image; None while there is none."""
    sets = [name for name in catalog.names() if catalog.entry(name).state in ("bundled", "on disk")]
    config = store().find(weights.which).config.data if weights.kind == "run" else None
    default = config.name if config else "digits" if weights.image[0] == 1 else "shapes"
    options = [*sets, UPLOAD]
    name = st.selectbox(
        "Image from",
        options,
        index=options.index(default) if default in options else 0,
        key="sample",
        bind="query-params",
        help="A data set on this machine, or a file of your own. With a run's weights, its own images come first.",
        width=150,
    )
    if name == UPLOAD:
        return _uploaded()
    own = config is not None and name == config.name
    dataset = ui_data.opened(name, config.size, config.fit) if own else ui_data.opened(name)
    split = "test" if len(dataset.test) else "train"
    part = dataset.split(split)
    if not len(part):
        raise DataError(f"{name} has no images: choose another set")
    index = st.number_input(
        f"Image, 0 to {len(part) - 1:,}",
        0,
        len(part) - 1,
        key="index",
        bind="query-params",
        help=f"Which image of the {split} split, in stored order.",
        width=130,
    )
    fit = config.fit if config else "crop"
    label = dataset.classes[part.labels[index]]
    key = f"{name} {dataset.fingerprint} {split} {index} {fit}"
    return Subject(key, f"{split} image {index:,} of {name} ({label})", dataset, split, index, fit=fit)


def tensor(subject: Subject, weights: Weights, count: int = 1, size: tuple[int, int] | None = None) -> torch.Tensor:
    """float32 [N, C, H, W] as the network receives it: `count` images or as many as there are, the subject first."""
    import torch

    image = (weights.image[0], *(size or weights.image[1:]))
    pixels = np.stack([subject.pixels(image, index) for index in subject.batch(count)])
    values = torch.from_numpy(pixels).float() / 255
    if not weights.mean:
        return values
    mean, std = (torch.tensor(each).view(-1, 1, 1) for each in (weights.mean, weights.std))
    return (values - mean) / std


def receives(subject: Subject, weights: Weights) -> str:
    """What the network receives, in a sentence."""
    if weights.mean:
        mean, std = (", ".join(f"{value:.3g}" for value in each) for each in (weights.mean, weights.std))
        way = {"run": "as in its training", "published": "as those weights expect"}[weights.kind]
        scaled = f"(pixel / 255 − mean) / std with mean {mean} and std {std}, {way}"
    else:
        scaled = "pixel / 255, so 0 to 1; there is no training whose normalisation to follow"
    who, what = escaped(weights.said), escaped(subject.said)
    return f"The network ({who}) receives {what} as {shape(weights.image)} numbers: {scaled}."


def thumbnail(subject: Subject, weights: Weights) -> bytes:
    """PNG of the image at the size in which the network receives it, enlarged where it is small."""
    return _thumbnail(subject.key, weights.image, subject)


@st.cache_data(max_entries=32, show_spinner=False)
def _thumbnail(key: str, image: tuple[int, int, int], _subject: Subject) -> bytes:
    pixels = _subject.pixels(image)[:3]
    pixels = pixels if len(pixels) == 3 else pixels[:1]
    return as_png(mosaic(pixels[None], 1, THUMBNAIL, 0))


def _uploaded() -> Subject | None:
    with st.container(width=320, gap="xsmall"):
        found = uploads.uploaded("inside-upload")
        st.caption("It is not in the address: who opens a link to this page is asked for an image of their own.")
    if found is None:
        return None
    return Subject(f"upload {found.digest}", f"your image {found.name}", upload=found.picture)
