"""What a network is made of, in numbers: layers in the order they run, their outputs, parameters, mult-adds, memory.

Everything is computed on the meta device, where tensors have shapes but no contents: VGG-16 costs no more memory than
a small network. The rows come from torchinfo; see `ModuleTrace` for what it does not see.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict, dataclass

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from cvcore.analysis import conventions, memory
from cvcore.analysis.conventions import Check
from cvcore.analysis.layer_rows import (  # the rows belong to the summary: callers find their names here
    NOT_EXECUTED,
    OWN_OPERATIONS,
    OWN_PARAMETERS,
    ForwardError,
    Layer,
    layer_rows,
)
from cvcore.analysis.memory import Memory
from cvcore.models import fit, zoo

__all__ = ["NOT_EXECUTED", "OWN_OPERATIONS", "OWN_PARAMETERS", "Layer", "Summary", "meta_copy", "summarize"]
__all__ += ["summarize_module"]


@dataclass(frozen=True)
class Summary:
    """A network's totals, and the rows that add up to them. `input` is (C, H, W); mult-adds are MACs for one image.

    `memory` is for one image; `check` says how the mult-adds stand to published ones.
    """

    model: str
    input: tuple[int, int, int]
    params: int
    trainable_params: int
    mult_adds: int
    layers: tuple[Layer, ...]
    memory: Memory
    check: Check

    def to_json(self) -> dict:
        """The same as plain dicts, lists and numbers, ready for `json.dumps`."""
        known = self.check.published
        return {
            "model": self.model,
            "input": list(self.input),
            "params": self.params,
            "trainable_params": self.trainable_params,
            "mult_adds": self.mult_adds,
            "mult_adds_status": self.check.status,
            "mult_adds_note": self.check.note,
            "published_mult_adds": known and known.mult_adds,
            "memory": self.memory.to_json(),
            "layers": [_plain(layer) for layer in self.layers],
        }


def summarize(
    name: str,
    image_shape: tuple[int, int, int] | None = None,
    num_classes: int | None = None,
    *,
    head_only: bool = False,
) -> Summary:
    """The summary of a network of the zoo; without a shape or classes, those of its paper or tutorial.

    `head_only` freezes all but the last layer that has parameters, as when a pretrained network gets a new head.
    Raises ModelError in one line where the name is unknown or the image does not fit.
    """
    spec = zoo.find(name)
    shape = tuple(spec.input if image_shape is None else image_shape)
    classes = spec.default_classes if num_classes is None else num_classes

    fit.check_request(spec.label, shape, classes)

    def build() -> nn.Module:
        model = zoo.build(name, shape, classes)  # as it was given: errors point into a typed text
        return freeze_all_but_head(model) if head_only else model

    try:
        return summarize_module(spec.name, build, shape, num_classes=classes)
    except ForwardError as error:
        raise zoo.misfit(spec, shape, error.cause) from error


def summarize_module(
    name: str, build: Callable[[], nn.Module], image_shape: tuple[int, int, int], num_classes: int | None = None
) -> Summary:
    """The summary of the network that `build()` returns, as it runs in evaluation mode on one (C, H, W) image.

    `build` is called with the meta device as default. It may return a network that exists already, with its weights:
    that is left as it is, and what is read from it is which parameters are trainable. With `num_classes` given, `name`
    is taken for the network's name in the zoo, and its published mult-adds are compared.
    """
    fit.check_request(name, image_shape, num_classes=1)
    with torch.device("meta"), _NoFilling():
        model = meta_copy(build()).eval()  # a copy in any case: `build` may have returned somebody's network
        images = torch.empty(1, *image_shape)
    rows = layer_rows(name, model, images)
    needs = memory.of(model, images, (row.activation_bytes for row in rows))
    mult_adds = sum(row.mult_adds for row in rows)
    if num_classes is None:
        check = Check(conventions.COUNTED, "Counted from the layers.")
    else:
        check = conventions.check(name, image_shape, num_classes, mult_adds)
    return Summary(
        model=name,
        input=tuple(image_shape),
        params=sum(p.numel() for p in model.parameters()),
        trainable_params=sum(p.numel() for p in model.parameters() if p.requires_grad),
        mult_adds=mult_adds,
        layers=tuple(rows),
        memory=needs,
        check=check,
    )


def freeze_all_but_head(model: nn.Module) -> nn.Module:
    """The same network with nothing to train but the parameters of its last layer that has any."""
    model.requires_grad_(False)
    owners = [module for module in model.modules() if any(True for _ in module.parameters(recurse=False))]
    if owners:
        owners[-1].requires_grad_(True)
    return model


def meta_copy(model: nn.Module) -> nn.Module:
    """A copy whose parameters and buffers are on the meta device; the original keeps its weights, nothing is copied."""
    shells: dict[int, object] = {}  # what deepcopy is to take for each tensor instead of copying its contents
    for tensor in [*model.parameters(), *model.buffers()]:
        shell = torch.empty_like(tensor, device="meta")
        is_parameter = isinstance(tensor, nn.Parameter)
        shells[id(tensor)] = nn.Parameter(shell, requires_grad=tensor.requires_grad) if is_parameter else shell
    return deepcopy(model, shells)


class _NoFilling(TorchFunctionMode):
    """Leaves out the filling of tensors that have no contents: half of the time that it takes to build a network on the
    meta device."""

    FILLING = frozenset({torch.Tensor.normal_, torch.Tensor.uniform_, torch.Tensor.fill_, torch.Tensor.zero_})

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func in self.FILLING or getattr(func, "__module__", None) == "torch.nn.init":
            tensor = args[0] if args else kwargs.get("tensor")
            if isinstance(tensor, torch.Tensor) and tensor.is_meta:
                return tensor
        return func(*args, **kwargs)


def _plain(layer: Layer) -> dict:
    """A row as a dict whose pairs and shapes are lists."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(layer).items()}
