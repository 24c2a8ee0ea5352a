"""A look at every operation of a forward pass, together with the module that asked for it."""

from collections.abc import Iterable
from typing import Any

from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode


class HookedMode(TorchDispatchMode):
    """Inside its block, tells when each of `modules` starts (`_enters`) and ends (`_leaves`); its hooks go at the end.

    Who inherits also sees the operations, in `__torch_dispatch__`.
    """

    def __init__(self, modules: Iterable[nn.Module]):
        super().__init__()
        self._modules = list(modules)
        self._hooks: list[Any] = []

    def __enter__(self):
        for module in self._modules:
            self._hooks += [module.register_forward_pre_hook(self._enters), module.register_forward_hook(self._leaves)]
        return super().__enter__()

    def __exit__(self, *error):
        while self._hooks:
            self._hooks.pop().remove()
        return super().__exit__(*error)

    def _enters(self, module: nn.Module, inputs: tuple) -> None:
        raise NotImplementedError

    def _leaves(self, module: nn.Module, inputs: tuple, output: object) -> None:
        raise NotImplementedError
