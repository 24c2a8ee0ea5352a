"""Trains one run of a store: from the config in its folder to events, checkpoints and predictions there."""

import logging
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import Timeout

import cvcore
from cvcore.config import RunConfig
from cvcore.data import catalog
from cvcore.data.dataset import Dataset
from cvcore.data.split import holds_out, training_indices
from cvcore.data.stats import normalization
from cvcore.errors import RunError
from cvcore.files import write_atomically, write_json
from cvcore.models import zoo
from cvcore.training import events
from cvcore.training.batches import Batches
from cvcore.training.device import choose_device, use_threads_for
from cvcore.training.history import Epoch
from cvcore.training.loop import predict
from cvcore.training.queue import Queue
from cvcore.training.runs import Run, RunStore, run_lock
from cvcore.training.trainer import Callbacks, Cancelled, Trainer
from cvcore.transfer.strategies import reuse

log = logging.getLogger(__name__)

EVALUATION_BATCH = 512
BATCH_EVENT_EVERY = 0.25  # seconds: often enough to look alive, rare enough to keep the file small


def execute(store: RunStore, run: Run, on_epoch: Callable[[Epoch], None] = lambda epoch: None) -> None:
    """Train `run` to its end, going on from its last checkpoint if there is one; every end is told as an event.

    Raises nothing for what a user can cause: the run is then failed, with a sentence.
    """
    try:
        with run_lock(run.path).acquire(timeout=5):
            # in this order: whoever kills us in between leaves a run that is told as interrupted, never a lost one
            events.append(run.path, "status", status="running")
            Queue(store).remove(run.run_id)
            _execute_locked(store, run, on_epoch)
    except Timeout:
        log.warning("%s is being trained by another process", run.run_id)


def _execute_locked(store: RunStore, run: Run, on_epoch: Callable[[Epoch], None]) -> None:
    try:
        outcome = _train(store, run, on_epoch)
        events.append(run.path, "status", status="done", **outcome)
    except Cancelled:
        (run.path / "cancel").unlink(missing_ok=True)
        events.append(run.path, "status", status="cancelled")
    except Exception as error:  # the worker must outlive any run, whatever goes wrong in it
        log.exception("%s failed", run.run_id)
        _append_failure(run, error)


def _append_failure(run: Run, error: Exception) -> None:
    """Tell the failure, if the disk still lets us."""
    text = str(error).strip() or type(error).__name__
    try:
        events.append(run.path, "status", status="failed", error=text.splitlines()[0])
    except OSError:
        log.exception("could not write to %s", run.path)


def _train(store: RunStore, run: Run, on_epoch: Callable[[Epoch], None]) -> dict[str, Any]:
    """{"best", "test"} of the finished run."""
    config = run.config
    dataset = catalog.open_dataset(config.data.name, config.data.size, config.data.fit)
    if config.data.fingerprint and dataset.fingerprint != config.data.fingerprint:
        raise RunError(f"the images of {config.data.name} have changed since this run was made: start a new run")
    device = choose_device()
    parts = _prepare(config, dataset, store, device)
    use_threads_for(parts.model, torch.zeros(config.train.batch_size, *dataset.image_shape, device=device))
    _write_start(run, parts.model, device)

    teller = _Teller(run.path, config.train.epochs, len(parts.train), on_epoch)
    trainer = Trainer(parts.model, parts.train, parts.val, config.train, teller.callbacks())
    if (run.path / "last.pt").is_file():
        trainer.load_state(load_weights(run.path / "last.pt"))
        teller.repeat_missing(trainer.history, run)
    trainer.fit()
    return _finish(run, trainer, parts)


@dataclass(frozen=True)
class _Parts:
    model: torch.nn.Module
    train: Batches
    val: Batches
    test: Batches


def _prepare(config: RunConfig, dataset: Dataset, store: RunStore, device: torch.device) -> _Parts:
    """The network and the three streams of batches; the seed decides weights, order and dropout."""
    torch.manual_seed(config.train.seed)
    model = zoo.build(config.model.name, dataset.image_shape, len(dataset.classes))
    if config.transfer:
        weights = load_weights(store.find(config.transfer.source).path / "best.pt")
        model = reuse(model, weights, config.transfer.strategy)
    on_test = config.train.selection == "test"
    held_out = holds_out(dataset, config.train.selection)
    train, val = training_indices(dataset.train.labels, config.data, hold_out=held_out)
    mean, std = normalization(dataset, config.data.normalize)
    order = torch.Generator().manual_seed(config.train.seed)
    shared = {"mean": mean, "std": std, "device": device}
    test = Batches(dataset.test, np.arange(len(dataset.test)), EVALUATION_BATCH, **shared)
    return _Parts(
        model=model.to(device),
        train=Batches(dataset.train, train, config.train.batch_size, **shared, generator=order),
        val=test if on_test else _watched(dataset, val, shared),
        test=test,
    )


def _watched(dataset: Dataset, held_out: np.ndarray, shared: dict[str, Any]) -> Batches:
    """The validation images: the set's own split where it brings one, else those held out of the training split."""
    if dataset.val is not None:
        return Batches(dataset.val, np.arange(len(dataset.val)), EVALUATION_BATCH, **shared)
    return Batches(dataset.train, held_out, EVALUATION_BATCH, **shared)


def load_weights(path: Path) -> Any:
    """What torch.save wrote to `path`, tensors and plain values only. Raises RunError if it cannot be read."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise RunError(f"{path.name} of {path.parent.name} is missing: train that run again with --fresh") from error
    except Exception as error:  # torch.load raises many kinds for a damaged file
        raise RunError(f"{path.name} of {path.parent.name} is damaged: train that run again with --fresh") from error


def _write_start(run: Run, model: torch.nn.Module, device: torch.device) -> None:
    """Put libraries and device into run.json, and tell the network's size."""
    machine = {
        "versions": {"cvcore": cvcore.__version__, "torch": torch.__version__, "python": platform.python_version()},
        "device": torch.cuda.get_device_name() if device.type == "cuda" else device.type,
        "threads": torch.get_num_threads(),
        "system": platform.system(),
    }
    write_json(run.path / "run.json", {**run.meta, "started": time.time(), **machine})
    count = [parameter.numel() for parameter in model.parameters()]
    learning = [parameter.numel() for parameter in model.parameters() if parameter.requires_grad]
    events.append(run.path, "model", params=sum(count), trainable_params=sum(learning))


class _Teller:
    """Turns a trainer's callbacks into events and files in the run's folder."""

    def __init__(self, folder: Path, epochs: int, batches: int, on_epoch: Callable[[Epoch], None]) -> None:
        self.folder = folder
        self.epochs = epochs
        self.batches = batches
        self.on_epoch = on_epoch
        self.cancel = folder / "cancel"
        self.last_told = 0.0
        self.begun: tuple[float, int, int] | None = None  # clock, batches and images done when we started to count

    def callbacks(self) -> Callbacks:
        return Callbacks(
            on_batch=self.batch,
            on_epoch=self.epoch,
            on_best=lambda weights: self._save("best.pt", weights),
            on_checkpoint=lambda state: self._save("last.pt", state),
            should_stop=self.cancel.exists,
        )

    def batch(self, epoch: int, batch: int, images: int, loss: float) -> None:
        now = time.perf_counter()
        done = (epoch - 1) * self.batches + batch
        if self.begun is None:
            self.begun = now, done, images
        elapsed = now - self.begun[0]
        if now - self.last_told < BATCH_EVENT_EVERY or elapsed == 0:
            return
        self.last_told = now
        per_batch = elapsed / (done - self.begun[1])
        events.append(
            self.folder,
            "batch",
            epoch=epoch,
            epochs=self.epochs,
            batch=batch,
            batches=self.batches,
            loss=round(loss, 6) if np.isfinite(loss) else None,
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


def _finish(run: Run, trainer: Trainer, parts: _Parts) -> dict[str, Any]:
    """Look at the test set, once, with the weights of the best epoch; keep what was predicted."""
    parts.model.load_state_dict(load_weights(run.path / "best.pt"))
    test = predict(parts.model, parts.test)
    val = test if parts.val is parts.test else predict(parts.model, parts.val)
    arrays = {}
    for name, predictions in (("val", val), ("test", test)):
        arrays[f"{name}_labels"] = predictions.labels
        arrays[f"{name}_probabilities"] = predictions.probabilities
        arrays[f"{name}_predictions"] = predictions.probabilities.argmax(1)
    write_atomically(run.path / "predictions.npz", lambda partial: _save_npz(partial, arrays))
    best = trainer.best
    return {
        "best": {"epoch": best.epoch, "val_loss": best.val_loss, "val_acc": best.val_acc},
        "test": {"loss": test.score.loss, "acc": test.score.acc},
    }


def _save_npz(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """As np.savez, which would add its own ending to the name."""
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)
