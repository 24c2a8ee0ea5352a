"""Kernels that every textbook shows, 3×3 to 7×7, and the worked example of the LeNet tutorial."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Kernel:
    """A kernel [kh, kw] with what it is called and what it does, in one line."""

    title: str
    about: str
    weights: tuple[tuple[float, ...], ...]

    @property
    def array(self) -> np.ndarray:
        """The weights, float64 [kh, kw]."""
        return np.array(self.weights, dtype=np.float64)


def _rows(weights: np.ndarray) -> tuple[tuple[float, ...], ...]:
    return tuple(map(tuple, weights.tolist()))


def _box(size: int) -> Kernel:
    about = f"The mean of the {size}×{size} pixels around: blurs, edges fray into small steps."
    return Kernel(f"Box blur {size}×{size}", about, _rows(np.full((size, size), 1 / size**2)))


def _gaussian(size: int) -> Kernel:
    """Binomial coefficients, the usual stand-in for a Gaussian: 1 2 1, then 1 4 6 4 1, then 1 6 15 20 15 6 1."""
    line = np.ones(1)
    for _ in range(size - 1):
        line = np.convolve(line, [1, 1])
    about = "A mean in which near pixels count more (binomial weights): blurs without frayed edges."
    return Kernel(f"Gaussian blur {size}×{size}", about, _rows(np.outer(line, line) / line.sum() ** 2))


KERNELS: dict[str, Kernel] = {
    "vertical-edge": Kernel(
        "Vertical edge",
        "The right column minus the left: positive where it gets brighter to the right, zero where nothing changes.",
        ((-1, 0, 1),) * 3,
    ),
    "horizontal-edge": Kernel(
        "Horizontal edge",
        "The bottom row minus the top: positive where it gets brighter downwards, zero where nothing changes.",
        ((-1, -1, -1), (0, 0, 0), (1, 1, 1)),
    ),
    "sharpen": Kernel(
        "Sharpen",
        "Five times the pixel minus its four neighbours: flat areas stay, differences grow.",
        ((0, -1, 0), (-1, 5, -1), (0, -1, 0)),
    ),
    "box-3": _box(3),
    "box-5": _box(5),
    "gaussian-3": _gaussian(3),
    "gaussian-5": _gaussian(5),
    "gaussian-7": _gaussian(7),
    "sobel-x": Kernel(
        "Sobel x",
        "The slope of brightness from left to right, smoothed downwards: the vertical edge with a heavier middle.",
        ((-1, 0, 1), (-2, 0, 2), (-1, 0, 1)),
    ),
    "sobel-y": Kernel(
        "Sobel y",
        "The slope of brightness from top to bottom, smoothed sideways: the horizontal edge with a heavier middle.",
        ((-1, -2, -1), (0, 0, 0), (1, 2, 1)),
    ),
    "laplacian": Kernel(
        "Laplacian",
        "The four neighbours minus four times the pixel: edges in every direction, with a change of sign on the edge.",
        ((0, 1, 0), (1, -4, 1), (0, 1, 0)),
    ),
    "emboss": Kernel(
        "Emboss",
        "Light from the top left, shadow at the bottom right, plus the pixel itself: the image as a relief.",
        ((-2, -1, 0), (-1, 1, 1), (0, 1, 2)),
    ),
    "identity": Kernel(
        "Identity",
        "One in the middle, zeros around: the image as it was, less the border that padding would keep.",
        ((0, 0, 0), (0, 1, 0), (0, 0, 0)),
    ),
    "worked-example": Kernel(
        "Worked example: the sum is 15",
        "Nine products of small numbers, added up by hand, as the LeNet tutorial does.",
        ((2, 0, 1), (0, 1, 2), (1, 0, 2)),
    ),
}
# the image of the worked example, [1, 5, 5]; its top-left 3×3 part is the window of the tutorial
WORKED_IMAGE = np.array(
    [[[1, 2, 3, 0, 1], [0, 1, 2, 3, 0], [3, 0, 1, 2, 3], [2, 3, 0, 1, 2], [1, 2, 3, 0, 1]]], dtype=np.uint8
)
WORKED_IMAGE.setflags(write=False)
