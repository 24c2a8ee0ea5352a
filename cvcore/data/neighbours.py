"""The pairs of images worth a closer look, out of all pairs, without looking at all pairs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from cvcore.data.resemblance import ROUNDING

# The share that the coarsest detail may differ by, not moved: 0.23 where the crop of a copy moved by a pixel of 32.
CANDIDATE = 0.25
MOST, SAMPLE = 16, 4  # near images that are all looked at; of more, this many first
CROWDED = 0.2  # share of the limit within which more than MOST make a crowd
TILE = 2**23  # distances held at a time

Verify = Callable[[np.ndarray, np.ndarray], np.ndarray]  # two arrays of indices → which pairs are alike, bool
Candidates = list[tuple[int, np.ndarray]]  # (row, columns)


def near_pairs(
    points: np.ndarray,
    contrasts: np.ndarray,
    verify: Verify,
    on_progress: Callable[[float], None] = lambda share: None,
) -> Iterator[np.ndarray]:
    """Pairs of images that `verify` confirms, int64 [M, 2] at a time, out of all whose coarse coefficients are near.

    `points` are coarse coefficients float32 [N, D], `contrasts` grey levels [N]; `verify` takes two arrays of indices
    and returns which pairs are alike. Every image is compared with every other whose first principal component is near
    enough to matter. Where very many are near, the work is bounded: if these are alike indeed, the image stands for
    all of them, and they are compared with nothing else; if they are not, only the nearest are looked at.
    """
    order, points = _along_widest(points)
    limits = np.maximum(ROUNDING, CANDIDATE * contrasts[order]).astype(np.float32)
    # |a|² + |b|² - 2ab as one product: of (-2a, |a|², 1) and (b, 1, |b|²)
    square = (points**2).sum(axis=1, keepdims=True)
    points = np.concatenate([points, np.ones_like(square), square], axis=1)
    gone = np.zeros(len(order), dtype=bool)  # another image stands for them
    start, total = 0, len(order)
    while start < len(order):
        if gone[start:].mean() > 0.25:
            kept = start + np.flatnonzero(~gone[start:])
            start, order, limits, points, gone = 0, order[kept], limits[kept], points[kept], gone[kept]
            continue
        stop = start + int(np.clip(TILE // (len(order) - start), 16, 256))
        here, widest = points[start:stop], points[start:, 0]
        reach = (here[:, 0] + limits[start:stop]).max()
        end = start + int(np.searchsorted(widest, reach))
        squared = np.concatenate([-2 * here[:, :-2], here[:, -1:], here[:, -2:-1]], axis=1) @ points[start:end].T
        squared[gone[start:stop]] = np.inf
        corner = squared[:, : stop - start]
        corner[np.tri(*corner.shape, dtype=bool)] = np.inf  # itself, and pairs seen from the other side
        at = order[start:end]
        pairs = _confirmed(
            _Tile(squared, limits[start:stop], gone[start:end]),
            lambda row, column, at=at: verify(at[row], at[column]),
        )
        if len(pairs):
            yield at[pairs]
        start = stop
        on_progress(1 - max(0, len(order) - start) / total)


def _along_widest(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(order, points in that order, turned): the first coordinate ascends, and is the one along which they vary most.

    Turned about their mean, so that distances are as they were.
    """
    points = points - points.mean(axis=0) if len(points) else points
    points = points @ np.linalg.eigh(points.T @ points)[1][:, ::-1].astype(np.float32)
    order = np.argsort(points[:, 0], kind="stable")
    return order, points[order]


@dataclass(frozen=True)
class _Tile:
    """Squared distances [rows, columns]; the limit of each row; which columns are gone, as another stands for them."""

    squared: np.ndarray
    limits: np.ndarray
    gone: np.ndarray

    def within(self, row: int, *shares: float) -> np.ndarray | None:
        """The columns within the first of these shares of the row's limit that leaves MOST or fewer; None if none does.

        And one of those beyond: they may all be one picture, and the row the same, but moved.
        """
        beyond = np.empty(0, dtype=np.int64)
        for share in shares:
            near = self.squared[row] < (share * self.limits[row]) ** 2
            if np.count_nonzero(near) <= MOST:
                return np.union1d(np.flatnonzero(near & ~self.gone), beyond)
            beyond = np.array([near.argmax()])
        return None

    def all_within(self, row: int, share: float) -> np.ndarray:
        """The columns within this share of the row's limit."""
        return np.flatnonzero((self.squared[row] < (share * self.limits[row]) ** 2) & ~self.gone)

    def sample(self, row: int) -> tuple[int, np.ndarray]:
        """The row, and a few of the columns that crowd around it."""
        near = self.all_within(row, CROWDED)
        return row, near[:: max(1, len(near) // SAMPLE)][:SAMPLE]


def _confirmed(tile: _Tile, verify: Verify) -> np.ndarray:
    """The verified pairs (row, column) [M, 2] of a tile; columns that a row comes to stand for are gone after it."""
    few, crowded = [], []
    for row in np.flatnonzero(tile.squared.min(axis=1) < tile.limits**2):
        near = tile.within(row, 1, 0.4, CROWDED)
        few.append((row, near)) if near is not None else crowded.append(row)
    pairs = []
    for row, alike in _alike_in_crowds(tile, crowded, verify):
        if not alike:
            near = tile.within(row, 0.1, 0.05, 0.025)
            few.append((row, np.argpartition(tile.squared[row], MOST)[:MOST] if near is None else near))
        elif not tile.gone[row]:
            near, wider = tile.all_within(row, CROWDED), tile.all_within(row, 1)
            ((_, same),) = _verified([(row, wider if len(wider) <= 4 * len(near) else near)], verify)
            tile.gone[same] = True
            pairs.append((row, same))
    pairs += _verified(few, verify)
    joined = [np.stack([np.full(len(columns), row), columns], axis=1) for row, columns in pairs]
    return np.concatenate([np.empty((0, 2), dtype=np.int64), *joined])


def _alike_in_crowds(tile: _Tile, rows: list[int], verify: Verify) -> list[tuple[int, bool]]:
    """(row, whether the crowd around it is alike it), told by a few: one picture a thousand times, or a thousand forms.

    Where none of the first few rows is like its crowd, no other is looked at.
    """
    some = _verified([tile.sample(row) for row in rows[:: max(1, len(rows) // SAMPLE)]], verify)
    if not any(len(columns) for _, columns in some):
        return [(row, False) for row in rows]
    samples = _verified([tile.sample(row) for row in rows], verify)
    return [(row, len(columns) >= SAMPLE // 2) for row, columns in samples]


def _verified(candidates: Candidates, verify: Verify) -> Candidates:
    """Of each row those columns that are alike it; all verified in one call."""
    if not candidates:
        return []
    rows, columns = zip(*candidates, strict=True)
    lengths = list(map(len, columns))
    columns = np.concatenate(columns)
    good = verify(np.repeat(rows, lengths), columns)
    ends = np.cumsum(lengths)[:-1]
    parts = zip(rows, np.split(columns, ends), np.split(good, ends), strict=True)
    return [(row, part[kept]) for row, part, kept in parts]
