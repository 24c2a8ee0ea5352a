"""A picture with what a network says of it drawn on it: an SVG, since the reader's own fonts know more scripts than
any font that could be brought along."""

import base64
import io
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from PIL import Image

from cvcore.plots.style import ACCENT
from cvcore.transfer.class_names import in_one_line

SIDE = 640  # units of the longer side of a picture; text is drawn in the same units
NARROWEST = 440  # room for a name and a number
LINE, SIZE, MARGIN = 32, 19, 14
FONTS = "system-ui, 'Noto Sans', 'Noto Sans CJK SC', 'PingFang SC', 'Microsoft YaHei', sans-serif"
MOST_SHARE = 0.5  # of a picture that its names may cover; else they stand below it


@dataclass(frozen=True)
class Line:
    """A class as it is drawn: its name, its name in another language or nothing, its probability (0..1)."""

    name: str
    second: str
    probability: float


def named_picture(
    picture: Image.Image, lines: Sequence[Line], box: tuple[float, float, float, float] | None = None
) -> str:
    """SVG of the picture with its names, the likeliest on top, each on a bar as long as it is likely. `box`, in shares
    of the sides, is framed: the part that the network was given."""
    width, height = _fitted(picture)
    across, panel = max(width, NARROWEST), LINE * len(lines) + MARGIN
    below = panel > MOST_SHARE * height
    left, top = (across - width) / 2, height if below else height - panel
    parts = [
        f'<image x="{left:g}" width="{width}" height="{height}" href="{_as_jpeg(picture, width, height)}"/>',
        _frame(box, left, width, height) if box else "",
        f'<rect y="{top}" width="{across}" height="{panel}" fill="#0e1117" fill-opacity="{1 if below else 0.62}"/>',
        *(_line(line, top + MARGIN / 2 + LINE * place, across) for place, line in enumerate(lines)),
    ]
    tall = height + panel if below else height
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {across} {tall}" width="{across}" height="{tall}" '
        f'font-family="{FONTS}" font-size="{SIZE}">{"".join(parts)}</svg>'
    )


def _fitted(picture: Image.Image) -> tuple[int, int]:
    """Width and height in units, so that the longer side has SIDE of them."""
    scale = SIDE / max(picture.size)
    return tuple(max(1, round(side * scale)) for side in picture.size)


def _as_jpeg(picture: Image.Image, width: int, height: int) -> str:
    """The picture as an address with its data, at no more than two pixels a unit."""
    shown = picture.convert("RGB")
    shown.thumbnail((2 * width, 2 * height))
    buffer = io.BytesIO()
    shown.save(buffer, "JPEG", quality=88)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _frame(box: tuple[float, float, float, float], left: float, width: int, height: int) -> str:
    x, y = left + box[0] * width, box[1] * height
    across, down = (box[2] - box[0]) * width, (box[3] - box[1]) * height
    size = f'x="{x + 1:.1f}" y="{y + 1:.1f}" width="{max(across - 2, 0):.1f}" height="{max(down - 2, 0):.1f}"'
    return f'<rect {size} fill="none" stroke="#fff" stroke-opacity=".8" stroke-width="2" stroke-dasharray="6 5"/>'


def _line(line: Line, top: float, across: int) -> str:
    room = across - 2 * MARGIN
    base, number = top + LINE / 2 + SIZE * 0.36, f"{line.probability:.1%}" if line.probability >= 0.001 else "< 0.1%"
    told = in_one_line(f"{line.name} · {line.second}" if line.second else line.name)
    return (
        f'<rect x="{MARGIN}" y="{top + 3:g}" width="{room * line.probability:.1f}" height="{LINE - 6}" rx="4" '
        f'fill="{ACCENT}" fill-opacity=".85"/>'
        f'<text x="{MARGIN + 8}" y="{base:.1f}" fill="#fff">{escape(cut(told, room - 110))}</text>'
        f'<text x="{across - MARGIN - 8}" y="{base:.1f}" fill="#fff" text-anchor="end">{escape(number)}</text>'
    )


def cut(text: str, room: float) -> str:
    """`text`, cut off with an ellipsis where it is likely wider than `room` units: Chinese characters are as wide as
    they are high, others about half of it."""
    left = room / SIZE
    for place, char in enumerate(text):
        left -= 1.0 if unicodedata.east_asian_width(char) in "WF" else 0.56
        if left < 0:
            return text[: max(place - 1, 0)] + "…"
    return text
