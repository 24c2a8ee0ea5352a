"""What flows through a network: its steps in the order they run, and what enters and leaves any one of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import nn
from torchvision.ops import Permute

from cvcore.errors import ModelError, unknown_name
from cvcore.models import fit
from cvcore.models.modes import evaluation_mode

ACTIVATION, POOLING, BATCHNORM, DROPOUT = "activation", "pooling", "batchnorm", "dropout"
# where PyTorch keeps the layers of a kind; those of the second place mix values, so they are no element-wise step
_PLACES = {"torch.nn.modules.activation": ACTIVATION, "torch.nn.modules.pooling": POOLING}
_MIXING = ("MultiheadAttention", "Softmax", "Softmin", "Softmax2d", "LogSoftmax")


@dataclass(frozen=True)
class Step:
    """One run of a layer: a module that runs without running another one.

    `name` is the module's path, `run` counts its runs from 1; `input` and `output` are shapes without the batch.
    `kind` is "activation", "pooling", "batchnorm", "dropout" or "". `channels_last`: [H, W, C] instead of [C, H, W].
    """

    name: str
    run: int
    type: str
    kind: str
    input: tuple[int, ...]
    output: tuple[int, ...]
    channels_last: bool = False

    @property
    def key(self) -> str:
        """The name to choose it by; a module that runs again has a number: "layer1.0.relu#2"."""
        return (self.name or "network") + (f"#{self.run}" if self.run > 1 else "")

    @property
    def maps(self) -> tuple[int, int, int]:
        """(channels, height, width) of what leaves it; see `as_maps`."""
        return tuple(as_maps(torch.empty(1, *self.output, device="meta"), self).shape[1:])


class Seen(NamedTuple):
    """What entered and what left a step, with the batch."""

    before: torch.Tensor
    after: torch.Tensor


def find_step(steps: tuple[Step, ...], key: str) -> Step:
    """The step of that key. Raises ModelError, with the nearest ones, where there is none."""
    for step in steps:
        if step.key == key:
            return step
    raise ModelError(unknown_name("layer", key, [step.key for step in steps]))


def kind_of(module: nn.Module) -> str:
    """The kind of a layer, as in Step."""
    if isinstance(module, nn.modules.batchnorm._BatchNorm):
        return BATCHNORM
    if isinstance(module, nn.modules.dropout._DropoutNd):
        return DROPOUT
    return "" if type(module).__name__ in _MIXING else _PLACES.get(type(module).__module__, "")


def trace_steps(model: nn.Module, image_shape: tuple[int, int, int]) -> tuple[Step, ...]:
    """All steps of one forward pass on a (C, H, W) image, in the order in which they end.

    Give a model on the meta device to allocate nothing. Raises ModelError in one line where the image does not fit.
    """
    found: list[Step] = []
    runs: dict[nn.Module, int] = {}
    paths = {module: path for path, module in model.named_modules()}
    ran_inside = [False]  # for each module that is running, outermost first: whether another one ran in it

    def enters(module: nn.Module, inputs: tuple) -> None:
        ran_inside[-1] = True
        ran_inside.append(False)

    def leaves(module: nn.Module, inputs: tuple, output: object) -> None:
        after = _tensor(output)
        if ran_inside.pop() or after is None or not inputs or not 2 <= after.dim() <= 4:
            return
        runs[module] = runs.get(module, 0) + 1
        last = _channels_last(module, after.dim(), found[-1].channels_last if found else False)
        shapes = tuple(inputs[0].shape[1:]), tuple(after.shape[1:])
        found.append(Step(paths[module], runs[module], type(module).__name__, kind_of(module), *shapes, last))

    device = next((tensor.device for tensor in [*model.parameters(), *model.buffers()]), torch.device("cpu"))
    hooks = [module.register_forward_pre_hook(enters) for module in paths]
    hooks += [module.register_forward_hook(leaves) for module in paths]
    with evaluating(model, hooks), torch.no_grad():
        try:
            model(torch.zeros(1, *image_shape, device=device))
        except (RuntimeError, ValueError, AssertionError) as error:
            raise ModelError(
                f"the network does not take {fit.image_text(image_shape)} images ({fit.first_sentence(error)}): "
                "use another image size"
            ) from error
    return tuple(found)


def observe(model: nn.Module, images: torch.Tensor, step: Step) -> Seen:
    """What enters and leaves `step` when `images` [N, C, H, W] pass through `model` in evaluation mode.

    Only these two are kept, as copies that a later in-place layer cannot change, and nothing after the step is
    computed. The model's modes are given back. Raises ModelError where the step is not reached.
    """
    module = model.get_submodule(step.name)
    seen: dict[str, torch.Tensor] = {}
    run = 0

    def enters(_: nn.Module, inputs: tuple) -> None:
        nonlocal run
        run += 1
        if run == step.run:
            seen["before"] = inputs[0].clone()

    def leaves(_: nn.Module, inputs: tuple, output: object) -> None:
        if run == step.run:
            seen["after"] = _tensor(output).clone()
            raise _Reached

    hooks = [module.register_forward_pre_hook(enters), module.register_forward_hook(leaves)]
    with evaluating(model, hooks), torch.no_grad():
        try:
            model(images)
        except _Reached:
            return Seen(**seen)
        except (RuntimeError, ValueError) as error:
            raise ModelError(
                f"the network does not take {fit.image_text(tuple(images.shape[1:]))} images "
                f"({fit.first_sentence(error)}): use another image size"
            ) from error
    raise ModelError(f"{step.key} does not run in this network: choose another layer")


def as_maps(values: torch.Tensor, step: Step) -> torch.Tensor:
    """`values` [N, …] that left `step`, as maps [N, channels, H, W].

    A vector becomes channels of one value. Tokens [N, L, D] become D maps: square without the class token where they
    are the patches of a square, else one row.
    """
    if values.dim() == 4:
        return values.permute(0, 3, 1, 2) if step.channels_last else values
    if values.dim() == 2:
        return values[:, :, None, None]
    tokens = values.transpose(1, 2)  # [N, D, L]
    count = tokens.shape[2]
    for skipped in (0, 1):
        side = math.isqrt(count - skipped)
        if side > 1 and side * side == count - skipped:
            return tokens[:, :, skipped:].unflatten(2, (side, side))
    return tokens[:, :, None, :]


def nearest(steps: tuple[Step, ...], to: Step, wanted: Callable[[Step], bool]) -> Step | None:
    """The wanted step nearest to another one in running order, the later of two that are as near; None without any."""
    place = steps.index(to)
    found = [(abs(index - place), -index) for index, step in enumerate(steps) if wanted(step)]
    return steps[-min(found)[1]] if found else None


@contextmanager
def evaluating(model: nn.Module, hooks: Sequence = ()) -> Iterator[None]:
    """`model` in evaluation mode for the block; then `hooks` are taken off and every part has its own mode again."""
    with evaluation_mode(model):
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()


class _Reached(Exception):  # noqa: N818 - no error: the forward pass has come as far as it must
    """The step that is looked at has run."""


def _tensor(output: object) -> torch.Tensor | None:
    """The tensor that a module returned, the first of several; None where it returned none."""
    if isinstance(output, (tuple, list)) and output:
        output = output[0]
    return output if isinstance(output, torch.Tensor) else None


def _channels_last(module: nn.Module, dims: int, before: bool) -> bool:
    """Whether [N, …] of `dims` dimensions that leaves `module` has its channels last, where `before` is what entered.

    Linear and LayerNorm work on the last dimension; convolutions, pooling and BatchNorm on the second.
    """
    if dims != 4:
        return False
    if type(module) in (nn.Linear, nn.LayerNorm):
        return True
    if isinstance(module, Permute):
        return module.dims == [0, 2, 3, 1]
    spatial = (nn.modules.conv._ConvNd, nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm)
    if isinstance(module, spatial) or kind_of(module) == POOLING:
        return False
    return before
