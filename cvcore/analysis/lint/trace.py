"""What a network computes, operation by operation, with shapes: recorded in one forward pass on the meta device.

torch.fx would follow the code with symbols and give up where a shape decides; here the code runs, on tensors that have
shapes but no contents, and PyTorch says which function it called (TorchFunctionMode). Layers of torch.nn are one
operation each; what other modules compute is recorded function by function.
"""

import re
import warnings
from collections.abc import Iterator
from inspect import signature

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.overrides import TorchFunctionMode

from cvcore.analysis.lint.ops import BATCH, CONVOLUTIONS, TRANSPOSED, Failure, Op, Trace, merged_failure
from cvcore.models.fit import first_sentence, image_text
from cvcore.models.parsing.fixes import fix

# one operation each, also where somebody derives from them
LEAVES = (*CONVOLUTIONS, *TRANSPOSED, nn.Linear, _BatchNorm)
CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
# Both are findings or harmless here, and would reach the terminal with the library's paths. Once for the process:
# warnings.catch_warnings is not safe where several people's networks are read in threads.
for _text in ("Implicit dimension choice for", "Using padding='same' with even kernel lengths"):
    warnings.filterwarnings("ignore", message=_text, category=UserWarning)


def record(model: nn.Module, image_shape: tuple[int, int, int]) -> Trace:
    """The trace of a meta model, in the mode it is in, on a batch of (C, H, W) images; leaves no hooks behind."""
    images = torch.empty(BATCH, *image_shape, device="meta")
    with torch.enable_grad():
        trace = _run(model, images)
        if trace.failure:  # perhaps it makes tensors of its own; with a default device every call takes twice the time
            with torch.device("meta"):
                trace = _run(model, images)
    return trace


def _run(model: nn.Module, images: torch.Tensor) -> Trace:
    recorder = _Recorder(model, images)
    try:
        with recorder:
            output = model(images)
    except Exception as error:  # whatever a layer raises, it is about these shapes: nothing else was given to it
        return Trace(tuple(recorder.ops), None, "", {}, recorder.failure(error))
    made = recorder.op_of(output) if isinstance(output, torch.Tensor) else None
    return Trace(tuple(recorder.ops), made, type(output).__name__, _idle(model, output) if made else {})


def kind_of(name: str) -> str:
    """A layer's or function's name as its kind.

    >>> [kind_of(name) for name in ("LogSoftmax", "log_softmax", "relu_", "MaxPool2d", "__iadd__", "Dropout2d")]
    ['logsoftmax', 'logsoftmax', 'relu', 'maxpool', 'add', 'dropout']
    """
    plain = re.sub(r"[123]d$", "", name.lower().replace("_", ""))
    return "add" if plain in ("iadd", "radd") else plain


class _Recorder(TorchFunctionMode):
    """Notes each operation while `model` runs. Inside a layer of torch.nn nothing is noted but the layer."""

    def __init__(self, model: nn.Module, images: torch.Tensor):
        super().__init__()
        self.ops: list[Op] = []
        self._made: dict[int, Op] = {id(images): Op("input", "", tuple(images.shape))}
        self._alive: list[torch.Tensor] = [images]  # else another tensor could get the id of one that is gone
        self._open: list[tuple[str, nn.Module, tuple]] = []  # what runs now, outermost first
        self._inside = 0  # layers of torch.nn that run now
        self._names = {module: name for name, module in model.named_modules()}
        self._hooks: list = []

    def __enter__(self):
        for module in self._names:
            self._hooks.append(module.register_forward_pre_hook(self._enters, with_kwargs=True))
            self._hooks.append(module.register_forward_hook(self._leaves, with_kwargs=True))
        return super().__enter__()

    def __exit__(self, *error):
        for hook in self._hooks:
            hook.remove()
        return super().__exit__(*error)

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        inputs = () if self._inside else self._ops_in(args, kwargs)  # before the call, which may work in place
        out = func(*args, **kwargs)
        if not self._inside:
            where = self._open[-1][0] if self._open else ""
            name = kind_of(getattr(func, "__name__", ""))
            self._note(Op(name, where, arguments=args, options=kwargs, inputs=inputs), out)
        return out

    def op_of(self, tensor: torch.Tensor) -> Op | None:
        return self._made.get(id(tensor))

    def failure(self, error: Exception) -> Failure:
        """Where it happened, why, and what would mend it."""
        where, module, arrived = self._open[-1] if self._open else ("", None, ())
        merged = next((op for op in self.ops if op.merges_batch), None)
        if merged and arrived[:1] != (BATCH,):
            return merged_failure(merged)
        said, mended = problem(module, arrived)
        place = f"layer {where}: " if where else ""
        needs_numbers = isinstance(error, NotImplementedError) or "meta" in str(error).lower()
        return Failure(where, place + (said or first_sentence(error)), mended, not needs_numbers)

    def _enters(self, module: nn.Module, args: tuple, kwargs: dict) -> None:
        shapes = [tuple(each.shape) for each in _tensors((args, kwargs))]
        self._open.append((self._names[module], module, shapes[0] if shapes else ()))
        self._inside += _is_leaf(module)

    def _leaves(self, module: nn.Module, args: tuple, kwargs: dict, output: object) -> None:
        name = self._open.pop()[0]
        self._inside -= _is_leaf(module)
        if _is_leaf(module) and not self._inside:
            inputs = self._ops_in(args, kwargs)
            self._note(Op(kind_of(type(module).__name__), name, (), module, inputs=inputs), output)

    def _ops_in(self, *given: object) -> tuple[Op, ...]:
        found = (self._made.get(id(tensor)) for tensor in _tensors(given))
        return tuple(dict.fromkeys(op for op in found if op is not None))

    def _note(self, op: Op, output: object) -> None:
        tensors = list(_tensors(output))
        if not tensors or not op.inputs:  # a shape that was looked up; a table that depends on no image
            return
        op.shape = tuple(tensors[0].shape)
        self.ops.append(op)
        for source in op.inputs:
            source.users.append(op)
        for tensor in tensors:
            self._made[id(tensor)] = op
            self._alive.append(tensor)


def problem(module: nn.Module | None, arrived: tuple[int, ...]) -> tuple[str, str]:
    """("Linear expects 400 features, gets 576", "in_features=576") where a layer does not take what arrived; batch
    first. ("", what to look for) where nothing is known of such a layer."""
    if module is not None and _is_leaf(module) and len(arrived) > 1:
        kind = type(module).__name__
        settings = {name: getattr(module, name, None) for name in signature(type(module)).parameters}
        said, _, mended = (fix(kind, settings, arrived[1:]) or "").rpartition(": ")
        if said:
            return f"{kind} {said}", mended
    shape = image_text(arrived[1:])
    return "", f"{shape} arrives there: compare it with what the layer takes" if shape else "see the reason"


def _is_leaf(module: nn.Module) -> bool:
    own = type(module).__module__.startswith("torch.nn.") and not isinstance(module, CONTAINERS)
    return own or isinstance(module, LEAVES)


def _tensors(value: object) -> Iterator[torch.Tensor]:
    """The tensors in an argument or a result, in order; parameters are no results of an operation and stay out."""
    if isinstance(value, torch.Tensor):
        if not isinstance(value, nn.Parameter):
            yield value
    elif isinstance(value, dict):
        yield from _tensors(list(value.values()))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _tensors(each)


def _idle(model: nn.Module, output: torch.Tensor) -> dict[str, nn.Parameter]:
    """Trainable parameters that no gradient of `output` would reach: those missing from its autograd graph."""
    reached, seen, waiting = set(), set(), [output.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):  # where a gradient is added up: a leaf of the graph
            reached.add(id(node.variable))
        waiting += [before for before, _ in node.next_functions]
    return {name: each for name, each in model.named_parameters() if each.requires_grad and id(each) not in reached}
