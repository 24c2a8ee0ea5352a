"""One output value of a convolution or a pooling, and how it is written out as a sum that a reader can check."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

# of whole numbers, of the box blurs, and of the binomial ones
DIVISORS = (1, 4, 9, 16, 25, 36, 49, 64, 256, 1024, 4096)


@dataclass(frozen=True)
class Arithmetic:
    """How one output value of a convolution comes about: the window of the padded image [C, kh, kw], the kernel of the
    same shape, and the bias. `top` and `left` say where the window begins in the image; negative in the padding."""

    window: np.ndarray
    kernel: np.ndarray
    bias: float
    top: int
    left: int

    @property
    def products(self) -> np.ndarray:
        """Window times kernel, cell by cell, [C, kh, kw]."""
        return self.window * self.kernel

    @property
    def sums(self) -> np.ndarray:
        """Sum of the products of each channel, [C]."""
        return self.products.sum(axis=(1, 2))

    @property
    def total(self) -> float:
        """The output value: the sum over all channels, plus the bias."""
        return float(self.sums.sum() + self.bias)

    def text(self, channel: int = 0) -> str:
        """The sum of one channel written out: "1·2 + 2·0 + 3·1 + … = 15", or "(1·1 + 2·2 + …) / 16 = 0.25".

        "≈" stands for "=" where a number that is shown is rounded.
        """
        weights, divisor = whole_form(self.kernel[channel])
        pairs = list(zip(self.window[channel].flat, weights.flat, strict=True))
        terms = " + ".join(f"{factor(value)}·{factor(weight)}" for value, weight in pairs)
        terms = f"({terms}) / {divisor}" if divisor > 1 else terms
        shown = [number for pair in pairs for number in pair] + [self.sums[channel]]
        return f"{terms} {equals(shown)} {number_text(self.sums[channel])}"

    def total_text(self, names: Sequence[str]) -> str:
        """The sum over the channels, called `names`, and the bias: "R 15 + G 3 + B (−4) + bias 1 = 15"."""
        parts = [f"{name} {factor(value)}".strip() for name, value in zip(names, self.sums, strict=True)]
        parts += [f"bias {factor(self.bias)}"] if self.bias else []
        return f"{' + '.join(parts)} {equals([*self.sums, self.bias, self.total])} {number_text(self.total)}"


@dataclass(frozen=True)
class PoolArithmetic:
    """How one output value of a pooling comes about in each channel: the window [C, size, size], −inf in the padding of
    max pooling, and by how many cells an average is divided. `top` and `left` as in `Arithmetic`."""

    window: np.ndarray
    kind: str
    divisor: int
    top: int
    left: int

    @property
    def values(self) -> np.ndarray:
        """The output value of each channel, [C]."""
        if self.kind == "max":
            return self.window.max(axis=(1, 2))
        return self.window.sum(axis=(1, 2)) / self.divisor

    def text(self, channel: int = 0) -> str:
        """One channel written out: "max(1, 2, 0, 1) = 2" or "(1 + 2 + 0 + 1) / 4 = 1"."""
        cells, value = self.window[channel].ravel(), self.values[channel]
        if self.kind == "max":
            return f"max({', '.join(map(number_text, cells))}) {equals(cells)} {number_text(value)}"
        return f"({' + '.join(map(factor, cells))}) / {self.divisor} {equals([*cells, value])} {number_text(value)}"


def whole_form(kernel: np.ndarray) -> tuple[np.ndarray, int]:
    """(whole weights, divisor) of a kernel that is a blur's fraction, such as ninths; else the kernel as it is, and 1.

    >>> weights, divisor = whole_form(np.full((3, 3), 1 / 9))
    >>> weights[0].tolist(), divisor
    ([1.0, 1.0, 1.0], 9)
    """
    for divisor in DIVISORS:
        weights = np.round(kernel * divisor)
        if np.abs(weights - kernel * divisor).max() < 1e-9:
            return weights, divisor
    return kernel, 1


def number_text(value: float) -> str:
    """A number as it is written out: whole ones in full, others with two decimals, or three digits below 1.

    >>> [number_text(value) for value in (15.0, -3, 1234.567, 0.0625, 0.00024414, -np.inf)]
    ['15', '−3', '1234.57', '0.0625', '0.000244', '−∞']
    """
    if np.isinf(value):
        return "∞" if value > 0 else "−∞"
    rounded = _shown(value)
    return np.format_float_positional(abs(rounded), trim="-").join(("−" if rounded < 0 else "", ""))


def factor(value: float) -> str:
    """A number as part of a sum or product: negative ones in brackets."""
    text = number_text(value)
    return f"({text})" if text.startswith("−") else text


def equals(numbers: Iterable[float]) -> str:
    """ "=", or "≈" where one of these numbers is rounded when it is written out."""
    exact = all(np.isinf(each) or abs(_shown(each) - each) < 1e-9 * max(1.0, abs(each)) for each in numbers)
    return "=" if exact else "≈"


def _shown(value: float) -> float:
    """`value` rounded as `number_text` writes it."""
    value = round(float(value), 9)  # what floating point leaves over is not shown
    return round(value, 2) if abs(value) >= 1 else float(f"{value:.3g}")
