"""A network's layers rolled up into stages: runs of layers whose outputs have the same height and width."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from cvcore.analysis.layer_rows import NOT_EXECUTED, OWN_OPERATIONS, OWN_PARAMETERS, Layer

VECTOR = "vector"
IDLE = "not executed"
OWN = (OWN_PARAMETERS, OWN_OPERATIONS)


@dataclass(frozen=True)
class Stage:
    """`resolution` is "56×56", "197 tokens", "vector" (also for 1×1, after global pooling), or "not executed".

    `modules` names the parts of the network that the stage lies in; the counts are sums over its rows, of which
    `layers` says how many. `rows` are their places in the summary.
    """

    resolution: str
    modules: str
    params: int
    trainable_params: int
    mult_adds: int
    activation_bytes: int
    layers: int
    rows: tuple[int, ...]

    @property
    def label(self) -> str:
        """Resolution and modules, as charts name the stage."""
        return f"{self.resolution} · {self.modules}" if self.modules else self.resolution


def stages(layers: Sequence[Layer], image_shape: tuple[int, int, int]) -> list[Stage]:
    """The stages in running order; their sums are the summary's totals.

    A detour, such as the 1×1 of squeeze-and-excitation or one of several branches, stays in the stage it returns to.
    Parameters and operations that a block holds itself stand with the block's result. What does not run is in the stage
    of the module that uses its weights, or, where none does, in a last one.
    """
    found = _Places(layers, [_resolution(layer, image_shape) for layer in layers])
    groups = [*([row for row, place in enumerate(found.places) if place == n] for n in range(len(found.titles)))]
    groups.append([row for row, place in enumerate(found.places) if place is None])
    parts = _parts([[layers[row].name for row in rows if layers[row].name] for rows in groups])
    titled = zip([*found.titles, IDLE], parts, groups, strict=True)
    return [_stage(title, names, rows, layers) for title, names, rows in titled if rows]


def _stage(resolution: str, modules: str, rows: list[int], layers: Sequence[Layer]) -> Stage:
    mine = [layers[row] for row in rows]
    return Stage(
        resolution=resolution,
        modules=modules,
        params=sum(layer.params for layer in mine),
        trainable_params=sum(layer.trainable_params for layer in mine),
        mult_adds=sum(layer.mult_adds for layer in mine),
        activation_bytes=sum(layer.activation_bytes for layer in mine),
        layers=len(mine),
        rows=tuple(rows),
    )


def _resolution(layer: Layer, image_shape: tuple[int, int, int]) -> str:
    """The resolution of a row's output; "" where it has none.

    Transformers keep channels last, (H, W, C): of the two readings of a shape that one is taken whose height and width
    are to each other as the image's are.
    """
    sizes = layer.output
    if not sizes:
        return ""
    if len(sizes) == 2:
        return f"{sizes[0]:,} tokens"
    first, last = sizes[1:3], sizes[:2]
    if len(sizes) == 3 and layer.kernel is None and not layer.type.startswith("BatchNorm"):
        sides = last if _skew(last, image_shape) < _skew(first, image_shape) else first
    else:
        sides = first
    return VECTOR if math.prod(sides) <= 1 else "×".join(map(str, sides))


def _skew(sides: tuple[int, ...], image_shape: tuple[int, int, int]) -> float:
    """How far height to width is from the image's, in powers of e."""
    return abs(math.log(max(sides[0], 1) / max(sides[1], 1)) - math.log(image_shape[1] / image_shape[2]))


class _Places:
    """In which stage each row is: `places` has its number, None where the row does not run; `titles` the resolutions of
    the stages."""

    def __init__(self, layers: Sequence[Layer], resolutions: list[str]):
        self._layers, self._resolutions = layers, resolutions
        self._leaves = [row for row, layer in enumerate(layers) if layer.type[0] != "(" and resolutions[row]]
        self.titles: list[str] = []
        self.places: list[int | None] = [None] * len(layers)
        self._place_leaves()
        self._place_containers()
        self._place_idle()

    def _place_leaves(self) -> None:
        for index, row in enumerate(self._leaves):
            resolution = self._resolutions[row]
            if not self.titles or (resolution != self.titles[-1] and not self._comes_back(index)):
                self.titles.append(resolution)
            self.places[row] = len(self.titles) - 1

    def _comes_back(self, index: int) -> bool:
        """Whether the current stage's resolution appears again in the same part of the network as this leaf."""
        top, _, inside = self._layers[self._leaves[index]].name.partition(".")
        later = (row for row in self._leaves[index + 1 :] if self._resolutions[row] == self.titles[-1])
        return bool(inside) and any(_is_in(self._layers[row].name, top) for row in later)

    def _place_containers(self) -> None:
        """Where the container's result is made, else beside the leaf before it."""
        for row, layer in enumerate(self._layers):
            if layer.type in OWN:
                inner = [leaf for leaf in self._leaves if leaf > row and _is_in(self._layers[leaf].name, layer.name)]
                same = [leaf for leaf in inner if self._resolutions[leaf] == self._resolutions[row]]
                before = [leaf for leaf in self._leaves if leaf < row]
                # the network's own parameters, such as a class token, are used before its first layers end
                beside = inner[:1] if not layer.name else same[-1:] or inner[:1] or before[-1:] or self._leaves[:1]
                self.places[row] = self.places[beside[0]] if beside else None

    def _place_idle(self) -> None:
        """With the module around it that has a row, which then uses its weights."""
        owners = {layer.name: row for row, layer in enumerate(self._layers) if layer.type in OWN and layer.name}
        for row, layer in enumerate(self._layers):
            if layer.type == NOT_EXECUTED:
                parents = _parents(layer.name)
                self.places[row] = next((self.places[owners[name]] for name in parents if name in owners), None)


def _is_in(name: str, container: str) -> bool:
    return not container or name.startswith(f"{container}.")


def _parents(name: str) -> list[str]:
    """Paths of the modules around one, from the innermost: "a.b.c" → ["a.b", "a"]."""
    pieces = name.split(".")
    return [".".join(pieces[:count]) for count in range(len(pieces) - 1, 0, -1)]


def _parts(names_of: list[list[str]]) -> list[str]:
    """For each stage, given its layers' names, the parts of the network that it lies in.

    Those are the first pieces of the names; two pieces where one would not tell three stages from each other.
    """
    tops = [{name.split(".")[0] for name in names} for names in names_of]
    coarse = {top for top in set().union(*tops) if sum(top in each for each in tops) >= 3}
    return [_listed(list(dict.fromkeys(_part(name, coarse) for name in names))) for names in names_of]


def _part(name: str, coarse: set[str]) -> str:
    pieces = name.split(".")
    return ".".join(pieces[: 2 if pieces[0] in coarse else 1])


def _listed(parts: list[str]) -> str:
    """Names in a few words: ["f.0", "f.1", "f.2"] → "f.0–2", ["a", "b", "c", "d"] → "a … d"."""
    if len(parts) <= 1:
        return "".join(parts)
    (head, _, first), (tail, _, last) = parts[0].rpartition("."), parts[-1].rpartition(".")
    if head == tail and first.isdigit() and last.isdigit():
        return f"{parts[0]}–{last}"
    return ", ".join(parts) if len(parts) <= 3 else f"{parts[0]} … {parts[-1]}"
