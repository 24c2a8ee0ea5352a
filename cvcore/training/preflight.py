"""What a run will cost, before it starts: parameters, memory, and seconds, predicted from a few timed batches."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch

from cvcore.analysis.memory import megabytes
from cvcore.config import RunConfig
from cvcore.data import catalog
from cvcore.training.aside import aside
from cvcore.training.check import checked
from cvcore.training.costs import Costs, costs
from cvcore.training.device import choose_device, use_threads_for
from cvcore.training.parts import prepared
from cvcore.training.runs import RunStore
from cvcore.training.timing import Abandoned, Timed, timed

__all__ = ["Abandoned", "Preflight", "preflight"]

SECONDS = 1.5  # for timing; networks whose single batch takes longer get a smaller batch


@dataclass(frozen=True)
class Preflight:
    """A run's costs and the prediction of its time, None where it was not timed."""

    costs: Costs
    epochs: int
    time: Timed | None
    how: str

    @property
    def seconds_per_epoch(self) -> float | None:
        """The mean over the epochs, which are not alike where layers join in later."""
        return None if self.time is None else self._seconds_of(self.epochs) / self.epochs

    @property
    def seconds_in_all(self) -> float | None:
        """All epochs, features that are computed before, the look at the test images after; a run that stops early
        takes less."""
        return None if self.time is None else self.time.before + self._seconds_of(self.epochs) + self.time.after

    @property
    def images_per_s(self) -> float | None:
        """In training alone."""
        return None if self.time is None else self.time.images_per_s

    def _seconds_of(self, epochs: int) -> float:
        """The first so many epochs together."""
        ends = [since for since, _ in self.time.phases[1:]] + [epochs + 1]
        lasting = (max(0, min(end, epochs + 1) - since) for (since, _), end in zip(self.time.phases, ends, strict=True))
        return sum(count * seconds for count, (_, seconds) in zip(lasting, self.time.phases, strict=True))

    def for_epochs(self, epochs: int) -> "Preflight":
        """The prediction for another number of epochs."""
        return replace(self, epochs=epochs)

    def to_json(self) -> dict[str, Any]:
        """Plain values: what the command line prints and what is kept with the run."""
        return {
            "params": self.costs.params,
            "trainable_params": self.costs.trainable_params,
            "memory_bytes": self.costs.memory_bytes,
            "memory_formula": self.costs.memory_formula,
            "epochs": self.epochs,
            "seconds_per_epoch": self.seconds_per_epoch,
            "images_per_s": self.images_per_s,
            "how": self.how,
            "seconds_before": self.time.before if self.time else None,
            "seconds_after": self.time.after if self.time else None,
            "seconds_in_all": self.seconds_in_all,
        }


def preflight(
    config: RunConfig,
    store: RunStore,
    *,
    seconds: float = SECONDS,
    memory_limit: float = float("inf"),
    is_wanted: Callable[[], bool] = lambda: True,
) -> Preflight:
    """What a run of `config` will cost. It takes about `seconds`, more where two images alone take longer.

    Above `memory_limit` bytes nothing is built and the time stays unknown. Raises what `checked` raises, and Abandoned
    between two batches when it is not wanted any more.
    """
    config = checked(config, store)
    counted, epochs = costs(config, store), config.train.epochs
    if counted.memory_bytes > memory_limit:
        how = f"not timed here: that would take more than {megabytes(memory_limit)} of memory"
        return Preflight(counted, epochs, None, how)
    dataset = catalog.open_dataset(config.data.name, config.data.size, config.data.fit)
    device = choose_device()
    with aside(device):
        parts = prepared(config, dataset, store, device)
        use_threads_for(parts.model, torch.zeros(config.train.batch_size, *dataset.image_shape, device=device))
        found = timed(config, parts, seconds, is_wanted)
        threads = torch.get_num_threads()
    place = f"{threads} thread{'s' if threads > 1 else ''} of the CPU" if device.type == "cpu" else device.type
    return Preflight(counted, epochs, found, f"timed {found.how}, on {place}")
