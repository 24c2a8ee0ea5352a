"""The rows of a summary: every layer of a network in the order in which they run, and what makes the columns add up."""

from dataclasses import dataclass
from math import prod

import torch
import torchinfo
from torch import nn
from torchinfo.layer_info import LayerInfo

from cvcore.analysis.module_trace import ModuleTrace
from cvcore.errors import ModelError
from cvcore.models import fit

OWN_PARAMETERS = "(own parameters)"
OWN_OPERATIONS = "(own operations)"
NOT_EXECUTED = "(not executed)"

Pair = tuple[int, int]


@dataclass(frozen=True)
class Layer:
    """One row: a leaf module each time it runs, or one of three rows that make the columns add up.

    "(own parameters)": what a module with children owns and computes itself, such as ViT's class token or the attention
    of a transformer. "(own operations)": the same where it owns no parameters, such as the sum of a residual block or
    the concatenation of a dense one. "(not executed)": parameters of a module whose forward does not run: idle, or used
    directly by the module around it, as attention does with its projections.

    `name` is the module's path ("" is the network itself). A module that runs again has a row with the same name and
    0 parameters. `output` is the shape without the batch, empty where there is none. `mult_adds` are for one image.
    `kernel`, `stride` and `padding` are (height, width) of a convolution or pooling, else None; of padding 'same', what
    is added at the top and at the left.

    `activation_bytes` are those of the values that the row adds to memory for one image, 4 bytes each: 0 where it works
    in place or only looks at its input in another shape. Of the "(own …)" rows they are those of all tensors that the
    module makes itself, between its children.
    """

    name: str
    type: str
    output: tuple[int, ...]
    params: int
    mult_adds: int
    trainable_params: int = 0
    kernel: Pair | None = None
    stride: Pair | None = None
    padding: Pair | None = None
    activation_bytes: int = 0

    @property
    def frozen_params(self) -> int:
        """Parameters that training leaves as they are."""
        return self.params - self.trainable_params


class ForwardError(ModelError):
    """The forward pass failed; `cause` says at which layer and why."""

    def __init__(self, name: str, image_shape: tuple[int, ...], cause: str):
        super().__init__(f"{name} does not fit {fit.image_text(image_shape)} images ({cause}): use another image size")
        self.cause = cause


def layer_rows(name: str, model: nn.Module, images: torch.Tensor) -> list[Layer]:
    """All rows, in the order in which modules start to run; what never runs comes last. Raises ForwardError."""
    trace = ModuleTrace(model, images)
    try:
        with trace:
            # A tensor, not a size: for a size torchinfo would fill an image with random numbers on the CPU first.
            infos = torchinfo.summary(model, input_data=images, device="meta", mode="eval", verbose=0).summary_list
    except RuntimeError as error:
        with torch.no_grad():
            cause = fit.forward_failure(model, images) or fit.first_sentence(error)
        raise ForwardError(name, tuple(images.shape[1:]), cause) from error
    finally:
        torchinfo.torchinfo.clear_cached_forward_pass()  # which would keep this model alive until the next summary
    names = {module: path for path, module in model.named_modules()}
    ledger = _Ledger()
    rows = [_executed_row(info, names, ledger, trace) for info in infos]
    idle = [Layer(path, NOT_EXECUTED, (), *ledger.row(module)) for module, path in names.items()]
    return [row for row in rows if row is not None] + [row for row in idle if row.params]


def windows(module: nn.Module) -> tuple[Pair | None, Pair | None, Pair | None]:
    """(kernel, stride, padding) of a convolution or pooling, each (height, width); None for what it does not have.

    >>> windows(nn.Conv2d(3, 8, (3, 5), stride=2, padding=1)), windows(nn.Conv2d(3, 8, 3, padding="same"))[2]
    (((3, 5), (2, 2), (1, 1)), (1, 1))
    """
    kernel = _pair(getattr(module, "kernel_size", None))
    if kernel is None:
        return None, None, None
    padding = getattr(module, "padding", None)
    if padding == "same":
        reach = [space * (size - 1) for space, size in zip(_pair(module.dilation), kernel, strict=True)]
        padding = tuple(each // 2 for each in reach)  # an odd one is added at the bottom and at the right
    elif padding == "valid":
        padding = 0
    return kernel, _pair(getattr(module, "stride", None)), _pair(padding)


def _pair(value: object) -> Pair | None:
    if isinstance(value, int):
        return value, value
    two = isinstance(value, list | tuple) and len(value) == 2
    return (int(value[0]), int(value[1])) if two else None


def _executed_row(info: LayerInfo, names: dict, ledger: "_Ledger", trace: ModuleTrace) -> Layer | None:
    """The row of one run of a module; None for a container that owns, computes and makes nothing itself."""
    module = info.module
    if info.is_leaf_layer and not info.executed:  # a container without children, or one that torchinfo only lists
        return None
    traced, made = trace.take(module, whole=info.is_leaf_layer)
    params, trainable = ledger.take(module)
    output = tuple(info.output_size[1:])
    if info.is_leaf_layer:
        mult_adds = _mult_adds(info, traced)
        return Layer(names[module], info.class_name, output, params, mult_adds, trainable, *windows(module), made)
    if not params and not traced and not made:
        return None
    kind = OWN_PARAMETERS if params else OWN_OPERATIONS
    return Layer(names[module], kind, output, params, traced, trainable, activation_bytes=made)


def _mult_adds(info: LayerInfo, traced: int) -> int:
    """Of a leaf: the products that were traced, and one addition of a bias for each value that comes out.

    That is what torchinfo counts too, but it counts a linear layer once, however many tokens or pixels it is applied
    to, and a transposed convolution by its outputs, though its kernel is applied at each input. Where there are no
    products, as in a normalisation, its count stands.
    """
    if not traced:
        return info.macs
    biased = isinstance(getattr(info.module, "bias", None), torch.Tensor)
    return traced + (prod(info.output_size) if biased else 0)


class _Ledger:
    """Hands out each parameter's count once, so that shared parameters and repeated runs are not counted twice."""

    def __init__(self) -> None:
        self._taken: set[int] = set()

    def take(self, module: nn.Module) -> tuple[int, int]:
        """(all, trainable) parameters that the module owns directly and that nobody took before."""
        own = {id(p): p for p in module.parameters(recurse=False) if id(p) not in self._taken}
        self._taken.update(own)
        return sum(p.numel() for p in own.values()), sum(p.numel() for p in own.values() if p.requires_grad)

    def row(self, module: nn.Module) -> tuple[int, int, int]:
        """What a row of a module that does not run holds: parameters, no mult-adds, trainable parameters."""
        params, trainable = self.take(module)
        return params, 0, trainable
