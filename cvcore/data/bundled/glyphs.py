"""Printed digits and capital letters, drawn here from fonts that Pillow and matplotlib already carry.

The task is to read the characters of a scanned page. Ink is bright on a dark ground and sits in the middle of 28×28
pixels, as in MNIST, so that what a network learns here can be transferred to handwritten digits.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from cvcore.data.dataset import Dataset, Split

CLASSES = tuple("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")
TRAIN_PER_CLASS, TEST_PER_CLASS = 400, 100
SIDE = 28  # pixels of an image
DETAIL = 4  # mask pixels per image pixel: masks are drawn large once, and every image samples one of them
CAP_HEIGHT = 18 * DETAIL  # of an H, in mask pixels, so that all fonts come in one size
MAX_WIDTH = 22 * DETAIL  # a wide W is drawn smaller instead of being cut off
BLOCK = 1000  # images made at a time: keeps the working set in the processor's cache


@dataclass(frozen=True)
class Typeface:
    """A font, and how many mask pixels the outline of each of its copies is moved out by; file None is Pillow's own."""

    name: str
    file: str | None
    growth: tuple[int, ...]

    def font(self, size: float) -> ImageFont.FreeTypeFont:
        """The font at `size` pixels per em."""
        if self.file is None:
            return ImageFont.load_default(size)
        return ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts", "ttf", self.file), size)


# Bold faces are grown less: their counters (the holes of 8 and B) would close.
REGULAR, BOLD = (0, 2, 4), (0, 1)
TYPEFACES = (
    Typeface("Aileron", None, REGULAR),
    Typeface("DejaVu Sans", "DejaVuSans.ttf", REGULAR),
    Typeface("DejaVu Sans Bold", "DejaVuSans-Bold.ttf", BOLD),
    Typeface("DejaVu Sans Mono", "DejaVuSansMono.ttf", REGULAR),
    Typeface("DejaVu Sans Mono Bold", "DejaVuSansMono-Bold.ttf", BOLD),
    Typeface("DejaVu Serif", "DejaVuSerif.ttf", REGULAR),
    Typeface("DejaVu Serif Bold", "DejaVuSerif-Bold.ttf", BOLD),
    Typeface("STIX General", "STIXGeneral.ttf", REGULAR),
    Typeface("STIX General Bold", "STIXGeneralBol.ttf", BOLD),
    Typeface("Computer Modern Roman", "cmr10.ttf", REGULAR),
    Typeface("Computer Modern Bold", "cmb10.ttf", BOLD),
    Typeface("Computer Modern Sans", "cmss10.ttf", REGULAR),
    Typeface("Computer Modern Typewriter", "cmtt10.ttf", REGULAR),
)


def make_glyphs(seed: int = 0) -> Dataset:
    """The data set "glyphs": 36 classes, 14,400 training and 3,600 test images, uint8 [N, 1, 28, 28], 255 is ink.

    Every class is equally frequent in both splits; the same seed gives the same bytes.
    """
    rng = np.random.default_rng(seed)
    masks = [list(_masks(character)) for character in CLASSES]
    return Dataset("glyphs", CLASSES, _split(rng, masks, TRAIN_PER_CLASS), _split(rng, masks, TEST_PER_CLASS))


def glyph_mask(typeface: Typeface, character: str, growth: int = 0) -> Image.Image:
    """The character alone, its ink centred on a square grey image of SIDE · DETAIL pixels; 255 is ink."""
    size = 100 * CAP_HEIGHT / _ink(typeface, "H", 100).height
    size *= min(1, MAX_WIDTH / _ink(typeface, character, size).width)
    ink = _ink(typeface, character, size, growth)
    mask = Image.new("L", (SIDE * DETAIL, SIDE * DETAIL))
    mask.paste(ink, ((mask.width - ink.width) // 2, (mask.height - ink.height) // 2))
    return mask


def _ink(typeface: Typeface, character: str, size: float, growth: int = 0) -> Image.Image:
    """The character at `size` pixels per em, its outline moved out by `growth` pixels, cropped to what was drawn."""
    page = Image.new("L", (2 * SIDE * DETAIL, 2 * SIDE * DETAIL))
    centre = (SIDE * DETAIL, SIDE * DETAIL)
    font = typeface.font(size)
    ImageDraw.Draw(page).text(centre, character, fill=255, font=font, anchor="mm", stroke_width=growth)
    return page.crop(page.getbbox())


def _masks(character: str) -> Iterator[Image.Image]:
    """The masks of one character in all typefaces and weights."""
    for typeface in TYPEFACES:
        for growth in typeface.growth:
            # An image reads every DETAIL-th pixel or so: without this blur thin strokes would flicker (aliasing).
            yield glyph_mask(typeface, character, growth).filter(ImageFilter.GaussianBlur(0.4 * DETAIL))


def _split(rng: np.random.Generator, masks: list[list[Image.Image]], per_class: int) -> Split:
    labels = rng.permutation(np.repeat(np.arange(len(CLASSES)), per_class)).astype(np.int64)
    blocks = np.array_split(labels, -(-len(labels) // BLOCK))
    images = np.concatenate([_scan(rng, _place(rng, masks, block)) for block in blocks])
    return Split(images[:, None], labels)


def _place(rng: np.random.Generator, masks: list[list[Image.Image]], labels: np.ndarray) -> np.ndarray:
    """Clean images, float32 [N, 28, 28] in 0..1: a random mask of each class, turned, slanted, scaled and shifted."""
    chosen = rng.integers(len(masks[0]), size=len(labels))
    poses = _poses(rng, len(labels))
    placed = [
        masks[label][k].transform((SIDE, SIDE), Image.Transform.AFFINE, pose, Image.Resampling.BILINEAR)
        for label, k, pose in zip(labels, chosen, poses.tolist(), strict=True)
    ]
    return np.stack([np.asarray(image) for image in placed]).astype(np.float32) / 255


def _poses(rng: np.random.Generator, count: int) -> np.ndarray:
    """Affine coefficients [N, 6] as Pillow wants them: from a pixel of the image to the point of the mask it reads."""
    turn = np.radians(rng.normal(0, 8, count).clip(-20, 20))
    slant = rng.normal(0, 0.12, count).clip(-0.3, 0.3)
    height = rng.uniform(0.7, 1.15, count)
    width = height * rng.uniform(0.85, 1.1, count)
    shift = rng.uniform(-2.5, 2.5, (count, 2))
    a, b = np.cos(turn) / width, np.sin(turn) / width
    c, d = -np.sin(turn) / height, np.cos(turn) / height
    a, b = a + slant * c, b + slant * d
    x, y = (SIDE / 2 + shift).T
    centre = SIDE / 2
    return DETAIL * np.stack([a, b, centre - a * x - b * y, c, d, centre - c * x - d * y], axis=1)


def _scan(rng: np.random.Generator, ink: np.ndarray) -> np.ndarray:
    """What a scanner makes of clean images: uint8, unsharp by up to a pixel, uneven in strength, and noisy."""
    count = len(ink)

    def each(low: float, high: float) -> np.ndarray:
        return rng.uniform(low, high, (count, 1, 1)).astype(np.float32)

    side = each(0, 0.3)  # weight of either neighbour in a three-pixel average, rows first and then columns
    for axis in (1, 2):
        ink = ink + side * (np.roll(ink, 1, axis) + np.roll(ink, -1, axis) - 2 * ink)
    noise = rng.standard_normal(ink.shape, dtype=np.float32) * each(0, 0.15)
    return ((ink * each(0.6, 1) + noise).clip(0, 1) * 255).round().astype(np.uint8)
