"""The receptive field along one axis, and how a layer changes it: the recurrences.

Along height or width, output i of a layer sees the input pixels start + i·stride … start + i·stride + size − 1.
A window of k values, d apart, every s-th position, p positions before the first, makes of that

    start' = start − p · stride      size' = size + (k − 1) · d · stride      stride' = stride · s

Source: Araujo, Norris and Sim, "Computing receptive fields of convolutional neural networks", Distill, 2019, equations
1 to 4. They call the stride "effective stride", others "jump"; −start is their "effective padding".
"""

from dataclasses import dataclass
from fractions import Fraction

Number = int | Fraction


@dataclass(frozen=True)
class Axis:
    """The field of output 0, and how far the next output's lies from it; in input pixels.

    Fractions come from layers that enlarge. There `size` is an upper bound, because neighbouring outputs differ.
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

    @property
    def is_exact(self) -> bool:
        """Whether all outputs have fields of this size."""
        return all(Fraction(value).denominator == 1 for value in (self.start, self.size, self.stride))


def pooled(axis: Axis, size: int, outputs: int) -> tuple[Axis, bool]:
    """(after adaptive pooling of `size` positions to `outputs`, whether all windows are alike).

    Window i is ⌊i·n/m⌋ to ⌈(i + 1)·n/m⌉: alike where m divides n, else the largest is given.

    >>> pooled(Axis(), 14, 7)
    (Axis(start=0, size=2, stride=2), True)
    """
    if size % outputs == 0:
        return axis.window(size // outputs, stride=size // outputs), True
    windows = [-(-(index + 1) * size // outputs) - index * size // outputs for index in range(outputs)]
    stride = axis.stride * Fraction(size, outputs)
    return Axis(axis.start, axis.size + (max(windows) - 1) * axis.stride, stride), False
