"""Test images with the logits that the network gives them, by which the receiving side can tell that all is right."""

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from cvcore.data import catalog
from cvcore.data.dataset import Dataset, Split
from cvcore.data.describe import path_of
from cvcore.data.files import report
from cvcore.data.files.decode import Unusable, open_image
from cvcore.training.predict import Classifier

COUNT = 10
ENLARGED = 2  # of them, of sets whose images all have the working size, come larger: scaling is tested too
MOST_SIDE = 512  # pixels: photographs are kept no larger


@dataclass(frozen=True)
class Golden:
    """A test image as PNG, its true class, and the logits that are expected."""

    file: str
    png: bytes
    label: int
    name: str
    logits: list[float]

    def entry(self) -> dict[str, Any]:
        """What expected.json says of it."""
        return {"file": self.file, "label": self.label, "class": self.name, "logits": self.logits}


def golden_images(classifier: Classifier) -> list[Golden]:
    """COUNT test images, or all where there are fewer, of as many classes as there are."""
    test = classifier.dataset.test
    places = spread(np.asarray(test.labels), COUNT)
    pictures = [_picture(classifier.dataset, place) for place in places]
    if all(picture.size == classifier.form.shape[:0:-1] for picture in pictures):
        pictures[-ENLARGED:] = [_enlarged(picture) for picture in pictures[-ENLARGED:]]
    seen = classifier.look(np.stack([classifier.pixels(picture) for picture in pictures]))
    found = []
    for number, (place, picture, each) in enumerate(zip(places, pictures, seen, strict=True), start=1):
        label = int(test.labels[place])
        logits = [float(value) for value in each.logits]
        found.append(Golden(f"{number:02}.png", _png(picture), label, classifier.classes[label], logits))
    return found


def spread(labels: np.ndarray, count: int) -> list[int]:
    """Indices of up to `count` images, ascending: the first of every class, then the second of every class, and so on.

    >>> spread(np.array([0, 0, 1, 0, 1, 2]), 4)
    [0, 1, 2, 5]
    """
    rank = np.zeros(len(labels), dtype=int)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        rank[members] = np.arange(len(members))
    return sorted(np.argsort(rank, kind="stable")[:count].tolist())


def _picture(dataset: Dataset, place: int) -> Image.Image:
    """The original of a test image, no larger than MOST_SIDE; the stored image where there is no original."""
    stored: Split = dataset.test
    pixels = np.asarray(stored.images[place])
    picture = Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0))
    root = catalog.entry(dataset.name).origin.source
    if root is None or report.used(dataset, "test") is None:
        return picture
    try:
        picture = open_image(root / path_of(dataset, "test", place)).picture
    except Unusable:  # it was there when the set was read
        return picture
    picture.thumbnail((MOST_SIDE, MOST_SIDE))
    return picture


def _enlarged(picture: Image.Image) -> Image.Image:
    return picture.resize((3 * picture.width, 3 * picture.height), Image.Resampling.BICUBIC)


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()
