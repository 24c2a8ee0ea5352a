"""A contact sheet: many labelled images as one picture, so that a page shows hundreds at the cost of one."""

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

CAPTION = 18  # pixels below each image


def contact_sheet(
    images: np.ndarray, captions: Sequence[str], *, columns: int, tile: int = 64, gap: int = 8, dark: bool = False
) -> Image.Image:
    """RGBA picture of uint8 `images` [N, C, H, W], row by row, each enlarged to `tile` pixels over its caption.

    The ground is transparent; captions are light or dark to suit the page. Pixels stay sharp when enlarged.
    """
    rows = -(-len(images) // columns)
    size = (columns * (tile + gap) - gap, rows * (tile + CAPTION + gap) - gap)
    sheet = Image.new("RGBA", size, (0, 0, 0, 0))
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(12)
    ink = (225, 228, 232) if dark else (60, 64, 72)
    for index, (image, caption) in enumerate(zip(images, captions, strict=True)):
        row, column = divmod(index, columns)
        left, top = column * (tile + gap), row * (tile + CAPTION + gap)
        sheet.paste(_picture(image).resize((tile, tile), _filter(image, tile)), (left, top))
        pen.text((left + tile / 2, top + tile + 2), caption, font=font, fill=ink, anchor="ma")
    return sheet


def _picture(image: np.ndarray) -> Image.Image:
    """A PIL picture of uint8 [C, H, W] with one or three channels."""
    return Image.fromarray(image[0] if len(image) == 1 else image.transpose(1, 2, 0))


def _filter(image: np.ndarray, tile: int) -> Image.Resampling:
    return Image.Resampling.NEAREST if tile >= image.shape[-1] else Image.Resampling.LANCZOS


def as_png(picture: Image.Image) -> bytes:
    """The picture as PNG bytes, compressed lightly: speed matters more than size here."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
