"""Loss and accuracy of an epoch, added up without waiting for the device before its end."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

SETTLE_BATCHES = 64  # batches whose outputs are kept before they are reduced to hits
SETTLE_VALUES = 1_000_000  # or so many values of them

Averaging = Literal["samples", "batches", "batch-sum"]


@dataclass(frozen=True)
class Score:
    """Mean cross-entropy (nats) and accuracy (0..1), both averaged over samples."""

    loss: float
    acc: float


class Tally:
    """Sums over the batches of an epoch. Averaged over samples; over batches, or the sum of batch means over the number
    of samples, where a mistake is made on purpose."""

    def __init__(self, averaging: Averaging = "samples") -> None:
        self.averaging = averaging
        self.batches = 0
        self.images = 0
        self._sums = dict.fromkeys(("loss", "correct", "seen", "batch_loss", "batch_acc", "batches"), 0.0)
        self._waiting: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = []
        self._values = 0
        self._reduced: list[tuple[torch.Tensor, torch.Tensor, list[int]]] = []  # hits, losses, sizes; on the device

    def add(self, outputs: torch.Tensor, loss: torch.Tensor, labels: torch.Tensor) -> None:
        """Outputs [B, K] of a batch, its mean loss, and its true labels [B]."""
        self.batches += 1
        self.images += len(labels)
        self._waiting.append((outputs, loss, labels))
        self._values += outputs.numel()
        if len(self._waiting) >= SETTLE_BATCHES or self._values > SETTLE_VALUES:
            self._settle()

    def _settle(self) -> None:
        """Reduce what waits to a byte an image and a loss a batch, on the device, without waiting for it."""
        if not self._waiting:
            return
        outputs, losses, labels = zip(*self._waiting, strict=True)
        self._waiting, self._values = [], 0
        hits = torch.cat(outputs).argmax(1) == torch.cat(labels)
        self._reduced.append((hits, torch.stack(losses), [len(each) for each in labels]))

    def _count(self) -> None:
        """Add up what was reduced: one look at the device for all of it, summed one batch after the other, so that
        where an epoch was interrupted makes no difference."""
        self._settle()
        sums = self._sums
        for hits, losses, sizes in self._reduced:
            starts = np.cumsum([0, *sizes[:-1]])
            correct = np.add.reduceat(hits.cpu().numpy().astype(np.int64), starts).tolist()
            for loss, right, size in zip(losses.tolist(), correct, sizes, strict=True):
                sums["loss"] += loss * size
                sums["correct"] += right
                sums["seen"] += size
                sums["batch_loss"] += loss
                sums["batch_acc"] += right / size
                sums["batches"] += 1
        self._reduced = []

    def sums(self) -> dict[str, float]:
        """What was added up so far."""
        self._count()
        return dict(self._sums)

    def score(self, shares: list[dict[str, float]] | None = None) -> Score:
        """The averages; over the `shares` of several processes, where there are some."""
        shares = shares or [self.sums()]
        sums = {name: sum(share[name] for share in shares) for name in self._sums}
        seen = max(1.0, sums["seen"])
        if self.averaging == "batches":
            return Score(sums["batch_loss"] / sums["batches"], sums["batch_acc"] / sums["batches"])
        if self.averaging == "batch-sum":
            return Score(sums["batch_loss"] / seen, sums["correct"] / seen)
        return Score(sums["loss"] / seen, sums["correct"] / seen)

    def state(self) -> dict[str, Any]:
        """All that going on in the middle of an epoch needs."""
        return {"sums": self.sums(), "batches": self.batches, "images": self.images}

    @classmethod
    def from_state(cls, state: dict[str, Any], averaging: Averaging) -> "Tally":
        tally = cls(averaging)
        tally._sums.update(state["sums"])
        tally.batches, tally.images = state["batches"], state["images"]
        return tally
