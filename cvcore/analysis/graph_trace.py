"""Traces a network's graph with torch.fx, on the meta device, and reads every tensor's shape from it."""

import threading
from collections.abc import Callable
from typing import Any

import torch
from torch import fx, nn
from torch.fx.passes.shape_prop import ShapeProp, TensorMetadata

from cvcore.analysis.graph import Edge, Graph, Node, Part
from cvcore.analysis.summary import meta_copy
from cvcore.models import fit, zoo

CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
_NAMES = {"iadd": "add", "imul": "mul", "concat": "cat", "getitem": "index"}

# While torch.fx traces, it changes nn.Module for the whole process; two traces at once would undo each other's change.
_ONE_AT_A_TIME = threading.Lock()


def graph_of(name: str, image_shape: tuple[int, int, int], num_classes: int) -> Graph:
    """The graph of a network of the zoo for (C, H, W) images.

    Raises ModelError in one line where the name is unknown or the image does not fit.
    """
    spec = zoo.find(name)
    fit.check_request(spec.label, image_shape, num_classes)
    try:
        return graph_of_module(spec.name, lambda: zoo.build(name, image_shape, num_classes), image_shape)
    except _ForwardError as error:
        raise zoo.misfit(spec, image_shape, str(error)) from error


def graph_of_module(name: str, build: Callable[[], nn.Module], image_shape: tuple[int, int, int]) -> Graph:
    """The graph of the network that `build()` returns, as it runs in evaluation mode.

    Where torch.fx cannot follow it, the tree of its modules, with a note that says why.
    """
    with torch.device("meta"):
        model = meta_copy(build()).eval()
        images = torch.empty(1, *image_shape)
    try:
        tracer = Tracer()
        with _ONE_AT_A_TIME:
            traced = tracer.trace(model)
        with torch.no_grad():
            ShapeProp(fx.GraphModule(model, traced)).propagate(images)
    except Exception as error:  # a network's forward may do anything at all with what torch.fx passes through it
        with torch.no_grad():
            cause = fit.forward_failure(model, images)
        if cause is not None:
            raise _ForwardError(cause) from error
        return _tree(name, model, image_shape, fit.first_sentence(error))
    nodes, edges = _read(traced, model)
    return Graph(name, tuple(image_shape), nodes, edges, _parts(model))


class _ForwardError(Exception):
    """The forward pass fails, whoever runs it."""


class Tracer(fx.Tracer):
    """torch.fx's tracer with every module without children as a leaf, and deaf to other threads.

    torch.fx hooks every module of the process while it traces. What other threads run at that moment, such as another
    visitor's summary, must pass untouched.
    """

    def __init__(self) -> None:
        super().__init__()
        self._thread = threading.get_ident()

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return not any(m.children()) or super().is_leaf_module(m, module_qualified_name)

    def call_module(self, m: nn.Module, forward: Callable, args: tuple, kwargs: dict) -> Any:
        if threading.get_ident() != self._thread:
            return forward(*args, **kwargs)
        return super().call_module(m, forward, args, kwargs)

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict) -> Any:
        if threading.get_ident() != self._thread:
            return attr_val
        return super().getattr(attr, attr_val, parameter_proxy_cache)


def _read(traced: fx.Graph, model: nn.Module) -> tuple[tuple[Node, ...], tuple[Edge, ...]]:
    """Nodes and edges of everything that the image's values flow through."""
    names = _Names()
    nodes: dict[fx.Node, Node] = {}
    edges: list[Edge] = []
    for node in traced.nodes:
        inputs = [found for each in node.all_input_nodes for found in [_producer(each)] if found in nodes]
        if node.op != "placeholder" and not inputs:  # weights, sizes, and what is computed of them alone
            continue
        if node.op != "output" and (_shape(node) is None or _producer(node) is not node):
            continue
        made = nodes[node] = _node(node, model, names)
        shapes = {_producer(each): _shape(each) or () for each in node.all_input_nodes}
        edges += [Edge(nodes[source].name, made.name, shapes[source]) for source in dict.fromkeys(inputs)]
    return tuple(nodes.values()), tuple(edges)


def _producer(node: fx.Node) -> fx.Node:
    """The node itself; or, where it only takes one of several results, as of a split, the one that made them."""
    takes = node.op == "call_function" and getattr(node.target, "__name__", "") == "getitem"
    if takes and isinstance(node.args[0], fx.Node) and type(node.args[0].meta.get("tensor_meta")) in (tuple, list):
        return _producer(node.args[0])
    return node


def _node(node: fx.Node, model: nn.Module, names: "_Names") -> Node:
    if node.op in ("placeholder", "output"):
        kind = "input" if node.op == "placeholder" else "output"
        return Node(names.take(kind), kind, _shape(node) or ())
    if node.op == "call_module":
        module = model.get_submodule(node.target)
        first, params = node.target not in names.taken, sum(p.numel() for p in module.parameters())
        inside = _inside(node.target.rpartition(".")[0], model)
        return Node(names.take(node.target), type(module).__name__, _shape(node), params * first, inside)
    stack = node.meta.get("nn_module_stack") or {}
    path = next(reversed(stack.values()))[0] if stack else ""
    kind = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", str(node.target))
    kind = _NAMES.get(kind.strip("_"), kind.strip("_"))
    return Node(names.take(f"{path}.{kind}".lstrip(".")), kind, _shape(node), 0, _inside(path, model))


class _Names:
    """Hands out names; what comes again gets #2, #3 and so on."""

    def __init__(self) -> None:
        self.taken: dict[str, int] = {}

    def take(self, name: str) -> str:
        self.taken[name] = self.taken.get(name, 0) + 1
        return name if self.taken[name] == 1 else f"{name}#{self.taken[name]}"


def _inside(path: str, model: nn.Module) -> tuple[str, ...]:
    """`path` and the modules around it, outermost first, without the network itself and mere lists of modules."""
    pieces = path.split(".") if path else []
    paths = [".".join(pieces[: number + 1]) for number in range(len(pieces))]
    return tuple(each for each in paths if _runs(model.get_submodule(each)))


def _runs(module: nn.Module) -> bool:
    """Whether it has a forward of its own; a plain ModuleList has none."""
    return type(module).forward is not nn.Module.forward


def _parts(model: nn.Module) -> dict[str, Part]:
    return {
        path: Part(
            path, type(module).__name__, sum(p.numel() for p in module.parameters()), isinstance(module, CONTAINERS)
        )
        for path, module in model.named_modules()
        if path and any(module.children()) and _runs(module)
    }


def _shape(node: fx.Node) -> tuple[int, ...] | None:
    """The shape of its result, or of the first of several, without the batch; None where it is no tensor."""
    found = node.meta.get("tensor_meta")
    if type(found) in (tuple, list):
        found = next((each for each in found if isinstance(each, TensorMetadata)), None)
    if not isinstance(found, TensorMetadata):
        return None
    # windows of attention stand in the place of the batch: then all sizes are told
    return tuple(found.shape[1:] if len(found.shape) > 1 and found.shape[0] == 1 else found.shape)


def _tree(name: str, model: nn.Module, image_shape: tuple[int, int, int], cause: str) -> Graph:
    """The network's modules as a tree, from the network down."""
    nodes, edges = [Node(name, type(model).__name__)], []
    for path, module in model.named_modules():
        if path:
            own = sum(p.numel() for p in module.parameters())
            parents = tuple(path.rpartition(".")[0].split(".")) if "." in path else ()
            inside = tuple(".".join(parents[: number + 1]) for number in range(len(parents)))
            nodes.append(Node(path, type(module).__name__, (), own, inside))
            edges.append(Edge(inside[-1] if inside else name, path))
    parts = {
        path: Part(
            path, type(module).__name__, sum(p.numel() for p in module.parameters()), isinstance(module, CONTAINERS)
        )
        for path, module in model.named_modules()
        if path and any(module.children())
    }
    return Graph(name, tuple(image_shape), tuple(nodes), tuple(edges), parts, traced=False, note=cause)
