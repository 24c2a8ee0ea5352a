"""How long one image takes through the whole network of a run: what a strategy costs when it is used."""

from collections.abc import Callable

from cvcore.analysis.latency import Latency, timed
from cvcore.config import RunConfig
from cvcore.training.features import trained_network
from cvcore.training.run import Run
from cvcore.transfer.heads import APPENDED

Network = tuple[str, ...]


def network_of(config: RunConfig) -> Network:
    """What tells networks apart that do not take equally long: layers and images, not what the layers have learnt."""
    data, transfer = config.data, config.transfer
    head = transfer.head if transfer else "replace"
    outputs = transfer.source if head in APPENDED else ""  # the old head stays, with as many outputs as it had
    return config.model.name, data.name, str(data.size), data.fit, head, outputs


def latency(run: Run, progress: Callable[[int, int], None] | None = None) -> Latency:
    """One image at a time, on this machine's CPU, in evaluation mode. Raises RunError where the run cannot be used."""
    dataset, model = trained_network(run)
    return timed(model, dataset.image_shape, progress=progress)
