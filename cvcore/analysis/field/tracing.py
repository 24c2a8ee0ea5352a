"""What a network does to one image, as a torch.fx graph of PyTorch's basic (ATen) operations.

The graph is recorded while the network runs on the meta device, where tensors have shapes but no contents. So it
follows the path that is really taken through Python, where `torch.fx.symbolic_trace` gives up at the first `if`, and
it sees one kind of convolution, whether a module or a function asked for it. What cannot be traced is a network whose
path depends on the values in the image.
"""

import operator
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import fx, nn
from torch.utils._pytree import tree_map_only

from cvcore.analysis.hooked_mode import HookedMode
from cvcore.analysis.summary import meta_copy
from cvcore.errors import ModelError
from cvcore.models import fit

UNKNOWN = "unknown"  # key of the reason why the field cannot be told from here on
IMAGE = "image"  # target of the graph's input node
CONSTANT = "constant"  # target of nodes for weights and whatever else does not come from the image


class UntraceableError(ModelError):
    """The network's path depends on the values in the image, so that there is no one graph."""


class MisfitError(ModelError):
    """The network does not take the image; `cause` says at which layer and why."""

    def __init__(self, name: str, image_shape: tuple[int, ...], cause: str):
        super().__init__(f"{name} does not fit {fit.image_text(image_shape)} images ({cause}): use another image size")
        self.cause = cause


@dataclass
class Call:
    """One run of a module: its path, its type, and the node of the (first) tensor that it returned, None for none.

    `is_leaf`: no module inside it ran, as in a convolution, or in attention, which uses the weights of its parts.
    """

    name: str
    type: str
    node: fx.Node | None = None
    is_leaf: bool = True


@dataclass
class Trace:
    """The graph, and all runs of modules in the order in which they start. `node.meta["shape"]` is a tensor's shape,
    with the batch of 1; None where an operation returns several tensors, which have nodes of their own."""

    graph: fx.Graph = field(default_factory=fx.Graph)
    calls: list[Call] = field(default_factory=list)


def trace(name: str, build: Callable[[], nn.Module], image_shape: tuple[int, int, int]) -> Trace:
    """The trace of the network that `build()` returns, in evaluation mode, for one (C, H, W) image.

    `build` is called with the meta device as default; a network that exists already is copied and left as it is.
    Raises UntraceableError, or ModelError where the image does not fit, in one line each.
    """
    fit.check_request(name, image_shape, num_classes=1)
    with torch.device("meta"), torch.no_grad():
        model = meta_copy(build()).eval()
        images = torch.empty(1, *image_shape)
        recorder = _Recorder(model, images)
        try:
            with recorder:
                model(images)
        except (RuntimeError, ValueError, TypeError, AssertionError, IndexError, NotImplementedError) as error:
            if "meta" in str(error) or isinstance(error, NotImplementedError):
                place = recorder.place()
                raise UntraceableError(f"the values in the image decide what {place} does next") from error
            raise MisfitError(name, image_shape, f"{recorder.place()}: {fit.first_sentence(error)}") from error
    return recorder.trace


class _Recorder(HookedMode):
    """Writes down every operation, and which module it belongs to."""

    def __init__(self, model: nn.Module, images: torch.Tensor):
        super().__init__(model.modules())
        self.trace = Trace()
        self._nodes: dict[int, fx.Node] = {}
        self._kept: list[torch.Tensor] = []  # keeps tensors alive, so that no two of them share an id
        self._open: list[Call] = []
        self._names = {module: path for path, module in model.named_modules()}
        self._note(images, self.trace.graph.placeholder(IMAGE))
        self._nodes[id(images)].meta[IMAGE] = True

    def place(self) -> str:
        """The module that is running, as it is said in messages."""
        return f"layer {self._open[-1].name}" if self._open and self._open[-1].name else "the network"

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        written = self._written_in_part(func, args)
        args, kwargs = tree_map_only(torch.Tensor, self._node_of, (tuple(args), kwargs))
        node = self.trace.graph.call_function(func, args, kwargs)
        node.meta[IMAGE] = any(each.meta.get(IMAGE) for each in node.all_input_nodes)
        if isinstance(out, torch.Tensor):
            self._note(out, node)
        elif isinstance(out, list | tuple):
            for index, part in enumerate(out):
                if isinstance(part, torch.Tensor):
                    self._note(part, self.trace.graph.call_function(operator.getitem, (node, index)))
                    self._nodes[id(part)].meta[IMAGE] = node.meta[IMAGE]
        if written is not None:
            self._lose(written, node)
        return out

    def _written_in_part(self, func, args: tuple) -> torch.Tensor | None:
        """The tensor of which a part is overwritten with values from the image, or None: the graph would go on with it
        as it was."""
        if func._schema.is_mutable and args and isinstance(args[0], torch.Tensor) and args[0]._is_view():
            values = [self._node_of(each) for each in args[1:] if isinstance(each, torch.Tensor)]
            if any(node.meta.get(IMAGE) for node in values):
                return args[0]._base
        return None

    def _lose(self, whole: torch.Tensor, by: fx.Node) -> None:
        """Gives `whole`, and every part that was taken from it, a new node whose field nobody can tell."""
        reason = f"{self.place()} overwrites a part of a tensor, which the graph cannot show"
        for tensor in self._kept:
            if tensor is whole or tensor._base is whole:
                node = self.trace.graph.call_function(by.target, by.args, by.kwargs)
                node.meta |= {IMAGE: True, UNKNOWN: reason, "shape": tuple(tensor.shape)}
                self._nodes[id(tensor)] = node

    def _enters(self, module: nn.Module, inputs: tuple) -> None:
        if self._open:
            self._open[-1].is_leaf = False
        self._open.append(Call(self._names[module], type(module).__name__))
        self.trace.calls.append(self._open[-1])

    def _leaves(self, module: nn.Module, inputs: tuple, output: object) -> None:
        call = self._open.pop()
        first = output[0] if isinstance(output, list | tuple) and output else output  # attention: with its weights
        call.node = self._node_of(first) if id(first) in self._nodes else None

    def _note(self, tensor: torch.Tensor, node: fx.Node) -> None:
        node.meta["shape"] = tuple(tensor.shape)
        self._nodes[id(tensor)] = node
        self._kept.append(tensor)

    def _node_of(self, tensor: torch.Tensor) -> fx.Node:
        if id(tensor) not in self._nodes:
            self._note(tensor, self.trace.graph.create_node("get_attr", CONSTANT))
        return self._nodes[id(tensor)]
