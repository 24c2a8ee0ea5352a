"""Does one image look like a copy of another? A perceptual hash kept as numbers, and the search for near ones.

The hash is the low end of an image's discrete cosine transform, as in pHash; but where pHash keeps 64 signs, the
coefficients themselves are kept. With an orthonormal transform the distance of two images' coefficients is the root
mean square difference of the two images without their fine detail, in grey levels: a number that means something, that
no flat image turns into noise, and below which nothing is missed.
"""

from collections.abc import Callable, Iterator

import numpy as np

DETAIL = 16  # half waves across the image that are compared; finer ones are what JPEG and resizing change
COARSE, COARSE_COLOUR = 8, 2  # half waves of brightness and of colour by which candidates are found

# Two images are alike when, without fine detail and, if need be, moved onto one another, they differ by less than what
# JPEG's rounding leaves on the smoothest image, and a share of their own contrast, added as independent errors are.
# Measured in this limit, copies of the photographs in PetImages (JPEG quality 60, 0.5 to 1.5 times as large, or both;
# stored at 32, 64 or 224 pixels) differ by 0.86 at most, and other photographs by 3 and more. The closest two of 10,000
# digits of MNIST differ by 1.44, the closest two of scikit-learn's digits by 1.06: different strokes both.
ROUNDING = 1.5  # grey levels
ALIKE, ALIKE_IN_COLOUR = 0.07, 0.1  # share of the contrast
# The share that the coarsest detail may differ by, not moved: 0.19 where the crop of a copy moved by a pixel of 32.
CANDIDATE = 0.25
FLAT = 6.0  # grey levels of contrast; what has less is one plain colour, and like all others of that colour
FARTHEST = 0.06  # share of the side; a resize rounds to whole pixels, which moves or stretches a crop by one or two
MOST, SAMPLE = 16, 4  # near images that are all looked at; of more, this many first
TILE = 2**23  # distances held at a time

# Orthonormal brightness, red against blue, green against both: a distance in them is the distance in red, green, blue.
_OPPONENT = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]], dtype=np.float32)
_OPPONENT /= np.linalg.norm(_OPPONENT, axis=1, keepdims=True)

Verify = Callable[[np.ndarray, np.ndarray], np.ndarray]  # two arrays of indices → which pairs are alike, bool


def coefficients(images: np.ndarray) -> np.ndarray:
    """Low-frequency cosine coefficients float32 [N, C, 16, 16] of uint8 images [N, C, H, W], in grey levels.

    Scaled so that the squares of an image's coefficients add up to the mean square of its smoothed pixels.
    Three channels are first turned into brightness and two colour differences.
    """
    count, channels, height, width = images.shape
    flat = images.reshape(count * channels, height, width).astype(np.float32)
    found = (_cosines(height) @ flat @ _cosines(width).T).reshape(count, channels, DETAIL, DETAIL)
    if channels == 3:
        found = np.einsum("dc,ncuv->nduv", _OPPONENT, found, optimize=True)
    return found / np.float32(np.sqrt(channels * height * width))


def _cosines(side: int) -> np.ndarray:
    """The first 16 rows of the orthonormal DCT-II of `side` samples; zero where there are fewer than 16 samples."""
    position, wave = np.arange(side) + 0.5, np.arange(DETAIL)[:, None]
    rows = np.sqrt(2 / side) * np.cos(np.pi * wave * position / side)
    rows[0] /= np.sqrt(2)
    rows[side:] = 0
    return rows.astype(np.float32)


def contrast(found: np.ndarray) -> np.ndarray:
    """Root mean square deviation from each channel's mean, grey levels, float32 [N], of coefficients [N, C, 16, 16]."""
    varying = found.copy()
    varying[:, :, 0, 0] = 0
    return np.sqrt((varying**2).sum(axis=(1, 2, 3)))


def coarse_size(channels: int) -> int:
    """How many numbers `coarse` gives for an image."""
    return COARSE**2 + COARSE_COLOUR**2 * (channels - 1)


def coarse(found: np.ndarray) -> np.ndarray:
    """The lowest coefficients only, float32 [N, coarse_size(C)]: what candidates are found by."""
    colour = found[:, 1:, :COARSE_COLOUR, :COARSE_COLOUR]
    return np.concatenate([part.reshape(len(found), -1) for part in (found[:, 0, :COARSE, :COARSE], colour)], axis=1)


def alike(first: np.ndarray, second: np.ndarray, block: int = 1024) -> np.ndarray:
    """Whether each image of `first` is alike the one of `second` beside it, bool [N]; both coefficients [N, C, 16, 16].

    The order of the two makes no difference.
    """
    share = ALIKE_IN_COLOUR if first.shape[1] == 3 else ALIKE
    limit = np.hypot(ROUNDING, share * np.maximum(contrast(first), contrast(second)))
    found = np.sqrt(((first - second) ** 2).sum(axis=(1, 2, 3))) <= limit
    left = np.flatnonzero(~found)
    for start in range(0, len(left), block):
        some = left[start : start + block]
        found[some] = _moved_difference(first[some], second[some]) <= limit[some]
    return found


def _moved_difference(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Root mean square difference, grey levels [N], once a small move and stretch along each axis is taken out.

    To first order a move by t changes an image by t times its slope (Lucas and Kanade 1981), so that the best of the
    four numbers (move and stretch, along x and y) come from least squares. The slope is that of the two images' mean,
    which is second-order exact. A margin is left out: there a move brings in what the other image does not show.
    """
    count = len(first)
    place = ((np.arange(24, dtype=np.float32) + 0.5) / 24)[2:-2]  # sample points along a side of length 1
    angle, scale = np.pi * np.arange(DETAIL, dtype=np.float32), np.where(np.arange(DETAIL), np.sqrt(2), 1)
    value = (scale * np.cos(angle * place[:, None])).astype(np.float32)
    slope = (-scale * angle * np.sin(angle * place[:, None])).astype(np.float32)
    mean = (first + second) / 2
    along_x, along_y = value @ mean @ slope.T, slope @ mean @ value.T
    centred = place - np.float32(0.5)
    changes = [along_x, along_y, along_x * centred, along_y * centred[:, None]]
    changes = np.stack([change.reshape(count, -1) for change in changes], axis=1)
    difference = (value @ (first - second) @ value.T).reshape(count, -1, 1)
    normal = changes @ changes.transpose(0, 2, 1)
    # A little ridge: an image of stripes says nothing of the move along them.
    normal += np.eye(4, dtype=np.float32) * (1e-3 * np.trace(normal, axis1=1, axis2=2)[:, None, None] + 1e-6)
    move = np.linalg.solve(normal, changes @ difference).clip(-FARTHEST, FARTHEST)
    left = difference - changes.transpose(0, 2, 1) @ move
    return np.sqrt((left**2).sum(axis=(1, 2)) / len(place) ** 2)


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
            squared, limits[start:stop], gone[start:end], lambda row, column, at=at: verify(at[row], at[column])
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


def _confirmed(squared: np.ndarray, limits: np.ndarray, gone: np.ndarray, verify: Verify) -> np.ndarray:
    """The verified pairs (row, column) [M, 2] of squared distances [rows, columns].

    `gone` tells which columns, and rows, are left out; those that a row comes to stand for are added to it.
    """
    few, many = [], []  # (row, columns near it)
    for row in np.flatnonzero(squared.min(axis=1) < limits**2):
        near = _within(squared[row], limits[row], (1, 0.4, 0.2), gone)
        (many if len(near) > MOST else few).append((row, near))
    # A few of the many tell whether all are alike (one picture a thousand times) or none (a thousand forms filled in).
    samples = [(row, near[:: len(near) // SAMPLE][:SAMPLE]) for row, near in many]
    some = _verified(samples[:: max(1, len(many) // SAMPLE)], verify)
    samples = _verified(samples, verify) if any(map(len, some)) else [()] * len(many)
    pairs = []
    for (row, near), sample in zip(many, samples, strict=True):
        if len(sample) < SAMPLE // 2:
            near = _within(squared[row], limits[row], (0.1, 0.05, 0.025), gone)
            few.append((row, near[np.argsort(squared[row, near])[:MOST]]))
        elif not gone[row]:
            all_near = _within(squared[row], limits[row], (1,), gone)
            (same,) = _verified([(row, all_near if len(all_near) <= 4 * len(near) else near[~gone[near]])], verify)
            gone[same] = True
            pairs.append((row, same))
    pairs += zip([row for row, _ in few], _verified(few, verify), strict=True)
    joined = [np.stack([np.full(len(columns), row), columns], axis=1) for row, columns in pairs]
    return np.concatenate([np.empty((0, 2), dtype=np.int64), *joined])


def _within(squared: np.ndarray, limit: float, shares: tuple[float, ...], gone: np.ndarray) -> np.ndarray:
    """Indices, less those `gone`, of the squared distances below the largest share of the limit that leaves MOST.

    More than that where even the smallest share leaves more.
    """
    for share in shares:
        near = squared < (share * limit) ** 2
        if np.count_nonzero(near) <= MOST:
            break
    return np.flatnonzero(near & ~gone)


def _verified(candidates: list[tuple[int, np.ndarray]], verify: Verify) -> list[np.ndarray]:
    """Of each (row, columns) those columns that are alike the row; all verified in one call."""
    if not candidates:
        return []
    lengths = [len(columns) for _, columns in candidates]
    columns = np.concatenate([columns for _, columns in candidates])
    good = verify(np.repeat([row for row, _ in candidates], lengths), columns)
    return [
        part[kept]
        for part, kept in zip(*(np.split(array, np.cumsum(lengths)[:-1]) for array in (columns, good)), strict=True)
    ]
