"""What a network is made of, in numbers: its layers in the order they run, their outputs, parameters and mult-adds.

Everything is computed on the meta device, where tensors have shapes but no contents: VGG-16 costs no more memory than
a small network. The rows come from torchinfo; see `_Trace` for the one thing it does not see.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict, dataclass

import torch
import torchinfo
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry
from torchinfo.layer_info import LayerInfo

from cvcore.errors import ModelError
from cvcore.models import fit, zoo

OWN_PARAMETERS = "(own parameters)"
OWN_OPERATIONS = "(own operations)"
NOT_EXECUTED = "(not executed)"


@dataclass(frozen=True)
class Layer:
    """One row: a leaf module each time it runs, or one of three rows that make the columns add up.

    "(own parameters)": what a module with children owns and computes itself, such as ViT's class token or the attention
    of a transformer. "(own operations)": the same where it owns no parameters. "(not executed)": parameters of a module
    whose forward does not run: idle, or used directly by the module around it, as attention does with its projections.

    `name` is the module's path ("" is the network itself). A module that runs again has a row with the same name and
    0 parameters. `output` is the shape without the batch, empty where there is none. `mult_adds` are for one image.
    """

    name: str
    type: str
    output: tuple[int, ...]
    params: int
    mult_adds: int


@dataclass(frozen=True)
class Summary:
    """A network's totals, and the rows that add up to them. `input` is (C, H, W); mult-adds are MACs for one image."""

    model: str
    input: tuple[int, int, int]
    params: int
    trainable_params: int
    mult_adds: int
    layers: tuple[Layer, ...]

    def to_json(self) -> dict:
        """The same as plain dicts, lists and numbers, ready for `json.dumps`."""
        layers = [{**asdict(layer), "output": list(layer.output)} for layer in self.layers]
        return {**asdict(self), "input": list(self.input), "layers": layers}


def summarize(name: str, image_shape: tuple[int, int, int] | None = None, num_classes: int | None = None) -> Summary:
    """The summary of a network of the zoo; without a shape or classes, those of its paper or tutorial.

    Raises ModelError in one line where the name is unknown or the image does not fit.
    """
    spec = zoo.find(name)
    shape = tuple(spec.input if image_shape is None else image_shape)
    classes = spec.default_classes if num_classes is None else num_classes
    try:
        return summarize_module(spec.name, lambda: zoo.build(name, shape, classes), shape)
    except _ForwardError as error:
        raise zoo.misfit(spec, shape, error.cause) from error


def summarize_module(name: str, build: Callable[[], nn.Module], image_shape: tuple[int, int, int]) -> Summary:
    """The summary of the network that `build()` returns, as it runs in evaluation mode on one (C, H, W) image.

    `build` is called with the meta device as default. It may return a network that exists already, with its weights:
    that is left as it is, and what is read from it is which parameters are trainable.
    """
    fit.check_request(name, image_shape, num_classes=1)
    with torch.device("meta"):
        model = meta_copy(build()).eval()  # a copy in any case: `build` may have returned somebody's network
        images = torch.empty(1, *image_shape)
    rows = _rows(name, model, images)
    return Summary(
        model=name,
        input=tuple(image_shape),
        params=sum(p.numel() for p in model.parameters()),
        trainable_params=sum(p.numel() for p in model.parameters() if p.requires_grad),
        mult_adds=sum(row.mult_adds for row in rows),
        layers=tuple(rows),
    )


def meta_copy(model: nn.Module) -> nn.Module:
    """A copy whose parameters and buffers are on the meta device; the original keeps its weights, nothing is copied."""
    shells: dict[int, object] = {}  # what deepcopy is to take for each tensor instead of copying its contents
    for tensor in [*model.parameters(), *model.buffers()]:
        shell = torch.empty_like(tensor, device="meta")
        is_parameter = isinstance(tensor, nn.Parameter)
        shells[id(tensor)] = nn.Parameter(shell, requires_grad=tensor.requires_grad) if is_parameter else shell
    return deepcopy(model, shells)


class _ForwardError(ModelError):
    """The forward pass failed; `cause` says at which layer and why."""

    def __init__(self, name: str, image_shape: tuple[int, ...], cause: str):
        super().__init__(f"{name} does not fit {fit.image_text(image_shape)} images ({cause}): use another image size")
        self.cause = cause


def _rows(name: str, model: nn.Module, images: torch.Tensor) -> list[Layer]:
    """All rows, in the order in which modules start to run; what never runs comes last."""
    trace = _Trace(model)
    try:
        with trace:
            # A tensor, not a size: for a size torchinfo would fill an image with random numbers on the CPU first.
            infos = torchinfo.summary(model, input_data=images, device="meta", mode="eval", verbose=0).summary_list
    except RuntimeError as error:
        with torch.no_grad():
            cause = fit.forward_failure(model, images) or fit.first_sentence(error)
        raise _ForwardError(name, tuple(images.shape[1:]), cause) from error
    finally:
        torchinfo.torchinfo.clear_cached_forward_pass()  # which would keep this model alive until the next summary
    names = {module: path for path, module in model.named_modules()}
    ledger = _Ledger()
    rows = [_executed_row(info, names, ledger, trace) for info in infos]
    idle = [Layer(path, NOT_EXECUTED, (), ledger.take(module), 0) for module, path in names.items()]
    return [row for row in rows if row is not None] + [row for row in idle if row.params]


def _executed_row(info: LayerInfo, names: dict, ledger: "_Ledger", trace: "_Trace") -> Layer | None:
    """The row of one run of a module; None for a container that owns and computes nothing itself."""
    module = info.module
    if info.is_leaf_layer and not info.executed:  # a container without children, or one that torchinfo only lists
        return None
    traced = trace.take(module)
    output = tuple(info.output_size[1:])
    params = ledger.take(module)
    if info.is_leaf_layer:
        # torchinfo counts a linear layer once, however many tokens or pixels it is applied to: then the trace has more.
        return Layer(names[module], info.class_name, output, params, max(info.macs, traced))
    if not params and not traced:
        return None
    return Layer(names[module], OWN_PARAMETERS if params else OWN_OPERATIONS, output, params, traced)


class _Ledger:
    """Hands out each parameter's count once, so that shared parameters and repeated runs are not counted twice."""

    def __init__(self) -> None:
        self._taken: set[int] = set()

    def take(self, module: nn.Module) -> int:
        """Parameters that the module owns directly and that nobody took before."""
        own = [p for p in module.parameters(recurse=False) if id(p) not in self._taken]
        self._taken.update(id(p) for p in own)
        return sum(p.numel() for p in own)


class _Trace(TorchDispatchMode):
    """Counts the multiply-adds of all matrix products and convolutions, by the innermost module that asked for them.

    torchinfo looks at parameters and outputs only. It does not see attention, which multiplies activations with each
    other, and misses layers whose weights another module uses. PyTorch's own table of FLOP formulas, two FLOPs to a
    multiply-add, does. Its FlopCounterMode would hook every module of the process, also those of other threads.
    """

    def __init__(self, model: nn.Module):
        super().__init__()
        self._open: list[int] = []  # mult-adds so far, of each module that is running, outermost first
        self._runs: dict[nn.Module, list[int]] = {}
        self._model = model
        self._hooks: list = []

    def __enter__(self):
        for module in self._model.modules():
            self._hooks += [module.register_forward_pre_hook(self._enters), module.register_forward_hook(self._leaves)]
        return super().__enter__()

    def __exit__(self, *error):
        for hook in self._hooks:
            hook.remove()
        return super().__exit__(*error)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        formula = flop_registry.get(func._overloadpacket)
        if formula is not None and self._open:
            self._open[-1] += formula(*args, **kwargs, out_val=out) // 2
        return out

    def _enters(self, module: nn.Module, inputs: tuple) -> None:
        self._open.append(0)

    def _leaves(self, module: nn.Module, inputs: tuple, output: object) -> None:
        self._runs.setdefault(module, []).append(self._open.pop())

    def take(self, module: nn.Module) -> int:
        """Mult-adds of the module's next run that was not asked for yet, without those of its children."""
        runs = self._runs.get(module)
        return runs.pop(0) if runs else 0
