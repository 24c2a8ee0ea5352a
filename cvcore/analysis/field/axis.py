"""The receptive field along one axis, and how a layer changes it: the recurrences.

Along height or width, output i of a layer sees the input pixels start + i·stride … start + i·stride + size − 1.
A window of k values, d apart, every s-th position, p positions before the first, makes of that

    start' = start − p · stride      size' = size + (k − 1) · d · stride      stride' = stride · s

Source: Araujo, Norris and Sim, "Computing receptive fields of convolutional neural networks", Distill, 2019, equations
1 to 4. They call the stride "effective stride", others "jump"; −start is their "effective padding".
"""

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

Number = int | Fraction


@dataclass(frozen=True)
class Axis:
    """The field of output 0, and how far the next output's lies from it; in input pixels.

    Fractions come from layers that enlarge. There neighbouring outputs differ, and each sees no more than the whole
    pixels between start + i·stride and start + i·stride + size − 1.
    """

    start: Number = 0
    size: Number = 1
    stride: Number = 1

    def window(self, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> "Axis":
        """After a convolution or pooling.

        >>> Axis().window(7, stride=2, padding=3).window(3, stride=2, padding=1)
        Axis(start=-5, size=11, stride=4)
        """
        return Axis(
            self.start - padding * self.stride,
            self.size + (kernel - 1) * dilation * self.stride,
            self.stride * stride,
        )

    def enlarged(self, kernel: int, factor: int, padding: int = 0, dilation: int = 1) -> "Axis":
        """After a transposed convolution, whose output o sees inputs from (o + p − (k − 1)·d) / s to (o + p) / s.

        >>> Axis().enlarged(kernel=4, factor=2, padding=1)
        Axis(start=Fraction(-1, 1), size=Fraction(5, 2), stride=Fraction(1, 2))
        """
        reach = Fraction((kernel - 1) * dilation, factor)
        first = Fraction(padding, factor) - reach
        return Axis(self.start + first * self.stride, self.size + reach * self.stride, self.stride / Fraction(factor))

    def union(self, other: "Axis") -> "Axis":
        """Where two branches of the same stride meet: everything that either sees."""
        start = min(self.start, other.start)
        return Axis(start, max(self.end, other.end) - start, self.stride)

    @property
    def end(self) -> Number:
        """The first pixel after the field of output 0."""
        return self.start + self.size

    @property
    def centre(self) -> Number:
        """The middle of the field of output 0, counted from the middle of pixel 0."""
        return self.start + Fraction(self.size - 1, 2)


def pooled(axis: Axis, size: int, outputs: int) -> tuple[Axis, bool]:
    """(after adaptive pooling of `size` positions to `outputs`, whether all windows are alike).

    Window i begins at ⌊i·n/m⌋ and ends before ⌈(i + 1)·n/m⌉. They are alike where m divides n; else the step
    of n/m is a fraction, and the window is given that holds all of them, however they are rounded.

    >>> pooled(Axis(), 14, 7)
    (Axis(start=0, size=2, stride=2), True)
    >>> pooled(Axis(), 10, 4)  # 0–2, 2–4, 5–7, 7–9 lie within 2.5·i − 0.5 … 2.5·i + 2
    (Axis(start=Fraction(-1, 2), size=Fraction(7, 2), stride=Fraction(5, 2)), False)
    """
    if size % outputs == 0:
        return axis.window(size // outputs, stride=size // outputs), True
    if size == 1:  # all outputs repeat the one position
        return Axis(axis.start, axis.size, 0), True
    step = Fraction(size, outputs)
    begins = min(floor(index * step) - index * step for index in range(outputs))
    ends = max(ceil((index + 1) * step) - 1 - index * step for index in range(outputs))
    return Axis(axis.start + begins * axis.stride, axis.size + (ends - begins) * axis.stride, axis.stride * step), False
