"""The arithmetic of filters as text: what hovering an output pixel tells, and grids of numbers as HTML tables."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cvcore.analysis.arithmetic import factor, number_text, whole_form

HOVER_TERMS = 49  # more products than this nobody reads under a cursor
HOVER_BYTES = 330_000  # of JSON for all pixels; beyond that hovering tells the results only
NEGATIVE, POSITIVE = "213, 94, 0", "0, 114, 178"  # vermilion and blue of the categories, for any opacity
CELL = "border:0;border-radius:4px;padding:3px 4px;text-align:center;font-size:0.8rem;"


@dataclass(frozen=True)
class Hover:
    """What plotly needs to tell the arithmetic of each pixel: one template, the numbers that go into it ([N, terms], or
    None), and one text for each of the N pixels, row by row. The kernel is in the template, so it is sent once."""

    template: str
    numbers: np.ndarray | None
    texts: list[str]


def convolution_hover(
    windows: np.ndarray, kernel: np.ndarray, sums: np.ndarray, bias: float, names: Sequence[str]
) -> Hover:
    """Window times kernel, and the sum, for windows [C, H', W', kh, kw] of byte values, kernel [C, kh, kw] and the sums
    of the channels [C, H', W']; `names` are those of the channels."""
    totals = [number_text(value) for value in (sums.sum(axis=0) + bias).flat]
    end = f" + bias {factor(bias)}" if bias else ""
    blocks = []
    for channel, name in enumerate(names):
        weights, divisor = whole_form(kernel[channel])
        terms = [f"{_cell(channel * weights.size + index)}·{factor(each)}" for index, each in enumerate(weights.flat)]
        body = _rows(terms, weights.shape[1], " + ", "<br>+ ")
        body = f"({body}) / {divisor}" if divisor > 1 else body
        blocks.append(f"{name}: {body}".removeprefix(": "))
    hover = Hover(_with_place("<br>+ ".join(blocks) + f"{end}<br>= %{{text}}"), _cells(windows), totals)
    if _is_light(hover):
        return hover
    texts = [f"{part}{end} = {total}" for part, total in zip(_joined(names, sums, " + "), totals, strict=True)]
    return Hover(_with_place("%{text}"), None, texts if len(names) > 1 or bias else totals)


def pooling_hover(
    windows: np.ndarray, kind: str, divisors: np.ndarray, values: np.ndarray, names: Sequence[str]
) -> Hover:
    """The largest or the mean of windows [C, H', W', size, size], which is `values` [C, H', W'].

    `divisors` [H', W'] are those of an average.
    """
    size = windows.shape[4]
    blocks = []
    for channel, name in enumerate(names):
        terms = [_cell(channel * size * size + index) for index in range(size * size)]
        if kind == "max":
            body = f"max({_rows(terms, size, ', ', ',<br>')})"
        else:
            body = f"({_rows(terms, size, ' + ', '<br>+ ')}) / {_cell(len(names) * size * size)}"
        blocks.append(f"{name}: {body}".removeprefix(": "))
    cells = _cells(windows)
    if kind == "average":
        cells = np.concatenate([cells, divisors.reshape(-1, 1).astype(cells.dtype)], axis=1)
    hover = Hover(_with_place("<br>".join(blocks) + "<br>= %{text}"), cells, _joined(names, values, ", "))
    return hover if _is_light(hover) else Hover(_with_place("%{text}"), None, hover.texts)


def _is_light(hover: Hover) -> bool:
    """Whether the numbers can be read, and sent: packed bytes take 4/3 of themselves, text about 8 a number."""
    weight = 4 / 3 if hover.numbers.dtype == np.uint8 else 8
    size = hover.numbers.size * weight + sum(map(len, hover.texts)) + 4 * len(hover.texts)
    return hover.numbers.shape[1] <= HOVER_TERMS + 1 and size <= HOVER_BYTES


def number_grid(values: np.ndarray, *, signed: bool = False, high: float = 255.0) -> str:
    """Numbers [H, W] as an HTML table; cells are tinted by sign and size, or by brightness where `signed` is false.

    The tints are transparent, so that the table suits light and dark pages.
    """
    finite = np.where(np.isfinite(values), values, 0.0)
    limit = max(np.abs(finite).max(), 1e-9) if signed else max(high, 1e-9)
    style = f"{CELL}min-width:{2.7 if values.shape[1] <= 4 else 2}em;"
    rows = []
    for row in values:
        cells = "".join(f'<td style="{style}{_tint(value, limit, signed)}">{number_text(value)}</td>' for value in row)
        rows.append(f"<tr>{cells}</tr>")
    return f'<table style="border-collapse:separate;border-spacing:2px;margin:0">{"".join(rows)}</table>'


def _tint(value: float, limit: float, signed: bool) -> str:
    share = min(1.0, abs(value) / limit) if np.isfinite(value) else 0.0
    if not signed:
        return f"background:rgba(138, 143, 152, {0.1 + 0.4 * share:.2f})"
    return f"background:rgba({NEGATIVE if value < 0 else POSITIVE}, {0.06 + 0.44 * share:.2f})"


def _with_place(body: str) -> str:
    return f"<b>output[%{{y}}, %{{x}}]</b><br>{body}<extra></extra>"


def _rows(terms: list[str], width: int, within: str, between: str) -> str:
    """`terms` in lines of `width`, as they stand in the window."""
    return between.join(within.join(terms[start : start + width]) for start in range(0, len(terms), width))


def _joined(names: Sequence[str], values: np.ndarray, between: str) -> list[str]:
    """The values [C, H', W'] of each pixel with the names of their channels, which one channel alone does not need."""
    write = factor if "+" in between else number_text
    columns = [
        [f"{name} {write(value)}".strip() for value in each.flat] for name, each in zip(names, values, strict=True)
    ]
    return [between.join(row) for row in zip(*columns, strict=True)]


def _cell(index: int) -> str:
    """Where plotly puts the number at `index` of a pixel."""
    return f"%{{customdata[{index}]}}"


def _cells(windows: np.ndarray) -> np.ndarray:
    """Cells of each pixel, [N, terms]: as bytes, which are sent packed; as text where max pooling's padding is −∞."""
    cells = windows.transpose(1, 2, 0, 3, 4).reshape(windows.shape[1] * windows.shape[2], -1)
    if np.isfinite(cells).all():
        return cells.astype(np.uint8)
    return np.where(np.isfinite(cells), np.nan_to_num(cells, neginf=0).astype(int).astype(str), number_text(-np.inf))
