"""A contact sheet: many labelled images as one picture, so that a page shows hundreds at the cost of one."""

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

CAPTION = 18  # pixels below each image


def contact_sheet(
    images: np.ndarray,
    captions: Sequence[str],
    *,
    columns: int,
    tile: int = 64,
    gap: int = 8,
    caption: int = CAPTION,
    dark: bool = False,
) -> Image.Image:
    """RGBA picture of uint8 `images` [N, C, H, W], row by row, each enlarged to `tile` pixels over its caption.

    The ground is transparent; captions, in `caption` pixels of height, are light or dark to suit the page. Pixels stay
    sharp when enlarged.
    """
    rows = -(-len(images) // columns)
    size = (columns * (tile + gap) - gap, rows * (tile + caption + gap) - gap)
    sheet = Image.new("RGBA", size, (0, 0, 0, 0))
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(caption * 2 / 3)
    ink = (225, 228, 232) if dark else (60, 64, 72)
    for index, (image, text) in enumerate(zip(images, captions, strict=True)):
        row, column = divmod(index, columns)
        left, top = column * (tile + gap), row * (tile + caption + gap)
        picture = _fitted(_picture(image), tile)
        sheet.paste(picture, (left + (tile - picture.width) // 2, top + (tile - picture.height) // 2))
        pen.text((left + tile / 2, top + tile + 2), _cut(text, font, tile + gap), font=font, fill=ink, anchor="ma")
    return sheet


def _cut(text: str, font: ImageFont.FreeTypeFont, width: int) -> str:
    """`text`, cut off with an ellipsis where it is wider than `width` pixels."""
    if font.getlength(text) <= width:
        return text
    fits = next((end for end in range(len(text), 0, -1) if font.getlength(text[:end] + "…") <= width), 0)
    return text[:fits] + "…"


def _picture(image: np.ndarray) -> Image.Image:
    """A PIL picture of uint8 [C, H, W] with one or three channels."""
    return Image.fromarray(image[0] if len(image) == 1 else image.transpose(1, 2, 0))


def _fitted(picture: Image.Image, tile: int) -> Image.Image:
    """`picture` as large as fits into `tile` × `tile` pixels in its own proportions."""
    scale = tile / max(picture.size)
    size = tuple(max(1, round(side * scale)) for side in picture.size)
    return picture.resize(size, Image.Resampling.NEAREST if scale >= 1 else Image.Resampling.LANCZOS)


def as_png(picture: Image.Image) -> bytes:
    """The picture as PNG bytes, compressed lightly: speed matters more than size here."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
