"""Trains one run of a store: from the config in its folder to events, checkpoints and predictions there."""

import logging
import platform
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import Timeout

import cvcore
from cvcore.config import RunConfig
from cvcore.files import reason_of, write_atomically, write_json
from cvcore.training import events
from cvcore.training.checkpoint import load_weights
from cvcore.training.device import choose_device, use_threads_for, uses_all_cores
from cvcore.training.freed_memory import freed_memory_kept
from cvcore.training.history import Epoch
from cvcore.training.kept_epochs import EpochKeeper
from cvcore.training.loop import Predictions, predict
from cvcore.training.parallel import ALONE, World, told_by_first
from cvcore.training.parts import Parts, dataset_of, prepared, trainer_of
from cvcore.training.queue import STOPS, Queue, Slot, asked_to_stop
from cvcore.training.run import Run, run_lock
from cvcore.training.runs import RunStore
from cvcore.training.teller import Teller
from cvcore.training.trainer import Callbacks, Stopped, Trainer
from cvcore.transfer.cache import head_of, on_features

TELL_FEATURES = 0.5  # seconds

log = logging.getLogger(__name__)


def execute(
    store: RunStore,
    run: Run,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
    world: World = ALONE,
    slot: Slot | None = None,
    on_start: Callable[[], None] = lambda: None,
) -> None:
    """Train `run` to its end, going on from its last checkpoint if there is one; every end is told as an event.

    Raises nothing for what a user can cause: the run is then failed, with a sentence. `slot` is the caller's place
    among those who may train at once; a run that uses all cores waits there until it is alone. `on_start` is called
    once everybody can see that the run is being trained.
    """
    try:
        with run_lock(run.path).acquire(timeout=5):
            # in this order: whoever kills us in between leaves a run that is told as interrupted, never a lost one
            events.append(run.path, "status", status="running")
            Queue(store).remove(run.run_id)
            on_start()
            _execute_locked(store, run, on_epoch, world, slot)
    except Timeout:
        log.warning("%s is being trained by another process", run.run_id)
    except OSError as error:  # before it began: the disk is full, or the folder is gone
        log.warning("%s cannot be trained: %s", run.run_id, sentence_of(error))


def _execute_locked(
    store: RunStore, run: Run, on_epoch: Callable[[Epoch], None], world: World, slot: Slot | None
) -> None:
    try:
        with freed_memory_kept():
            outcome = _train(store, run, on_epoch, world, slot)
        events.append(run.path, "status", status="done", **outcome)
    except Stopped as stopped:
        for name in STOPS:
            (run.path / name).unlink(missing_ok=True)
        events.append(run.path, "status", status=STOPS[stopped.how])
    except Exception as error:  # the worker must outlive any run, whatever goes wrong in it
        log.exception("%s failed", run.run_id)
        _append_failure(run, error)


def _append_failure(run: Run, error: Exception) -> None:
    """Tell the failure, if the disk still lets us."""
    try:
        events.append(run.path, "status", status="failed", error=sentence_of(error))
    except OSError:
        log.exception("could not write to %s", run.path)


def sentence_of(error: Exception) -> str:
    """What went wrong, in one line that says what to do where that can be said."""
    if isinstance(error, OSError):
        where = Path(error.filename).parent if error.filename else "the runs folder"
        return f"cannot write to {where} ({reason_of(error)}): free some space or mend the folder, then train again"
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error):
        return "the memory was not enough: choose a smaller batch size, smaller images or a smaller network"
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0]


def _train(
    store: RunStore, run: Run, on_epoch: Callable[[Epoch], None], world: World, slot: Slot | None
) -> dict[str, Any]:
    """{"best", "test"} of the finished run."""
    config = run.config
    dataset = dataset_of(config)
    device = choose_device()
    images = parts = prepared(config, dataset, store, device, world)
    use_threads_for(parts.model, torch.zeros(config.train.batch_size, *dataset.image_shape, device=device))
    if slot is not None and uses_all_cores(device):
        slot.wait_until_alone(lambda: asked_to_stop(run.path))
    _write_start(run, parts, device, world)

    if config.transfer and config.transfer.strategy == "features":
        parts = _on_features(run, parts)
    teller = Teller(run.path, config.train.epochs, len(parts.train), on_epoch)
    keeper = EpochKeeper(run.path, config.train.epochs)
    trainer = trainer_of(config, parts, teller.callbacks(keeper))
    if (run.path / "last.pt").is_file():
        trainer.load_state(load_weights(run.path / "last.pt"))
        teller.repeat_missing(trainer.history, run)
    else:
        keeper.keep(0, parts.model)
    trainer.fit()
    return _finish(run, trainer, parts, images)


def assist(config: RunConfig, store: RunStore, folder: Path, world: World) -> None:
    """Compute this process's share of a run that the first process of `world` trains in `folder`."""
    dataset, device = dataset_of(config), choose_device()
    parts = prepared(config, dataset, store, device, world)
    use_threads_for(parts.model, torch.zeros(config.train.batch_size, *dataset.image_shape, device=device))
    trainer = trainer_of(config, parts, Callbacks())
    if (folder / "last.pt").is_file():
        trainer.load_state(load_weights(folder / "last.pt"))
    with suppress(Stopped), freed_memory_kept():
        trainer.fit()
        _predictions(trainer, parts, folder)


def _on_features(run: Run, parts: Parts) -> Parts:
    """The parts with the backbone's work done: what is left to train is the head, on features."""
    started, last = time.perf_counter(), 0.0
    streams = {id(each): each for each in (parts.train, parts.val, parts.test)}
    images = sum(each.images for each in streams.values())
    done = 0

    def told(now: int) -> None:
        nonlocal last
        if time.perf_counter() - last > TELL_FEATURES:
            last = time.perf_counter()
            events.append(run.path, "features", done=done + now, images=images, seconds=round(last - started, 3))
        if how := asked_to_stop(run.path):
            raise Stopped(how)

    found = {}
    for key, batches in streams.items():
        found[key] = on_features(parts.network, batches, told)
        done += batches.images
    events.append(run.path, "features", done=images, images=images, seconds=round(time.perf_counter() - started, 3))
    train, val, test = (found[id(each)] for each in (parts.train, parts.val, parts.test))
    return replace(parts, train=train, val=val, test=test, part=head_of(parts.network))


def _write_start(run: Run, parts: Parts, device: torch.device, world: World) -> None:
    """Put libraries and device into run.json, and tell the network's size."""
    machine = {
        "versions": {"cvcore": cvcore.__version__, "torch": torch.__version__, "python": platform.python_version()},
        "device": torch.cuda.get_device_name() if device.type == "cuda" else device.type,
        "threads": torch.get_num_threads(),
        "processes": world.size,
        "system": platform.system(),
    }
    write_json(run.path / "run.json", {**run.meta, "started": time.time(), **machine})
    count = [parameter.numel() for parameter in parts.model.parameters()]
    learning = [parameter.numel() for parameter in parts.model.parameters() if parameter.requires_grad]
    events.append(run.path, "model", params=sum(count), trainable_params=sum(learning), batches=len(parts.train))


def _finish(run: Run, trainer: Trainer, parts: Parts, images: Parts) -> dict[str, Any]:
    """Look at the test set, once, with the weights of the best epoch; keep what was predicted of which `images`."""
    val, test = _predictions(trainer, parts, run.path)
    arrays = {}
    for name, predictions, indices in (("val", val, images.val.indices), ("test", test, images.test.indices)):
        arrays[f"{name}_labels"] = predictions.labels
        arrays[f"{name}_probabilities"] = predictions.probabilities
        arrays[f"{name}_predictions"] = predictions.probabilities.argmax(1)
        arrays[f"{name}_indices"] = indices
    write_atomically(run.path / "predictions.npz", lambda partial: _save_npz(partial, arrays))
    best = trainer.best
    return {
        "best": {"epoch": best.epoch, "val_loss": best.val_loss, "val_acc": best.val_acc},
        "test": {"loss": test.score.loss, "acc": test.score.acc},
    }


def _predictions(trainer: Trainer, parts: Parts, folder: Path) -> tuple[Predictions, Predictions]:
    """What the network says of the validation and of the test images with its best weights."""
    world = parts.train.world
    told_by_first(None, world)  # the first process has written them
    parts.model.load_state_dict(load_weights(folder / "best.pt"))
    settings = (trainer.criterion, trainer.precision, trainer.averaging)
    test = predict(parts.called, parts.test, *settings)
    return (test if parts.val is parts.test else predict(parts.called, parts.val, *settings)), test


def _save_npz(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """As np.savez, which would add its own ending to the name."""
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)
