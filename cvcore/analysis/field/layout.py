"""Where the rows and columns of the image stand among the dimensions of a tensor, through views and permutations.

Every dimension is a tuple of parts, outermost first. A part belongs to the height ("h"), to the width ("w"), to both in
an order that cannot be told apart any more ("t", as when a class token joins the patches), or to neither (""). A view
splits and merges parts; as long as no part is lost, the map can be put together again, as window attention does.
"""

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

TOKENS = "t"


class Part(NamedTuple):
    """`size` values along one axis, `step` positions of that axis apart."""

    axis: str
    size: int
    step: int = 1


Dim = tuple[Part, ...]
Layout = tuple[Dim, ...]


def plain(size: int) -> Dim:
    """A dimension without rows or columns of the image."""
    return (Part("", size),) if size != 1 else ()


def of_images(shape: Sequence[int]) -> Layout:
    """The layout of images [N, C, H, W]."""
    batch, channels, height, width = shape
    return plain(batch), plain(channels), (Part("h", height),), (Part("w", width),)


def axes_in(dim: Dim) -> set[str]:
    """Which of "h" and "w" a dimension holds, wholly or in part."""
    held = {part.axis for part in dim} - {""}
    return {"h", "w"} if TOKENS in held else held


def axes_of(layout: Layout) -> set[str]:
    """Which of "h" and "w" a layout holds."""
    return set().union(*map(axes_in, layout))


def is_lone(dim: Dim) -> bool:
    """Whether a dimension is nothing but one axis of the map, in order."""
    return len(dim) == 1 and dim[0].axis in ("h", "w") and dim[0].step == 1


def flattened(layout: Layout) -> set[str]:
    """Which axes stand in the last dimension with the channels, or with each other in a matrix: flattened for a linear
    layer."""
    last = layout[-1] if layout else ()
    held = axes_in(last)
    return held if any(part.axis == "" for part in last) or (len(layout) <= 2 and len(held) == 2) else set()


def is_rearranged(layout: Layout) -> bool:
    """Whether it looks like maps [N, C, H, W], but its rows and columns are not those of the image: as after
    `unflatten` with other sizes."""
    if len(layout) != 4 or any(map(axes_in, layout[:2])) or not all(map(axes_in, layout[2:])):
        return False
    return not all(map(is_lone, layout[2:]))


def plane(layout: Layout) -> tuple[int, int] | tuple[()]:
    """Height and width of the map that a layout holds, however split; () where it holds none."""
    parts = [part for dim in layout for part in dim]
    sizes = {axis: [part.size for part in parts if part.axis == axis] for axis in ("h", "w")}
    return (prod(sizes["h"]), prod(sizes["w"])) if all(sizes.values()) else ()


def reshaped(layout: Layout, shape: Sequence[int]) -> Layout | None:
    """The layout after a view of `shape`; None where the view cuts across rows or columns."""
    queue = [part for dim in layout for part in dim][::-1]
    dims: list[list[Part]] = []
    for size in shape:
        dims.append([])
        if size == 1 and queue and queue[-1].size == 1:
            dims[-1].append(queue.pop())
        have = 1
        while have < size and queue:
            outer, inner = _split(queue.pop(), size // have)
            if outer is None:
                return None
            queue += [inner] if inner else []
            dims[-1].append(outer)
            have *= outer.size
        if have != size:
            return None
    if queue and dims:
        dims[-1] += queue[::-1]  # of size 1
    return tuple(map(_merged, dims))


def _split(part: Part, size: int) -> tuple[Part | None, Part | None]:
    """A part's outer `size` values and what is left inside them; (None, None) where it cannot be divided so."""
    if part.size <= size:
        return part, None
    if size < 1 or part.size % size or part.axis == TOKENS:
        return None, None
    inner = part.size // size
    return Part(part.axis, size, part.step * inner if part.axis else 1), Part(part.axis, inner, part.step)


def _merged(parts: list[Part]) -> Dim:
    """Neighbouring parts that are one again, as one."""
    dim: list[Part] = []
    for part in parts:
        last = dim[-1] if dim else None
        if last and last.axis == part.axis and (part.axis == "" or last.step == part.step * part.size):
            dim[-1] = Part(part.axis, last.size * part.size, part.step)
        else:
            dim.append(part)
    return tuple(dim)


def resized(dim: Dim, size: int) -> Dim:
    """The dimension with another size: of the axis that it is, or without rows and columns."""
    return (Part(dim[0].axis, size),) if axes_in(dim) else plain(size)
