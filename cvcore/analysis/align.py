"""Which layer of one network stands for which of another: stages by resolution, then layers by their kind.

A stage is what happens at one resolution: "1/4" has the maps of 1/4 of the input's height and width down to, not
including, 1/8. After the maps come tokens, then vectors (and maps of one pixel), and last what does not run.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal, Protocol

from cvcore.analysis import stages as resolutions
from cvcore.analysis.summary import Layer

TOKENS, VECTORS, IDLE = "tokens", "vectors", "not executed"

Size = tuple[int, int]
State = Literal["same", "changed", "added", "removed"]


class Row(Protocol):
    """What is looked at in a layer."""

    type: str
    output: tuple[int, ...]
    kernel: Size | None
    stride: Size | None
    params: int
    mult_adds: int


@dataclass(frozen=True)
class Stage:
    """The layers, by their positions in the summary, that run at one resolution; `size` is the largest map, (H, W)."""

    key: str
    size: Size | None
    positions: tuple[int, ...]


@dataclass(frozen=True)
class Pair:
    """Positions of a layer in each of two networks; None where one of them has no such layer."""

    state: State
    first: int | None
    second: int | None


def stages(layers: Sequence[Layer], image: tuple[int, int, int]) -> tuple[Stage, ...]:
    """The layers of a network for (C, H, W) images by stage, maps from large to small. Every layer is in one stage."""
    sizes: dict[str, Size | None] = {}
    positions: dict[str, list[int]] = {}
    for each in resolutions.stages(layers, image):
        size = _size(each.resolution)
        key = f"1/{2 ** _halvings(size, image)}" if size else _KEYS.get(each.resolution, TOKENS)
        positions.setdefault(key, []).extend(each.rows)
        sizes[key] = max(filter(None, (sizes.get(key), size)), key=math.prod, default=None)
    return tuple(Stage(key, sizes[key], tuple(sorted(positions[key]))) for key in _ordered(positions))


_KEYS = {resolutions.VECTOR: VECTORS, resolutions.IDLE: IDLE}


def _size(resolution: str) -> Size | None:
    """(56, 56) of "56×56"; None of "197 tokens" or "vector"."""
    sides = resolution.split("×")
    return tuple(map(int, sides)) if len(sides) == 2 else None


def _halvings(size: Size, image: tuple[int, int, int]) -> int:
    """How many times the image was halved, rounded down; what padding makes a little larger counts as halved."""
    ratio = math.sqrt(image[1] * image[2] / math.prod(size))
    return max(0, math.floor(math.log2(ratio) + 0.1))


def _ordered(keys: Iterable[str]) -> list[str]:
    """Each key once: maps from large to small, tokens, vectors, what does not run."""
    last = {TOKENS: 1, VECTORS: 2, IDLE: 3}
    return sorted(set(keys), key=lambda key: (last.get(key, 0), 0 if key in last else int(key[2:])))


def match_stages(
    first: Sequence[Stage], second: Sequence[Stage], by: Literal["resolution", "order"] = "resolution"
) -> list[tuple[Stage | None, Stage | None]]:
    """Pairs of stages with the same key, in order; None where one network has no such stage.

    With `by` "order", or where they have no resolution in common, the maps' stages are paired one after the other.
    """
    maps = [[stage for stage in each if stage.key.startswith("1/")] for each in (first, second)]
    common = {stage.key for stage in maps[0]} & {stage.key for stage in maps[1]}
    if by == "order" or (all(maps) and not common):
        longest = max(map(len, maps))
        padded = [[*each, *[None] * (longest - len(each))] for each in maps]
        pairs = list(zip(*padded, strict=True))
        rest = [[stage for stage in each if not stage.key.startswith("1/")] for each in (first, second)]
        return pairs + _by_key(*rest)
    return _by_key(first, second)


def _by_key(first: Sequence[Stage], second: Sequence[Stage]) -> list[tuple[Stage | None, Stage | None]]:
    one, two = ({stage.key: stage for stage in each} for each in (first, second))
    return [(one.get(key), two.get(key)) for key in _ordered([*one, *two])]


def match_layers(
    first: Sequence[Row], second: Sequence[Row], places: tuple[Sequence[int], Sequence[int]]
) -> list[Pair]:
    """How the layers of two networks at `places` (positions in each) go together, in order.

    Layers of one type, kernel and stride are lined up first (difflib's longest matching blocks); what is left between
    them by type alone. A pair is "changed" where its kernel, output shape, parameters or mult-adds differ.
    """
    one, two = ([layers[place] for place in at] for layers, at in zip((first, second), places, strict=True))
    found = []
    for tag, i1, i2, j1, j2 in _blocks([_kind(each) for each in one], [_kind(each) for each in two]):
        if tag == "equal":
            found += [(i1 + step, j1 + step) for step in range(i2 - i1)]
            continue
        for part, k1, k2, l1, l2 in _blocks([each.type for each in one[i1:i2]], [each.type for each in two[j1:j2]]):
            if part == "equal":
                found += [(i1 + k1 + step, j1 + l1 + step) for step in range(k2 - k1)]
            else:
                found += [(i1 + k, None) for k in range(k1, k2)] + [(None, j1 + l) for l in range(l1, l2)]  # noqa: E741
    return [_pair(one, two, places, *pair) for pair in found]


def _blocks(one: list, two: list) -> list[tuple[str, int, int, int, int]]:
    return SequenceMatcher(None, one, two, autojunk=False).get_opcodes()


def _kind(layer: Row) -> tuple:
    return layer.type, layer.kernel, layer.stride


def _pair(one: list[Row], two: list[Row], places: tuple, i: int | None, j: int | None) -> Pair:
    if j is None:
        return Pair("removed", places[0][i], None)
    if i is None:
        return Pair("added", None, places[1][j])
    facts = [(_kind(each), each.output, each.params, each.mult_adds) for each in (one[i], two[j])]
    return Pair("same" if facts[0] == facts[1] else "changed", places[0][i], places[1][j])
