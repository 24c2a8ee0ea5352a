"""The question asked backwards: which kernel, stride, padding and dilation take one size to another?"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cvcore.analysis.geometry.layer import SAME, Layer
from cvcore.analysis.geometry.sizes import AVERAGE, CONV, MAX, TRANSPOSED, Axis, check_whole, same_padding, span
from cvcore.errors import ConfigError

MOST_KERNEL = 11  # searched where the kernel is open: AlexNet's first
DILATIONS = (1, 2, 3, 4)  # what callers usually offer
USUAL_KERNELS = (3, 1, 5, 7, 2, 4)  # the most usual first


@dataclass(frozen=True)
class Solution:
    """One layer that takes `size` to `target`, and why it is more or less usual: lower `oddity` is more usual."""

    layer: Layer
    unseen: int
    oddity: float
    remark: str


def solve(
    size: int,
    target: int,
    *,
    kind: str = CONV,
    kernel: int | None = None,
    stride: int | None = None,
    padding: int | None = None,
    dilations: Sequence[int] = (1,),
) -> list[Solution]:
    """All layers of `kind` that take `size` to `target` pixels, the most usual first; the same for both axes.

    What is None is searched: kernels up to 11, beyond that those as large as the stride or as the whole image; every
    stride that can do it with these; paddings up to half the window, of kernels above 11 only none and (F − 1)/2. A
    convolution with an even kernel may have padding "same". `kind` is a convolution, a transposed one, or a max or
    average pooling. Raises ConfigError where a size is no whole number.

    >>> [solution.layer.text for solution in solve(28, 28, kernel=5, stride=1)]
    ['conv 5 p2']
    """
    for what, value in (("input size", size), ("output size", target)):
        check_whole(what, value, 1)
    if kind not in (CONV, TRANSPOSED, MAX, AVERAGE):
        raise ConfigError(f"nothing is to be searched for {kind}: choose conv, convt, maxpool or avgpool")
    found = []
    for dilation in dilations if kind != AVERAGE else (1,):
        for step in _strides(size, target, kind, kernel, stride, dilation):
            for width in _kernels(size, target, kind, step, kernel):
                found += _solutions(size, target, kind, width, step, padding, dilation)
    return sorted(found, key=lambda each: (each.oddity, each.layer.kernel, each.layer.stride, str(each.layer.padding)))


def reachable(size: int, kind: str, kernel: int, stride: int, padding: int | None) -> list[int]:
    """Output sizes that come nearest, for "none does": with the padding given, or with none, one, … up to half."""
    paddings = range(kernel // 2 + 1) if padding is None else (padding,)
    found = set()
    for each in paddings:
        try:
            found.add(Axis(kind, kernel, stride, (each, each)).output(size))
        except ConfigError:
            continue
    return sorted(found)


def halvings(size: int, target: int) -> list[int] | None:
    """Sizes on the way from `size` to `target` where every layer of kernel 3, stride 2, padding 1 halves, rounding up.

    None where they never meet.

    >>> halvings(224, 7), halvings(224, 9)
    ([224, 112, 56, 28, 14, 7], None)
    """
    sizes = [size]
    while sizes[-1] > max(target, 1):
        sizes.append((sizes[-1] + 1) // 2)
    return sizes if sizes[-1] == target and len(sizes) > 1 else None


def _kernels(size: int, target: int, kind: str, stride: int, kernel: int | None) -> Iterable[int]:
    """Kernels to try with a stride: all small ones, and those as large as a large stride or as the whole image."""
    if kernel is not None:
        return (kernel,)
    kernels = set(range(1, MOST_KERNEL + 1)) if stride <= MOST_KERNEL else {stride}
    if min(size, target) == 1:
        kernels.add(target if kind == TRANSPOSED else size)
    return sorted(kernels)


def _strides(size: int, target: int, kind: str, kernel: int | None, stride: int | None, dilation: int) -> Iterable[int]:
    """The strides that can do it with any kernel and padding of the ranges."""
    if stride is not None:
        return (stride,)
    low, high = (size, target) if kind == TRANSPOSED else (target, size)
    if low == 1:  # one window: the stride never comes into it
        return (1,)
    # windows start within the padded image: (low − 1) steps are about `high` pixels, padding and window more or less
    slack = span(kernel or MOST_KERNEL, dilation)
    return range(max(1, min((high - slack) // low, high // (low + 1))), (high + slack) // (low - 1) + 1)


def _solutions(
    size: int, target: int, kind: str, kernel: int, stride: int, padding: int | None, dilation: int
) -> list[Solution]:
    found = []
    for each in _paddings(kind, kernel, stride, padding, dilation):
        sides = same_padding(kernel, dilation) if each == SAME else (each, each)
        extra = 0
        if kind == TRANSPOSED:  # output padding makes up for what is missing, as far as it may
            missing = target - ((size - 1) * stride + span(kernel, dilation) - sum(sides))
            extra = missing if 0 <= missing < max(stride, dilation) else 0
        try:
            axis = Axis(kind, kernel, stride, sides, dilation, False, extra)
            fits = axis.output(size) == target
        except ConfigError:
            continue
        if fits:
            found.append(_judged(axis, size, each))
    return found


def _paddings(kind: str, kernel: int, stride: int, padding: int | None, dilation: int) -> list[int | str]:
    """Paddings to try: the given one, or up to half the window; of windows so large that few use them, the usual."""
    if padding is not None:
        return [padding]
    if kernel > MOST_KERNEL:
        return [0, (kernel - 1) // 2]
    most = kernel // 2 if kind in (MAX, AVERAGE) else span(kernel, dilation) // 2
    before, after = same_padding(kernel, dilation)
    uneven = kind == CONV and stride == 1 and before != after
    return [*range(most + 1), *([SAME] if uneven else [])]


def _judged(axis: Axis, size: int, padding: int | str) -> Solution:
    """The solution with how unusual it is: what networks in use do comes first."""
    kernel, stride = axis.kernel, axis.stride
    covered, pads, before = span(kernel, axis.dilation), sum(axis.padding), axis.padding[0]
    pooling, transposed = axis.kind in (MAX, AVERAGE), axis.kind == TRANSPOSED
    patches = kernel == stride > 1 and not pads
    unseen = axis.unseen(size)
    oddity = USUAL_KERNELS.index(kernel) / 4 if kernel in USUAL_KERNELS else min(kernel, 2 * MOST_KERNEL) / 4
    oddity += min(max(0, stride - 2), 20) / 4 + 3 * (axis.dilation - 1) + 2 * (padding == SAME)
    oddity += (0.5 if pads else 2) * (unseen > 0) + (2 * unseen / stride if stride > 4 else 0)
    remark = ""
    if transposed:
        oddity += axis.output_padding
        if kernel + axis.output_padding == 2 * before + stride and axis.dilation == 1:
            remark = f"exactly {stride} times the size" if stride > 1 else "keeps the size"
            oddity -= 2
    elif pads == covered - 1 and stride > 1:
        remark = f"padding (F − 1)/2: the size divided by {stride}, rounded up"
    elif pads == covered - 1:
        remark = "keeps the size: one pixel more after than before" if padding == SAME else "keeps the size"
    elif patches:
        remark = "windows lie side by side"
        oddity -= pooling or stride > 2
    elif pads:
        oddity += 2 + abs(covered - 1 - pads) / 2
    if kernel % 2 == 0 and not (patches or transposed):
        oddity += 1.5
    if axis.dilation == 1 and kernel < stride:
        remark, oddity = "skips pixels between windows", oddity + 8
    padded = SAME if padding == SAME else (before, before)
    layer = Layer(
        axis.kind,
        (kernel, kernel),
        (stride, stride),
        padded,
        (axis.dilation, axis.dilation),
        output_padding=(axis.output_padding, axis.output_padding),
    )
    return Solution(layer, unseen, oddity, remark)
