"""Coloured figures on textured grounds: a small task in colour that a linear model cannot solve and a small CNN can.

Position, size, tilt and colours are random, so that a single pixel says next to nothing about the class.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from cvcore.data.dataset import Dataset, Split

TRAIN_PER_CLASS, TEST_PER_CLASS = 800, 200
SIDE = 32  # pixels of an image
DETAIL = 4  # figures are drawn this many times larger and then reduced, for smooth edges
BLOCK = 500  # images made at a time: keeps the working set in the processor's cache
RADII = (9, 14)  # of the circle around a figure, in pixels
MAX_TURN = 25  # degrees either way; all round would need far more examples than there are
GROUND_SPAN = 0.25  # most that the two colours of a ground differ by, in each of red, green, blue
CONTRAST = 0.4  # least distance of the figure's colour from both colours of the ground; black to white is 1
LUMA = np.array([0.30, 0.59, 0.11], dtype=np.float32)  # how much the eye makes of red, green, blue

Outline = np.ndarray  # [points, 2] within the unit circle, y downwards


def _arc(
    start: float = 0, stop: float = 360, radius: float = 1, centre: tuple[float, float] = (0, 0), points: int = 40
) -> Outline:
    """Points on a circle, evenly spaced from one angle to another: degrees, clockwise from the right."""
    angle = np.radians(np.linspace(start, stop, points))
    return np.stack([np.cos(angle), np.sin(angle)], axis=1) * radius + centre


def _regular(corners: int, radii: tuple[float, ...] = (1,)) -> Outline:
    """A polygon with evenly spaced corners, the first at the top, whose radii repeat in turn."""
    angle = 2 * np.pi * np.arange(corners) / corners
    return np.stack([np.sin(angle), -np.cos(angle)], axis=1) * np.resize(radii, (corners, 1))


_T = np.linspace(0, 2 * np.pi, 60)
_HEART_Y = 2.5 + 13 * np.cos(_T) - 5 * np.cos(2 * _T) - 2 * np.cos(3 * _T) - np.cos(4 * _T)
HEART = np.stack([16 * np.sin(_T) ** 3, -_HEART_Y], axis=1) / 18.3
CROSS = 0.3 * np.array(
    [(3, -1), (3, 1), (1, 1), (1, 3), (-1, 3), (-1, 1), (-3, 1), (-3, -1), (-1, -1), (-1, -3), (1, -3), (1, -1)]
)
ARROW = np.array([(-0.97, -0.22), (0.15, -0.22), (0.15, -0.7), (1, 0), (0.15, 0.7), (0.15, 0.22), (-0.97, 0.22)])

# A figure is a list of outlines that fill and cut in turn.
FIGURES: dict[str, tuple[Outline, ...]] = {
    "circle": (_arc(radius=0.9),),
    "ring": (_arc(radius=0.95), _arc(radius=0.5)),
    "semicircle": (_arc(180, 360, 0.92, (0, 0.39)),),
    "crescent": (_arc(), _arc(radius=0.85, centre=(0.5, 0))),
    "triangle": (_regular(3),),
    "square": (_arc(45, 315, points=4),),
    "star": (_regular(10, (1, 0.42)),),
    "cross": (CROSS,),
    "heart": (HEART,),
    "arrow": (ARROW,),
}
CLASSES = tuple(FIGURES)


@dataclass(frozen=True)
class Palette:
    """Colours [N, 3] in 0..1: of the figures, and the two between which each ground varies."""

    figure: np.ndarray
    ground: np.ndarray
    ground_other: np.ndarray


def make_shapes(seed: int = 0) -> Dataset:
    """The data set "shapes": 10 classes, 8,000 training and 2,000 test images, uint8 RGB [N, 3, 32, 32].

    Every class is equally frequent in both splits; the same seed gives the same bytes.
    """
    rng = np.random.default_rng(seed)
    return Dataset("shapes", CLASSES, _split(rng, TRAIN_PER_CLASS), _split(rng, TEST_PER_CLASS))


def _split(rng: np.random.Generator, per_class: int) -> Split:
    labels = rng.permutation(np.repeat(np.arange(len(CLASSES)), per_class)).astype(np.int64)
    blocks = np.array_split(labels, -(-len(labels) // BLOCK))
    return Split(np.concatenate([_paint(rng, block) for block in blocks]), labels)


def _paint(rng: np.random.Generator, labels: np.ndarray) -> np.ndarray:
    """Images uint8 [N, 3, 32, 32] of the given classes."""
    count = len(labels)
    colours = palette(rng, count)
    figure, first, other = (c[:, :, None, None] for c in (colours.figure, colours.ground, colours.ground_other))
    cover = _figures(rng, labels)[:, None]
    ground = first + _textures(rng, count)[:, None] * (other - first)
    shade = 0.2 * (_smooth(rng, count) - 0.5)[:, None]  # so that a flat colour does not give the figure away
    image = ground + cover * (figure + shade - ground)
    image += 0.04 * rng.standard_normal(image.shape, dtype=np.float32)
    return (image.clip(0, 1) * 255).round().astype(np.uint8)


def palette(rng: np.random.Generator, count: int) -> Palette:
    """Random colours of which the figure's stands out: CONTRAST or more from both colours of its ground."""
    ground = rng.random((count, 3), dtype=np.float32)
    other = (ground + rng.uniform(-GROUND_SPAN, GROUND_SPAN, ground.shape).astype(np.float32)).clip(0, 1)
    corners = np.indices((2, 2, 2), dtype=np.float32).reshape(3, 8).T  # the last resort: pure black, red, … white
    candidates = np.concatenate(
        [rng.random((count, 12, 3), dtype=np.float32), np.broadcast_to(corners, (count, 8, 3))], axis=1
    )
    nearest = np.minimum(*(_distance(candidates, colour[:, None]) for colour in (ground, other)))
    # The first that is far enough: argmax stops there, because all that are far enough count the same.
    choice = np.minimum(nearest, CONTRAST).argmax(axis=1)
    return Palette(candidates[np.arange(count), choice], ground, other)


def _distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.sqrt(((a - b) ** 2) @ LUMA)


def _figures(rng: np.random.Generator, labels: np.ndarray) -> np.ndarray:
    """How much of each pixel the figure covers, float32 [N, 32, 32] in 0..1; every figure lies wholly inside."""
    radius = rng.uniform(*RADII, len(labels))
    turn = np.radians(rng.uniform(-MAX_TURN, MAX_TURN, len(labels)))
    centre = SIDE / 2 + (SIDE / 2 - 1 - radius)[:, None] * rng.uniform(-1, 1, (len(labels), 2))
    covers = [_draw(FIGURES[CLASSES[k]], *pose) for k, *pose in zip(labels, radius, turn, centre, strict=True)]
    return np.stack(covers).astype(np.float32) / 255


def _draw(figure: tuple[Outline, ...], radius: float, turn: float, centre: np.ndarray) -> np.ndarray:
    image = Image.new("L", (SIDE * DETAIL, SIDE * DETAIL))
    cos, sin = radius * np.cos(turn), radius * np.sin(turn)
    for i, outline in enumerate(figure):
        points = (outline @ [[cos, sin], [-sin, cos]] + centre) * DETAIL
        ImageDraw.Draw(image).polygon(points.ravel().tolist(), fill=0 if i % 2 else 255)
    return np.asarray(image.reduce(DETAIL))


def _textures(rng: np.random.Generator, count: int) -> np.ndarray:
    """Grounds float32 [N, 32, 32] in 0..1, each a grating, checks, smooth noise or speckle."""
    kinds = np.stack([*_waves(rng, count), _smooth(rng, count), _speckle(rng, count)])
    return kinds[rng.integers(len(kinds), size=count), np.arange(count)]


def _waves(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Gratings, and the checks that a grating makes with itself turned by 90°, of 4 to 16 pixels a period."""
    y, x = np.indices((SIDE, SIDE), dtype=np.float32)
    turn, phase, shift = rng.uniform(0, 2 * np.pi, (3, count, 1, 1)).astype(np.float32)
    rate = (2 * np.pi / rng.uniform(4, 16, (count, 1, 1))).astype(np.float32)
    across = np.sin(rate * (x * np.cos(turn) + y * np.sin(turn)) + phase)
    along = np.sin(rate * (y * np.cos(turn) - x * np.sin(turn)) + shift)
    return (1 + across) / 2, (1 + np.tanh(6 * across * along)) / 2


def _smooth(rng: np.random.Generator, count: int, knots: int = 7) -> np.ndarray:
    """Clouds: random values at knots × knots points, linear in between."""
    at = np.linspace(0, knots - 1, SIDE, dtype=np.float32)[:, None]
    weight = np.maximum(0, 1 - np.abs(at - np.arange(knots, dtype=np.float32)))
    return weight @ rng.random((count, knots, knots), dtype=np.float32) @ weight.T


def _speckle(rng: np.random.Generator, count: int) -> np.ndarray:
    """Dots of one to three pixels, denser in some images than in others."""
    share = rng.uniform(0.1, 0.5, (count, 1, 1))
    dots = (rng.random((count, SIDE, SIDE), dtype=np.float32) < share).astype(np.float32)
    return (dots + np.roll(dots, 1, 1) + np.roll(dots, 1, 2)).clip(0, 1)
