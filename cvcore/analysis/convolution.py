"""Convolution and pooling as PyTorch computes them, on numpy arrays, with the arithmetic of every output value.

What deep learning calls convolution is cross-correlation: the kernel is laid over the image as it is, not flipped.
Images and kernels are [C, H, W] or [H, W]; a kernel [kh, kw] serves every channel. No torch here: pages draw at once.
"""

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from cvcore.analysis.arithmetic import Arithmetic, PoolArithmetic
from cvcore.errors import ConfigError

# names of torch.nn.Conv2d's padding_mode, and what numpy calls them
PADDING_MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge"}
POOLINGS = ("max", "average")


def convolve(
    image: Any, kernel: Any, *, padding: int = 0, mode: str = "zeros", stride: int = 1, bias: float = 0.0
) -> np.ndarray:
    """Output float64 [H', W'] of one filter: the products of all channels, summed, plus the bias.

    As torch.nn.Conv2d with one output channel, its `padding_mode` one of PADDING_MODES. Raises ConfigError where the
    values are no numbers, do not fit together, or leave nothing to compute.
    """
    _check_bias(bias)
    return channel_sums(image, kernel, padding=padding, mode=mode, stride=stride).sum(axis=0) + bias


def channel_sums(image: Any, kernel: Any, *, padding: int = 0, mode: str = "zeros", stride: int = 1) -> np.ndarray:
    """What each channel adds to `convolve`'s output, float64 [C, H', W']; same errors."""
    windows, weights = conv_windows(image, kernel, padding, mode, stride)
    return np.einsum("cijhw,chw->cij", windows, weights)


def arithmetic(
    image: Any,
    kernel: Any,
    row: int,
    column: int,
    *,
    padding: int = 0,
    mode: str = "zeros",
    stride: int = 1,
    bias: float = 0.0,
) -> Arithmetic:
    """How `convolve` comes to its value at output[row, column], counted from 0; same errors, and for a pixel outside.

    >>> arithmetic([[1, 2, 3], [0, 1, 2], [3, 0, 1]], [[2, 0, 1], [0, 1, 2], [1, 0, 2]], 0, 0).text()
    '1·2 + 2·0 + 3·1 + 0·0 + 1·1 + 2·2 + 3·1 + 0·0 + 1·2 = 15'
    """
    windows, weights = conv_windows(image, kernel, padding, mode, stride)
    _check_pixel(row, column, windows)
    _check_bias(bias)
    corner = (row * stride - padding, column * stride - padding)
    return Arithmetic(windows[:, row, column].copy(), weights.copy(), float(bias), *corner)


def pool(
    image: Any,
    size: int,
    *,
    stride: int | None = None,
    padding: int = 0,
    kind: str = "max",
    count_include_pad: bool = True,
) -> np.ndarray:
    """Output float64 [C, H', W'] of pooling every channel by itself with windows of `size`×`size` pixels.

    As torch.nn.MaxPool2d (its padding never wins) and AvgPool2d (its padding is zeros, which count in the average
    unless `count_include_pad` is false). `stride` is the window's size if None. Raises ConfigError as `convolve` does.
    """
    stride = size if stride is None else stride
    windows = pool_windows(image, size, stride=stride, padding=padding, kind=kind)
    if kind == "max":
        return windows.max(axis=(3, 4))
    return windows.sum(axis=(3, 4)) / pool_divisors(image, size, stride, padding, count_include_pad)


def pool_arithmetic(
    image: Any,
    size: int,
    row: int,
    column: int,
    *,
    stride: int | None = None,
    padding: int = 0,
    kind: str = "max",
    count_include_pad: bool = True,
) -> PoolArithmetic:
    """How `pool` comes to its value at output[:, row, column], counted from 0; same errors, and for a pixel outside."""
    stride = size if stride is None else stride
    windows = pool_windows(image, size, stride=stride, padding=padding, kind=kind)
    _check_pixel(row, column, windows)
    divisor = int(pool_divisors(image, size, stride, padding, count_include_pad)[row, column])
    corner = (row * stride - padding, column * stride - padding)
    return PoolArithmetic(windows[:, row, column].copy(), kind, divisor, *corner)


def conv_windows(image: Any, kernel: Any, padding: int, mode: str, stride: int) -> tuple[np.ndarray, np.ndarray]:
    """(windows, weights): the part of the padded image under the kernel for every output pixel, [C, H', W', kh, kw], a
    view that is not to be written to; and the kernel as [C, kh, kw]. Same errors as `convolve`."""
    padded, weights = pad(image, padding, mode), as_channels(kernel, "kernel")
    if len(weights) not in (1, len(padded)):
        raise ConfigError(
            f"kernel has {len(weights)} channels and the image {len(padded)}: give one for each channel, or one for all"
        )
    weights = np.broadcast_to(weights, (len(padded), *weights.shape[1:]))
    return _windows(padded, weights.shape[1:], stride), weights


def pool_windows(image: Any, size: int, *, stride: int, padding: int = 0, kind: str = "max") -> np.ndarray:
    """The cells that each output pixel is pooled from: [C, H', W', size, size]; −inf in the padding of max pooling."""
    pixels = as_channels(image, "image")
    if kind not in POOLINGS:
        raise ConfigError(f"pooling must be {' or '.join(POOLINGS)}, got {kind!r}")
    _check_whole("pooling size", size, 1)
    _check_whole("padding", padding, 0)
    if padding > size // 2:  # torch's rule: otherwise a window could hold nothing but padding
        raise ConfigError(f"padding {padding} is more than half the {size}×{size} window: at most {size // 2}")
    fill = -np.inf if kind == "max" else 0.0
    padded = np.pad(pixels, ((0, 0), (padding, padding), (padding, padding)), constant_values=fill)
    return _windows(padded, (size, size), stride)


def pool_divisors(image: Any, size: int, stride: int, padding: int, count_include_pad: bool) -> np.ndarray:
    """By how many cells the sum of each window is divided, [H', W']."""
    inside = np.ones_like(as_channels(image, "image")[:1])
    cells = pool_windows(inside, size, stride=stride, padding=padding, kind="average")[0].sum(axis=(2, 3))
    return np.full_like(cells, size * size) if count_include_pad else cells


def pad(image: Any, padding: int, mode: str = "zeros") -> np.ndarray:
    """The image float64 [C, H + 2P, W + 2P] with `padding` pixels more on every side, filled as `mode` says."""
    pixels = as_channels(image, "image")
    _check_whole("padding", padding, 0)
    if mode not in PADDING_MODES:
        raise ConfigError(f"padding mode must be one of {', '.join(PADDING_MODES)}, got {mode!r}")
    if mode == "reflect" and padding >= min(pixels.shape[1:]):
        side = min(pixels.shape[1:])
        raise ConfigError(f"padding {padding} is too much to reflect in an image of {side} pixels: at most {side - 1}")
    return np.pad(pixels, ((0, 0), (padding, padding), (padding, padding)), PADDING_MODES[mode])


def as_channels(values: Any, what: str) -> np.ndarray:
    """`values` ([H, W] or [C, H, W], an array or nested lists) as float64 [C, H, W].

    Raises ConfigError, calling it `what`, where rows differ in length, a cell is no finite number, or there is none.
    """
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ConfigError(f"{what}: all rows must have the same number of values") from error
    if array.ndim not in (2, 3) or not array.size:
        raise ConfigError(f"{what} must be rows and columns of numbers, or channels of such, got shape {array.shape}")
    try:
        # None, an empty cell of a table, becomes NaN; text is no number, even where it reads like one
        numbers = array.astype(np.float64) if array.dtype.kind in "biufO" else np.full(array.shape, np.nan)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{what}: every cell must hold a number") from error
    if not np.isfinite(numbers).all():
        cell = tuple(np.argwhere(~np.isfinite(numbers))[0][-2:])
        raise ConfigError(f"{what}: every cell must hold a finite number, but row {cell[0]}, column {cell[1]} does not")
    return numbers if numbers.ndim == 3 else numbers[None]


def _windows(padded: np.ndarray, size: tuple[int, int], stride: int) -> np.ndarray:
    """A view [C, H', W', *size] of every window of `size` whose corner is a multiple of `stride`."""
    _check_whole("stride", stride, 1)
    if any(side > room for side, room in zip(size, padded.shape[1:], strict=True)):
        raise ConfigError(
            f"a {size[0]}×{size[1]} window is larger than the padded image, {padded.shape[1]}×{padded.shape[2]}: "
            "choose a smaller one or more padding"
        )
    return sliding_window_view(padded, size, axis=(1, 2))[:, ::stride, ::stride]


def _check_pixel(row: int, column: int, windows: np.ndarray) -> None:
    height, width = windows.shape[1:3]
    _check_whole("row", row, 0)
    _check_whole("column", column, 0)
    if row >= height or column >= width:
        raise ConfigError(
            f"output[{row}, {column}] is outside the output, {height}×{width}: "
            f"rows are 0 to {height - 1}, columns 0 to {width - 1}"
        )


def _check_whole(what: str, value: Any, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise ConfigError(f"{what} must be a whole number, {least} or more, got {value!r}")


def _check_bias(bias: Any) -> None:
    if isinstance(bias, bool) or not isinstance(bias, (int, float, np.number)) or not np.isfinite(bias):
        raise ConfigError(f"bias must be a finite number, got {bias!r}")
