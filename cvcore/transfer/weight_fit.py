"""Whether a state dict belongs to a network, said before the network is touched."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import nn

from cvcore.errors import ModelError
from cvcore.transfer.heads import head_name

Shape = tuple[int, ...]
_GROUPS = 4  # parts of a network that a line names


@dataclass(frozen=True)
class Fit:
    """What a state dict lacks, has too many, and has in another shape (name, its shape, the network's).

    `total` are the network's tensors, `head` the dotted name of its last layer; `outputs` are the classes of the state
    dict's head and `classes` those of the network's, None where there is no such layer.
    """

    total: int
    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    wrong: tuple[tuple[str, Shape, Shape], ...] = ()
    head: str = ""
    outputs: int | None = None
    classes: int | None = None

    @property
    def fits(self) -> bool:
        """Whether everything can be loaded as it is."""
        return not (self.missing or self.extra or self.wrong)

    @property
    def head_only(self) -> bool:
        """Whether there are differences, all in the head (and in idle auxiliary ones): the rest can be reused."""
        names = (*self.missing, *self.extra, *(name for name, _, _ in self.wrong))
        working = [name for name in names if not _is_idle(name)]
        return bool(working) and bool(self.head) and all(name.startswith(f"{self.head}.") for name in working)

    def lines(self) -> list[str]:
        """The report: one line if it fits, at most five if not."""
        if self.fits:
            return [f"all {self.total:,} tensors fit"]
        if self.head_only:
            return [f"everything fits but the head, {self.head}: {self._about_head()}"]
        right = self.total - len(self.missing) - len(self.wrong)
        found = [f"{right:,} of the network's {self.total:,} tensors fit"]
        for title, names in (("missing", self.missing), ("not in the network", self.extra)):
            if names:
                found.append(f"{title}: {_grouped(names)}")
        if self.wrong:
            found.append(f"in another shape: {_grouped(name for name, _, _ in self.wrong)}")
            found.append(f"for example {_shapes(*self.wrong[0])}")
        return found

    def error(self, name: str) -> ModelError:
        """The one line that says why the weights of that name cannot be loaded, and what to do."""
        if self.head_only:
            return ModelError(
                f"{name} fits but for the head, {self.head}: {self._about_head()}; give it a new head, "
                "or build the network for as many classes"
            )
        _, *found = self.lines()
        return ModelError(
            f"{name} does not fit the network: {'; '.join(found)}; choose the network that it was made for"
        )

    def _about_head(self) -> str:
        if self.outputs is not None and self.outputs != self.classes:
            return f"it has {self.outputs:,} outputs, the network {self.classes:,}"
        return _shapes(*self.wrong[-1]) if self.wrong else "it has other layers there" if self.extra else "it has none"


def compare(state: Mapping[str, torch.Tensor], model: nn.Module) -> Fit:
    """How `state` fits `model`, which may be on the meta device. Idle auxiliary heads in `state` are passed over."""
    own = model.state_dict()
    state = without_idle(state, own)
    wrong = [
        (name, tuple(state[name].shape), tuple(own[name].shape))
        for name in own
        if name in state and state[name].shape != own[name].shape
    ]
    try:
        head = head_name(model)
    except ModelError:
        head = ""
    counts = [values[f"{head}.weight"].shape[:1] if f"{head}.weight" in values else () for values in (state, own)]
    return Fit(
        len(own),
        tuple(name for name in own if name not in state),
        tuple(name for name in state if name not in own),
        tuple(wrong),
        head,
        *(count[0] if count else None for count in counts),
    )


def without_idle(state: Mapping[str, torch.Tensor], names: Iterable[str]) -> dict[str, torch.Tensor]:
    """`state` without the auxiliary heads, of GoogLeNet and Inception, that are not among a network's `names`."""
    known = set(names)
    return {name: value for name, value in state.items() if name in known or not _is_idle(name)}


def put(state: Mapping[str, torch.Tensor], model: nn.Module, name: str) -> None:
    """Give `model` the values of `state`. Raises ModelError, and changes nothing, unless everything fits.

    Tables of positions, which follow from a network's layers alone, stay as they are.
    """
    fit = compare(state, model)
    if not fit.fits:
        raise fit.error(name)
    own = model.state_dict()
    given = OrderedDict((key, own[key] if key.endswith("_index") else state[key]) for key in own)
    given._metadata = {"": {"version": getattr(model, "_version", None)}}  # MNASNet asks for it
    model.load_state_dict(given)


def _is_idle(name: str) -> bool:
    """Whether a tensor is one of an auxiliary head, which the zoo's networks do not compute."""
    return name.lower().startswith("aux")


def _grouped(names: Iterable[str]) -> str:
    """Parts of a network with the number of their tensors, in the order they come: "18 in layer1, 2 in fc"."""
    listed = list(names)
    if len(listed) == 1:
        return listed[0]
    for pieces in (1, 2):
        parts = Counter(".".join(name.split(".")[:pieces]) for name in listed)
        if len(parts) > 1:
            break
    shown = [f"{count:,} in {part}" for part, count in list(parts.items())[:_GROUPS]]
    if len(parts) > _GROUPS:
        shown.append(f"{sum(list(parts.values())[_GROUPS:]):,} in {len(parts) - _GROUPS:,} other parts")
    return ", ".join(shown)


def _shapes(name: str, theirs: Shape, ours: Shape) -> str:
    return f"{name} is {_sides(theirs)} and the network's {_sides(ours)}"


def _sides(shape: Shape) -> str:
    return "×".join(map(str, shape)) or "a single number"
