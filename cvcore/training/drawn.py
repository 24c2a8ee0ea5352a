"""A drawn digit as MNIST made its digits: sized into a box, then centred by its mass.

Bitmaps were scaled into 20×20 pixels with their proportions kept, which made them grey at the edges, and moved so that
the centre of mass of the ink lies in the middle of 28×28 pixels. How large that box is, and whether ink is light or
dark, is measured on the images that a run was trained on: 20 of 28 pixels for MNIST, all 28 for the bundled digits.

Source: LeCun, Cortes, Burges, "The MNIST database of handwritten digits", 1998.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from cvcore.data.dataset import Dataset
from cvcore.data.files.decode import Form
from cvcore.errors import DataError

SIDE = 560  # pixels in which strokes are painted before they are made small
PEN = 0.09  # width of the pen, as a share of the side
MOST_POINTS = 20_000
SAMPLE = 500  # training images on which the manner of a set is measured
FAINT = 64  # grey levels above the ground up to which a pixel is no ink

Strokes = Sequence[Sequence[Sequence[float]]]


@dataclass(frozen=True)
class Manner:
    """How the images of a set show what is drawn: pixels that the longer side of the ink has, and dark ink or light."""

    box: int
    dark_ink: bool = False


def manner_of(dataset: Dataset) -> Manner:
    """The manner of a grey set, measured on the first of its training images."""
    images = np.asarray(dataset.train.images[:SAMPLE, 0]).astype(np.int64)
    height, width = images.shape[1:]
    border = np.concatenate([images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]], axis=1)
    dark_ink = bool(np.median(border) > 127)
    ink = (255 - images if dark_ink else images) > FAINT
    boxes = [max(np.ptp(np.nonzero(each)[0]), np.ptp(np.nonzero(each)[1])) + 1 for each in ink if each.any()]
    return Manner(round(float(np.median(boxes))) if boxes else round(20 / 28 * min(height, width)), dark_ink)


def paint(strokes: Strokes, pen: float = PEN) -> Image.Image:
    """White ink on black, mode "L", of strokes: lists of points (x, y), 0..1 from the upper left corner.

    Raises DataError for what is not such a drawing: it comes from a browser.
    """
    points = _checked(strokes)
    picture = Image.new("L", (SIDE, SIDE))
    brush, radius = ImageDraw.Draw(picture), pen * SIDE / 2
    for stroke in points:
        places = [(x * SIDE, y * SIDE) for x, y in stroke]
        brush.line(places, fill=255, width=round(2 * radius))
        for x, y in places:  # round ends and round joints
            brush.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    return picture


def _checked(strokes: Strokes) -> list[list[tuple[float, float]]]:
    problem = "the drawing cannot be read: clear it and draw again"
    try:
        found = [[(float(x), float(y)) for x, y in stroke] for stroke in strokes]
    except (TypeError, ValueError) as error:
        raise DataError(problem) from error
    if sum(map(len, found)) > MOST_POINTS:
        raise DataError(f"the drawing has more than {MOST_POINTS:,} points: clear it and draw again with fewer strokes")
    if not all(math.isfinite(value) and -1 <= value <= 2 for stroke in found for point in stroke for value in point):
        raise DataError(problem)
    return [stroke for stroke in found if stroke]


def ink_on_paper(picture: Image.Image) -> Image.Image:
    """White ink on black, mode "L", of a photograph or scan of something drawn on paper, or of light ink on dark.

    What most of the picture is, is paper, brighter to one side where light falls from there; what differs from it by
    more than a third as much as the strongest ink, is ink.
    """
    grey = picture.convert("L")
    grey.thumbnail((SIDE, SIDE))
    values = np.asarray(grey).astype(np.float64)
    differs = np.abs(values - _paper(values))
    strongest = float(np.percentile(differs, 99.5))
    if strongest < FAINT / 2:
        return Image.new("L", grey.size)
    ink = np.clip((differs - strongest / 3) * (255 / (strongest / 3)), 0, 255)
    return Image.fromarray(ink.astype(np.uint8)).filter(ImageFilter.MedianFilter(3))  # without single specks


def _paper(values: np.ndarray) -> np.ndarray:
    """Brightness of the paper at each place of grey `values` [h, w]: the plane on which most of them lie."""
    rows, columns = np.indices(values.shape)
    some = (slice(None, None, 4), slice(None, None, 4))  # a plane has three numbers: every 16th pixel will do
    places = np.stack([np.ones(rows[some].size), rows[some].ravel(), columns[some].ravel()], axis=1)
    flat = values[some].ravel()
    paper = np.full(flat.size, np.median(flat))
    for _ in range(4):
        off = np.abs(flat - paper)
        near = off <= np.median(off) * 2 + 2  # the half that is nearest, and what is not much farther
        level, down, across = np.linalg.lstsq(places[near], flat[near], rcond=None)[0]
        paper = places @ (level, down, across)
    return level + down * rows + across * columns


def as_trained(ink: Image.Image, manner: Manner, form: Form) -> np.ndarray | None:
    """uint8 [1, H, W]: white `ink` on black, sized and centred as the images of the set; None where there is no ink."""
    box = ink.getbbox()
    if box is None:
        return None
    cut = ink.crop(box)
    scale = min(manner.box / max(cut.size), form.width / cut.width, form.height / cut.height)
    size = tuple(max(1, round(side * scale)) for side in cut.size)
    small = np.asarray(cut.resize(size, Image.Resampling.BILINEAR))  # antialiased: edges become grey
    top, left = (_start(small.sum(axis=1 - axis), side) for axis, side in enumerate((form.height, form.width)))
    found = np.zeros((1, form.height, form.width), dtype=np.uint8)
    found[0, top : top + small.shape[0], left : left + small.shape[1]] = small
    return 255 - found if manner.dark_ink else found


def _start(ink: np.ndarray, side: int) -> int:
    """Where ink, summed along the other axis, must begin for its centre of mass to lie in the middle of `side` pixels;
    as near to that as leaves none of it outside."""
    centre = (ink * (np.arange(len(ink)) + 0.5)).sum() / ink.sum()
    return min(max(round(side / 2 - centre), 0), side - len(ink))
