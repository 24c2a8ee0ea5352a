"""The output size of one layer worked out step by step: each formula, then the same with the numbers put in."""

from dataclasses import dataclass

from cvcore.analysis.geometry.layer import SAME, VALID
from cvcore.analysis.geometry.sizes import ADAPTIVE, TRANSPOSED, Axis, adaptive_window, span

SHOWN_WINDOWS = 4  # of an adaptive pooling that are written out


@dataclass(frozen=True)
class Step:
    """One step: what happens, in a sentence, and the formula in LaTeX ("" where words are enough)."""

    words: str
    formula: str = ""


def steps(axis: Axis, size: int, named: str = "") -> list[Step]:
    """How `axis` makes its output size of `size`; `named` is "same" or "valid" where the padding was given so.

    Raises ConfigError where nothing comes out.
    """
    output = axis.output(size)
    if axis.kind == ADAPTIVE:
        return _adaptive(size, output)
    found = []
    covered = span(axis.kernel, axis.dilation)
    if axis.dilation > 1:
        found.append(
            Step(
                f"Dilation {axis.dilation} pulls the {axis.kernel} weights apart: the kernel spans {covered} pixels.",
                rf"F_\text{{eff}} = D\,(F - 1) + 1 = {axis.dilation}\cdot({axis.kernel} - 1) + 1 = {covered}",
            )
        )
    if named == SAME:
        before, after = axis.padding
        uneven = " An odd number cannot be split evenly: the extra pixel goes after." if before != after else ""
        found.append(
            Step(
                f"'same' adds as many pixels as the kernel takes away: {before} before and {after} after.{uneven}",
                rf"2P = F{_eff(axis)} - 1 = {covered} - 1 = {covered - 1}",
            )
        )
    if named == VALID:
        found.append(Step("'valid' means no padding: every window lies inside the image."))
    if axis.kind == TRANSPOSED:
        return [*found, *_transposed(axis, size, covered, output)]
    return [*found, *_forward(axis, size, covered, output)]


def _forward(axis: Axis, size: int, covered: int, output: int) -> list[Step]:
    left, right = (r"\lceil", r"\rceil") if axis.ceil_mode else (r"\lfloor", r"\rfloor")
    before, after = axis.padding
    padding = rf"2\cdot{before}" if before == after else rf"({before} + {after})"
    room = size - covered + before + after
    symbols = rf"\left{left}\frac{{W - F{_eff(axis)} + 2P}}{{S}}\right{right} + 1"
    numbers = rf"\left{left}\frac{{{size} - {covered} + {padding}}}{{{axis.stride}}}\right{right} + 1"
    rounded = -(-room // axis.stride) if axis.ceil_mode else room // axis.stride
    result = rounded + 1
    found = [
        Step(
            f"From the first window on, {room} {_pixels(room)} are left to move over, in steps of {axis.stride}; "
            "the window where it starts is the + 1.",
            _aligned(
                f"N &= {symbols}",
                f"&= {numbers}",
                rf"&= \left{left}\frac{{{room}}}{{{axis.stride}}}\right{right} + 1 = {rounded} + 1 = {result}",
            ),
        )
    ]
    rest = room % axis.stride
    if result > output:
        start = (result - 1) * axis.stride - before
        found.append(
            Step(
                f"Rounded up, a last window would start at {start}, in the padding after the image, which PyTorch does "
                f"not allow: it is dropped, and {output} are left.",
                rf"N = {result} - 1 = {output}",
            )
        )
    elif rest and axis.ceil_mode:
        over = axis.stride - rest
        found.append(
            Step(
                f"{room} / {axis.stride} is not whole and is rounded up (ceil_mode): the last window hangs over the "
                f"edge by {over} {_pixels(over)}, which do not count."
            )
        )
    elif rest:
        found.append(
            Step(
                f"{room} / {axis.stride} is not whole and is rounded down: the last {rest} {_pixels(rest)} "
                f"{'is' if rest == 1 else 'are'} in no window."
            )
        )
    return found


def _transposed(axis: Axis, size: int, covered: int, output: int) -> list[Step]:
    padding, extra = axis.padding[0], axis.output_padding
    return [
        Step(
            f"Each input pixel lays a stamp of {covered} {_pixels(covered)} on the output, {axis.stride} further than "
            f"the one before. Padding cuts {padding} {_pixels(padding)} off either end"
            + (f"; output padding adds {extra} at the far end." if extra else "."),
            _aligned(
                rf"N &= (W - 1)\,S + F{_eff(axis)} - 2P + P_\text{{out}}",
                rf"&= ({size} - 1)\cdot{axis.stride} + {covered} - 2\cdot{padding} + {extra} = {output}",
            ),
        )
    ]


def _adaptive(size: int, count: int) -> list[Step]:
    windows = [adaptive_window(size, count, index) for index in range(count)]
    lengths = sorted({end - start for start, end in windows})
    shown = [
        rf"i = {index}:\ \left\lfloor\tfrac{{{index}\cdot {size}}}{{{count}}}\right\rfloor = {start}\ \text{{to}}\ "
        rf"\left\lceil\tfrac{{{index + 1}\cdot {size}}}{{{count}}}\right\rceil - 1 = {end - 1}"
        for index, (start, end) in list(enumerate(windows))[:SHOWN_WINDOWS]
    ]
    more = [r"&\ldots"] if count > SHOWN_WINDOWS else []
    if len(lengths) == 1:
        told = f"every window has {lengths[0]} {_pixels(lengths[0])}"
    else:
        told = f"windows have {lengths[0]} to {lengths[-1]} pixels, and neighbours may share one"
    return [
        Step(
            f"The output is {count} whatever comes in. {count} windows are laid over {size} pixels: {told}.",
            r"\text{window } i:\ \left\lfloor\tfrac{i\,W}{N}\right\rfloor \ \text{to}\ "
            r"\left\lceil\tfrac{(i+1)\,W}{N}\right\rceil - 1",
        ),
        Step("With the numbers put in:", _aligned(*(f"&{each}" for each in shown), *more)),
    ]


def _aligned(*lines: str) -> str:
    """Lines of a formula below each other, so that it fits a narrow screen."""
    return r"\begin{aligned} " + r" \\[4pt] ".join(lines) + r" \end{aligned}"


def _eff(axis: Axis) -> str:
    return r"_\text{eff}" if axis.dilation > 1 else ""


def _pixels(count: int) -> str:
    return "pixel" if count == 1 else "pixels"
