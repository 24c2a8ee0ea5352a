"""What was loaded from a file of weights, made into a state dict that can be trusted, or refused."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from cvcore.transfer.pickled import UnsoundError, shown

State = dict[str, torch.Tensor]

WRAPPERS = ("state_dict", "model", "model_state_dict")  # under which training scripts store a state dict
PREFIXES = ("module.", "_orig_mod.")  # that DataParallel and torch.compile put before every name
_FLOATS = (torch.float16, torch.bfloat16, torch.float64)
_COUNTS = re.compile(r"(.*[._])?(num_batches_tracked|index|position_ids)")  # whole numbers that belong there
_OLD_NAMES = (  # as torchvision renames them: its files are older than its networks
    (re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.([12]\.)"), r"\1\2"),
    (re.compile(r"(encoder_layer_\d+\.mlp)\.linear_1\."), r"\1.0."),
    (re.compile(r"(encoder_layer_\d+\.mlp)\.linear_2\."), r"\1.3."),
)


def sound(raw: Any, most_bytes: int, *, finite: bool = True) -> tuple[State, tuple[str, ...]]:
    """(state dict, remarks on what was changed in it) of `raw`: float32 on the CPU, names as torchvision has them.

    Raises UnsoundError for everything else than named tensors of numbers, which together take at most `most_bytes`;
    with `finite` also where values are missing (NaN) or infinite.
    """
    remarks: list[str] = []
    state = _unwrapped(raw, remarks)
    _check(state, most_bytes)
    state = _plain(state, remarks)
    if finite:
        _check_finite(state)
    return state, tuple(remarks)


def in_order(state: State, names: Sequence[str] = ()) -> State:
    """`state` in the order of `names`, or, where these are not its own, by name with numbers counted, 9.bias before
    10.bias: safetensors keeps no order, and that of a state dict tells which layer comes first."""
    return {name: state[name] for name in (names if set(names) == set(state) else sorted(state, key=_counted))}


def _counted(name: str) -> list[tuple[str, int, str]]:
    return [(text, len(number), number) for text, number in re.findall(r"(\D*)(\d*)", name)]


def _unwrapped(raw: Any, remarks: list[str]) -> dict[Any, Any]:
    """The state dict in what was loaded, without the prefixes of wrappers around the network."""
    wrapper = next((key for key in WRAPPERS if isinstance(raw, Mapping) and isinstance(raw.get(key), Mapping)), None)
    if wrapper is not None:
        others = f", {len(raw) - 1:,} other entries left out" if len(raw) > 1 else ""
        remarks.append(f"taken from {wrapper!r}{others}")
        raw = raw[wrapper]
    if not isinstance(raw, Mapping) or not raw:
        found = "nothing" if isinstance(raw, Mapping) else f"a {type(raw).__name__}"
        raise UnsoundError(f"it holds {found} instead of names with tensors")
    for prefix in PREFIXES:
        if all(isinstance(name, str) and name.startswith(prefix) and name != prefix for name in raw):
            remarks.append(f"{prefix!r} taken from the beginning of every name")
            raw = {name.removeprefix(prefix): value for name, value in raw.items()}
    return dict(raw)


def _check(state: dict[Any, Any], most_bytes: int) -> None:
    """Raises UnsoundError unless `state` holds named tensors of numbers, which together take at most `most_bytes`."""
    total = 0
    for name, value in state.items():
        if not isinstance(name, str) or not name or not name.isprintable() or name == "__metadata__":
            raise UnsoundError("one of its tensors has no name that a layer could have")
        if type(value) not in (torch.Tensor, nn.Parameter):
            raise UnsoundError(f"{shown(name)} is a {type(value).__name__} instead of a tensor")
        if value.layout is not torch.strided or value.device.type != "cpu" or value.is_quantized:
            raise UnsoundError(f"{shown(name)} is a sparse, quantised or empty tensor instead of plain numbers")
        if not (value.dtype in (torch.float32, *_FLOATS) or (value.dtype is torch.int64 and _COUNTS.fullmatch(name))):
            raise UnsoundError(f"{shown(name)} holds {_kind(value)} values, where float32 belongs")
        if value.numel() * value.element_size() > value.untyped_storage().nbytes():
            raise UnsoundError(f"{shown(name)} has more values than the file")
        total += value.numel() * max(value.element_size(), 4)
    if total > most_bytes:
        raise UnsoundError(f"its values take {total:,} bytes, at most {most_bytes:,} are read")


def _plain(state: State, remarks: list[str]) -> State:
    """`state` with today's names, counters of batches where old files have none, and each tensor by itself."""
    plain: State = {}
    changed: dict[str, int] = {}
    seen: set[int] = set()
    for old, value in state.items():
        name = old
        for pattern, new in _OLD_NAMES:
            name = pattern.sub(new, name)
        if name in plain:
            raise UnsoundError(f"{shown(name)} is there twice")
        if value.dtype in _FLOATS:
            changed[_kind(value)] = changed.get(_kind(value), 0) + 1
        plain[name] = _by_itself(value.detach(), seen)
    for name in [name for name in plain if name.endswith("running_var")]:
        plain.setdefault(f"{name.removesuffix('running_var')}num_batches_tracked", torch.tensor(0))
    remarks.extend(f"{count:,} tensors of {kind} values were made float32" for kind, count in changed.items())
    return plain


def _by_itself(value: torch.Tensor, seen: set[int]) -> torch.Tensor:
    """`value` as float32 or int64, in a block of memory that no other tensor shares."""
    kind = torch.float32 if value.is_floating_point() else torch.int64
    storage = value.untyped_storage()
    alone = storage.data_ptr() not in seen and storage.nbytes() == value.numel() * value.element_size()
    seen.add(storage.data_ptr())
    if alone and value.dtype is kind and value.is_contiguous() and not value.is_neg():
        return value
    return torch.empty(value.shape, dtype=kind).copy_(value)


def _check_finite(state: State) -> None:
    for name, value in state.items():
        if value.is_floating_point() and value.numel() and not torch.stack(value.aminmax()).isfinite().all():
            raise UnsoundError(f"{shown(name)} holds values that are no numbers (NaN) or infinite")


def _kind(value: torch.Tensor) -> str:
    return str(value.dtype).removeprefix("torch.")
