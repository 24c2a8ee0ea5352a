"""A network as a graph: what runs, what feeds what, and the same graph with modules closed into single boxes.

Nodes are leaf modules each time they run, and operations between them such as the addition of a residual block.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

DETAILS = ("stages", "blocks", "layers")
LEGIBLE = 80  # boxes: what still can be read without searching
EXAMPLE = 30  # nodes: a block that is opened at first, so that its branches are seen
GROUP = 8  # a chain of at most so many layers is one block; a longer one, such as VGG's features, is a network
DOMINANT = 0.75  # a module with more than this share of all nodes is the network itself in another wrapping

JOINS = ("add", "cat", "mul")
_ACTIVATIONS = "relu elu gelu selu celu silu mish tanh sigmoid hardswish hardsigmoid hardtanh softplus softmax glu"
_WEIGHTED = {"convolution": 1, "linear": 1, "attention": 2}  # attention: the projections before and after it


@dataclass(frozen=True)
class Node:
    """One step: a leaf module's run, an operation, or "input" and "output".

    `name` is the module's path, or that of the module in which the operation runs with its name; what runs again has
    "#2" and so on behind it. `inside` are the paths of the modules around it, outermost first. `output` is the shape
    without the batch, empty where it is not known.
    """

    name: str
    type: str
    output: tuple[int, ...] = ()
    params: int = 0
    inside: tuple[str, ...] = ()


@dataclass(frozen=True)
class Edge:
    """What flows from one node, or box, into another: a tensor of `shape` (without the batch).

    `skip` says that it goes around something: there is another way from source to target, through other nodes.
    """

    source: str
    target: str
    shape: tuple[int, ...] = ()
    skip: bool = False


@dataclass(frozen=True)
class Part:
    """A module with children: path, class name, parameters of all that is in it, and whether it is a mere container
    (a Sequential or the like)."""

    path: str
    type: str
    params: int
    container: bool


@dataclass(frozen=True)
class Graph:
    """All nodes in running order, the edges, and the modules with children. `note` says why where it is not `traced`:
    then it is the tree of modules, edges lead from a module to its children, and shapes are unknown."""

    model: str
    input: tuple[int, int, int]
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    parts: dict[str, Part] = field(hash=False)
    traced: bool = True
    note: str = ""


@dataclass(frozen=True)
class Box:
    """What is drawn for one node, or for a closed module with `layers` nodes inside it.

    `joins` counts the additions, concatenations and products inside a closed module; `around` are the open modules
    around the box, outermost first.
    """

    name: str
    type: str
    output: tuple[int, ...]
    params: int
    around: tuple[str, ...]
    layers: int = 0
    joins: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class View:
    """The graph as it is drawn: boxes in running order, edges between them, and the open modules around them."""

    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]
    parts: tuple[Part, ...]


def family(kind: str) -> str:
    """The family of a layer's class or an operation, by its name: what is drawn in one colour.

    >>> [family(name) for name in ("Conv2d", "BatchNorm2d", "ReLU6", "adaptive_avg_pool2d", "MultiheadAttention")]
    ['convolution', 'normalisation', 'activation', 'pooling', 'attention']
    """
    name = kind.lower().rstrip("_")
    if name in JOINS:
        return "join"
    if "attention" in name:
        return "attention"
    for part, found in (("norm", "normalisation"), ("pool", "pooling"), ("conv", "convolution"), ("linear", "linear")):
        if part in name:
            return found
    return "activation" if name.removesuffix("6") in _ACTIVATIONS.split() else "other"


def opened(graph: Graph, detail: str) -> frozenset[str]:
    """Paths of the modules that are open at a level of detail: "stages", "blocks" or "layers" (all).

    Stages are what the network itself, or a module that is most of it, is made of; at "blocks" containers are open too
    unless they hold just a few layers.
    """
    sizes = Counter(path for node in graph.nodes for path in node.inside)
    deep = {path for node in graph.nodes for path in node.inside[:-1]}  # modules that hold modules with children
    total = max(1, len(graph.nodes) - 2)

    def is_open(path: str) -> bool:
        if detail == "layers":
            return True
        if sizes[path] > DOMINANT * total and (path in deep or sizes[path] > GROUP):
            return True
        return detail == "blocks" and graph.parts[path].container and (path in deep or sizes[path] > GROUP)

    return frozenset(path for path in graph.parts if is_open(path))


def default_detail(graph: Graph) -> str:
    """The finest level of detail that can still be read."""
    for detail in reversed(DETAILS):
        shown = view(graph, opened(graph, detail))
        if len(shown.boxes) <= LEGIBLE and len(shown.edges) <= 1.5 * LEGIBLE:
            return detail
    return DETAILS[0]


def example(graph: Graph) -> str | None:
    """The first small module into which a skip connection leads, or else in which branches join: to open it shows what
    a block of this network does."""
    sizes = Counter(path for node in graph.nodes for path in node.inside)
    skipped = {edge.target for edge in mark_skips([node.name for node in graph.nodes], graph.edges) if edge.skip}
    joins = [node for node in graph.nodes if node.type in JOINS and node.inside and sizes[node.inside[-1]] <= EXAMPLE]
    found = next((node for node in joins if node.name in skipped), joins[0] if joins else None)
    return found and found.inside[-1]


def with_parents(graph: Graph, paths: Iterable[str]) -> frozenset[str]:
    """The paths of modules, without those that this graph does not have, and all modules around them."""
    known = [path for path in paths if path in graph.parts]
    return frozenset(part for part in graph.parts for path in known if path == part or path.startswith(f"{part}."))


def view(graph: Graph, open_parts: Iterable[str]) -> View:
    """The graph where the modules in `open_parts` are open; of the others, the outermost is one box."""
    open_parts = frozenset(open_parts)
    members: dict[str, list[Node]] = defaultdict(list)
    box_of: dict[str, str] = {}
    for node in graph.nodes:
        closed = next((path for path in node.inside if path not in open_parts), node.name)
        box_of[node.name] = closed
        members[closed].append(node)
    boxes = tuple(_box(graph, name, nodes, open_parts) for name, nodes in members.items())
    edges: dict[tuple[str, str], Edge] = {}
    for edge in graph.edges:
        ends = box_of[edge.source], box_of[edge.target]
        if ends[0] != ends[1]:
            edges.setdefault(ends, Edge(*ends, edge.shape))
    shown = {path for box in boxes for path in box.around}
    parts = tuple(part for path, part in graph.parts.items() if path in shown)
    return View(boxes, mark_skips([box.name for box in boxes], edges.values()), parts)


def _box(graph: Graph, name: str, nodes: list[Node], open_parts: frozenset[str]) -> Box:
    around = tuple(path for path in nodes[0].inside if path in open_parts and path != name)
    part = graph.parts.get(name)
    if part is None or part.path in open_parts:
        node = nodes[0]
        return Box(node.name, node.type, node.output, node.params, around)
    joins = Counter(node.type for node in nodes if node.type in JOINS)
    return Box(name, part.type, nodes[-1].output, part.params, around, len(nodes), tuple(joins.items()))


def mark_skips(names: Iterable[str], edges: Iterable[Edge]) -> tuple[Edge, ...]:
    """The edges, with `skip` where another way leads from source to target. `names` are in running order."""
    edges = tuple(edges)
    order = {name: number for number, name in enumerate(names)}
    sources: dict[str, list[str]] = defaultdict(list)
    for edge in edges:
        if order[edge.source] < order[edge.target]:  # a module that runs twice may be fed by what it feeds
            sources[edge.target].append(edge.source)
    before: dict[str, int] = {}  # bit i is set where node i comes before this one on some way
    for name in order:
        before[name] = 0
        for source in sources[name]:
            before[name] |= before[source] | 1 << order[source]

    def goes_around(edge: Edge) -> bool:
        others = (source for source in sources[edge.target] if source != edge.source)
        return any(before[other] >> order[edge.source] & 1 for other in others)

    return tuple(Edge(edge.source, edge.target, edge.shape, goes_around(edge)) for edge in edges)


def depth(graph: Graph) -> int | None:
    """Layers with weights (convolutions and linear layers) on the longest way through: the 18 of ResNet-18.

    Attention counts as two: the projections before and after it. None where the graph was not traced.
    """
    if not graph.traced:
        return None
    sources: dict[str, list[str]] = defaultdict(list)
    for edge in graph.edges:
        sources[edge.target].append(edge.source)
    longest: dict[str, int] = {}
    for node in graph.nodes:
        own = _WEIGHTED.get(family(node.type), 0)
        longest[node.name] = own + max((longest[source] for source in sources[node.name]), default=0)
    return max(longest.values(), default=0)
