"""The receptive field, measured: which input pixels have a gradient.

The network's own forward pass runs in a linear form, so that no ReLU, maximum or cancellation hides a pixel: what is
found must be what `receptive_field` computes from the graph. How much each pixel matters is `field.effect`'s question.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from cvcore.analysis.summary import meta_copy
from cvcore.errors import ModelError
from cvcore.models import fit

LONGEST = 16_384  # pixels of a strip; the widest field of torchvision's networks has 3,863
SAME = {
    *("relu", "relu_", "relu6", "leaky_relu", "leaky_relu_", "elu", "selu", "celu", "gelu", "silu", "mish", "hardtanh"),
    *("hardtanh_", "hardswish", "hardsigmoid", "sigmoid", "sigmoid_", "tanh", "tanh_", "softplus", "softmax", "prelu"),
    *("log_softmax", "batch_norm", "layer_norm", "dropout", "dropout2d", "feature_dropout", "stochastic_depth"),
}
POOLS = {"max_pool2d", "max_pool2d_with_indices", "avg_pool2d", "boolean_dispatch"}


class Stop(Exception):  # noqa: N818 - no error
    """All layers that were asked for have run."""


class _TooShortError(ModelError):
    """A window does not fit into the strip."""


@dataclass(frozen=True)
class Support:
    """Pixels that one output value depends on along one axis: from `first` to `last`, both inclusive. `unit` is the
    output's place, `outputs` how many there are."""

    first: int
    last: int
    unit: int
    outputs: int

    @property
    def size(self) -> int:
        """Pixels from the first to the last."""
        return self.last - self.first + 1


def support(
    network: nn.Module | Callable[[], nn.Module],
    layers: Sequence[str],
    channels: int = 3,
    *,
    axis: str = "w",
    run: int = 1,
) -> dict[str, Support]:
    """The measured field of the units in the middle of `layers`' outputs, along the height ("h") or the width ("w").
    Of layers that run more than once, `run` says which run is meant, from 1.

    The strip of image is as long as it must be for the whole field to lie inside it, and one pixel thin: layers get the
    sums of their kernels across, which is what they compute of an image that is the same everywhere across. Weights are
    all alike and positive, activations and normalisations pass values on, a maximum is a mean: gradients then cannot
    vanish, and in float64 they do not underflow, as they do in float32 at the borders of DenseNet's field. The gates of
    squeeze-and-excitation are left out: what is measured is the local path.
    No weights are needed: the network may be on the meta device, and is copied there.
    Raises ModelError where a layer is not found, or its field is longer than any strip, as after global pooling.
    """
    with torch.device("meta"):
        model = meta_copy(network() if not isinstance(network, nn.Module) else network).eval()
    modules = dict(model.named_modules())
    missing = [name for name in layers if name not in modules]
    if missing:
        raise ModelError(f"no layer is called {missing[0]!r}: choose names from the network's summary")
    found: dict[str, Support] = {}
    length, refusal = 64, None
    while len(found) < len(layers) and length <= LONGEST:
        left = {name: modules[name] for name in layers if name not in found}
        try:
            found |= _measure(model, left, channels, axis, length, run)
            refusal = None
        except _TooShortError as error:
            refusal = error
        length *= 2
    if refusal is not None:  # however long the strip is: not its length is too small
        raise ModelError(f"the field cannot be measured: {refusal}; use the computed one") from refusal
    if len(found) < len(layers):
        name = next(name for name in layers if name not in found)
        raise ModelError(f"layer {name} sees more than {LONGEST:,} pixels: choose a layer before the global pooling")
    return found


def _measure(
    model: nn.Module, layers: dict[str, nn.Module], channels: int, axis: str, length: int, run: int
) -> dict[str, Support]:
    """The supports that end before the strip does. Raises _TooShortError where the strip is too short to pass through,
    ModelError where a layer has no linear form."""
    shape = (length, 1) if axis == "h" else (1, length)
    strip = torch.ones(1, channels, *shape, dtype=torch.float64, requires_grad=True)
    try:
        with outputs_of(layers, run) as outputs, torch.enable_grad(), _Linear(axis):
            model(strip)
    except Stop:
        pass
    except RuntimeError as error:
        if "too small" in str(error) or "smaller than" in str(error) or "Kernel size" in str(error):
            raise _TooShortError(fit.first_sentence(error)) from error
        raise ModelError(f"the field cannot be measured: {fit.first_sentence(error)}; use the computed one") from error
    found = {name: _support_of(output, strip, axis) for name, output in outputs.items()}
    return {name: each for name, each in found.items() if _is_whole(each, length)}


def _is_whole(found: Support, length: int) -> bool:
    """Whether the field ends well inside the strip. What comes close to an end may go on beyond it: the last pixels,
    fewer than the step from one output to the next, may be in nobody's window."""
    step = length / found.outputs
    return found.outputs >= 4 and found.first >= step and found.last < length - step


def _support_of(output: torch.Tensor, strip: torch.Tensor, axis: str) -> Support:
    """Where the gradient of the middle unit is not zero."""
    across = 2 if axis == "w" else 3
    maps = output if output.shape[across] == 1 else output.movedim(-1, 1)  # channels may come last
    line = maps.flatten(2).sum(dim=(0, 1))
    unit = len(line) // 2
    (gradient,) = torch.autograd.grad(line[unit], strip, retain_graph=True)
    seen = gradient.sum(dim=1).flatten().nonzero().flatten()
    return Support(int(seen[0]), int(seen[-1]), unit, len(line))


@contextmanager
def outputs_of(layers: dict[str, nn.Module], run: int = 1) -> Iterator[dict[str, torch.Tensor]]:
    """Collects the outputs of the `run`-th runs of `layers` by name, and ends the forward pass with `Stop` once all are
    there."""
    outputs: dict[str, torch.Tensor] = {}
    runs = dict.fromkeys(layers, 0)

    def keep(name: str) -> Callable:
        def hook(module: nn.Module, inputs: tuple, output: torch.Tensor) -> None:
            runs[name] += 1
            if runs[name] == run:
                outputs[name] = output
            if len(outputs) == len(layers):
                raise Stop

        return hook

    hooks = [module.register_forward_hook(keep(name)) for name, module in layers.items()]
    try:
        yield outputs
    finally:
        for each in hooks:
            each.remove()


class _Linear(TorchFunctionMode):
    """Runs a network on a thin strip with every layer replaced by its linear form; see `support`."""

    def __init__(self, axis: str):
        super().__init__()
        self._place = 0 if axis == "h" else 1  # of the axis that is measured among (height, width)

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name in SAME:
            return args[0] if args else kwargs["input"]
        if name == "conv2d":
            return self._convolution(*args, **kwargs)
        if name in POOLS:
            return self._pooling(*args, **kwargs)
        if name == "lp_pool2d":  # the root of a sum of powers depends on the same values as their mean
            return self._power_pooling(*args, **kwargs)
        if name in ("interpolate", "upsample"):
            return self._resizing(*args, **kwargs)
        if name == "linear":
            return args[0].mean(dim=-1, keepdim=True).repeat_interleave(args[1].shape[0], dim=-1)
        if name in ("mul", "mul_", "add", "add_", "sub", "div", "__mul__", "__rmul__", "__add__") and len(args) == 2:
            return self._two(func, *args)
        return func(*args, **kwargs)

    @staticmethod
    def _two(func: Callable, one: Any, other: Any) -> torch.Tensor:
        """The operation, but without a learnt scale or shift, and without a gate: one value for all positions."""
        if not (isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor)):
            return func(one, other)
        if one.is_meta or other.is_meta:
            return other if one.is_meta else one
        if one.ndim == other.ndim == 4 and one.shape[2:] != other.shape[2:] and "mul" in func.__name__:
            return max(one, other, key=lambda each: each.shape[2:].numel())
        return func(one, other)

    def _convolution(self, input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
        """The mean over channels, and a window of ones along the strip, in all output channels alike."""
        kernel = weight.shape[2 + self._place]
        if isinstance(padding, str):
            padding = dilation[self._place] * (kernel - 1) // 2 if padding == "same" else 0
        line = self._line(input).mean(dim=1, keepdim=True)
        ones = torch.full((1, 1, kernel), 1 / kernel, dtype=line.dtype)
        line = F.conv1d(line, ones, None, self._along(stride), self._along(padding), self._along(dilation))
        return self._upright(line.repeat(1, weight.shape[0], 1))

    def _pooling(self, input, kernel_size, stride=None, padding=0, *more, ceil_mode=False, dilation=1, **_):
        """The mean of the window, without the padding."""
        if len(more) == 2 and not isinstance(more[0], bool):  # max_pool2d(…, dilation, ceil_mode)
            dilation, ceil_mode = more
        elif more:
            ceil_mode = more[0]
        kernel, step = self._along(kernel_size), self._along(stride or kernel_size)
        line = self._line(input)
        if self._along(dilation) > 1:
            raise RuntimeError("dilated pooling has no linear form here")
        line = F.avg_pool1d(line, kernel, step, self._along(padding), ceil_mode, count_include_pad=False)
        return self._upright(line)

    def _power_pooling(self, input, norm_type, kernel_size, stride=None, ceil_mode=False):
        """The mean of the window."""
        return self._pooling(input, kernel_size, stride, ceil_mode=ceil_mode)

    def _resizing(self, input, size=None, scale_factor=None, mode="nearest", align_corners=None, *_, **__):
        """Nearest or linear resizing by a factor, along the strip only: across it stays one pixel thin."""
        modes = {"nearest": "nearest", "nearest-exact": "nearest-exact", "bilinear": "linear"}
        if scale_factor is None or mode not in modes:
            raise RuntimeError("resizing to a fixed size" if scale_factor is None else f"{mode} resizing")
        factors = scale_factor if isinstance(scale_factor, list | tuple) else (scale_factor,)
        factor = float(factors[self._place] if len(factors) > 1 else factors[0])
        corners = {"align_corners": align_corners} if mode == "bilinear" else {}
        return self._upright(F.interpolate(self._line(input), scale_factor=factor, mode=modes[mode], **corners))

    def _line(self, input: torch.Tensor) -> torch.Tensor:
        """The strip as [N, C, length]."""
        across = 3 - self._place  # the dimension in which it is thin
        if input.ndim != 4 or input.shape[across] != 1:
            raise RuntimeError("a layer before makes the strip thicker than one pixel")
        return input.squeeze(across)

    def _along(self, value: Any) -> int:
        values = tuple(value) if isinstance(value, list | tuple | torch.Size) else (value,)
        return int(values[self._place] if len(values) > 1 else values[0])

    def _upright(self, line: torch.Tensor) -> torch.Tensor:
        return line.unsqueeze(2 if self._place else 3)
