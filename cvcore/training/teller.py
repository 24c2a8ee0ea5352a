"""What a run that trains writes into its folder: events, checkpoints, the weights of some epochs."""

import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cvcore.files import write_atomically
from cvcore.training import events
from cvcore.training.history import Epoch
from cvcore.training.kept_epochs import EpochKeeper
from cvcore.training.queue import asked_to_stop
from cvcore.training.run import Run
from cvcore.training.trainer import Callbacks

BATCH_EVENT_EVERY = 0.25  # seconds: often enough to look alive, rare enough to keep the file small
LOOK_AT_DEVICE_EVERY = 1.0  # seconds, on an accelerator: to read a loss is to wait until it has caught up


class Teller:
    """Turns a trainer's callbacks into events and files in the run's folder."""

    def __init__(self, folder: Path, epochs: int, batches: int, on_epoch: Callable[[Epoch], None]) -> None:
        self.folder = folder
        self.epochs = epochs
        self.batches = batches
        self.on_epoch = on_epoch
        self.last_told = 0.0
        self.begun: tuple[float, int] | None = None  # clock and batches done when we started to count

    def callbacks(self, keeper: EpochKeeper) -> Callbacks:
        def epoch_done(epoch: Epoch, model: torch.nn.Module) -> None:
            keeper.keep(epoch.epoch, model)
            self.epoch(epoch)

        return Callbacks(
            on_batch=self.batch,
            on_epoch=epoch_done,
            on_best=lambda weights: self._save("best.pt", weights),
            on_checkpoint=lambda state: self._save("last.pt", state),
            should_stop=lambda: asked_to_stop(self.folder),
        )

    def batch(self, epoch: int, batch: int, images: int, loss: torch.Tensor) -> None:
        now = time.perf_counter()
        done = (epoch - 1) * self.batches + batch
        if self.begun is None:
            self.begun = now, done
        elapsed = now - self.begun[0]
        every = BATCH_EVENT_EVERY if loss.device.type == "cpu" else LOOK_AT_DEVICE_EVERY
        if now - self.last_told < every or elapsed == 0:
            return
        self.last_told = now
        per_batch = elapsed / (done - self.begun[1])
        value = loss.item()
        events.append(
            self.folder,
            "batch",
            epoch=epoch,
            epochs=self.epochs,
            batch=batch,
            batches=self.batches,
            loss=round(value, 6) if np.isfinite(value) else None,
            images_per_s=round(images / batch / per_batch, 1),
            eta=round((self.epochs * self.batches - done) * per_batch, 1),
        )

    def epoch(self, epoch: Epoch) -> None:
        events.append(self.folder, "epoch", **asdict(epoch))
        self.on_epoch(epoch)

    def repeat_missing(self, history: list[Epoch], run: Run) -> None:
        """Tell epochs that the checkpoint holds but that were cut off before they could be told."""
        told = {epoch.epoch for epoch in run.history}
        for epoch in history:
            if epoch.epoch not in told:
                self.epoch(epoch)

    def _save(self, name: str, state: dict[str, Any]) -> None:
        write_atomically(self.folder / name, lambda partial: torch.save(state, partial))
