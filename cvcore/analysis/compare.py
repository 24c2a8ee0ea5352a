"""Networks side by side: their totals, and what differs between two of them, stage by stage and layer by layer."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from cvcore.analysis import align
from cvcore.analysis.graph import depth
from cvcore.analysis.graph_trace import graph_of
from cvcore.analysis.receptive_field import Field, fields
from cvcore.analysis.summary import Summary, summarize
from cvcore.errors import ConfigError, ModelError
from cvcore.models import zoo

MOST = 4  # networks side by side
QUANTITIES = ("params", "mult_adds", "activation_bytes", "layers", "depth", "top1", "field")
COSTS = ("params", "mult_adds", "activation_bytes")


@dataclass(frozen=True)
class Row:
    """One layer: what the summary says of it, and the largest side of its receptive field in pixels (None where it is
    not local)."""

    name: str
    type: str
    output: tuple[int, ...]
    kernel: tuple[int, int] | None
    stride: tuple[int, int] | None
    params: int
    mult_adds: int
    activation_bytes: int
    field: int | None


@dataclass(frozen=True)
class Network:
    """A network in numbers. `activation_bytes` are those of all layers' outputs, `depth` the layers with weights on the
    longest way through, `top1` the published accuracy in percent, `last_local` the receptive field of the last map
    before global pooling or flatten. None stands for what is not known; `notes` say why."""

    name: str
    label: str
    input: tuple[int, int, int]
    params: int
    mult_adds: int
    activation_bytes: int
    layers: int
    depth: int | None
    top1: float | None
    last_local: Field | None
    notes: tuple[str, ...]
    rows: tuple[Row, ...]
    stages: tuple[align.Stage, ...]

    @property
    def field(self) -> tuple[int, int] | None:
        """The side (h, w) in pixels of `last_local`."""
        return self.last_local.size if self.last_local else None

    def value(self, quantity: str) -> float | None:
        """One of QUANTITIES as a number; a field that is not square counts with its longer side."""
        found = getattr(self, quantity)
        return max(found) if quantity == "field" and found else found


@dataclass(frozen=True)
class StageDiff:
    """One stage of two networks: its name, the largest map of each, their layers pair by pair, and the sums of COSTS in
    each network."""

    key: str
    sizes: tuple[tuple[int, int] | None, tuple[int, int] | None]
    pairs: tuple[align.Pair, ...]
    first: tuple[int, int, int]
    second: tuple[int, int, int]

    @property
    def delta(self) -> tuple[int, int, int]:
        """Second minus first, of each of COSTS."""
        return tuple(after - before for before, after in zip(self.first, self.second, strict=True))

    def count(self, state: align.State) -> int:
        """Pairs that are "same", "changed", "added" or "removed"."""
        return Counter(pair.state for pair in self.pairs)[state]


@dataclass(frozen=True)
class Diff:
    """What differs from the first network to the second; `by` says how stages were matched."""

    first: Network
    second: Network
    by: str
    stages: tuple[StageDiff, ...]


def network(name: str, image: tuple[int, int, int], classes: int) -> Network:
    """A network of the zoo in numbers, for (C, H, W) images.

    Raises ModelError in one line where the name is unknown or the image does not fit.
    """
    spec = zoo.find(name)
    summary = summarize(name, image, classes)
    found = fields(name, image, classes)
    notes = [] if found.last_local else [f"receptive field unavailable: {found.reason or 'no layer sees a window'}"]
    graph = graph_of(name, image, classes)
    notes += [] if graph.traced else [f"depth unavailable: {graph.note}"]
    rows = _rows(summary, found.layers)
    return Network(
        name=name,
        label=spec.label,
        input=summary.input,
        params=summary.params,
        mult_adds=summary.mult_adds,
        activation_bytes=sum(row.activation_bytes for row in rows),
        layers=sum(not row.type.startswith("(") for row in rows),
        depth=depth(graph),
        top1=spec.top1,
        last_local=found.last_local,
        notes=tuple(notes),
        rows=rows,
        stages=align.stages(summary.layers, summary.input),
    )


def _rows(summary: Summary, known: Sequence) -> tuple[Row, ...]:
    """The summary's layers with their fields. A layer that runs again has its name again, in both lists."""
    queues: dict[str, list] = {}
    for each in known:
        queues.setdefault(each.name, []).append(each)
    rows = []
    for layer in summary.layers:
        waiting = queues.get(layer.name)
        found = waiting.pop(0) if waiting and not layer.type.startswith("(") else None
        size = max(found.size) if found and found.status == "local" and found.size else None
        kept = (layer.name, layer.type, layer.output, layer.kernel, layer.stride, layer.params, layer.mult_adds)
        rows.append(Row(*kept, layer.activation_bytes, size))
    return tuple(rows)


def diff(first: Network, second: Network, by: Literal["resolution", "order"] = "resolution") -> Diff:
    """What differs from the first network to the second. Sums over the stages are the networks' totals."""
    found = []
    for one, two in align.match_stages(first.stages, second.stages, by=by):
        places = (one.positions if one else (), two.positions if two else ())
        pairs = align.match_layers(first.rows, second.rows, places)
        keys = list(dict.fromkeys(stage.key for stage in (one, two) if stage))
        sums = [_sums(each, at) for each, at in zip((first, second), places, strict=True)]
        sizes = (one.size if one else None, two.size if two else None)
        found.append(StageDiff(" | ".join(keys), sizes, tuple(pairs), *sums))
    return Diff(first, second, by, tuple(found))


def _sums(of: Network, places: Sequence[int]) -> tuple[int, int, int]:
    return tuple(sum(getattr(of.rows[place], cost) for place in places) for cost in COSTS)


def compare(
    names: Sequence[str], image: tuple[int, int, int], classes: int
) -> tuple[tuple[Network, ...], dict[str, str]]:
    """(the networks that take the image, the first of `names` first; for each of the others the line that says why).

    Raises ConfigError where there are not 2 to 4 different names, and ModelError where one is unknown or the first
    does not fit.
    """
    # a network that takes no such image is worth a line below, one that does not exist is a mistake
    specs = [zoo.find(name) for name in names]
    if not 2 <= len(specs) <= MOST or len({spec.name for spec in specs}) < len(specs):
        told = ", ".join(spec.label for spec in specs)
        raise ConfigError(f"compare takes 2 to {MOST} different networks, got {len(specs)}: {told}")
    found, refused = [network(names[0], image, classes)], {}
    for name in names[1:]:
        try:
            found.append(network(name, image, classes))
        except ModelError as error:
            refused[name] = str(error)
    return tuple(found), refused


def change(before: float | None, after: float | None) -> tuple[float, float | None] | None:
    """(difference, ratio) from one value to another; None where one is not known; no ratio to nothing.

    >>> change(10, 25), change(0, 5), change(None, 5)
    ((15, 2.5), (5, None), None)
    """
    if before is None or after is None:
        return None
    return after - before, after / before if before else None


def to_json(networks: Sequence[Network], refused: dict[str, str], classes: int) -> dict:
    """Everything as plain dicts, lists and numbers: totals of each network with the differences to the first, and the
    diff of each against the first. `top1` is 0..1, `field` the longer side of `last_local` in pixels."""
    first = networks[0]
    return {
        "input": list(first.input),
        "classes": classes,
        "models": [_totals_json(first, each) for each in networks],
        "diffs": [_diff_json(diff(first, each)) for each in networks[1:]],
        "refused": [{"name": name, "message": message} for name, message in refused.items()],
    }


def _totals_json(first: Network, of: Network) -> dict:
    record = {"name": of.name, **{key: of.value(key) for key in QUANTITIES}}
    last = of.last_local.to_json() if of.last_local else None
    record["last_local"] = last and {key: last[key] for key in ("name", "size", "stride", "padding")}
    record["top1"] = _rounded(of.top1 / 100) if of.top1 is not None else None
    changes = {key: change(first.value(key), of.value(key)) for key in QUANTITIES}
    differences = {key: found and found[0] for key, found in changes.items()}
    if differences["top1"] is not None:
        differences["top1"] /= 100  # percent here, 0..1 in JSON
    record["difference"] = {key: found if found is None else _rounded(found) for key, found in differences.items()}
    record["ratio"] = {key: found and found[1] and _rounded(found[1]) for key, found in changes.items()}
    return {**record, "notes": list(of.notes)}


def _rounded(value: float) -> float:
    return value if isinstance(value, int) else round(value, 6)


def _diff_json(found: Diff) -> dict:
    stages = []
    for stage in found.stages:
        layers = [
            {
                "state": pair.state,
                "first": None if pair.first is None else asdict(found.first.rows[pair.first]),
                "second": None if pair.second is None else asdict(found.second.rows[pair.second]),
            }
            for pair in stage.pairs
        ]
        sums = {name: dict(zip(COSTS, getattr(stage, name), strict=True)) for name in ("first", "second", "delta")}
        stages.append({"name": stage.key, **sums, "layers": layers})
    return {"first": found.first.name, "second": found.second.name, "stages": stages}


def published_points() -> tuple[tuple[str, int, int, float | None], ...]:
    """(name, parameters, mult-adds, top-1 in percent) of every torchvision classifier, as torchvision publishes them
    for its default weights at their own input size. Builds nothing."""
    from cvcore.analysis.conventions import published
    from cvcore.models import torchvision_nets

    found = ((name, published(name)) for name in torchvision_nets.classifier_names())
    return tuple(
        (name, known.params, known.mult_adds, torchvision_nets.top1(name)) for name, known in found if known is not None
    )
