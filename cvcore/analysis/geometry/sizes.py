"""The arithmetic of windows along one axis: output sizes of convolutions and poolings, and which cells each one sees.

Numbers in, numbers out; the one home of the formula N = ⌊(W − F + 2P)/S⌋ + 1. All rules are those of PyTorch
(docs of torch.nn.Conv2d, ConvTranspose2d, MaxPool2d, AvgPool2d and AdaptiveAvgPool2d). Sizes are in pixels.
Errors are ConfigErrors of one line that say what would fit.
"""

from dataclasses import dataclass
from typing import Any

from cvcore.errors import ConfigError

CONV, TRANSPOSED, MAX, AVERAGE, ADAPTIVE = KINDS = ("conv", "convt", "maxpool", "avgpool", "adaptive")
Pads = int | tuple[int, int]


def span(kernel: int, dilation: int = 1) -> int:
    """F_eff = D·(F − 1) + 1: how many pixels a kernel covers from its first to its last weight.

    >>> span(3), span(3, 2)
    (3, 5)
    """
    return dilation * (kernel - 1) + 1


def same_padding(kernel: int, dilation: int = 1) -> tuple[int, int]:
    """(before, after) of padding='same': what keeps the size at stride 1; an odd pixel goes after, as in PyTorch.

    >>> same_padding(5), same_padding(4)
    ((2, 2), (1, 2))
    """
    total = span(kernel, dilation) - 1
    return total // 2, total - total // 2


def output_size(
    size: int, window: int, *, padding: Pads = 0, stride: int = 1, dilation: int = 1, ceil_mode: bool = False
) -> int:
    """N = ⌊(W − F + 2P)/S⌋ + 1 of a convolution or pooling, F being the span of the dilated kernel.

    `padding` is added on either side, or (before, after). With `ceil_mode` (of poolings) the fraction is rounded up,
    but the last window must begin inside the image or the padding before it. Raises ConfigError if nothing fits.

    >>> output_size(28, 3), output_size(28, 5, padding=2), output_size(5, 2, stride=2)
    (26, 28, 2)
    >>> output_size(5, 2, stride=2, ceil_mode=True), output_size(28, 3, dilation=2)
    (3, 24)
    """
    before, after = pads(padding)
    covered = span(window, dilation)
    room = size + before + after - covered
    count = (room + (stride - 1 if ceil_mode else 0)) // stride + 1
    if ceil_mode and (count - 1) * stride >= size + before:
        count -= 1
    if count < 1:
        raise ConfigError(_too_large(size, window, (before, after), dilation))
    return count


def transposed_size(
    size: int, kernel: int, *, padding: int = 0, stride: int = 1, dilation: int = 1, output_padding: int = 0
) -> int:
    """N = (W − 1)·S − 2P + D·(F − 1) + 1 + output padding, of a transposed convolution.

    >>> transposed_size(14, 4, stride=2, padding=1), transposed_size(7, 3, stride=2, padding=1, output_padding=1)
    (28, 14)
    """
    before, after = pads(padding)
    count = (size - 1) * stride + span(kernel, dilation) + output_padding - before - after
    if count < 1:
        most = ((size - 1) * stride + span(kernel, dilation) + output_padding - 1) // 2
        raise ConfigError(
            f"padding {before} cuts off all {count + before + after} pixels that {size} px are spread over: "
            f"at most {most} leaves any"
        )
    return count


def adaptive_window(size: int, count: int, index: int) -> tuple[int, int]:
    """(start, end) of one of the `count` windows of an adaptive pooling: ⌊i·W/N⌋ to ⌈(i + 1)·W/N⌉, the end left out.

    >>> [adaptive_window(5, 3, index) for index in range(3)]
    [(0, 2), (1, 4), (3, 5)]
    """
    return index * size // count, -(-(index + 1) * size // count)


def pads(padding: Pads) -> tuple[int, int]:
    """(before, after) of padding given as one number or as two."""
    return (padding, padding) if isinstance(padding, int) else padding


@dataclass(frozen=True)
class Axis:
    """What one layer does along one axis, checked as PyTorch checks it.

    `kind` is one of KINDS; `kernel` of an adaptive pooling is the size that comes out. `padding` is (before, after).
    Raises ConfigError where a setting is none that PyTorch takes.
    """

    kind: str
    kernel: int
    stride: int = 1
    padding: tuple[int, int] = (0, 0)
    dilation: int = 1
    ceil_mode: bool = False
    output_padding: int = 0

    def __post_init__(self) -> None:
        check_whole("output size" if self.kind == ADAPTIVE else "kernel", self.kernel, 1)
        check_whole("stride", self.stride, 1)
        check_whole("dilation", self.dilation, 1)
        check_whole("padding", min(self.padding), 0)
        check_whole("output padding", self.output_padding, 0)
        if self.kind in (MAX, AVERAGE) and max(self.padding) > self.kernel // 2:
            raise ConfigError(
                f"padding {max(self.padding)} is more than half the pooling window of {self.kernel}: "
                f"at most {self.kernel // 2}, so that no window lies in the padding alone"
            )
        if self.output_padding and self.output_padding >= max(self.stride, self.dilation):
            raise ConfigError(
                f"output padding {self.output_padding} must be smaller than the stride {self.stride} or the dilation "
                f"{self.dilation}: at most {max(self.stride, self.dilation) - 1}"
            )

    def output(self, size: int) -> int:
        """How many cells come out of `size` cells. Raises ConfigError where none does."""
        check_whole("input size", size, 1)
        if self.kind == ADAPTIVE:
            return self.kernel
        rest = {"stride": self.stride, "dilation": self.dilation}
        if self.kind == TRANSPOSED:
            rest["output_padding"] = self.output_padding
            return transposed_size(size, self.kernel, padding=self.padding, **rest)
        return output_size(size, self.kernel, padding=self.padding, ceil_mode=self.ceil_mode, **rest)

    def window(self, size: int, index: int) -> list[int]:
        """Input cells under the window of output `index`, in order; below 0 and from `size` on they are padding.

        Of a transposed convolution: the *output* cells that input `index` writes to; those below 0 and from
        `output(size)` on are cut off.
        """
        if self.kind == ADAPTIVE:
            return list(range(*adaptive_window(size, self.kernel, index)))
        first = index * self.stride - self.padding[0]
        return [first + place * self.dilation for place in range(self.kernel)]

    def reads(self, size: int, index: int) -> list[int]:
        """Input cells, without padding, that output `index` is computed from."""
        if self.kind != TRANSPOSED:
            return [cell for cell in self.window(size, index) if 0 <= cell < size]
        return [cell for cell in range(size) if index in self.window(size, cell)]

    def steps(self, size: int) -> int:
        """How many windows there are to step through: one an output, or one an input of a transposed convolution."""
        return size if self.kind == TRANSPOSED else self.output(size)

    def unseen(self, size: int) -> int:
        """How many cells at the end, padding among them, no window reaches, because a further step would not fit."""
        if self.kind in (TRANSPOSED, ADAPTIVE):
            return 0
        return max(0, size + self.padding[1] - 1 - self.window(size, self.output(size) - 1)[-1])


def check_whole(what: str, value: Any, least: int) -> None:
    """Raises ConfigError where `value` is no whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigError(f"{what} must be a whole number, {least} or more, got {value!r}")


def _too_large(size: int, kernel: int, padding: tuple[int, int], dilation: int) -> str:
    """One line: the window, what is there, and the kernel, dilation or padding that would fit."""
    padded, covered = size + sum(padding), span(kernel, dilation)
    dilated = f" (kernel {kernel}, dilation {dilation})" if dilation > 1 else ""
    with_padding = f"{size} + {padding[0]} + {padding[1]} = {padded}" if any(padding) else f"{size}"
    fits = [f"a kernel of at most {(padded - 1) // dilation + 1}"]
    if dilation > 1 and kernel <= padded:
        fits.append(f"dilation of at most {(padded - 1) // (kernel - 1)}")
    fits.append(f"padding of at least {-(-(covered - size) // 2)}")
    return f"a window of {covered}{dilated} does not fit into {with_padding} pixels: {' or '.join(fits)} does"
