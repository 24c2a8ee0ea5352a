"""Does one image look like a copy of another? A perceptual hash kept as numbers.

The hash is the low end of an image's discrete cosine transform, as in pHash; but where pHash keeps 64 signs, the
coefficients themselves are kept. With an orthonormal transform the distance of two images' coefficients is the root
mean square difference of the two images without their fine detail, in grey levels: a number that means something, that
no flat image turns into noise, and below which nothing is missed.
"""

import numpy as np

DETAIL = 16  # half waves across the image that are compared; finer ones are what JPEG and resizing change
COARSE, COARSE_COLOUR = 8, 2  # half waves of brightness and of colour by which candidates are found

# Two images are alike when, without fine detail and, if need be, moved onto one another, they differ by less than what
# JPEG's rounding leaves on the smoothest image, and a share of their own contrast, added as independent errors are.
# Measured in this limit, 3,600 copies of photographs in PetImages (0.4 to 2 times as large, JPEG quality 60 to 90)
# differ by 0.82 at most when stored at 64 pixels, by 0.61 at 96 and, but for 4, by less than 1 at 32; different
# photographs by 5.7 and more. Grey strokes are alike more easily: the closest two of 10,000 digits of MNIST differ by
# 1.49, of scikit-learn's 8×8 digits by 1.09.
ROUNDING = 1.5  # grey levels
ALIKE, ALIKE_IN_COLOUR = 0.07, 0.1  # share of the contrast
FLAT = 6.0  # grey levels of contrast; what has less is one plain colour, and like all others of that colour
FARTHEST = 0.06  # share of the side; a resize rounds to whole pixels, which moves or stretches a crop by one or two

# Orthonormal brightness, red against blue, green against both: a distance in them is the distance in red, green, blue.
_OPPONENT = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]], dtype=np.float32)
_OPPONENT /= np.linalg.norm(_OPPONENT, axis=1, keepdims=True)


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
