"""The map of a set as plain values for whoever draws it: points, colours, and one sheet of small pictures."""

import base64
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from cvcore.analysis.embedding import Embedding
from cvcore.plots.style import CATEGORIES

# The first six classes have the colours of all plots. Four more have their own, and diamonds besides: no ten colours
# alone are told apart by everybody.
MARKS = (
    *((colour, "circle") for colour in CATEGORIES),
    *((colour, "diamond") for colour in ("#8660CF", "#8F9500", "#A0643C", "#D6336C")),
)
QUALITY = 82  # of the sheet's JPEG: about 0.5 KB for a grey picture of 28×28 pixels
BLOCK = 8  # JPEG works on squares of 8×8 pixels: pictures that begin on one do not bleed into each other


def marks(labels: Sequence[int]) -> dict[int, tuple[str, str]]:
    """(colour, shape) of each of up to 10 `labels`; shapes are "circle" and "diamond".

    A class has the same mark whichever others are chosen with it, unless one before it in the list has taken that.
    """
    found: dict[int, tuple[str, str]] = {}
    for label in labels[: len(MARKS)]:
        wheel = [MARKS[(label + step) % len(MARKS)] for step in range(len(MARKS))]
        found[int(label)] = next(mark for mark in wheel if mark not in found.values())
    return found


def sheet(pictures: np.ndarray) -> dict:
    """The uint8 `pictures` [N, C, h, w] as one JPEG: {"src": data URI, "columns", "cell": [w, h], "tile": [w, h]}.

    Picture i stands at column i % columns and row i // columns of cells, in the upper left `tile` pixels of its cell;
    its edges are repeated to fill the cell. `columns` is 1 at least.
    """
    count, channels, height, width = pictures.shape
    below, right = -height % BLOCK, -width % BLOCK
    cells = np.pad(pictures, ((0, 0), (0, 0), (0, below), (0, right)), mode="edge")
    columns = max(1, int(np.ceil(np.sqrt(count))))
    rows = -(-count // columns)
    cells = np.concatenate([cells, np.zeros((rows * columns - count, *cells.shape[1:]), np.uint8)])
    cell_height, cell_width = cells.shape[2:]
    grid = cells.reshape(rows, columns, channels, cell_height, cell_width).transpose(0, 3, 1, 4, 2)
    whole = grid.reshape(rows * cell_height, columns * cell_width, channels)
    buffer = io.BytesIO()
    Image.fromarray(whole[..., 0] if channels == 1 else whole[..., :3]).save(
        buffer, "JPEG", quality=QUALITY, subsampling=0, optimize=True
    )
    source = "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
    return {"src": source, "columns": columns, "cell": [cell_width, cell_height], "tile": [width, height]}


def scene(
    embedding: Embedding,
    labels: np.ndarray,
    classes: Sequence[str],
    marked: Sequence[int],
    *,
    indices: np.ndarray,
    paths: Sequence[str] | None = None,
) -> dict:
    """What to draw: points, classes, their marks, and where to write the classes' names. All JSON values.

    `labels` [N] and `indices` [N] belong to the embedding's points; `marked` are the labels that get a colour, the
    other points are grey; `paths` are the images' files, where they have any.
    """
    points = embedding.points.astype(np.float64)
    return {
        "x": _short(points[:, 0]),
        "y": _short(points[:, 1]),
        "label": labels.tolist(),
        "index": np.asarray(indices).tolist(),
        "path": list(paths) if paths is not None else None,
        "classes": list(classes),
        "marks": {str(label): list(mark) for label, mark in marks(marked).items()},
        "anchors": [[*centre(points[labels == label]), label] for label in _present(labels, marked)],
        "axes": axis_titles(embedding),
    }


def _present(labels: np.ndarray, marked: Sequence[int]) -> list[int]:
    """The labels that occur, marked ones first: where there is no room for all names, those are written."""
    return sorted(np.unique(labels).tolist(), key=lambda label: label not in marked)


def axis_titles(embedding: Embedding) -> list[str] | None:
    """Titles of the axes; None where directions have no meaning."""
    if embedding.explained is None:
        return None
    return [
        f"{name} principal component, {100 * share:.1f} % of the variance"
        for name, share in zip(("first", "second"), embedding.explained, strict=True)
    ]


def centre(points: np.ndarray) -> tuple[float, float]:
    """The one of `points` [n, 2] with the smallest summed distance to the others: it lies in a crowd, a mean may not.

    Of more than 400 points, 400 evenly spaced ones stand for all.
    """
    few = points[np.linspace(0, len(points) - 1, min(len(points), 400)).astype(int)]
    sums = np.linalg.norm(few[:, None] - few[None], axis=2).sum(axis=1)
    return tuple(np.round(few[sums.argmin()], 4).tolist())


def _short(values: np.ndarray) -> list[float]:
    """The values with five significant digits of the largest: finer than a pixel at any zoom that is of use."""
    largest = np.abs(values).max(initial=1e-12)
    digits = int(5 - np.ceil(np.log10(largest)))
    return np.round(values, digits).tolist()
