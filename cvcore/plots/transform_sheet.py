"""An image, large, with what a pipeline of transforms made of it beside and below: one picture."""

from collections.abc import Sequence
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

COLUMNS = 4
TILE, GAP, CAPTION, FONT = 232, 16, 34, 22  # pixels; twice what a page shows, so that it is sharp on dense screens
LIGHT_INK, DARK_INK = (60, 64, 72), (225, 228, 232)  # on a light and on a dark page


class _Cell(NamedTuple):
    """Where a picture goes: its left, its top, and how many tiles it is wide and high."""

    left: int
    top: int
    span: int

    @property
    def width(self) -> int:
        return self.span * (TILE + GAP) - GAP

    @property
    def height(self) -> int:
        """Height for the picture; its caption comes below."""
        return self.span * (TILE + CAPTION + GAP) - CAPTION - GAP


def transform_sheet(
    original: Image.Image, caption: str, results: Sequence[Image.Image], captions: Sequence[str], *, dark: bool = False
) -> Image.Image:
    """RGBA picture of `original` in the upper left, two tiles wide, and the `results` around it in reading order.

    A single result is as large as the original. Every picture keeps its proportions; small ones stay sharp when they
    are enlarged. The ground is transparent; captions are light or dark to suit the page.
    """
    cells = _cells(len(results))
    pictures = [_fitted(each, cell.width, cell.height) for each, cell in zip((original, *results), cells, strict=True)]
    height = max(cell.top + picture.height + CAPTION for cell, picture in zip(cells, pictures, strict=True))
    sheet = Image.new("RGBA", (COLUMNS * (TILE + GAP) - GAP, height), (0, 0, 0, 0))
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(FONT)
    for cell, picture, text in zip(cells, pictures, (caption, *captions), strict=True):
        sheet.paste(picture, (cell.left + (cell.width - picture.width) // 2, cell.top))
        below = (cell.left + cell.width / 2, cell.top + picture.height + 6)
        pen.text(below, text, font=font, fill=DARK_INK if dark else LIGHT_INK, anchor="ma")
    return sheet


def _cells(results: int) -> list[_Cell]:
    """Where the original and each result go: right of the original in two rows, then below it in full rows."""
    across, down = TILE + GAP, TILE + CAPTION + GAP
    if results == 1:
        return [_Cell(0, 0, 2), _Cell(2 * across, 0, 2)]
    places = [(row, column) for row in (0, 1) for column in (2, 3)]
    places += [divmod(index, COLUMNS) for index in range(2 * COLUMNS, 2 * COLUMNS + max(0, results - len(places)))]
    return [_Cell(0, 0, 2), *(_Cell(column * across, row * down, 1) for row, column in places[:results])]


def _fitted(picture: Image.Image, width: int, height: int) -> Image.Image:
    """The picture scaled to just fit into the box."""
    scale = min(width / picture.width, height / picture.height)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.convert("RGB").resize(size, Image.Resampling.NEAREST if scale > 1.5 else Image.Resampling.LANCZOS)
