"""Is it really frozen? How far the weights and the BatchNorm statistics of a run moved from where they began."""

from dataclasses import dataclass

import torch

from cvcore.training.checkpoint import load_weights
from cvcore.training.parts import dataset_of
from cvcore.training.run import Run
from cvcore.training.runs import RunStore
from cvcore.transfer.heads import Headed, head_name
from cvcore.transfer.start import started
from cvcore.transfer.strategies import by_block

STATISTICS = ("running_mean", "running_var")


@dataclass(frozen=True)
class Drift:
    """How far one block moved: the largest change of a weight, and of a BatchNorm statistic (nothing where there are
    none); and the length of the change against the length of what was there, `relative` and, of the statistics,
    `relative_statistics`."""

    block: str
    largest: float
    statistics: float | None
    relative: float
    relative_statistics: float | None = None


def drift(run: Run, store: RunStore) -> list[Drift]:
    """The blocks of the run's backbone from the image up, then its head. Raises RunError where files are missing.

    What it began with is made again: the reused weights, and for the head and for runs from scratch the same random
    numbers.
    """
    dataset = dataset_of(run.config)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(run.config.train.seed)
        network, _ = started(run.config, dataset.image_shape, len(dataset.classes), store)
    if not network.head:  # from scratch: its own last layer is the head
        network = Headed(network.model, head_name(network.model))
    first, last = network.model.state_dict(), load_weights(run.path / "best.pt")
    numbers = [name for name, value in first.items() if value.is_floating_point()]
    parts = {**by_block(network, numbers), network.head: [name for name in numbers if network.is_fresh(name)]}
    return [_moved(block, names, first, last) for block, names in parts.items()]


def largest(moved: list[Drift]) -> float:
    """The largest change of any weight or statistic of the backbone, the head left out."""
    return max((max(each.largest, each.statistics or 0.0) for each in moved[:-1]), default=0.0)


def _moved(block: str, inside: list[str], first: dict[str, torch.Tensor], last: dict[str, torch.Tensor]) -> Drift:
    changes = {name: (last[name].double() - first[name].double()) for name in inside}
    weights = [name for name in inside if not name.endswith(STATISTICS)]
    statistics = [name for name in inside if name.endswith(STATISTICS)]

    def largest_of(names: list[str]) -> float:
        return max((changes[name].abs().max().item() for name in names), default=0.0)

    def relative_of(names: list[str]) -> float:
        before = sum(first[name].double().square().sum().item() for name in names) ** 0.5
        return sum(changes[name].square().sum().item() for name in names) ** 0.5 / before if before else 0.0

    return Drift(
        block,
        largest_of(weights),
        largest_of(statistics) if statistics else None,
        relative_of(weights),
        relative_of(statistics) if statistics else None,
    )
