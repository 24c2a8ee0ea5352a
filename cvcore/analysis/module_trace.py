"""What each run of a module computes and makes anew, seen from inside PyTorch, operation by operation."""

from collections.abc import Iterator

import torch
from torch import nn
from torch.utils.flop_counter import flop_registry

from cvcore.analysis.hooked_mode import HookedMode


class ModuleTrace(HookedMode):
    """Counts the multiply-adds of all matrix products and convolutions, and the bytes of all new tensors, by the
    innermost module that asked for them, while `model` runs on `images`.

    torchinfo looks at parameters and outputs only. It does not see attention, which multiplies activations with each
    other, and misses layers whose weights another module uses. PyTorch's own table of FLOP formulas, two FLOPs to a
    multiply-add, does. Its FlopCounterMode would hook every module of the process, also those of other threads.

    A tensor is new where it has a storage that no tensor had before: what works in place, and what only looks at the
    same values in another shape, adds nothing. That holds on the meta device too, where storages have no contents.
    """

    def __init__(self, model: nn.Module, images: torch.Tensor):
        super().__init__(model.modules())
        self._open: list[_Run] = []  # the modules that are running, outermost first
        self._runs: dict[nn.Module, list[_Run]] = {}
        self._born: dict[int, int] = {}  # the number of each storage, in the order in which they were made
        self._kept: list[torch.UntypedStorage] = []  # alive, so that no two of them share an address
        for tensor in [*model.parameters(), *model.buffers(), images]:
            self._is_new(tensor)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        made = sum(_bytes(tensor) for tensor in _tensors(out) if self._is_new(tensor))
        if self._open:
            run = self._open[-1]
            run.made += made
            formula = flop_registry.get(func._overloadpacket)
            if formula is not None:
                run.mult_adds += formula(*args, **kwargs, out_val=out) // 2
        return out

    def take(self, module: nn.Module, *, whole: bool) -> tuple[int, int]:
        """(mult-adds, bytes) of the module's next run that was not asked for yet, without those of its children.

        Bytes are those of the new tensors that the module returned, if the `whole` module is one layer; else of all
        new tensors that it made itself, between its children.
        """
        runs = self._runs.get(module)
        run = runs.pop(0) if runs else _Run(0)
        return run.mult_adds, run.returned if whole else run.made

    def _enters(self, module: nn.Module, inputs: tuple) -> None:
        self._open.append(_Run(begin=len(self._kept)))

    def _leaves(self, module: nn.Module, inputs: tuple, output: object) -> None:
        run = self._open.pop()
        # what no operation made, such as a weight that is returned as it is, has no number, and is not new
        fresh = {t.untyped_storage()._cdata: t for t in _tensors(output)}
        run.returned = sum(_bytes(t) for key, t in fresh.items() if self._born.get(key, -1) >= run.begin)
        self._runs.setdefault(module, []).append(run)

    def _is_new(self, tensor: torch.Tensor) -> bool:
        """Whether nobody had this tensor's storage before; from now on somebody has."""
        storage = tensor.untyped_storage()
        if storage._cdata in self._born:
            return False
        self._born[storage._cdata] = len(self._kept)
        self._kept.append(storage)
        return True


class _Run:
    """One run of a module."""

    __slots__ = ("begin", "made", "mult_adds", "returned")

    def __init__(self, begin: int):
        self.begin, self.made, self.mult_adds, self.returned = begin, 0, 0, 0


def _bytes(tensor: torch.Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _tensors(value: object) -> Iterator[torch.Tensor]:
    """The tensors of what an operation or a module returns: one, or several in a list, a tuple or a dict."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _tensors(part)
    elif isinstance(value, dict):
        yield from _tensors(list(value.values()))
