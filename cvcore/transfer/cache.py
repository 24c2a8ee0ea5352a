"""Features computed once: what enters the head of a backbone that does not learn, kept beside the stored images."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from cvcore.data import store
from cvcore.data.dataset import Split
from cvcore.errors import DataError
from cvcore.files import reason_of, write_atomically
from cvcore.models.modes import evaluation_mode, hooked
from cvcore.training.batches import Batches, evaluation_batch
from cvcore.training.device import choose_device
from cvcore.training.run import Run
from cvcore.training.runs import RunStore
from cvcore.transfer.heads import Headed

FOLDER = ".features"

Told = Callable[[int], None]  # hears how many images are done; may raise to stop


def on_features(network: Headed, batches: Batches, told: Told = lambda done: None) -> Batches:
    """The same batches, of features [B, D] instead of images: labels, order and size stay.

    What was computed before, with the same weights on the same images, is read from the disk. Raises DataError if the
    features cannot be stored.
    """
    file = _file(network, batches)
    if not file.is_file():
        _compute(network, batches, file, told)
    told(batches.images)
    labels = np.asarray(batches.split.labels)[batches.indices]
    split = Split(np.load(file, mmap_mode="r"), labels)
    return replace(batches, split=split, indices=np.arange(len(labels)), mean=(), std=())


def are_stored(network: Headed, batches: Batches) -> bool:
    """Whether the features of these images are on the disk already."""
    return _file(network, batches).is_file()


def first_features(network: Headed, batches: Batches, most: int = 2) -> np.ndarray:
    """The features [B, D] of the first few of the images, computed now, in evaluation mode."""
    few = replace(batches, indices=batches.indices[:most], generator=None, augment=(), chance=None)
    return np.concatenate(list(_features(network, few)))


def _file(network: Headed, batches: Batches) -> Path:
    """Where the features belong: told by weights, images, their order and their normalisation."""
    digest = hashlib.blake2b(digest_size=12)
    for name, value in sorted(network.state_of_body().items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    digest.update(f"{network.head} {batches.mean} {batches.std} {batches.split.images.shape}".encode())
    for part in store.blocks(batches.indices, 4_000):
        digest.update(np.ascontiguousarray(batches.split.images[part]).data)
    return store.writable_root() / FOLDER / f"{digest.hexdigest()}.npy"


def _compute(network: Headed, batches: Batches, file: Path, told: Told) -> None:
    images = replace(
        batches, batch_size=evaluation_batch(batches.split.images.shape[1:]), generator=None, augment=(), chance=None
    )
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, lambda partial: _write(network, images, partial, told))
    except OSError as error:
        raise DataError(f"cannot store features in {file.parent}: {reason_of(error)}; free some space") from error


def _write(network: Headed, images: Batches, partial: Path, told: Told) -> None:
    """Fill a .npy file batch by batch: the features of all images need not fit into memory."""
    values, done = None, 0
    for features in _features(network, images):
        if values is None:
            shape = (images.images, *features.shape[1:])
            values = np.lib.format.open_memmap(partial, mode="w+", dtype=np.float32, shape=shape)
        values[done : done + len(features)] = features
        done += len(features)
        told(done)
    if values is not None:
        values.flush()


def _features(network: Headed, images: Batches) -> Iterator[np.ndarray]:
    """What enters the head for each batch of images, float32, in evaluation mode."""
    caught: list[torch.Tensor] = []
    hook = head_of(network).register_forward_pre_hook(lambda module, inputs: caught.append(inputs[0]))
    with hooked([hook]), torch.inference_mode(), evaluation_mode(network.model):
        for batch, _ in images:
            network.model(batch)
            yield caught.pop().float().cpu().numpy()


def head_of(network: Headed) -> nn.Module:
    """The part of the network that features enter."""
    return network.model.get_submodule(network.head)


def difference(run: Run, runs: RunStore, most: int = 256) -> tuple[int, float]:
    """(how many test images, the largest difference of any feature) between what is cached for `run`, whose strategy is
    "features", and what its backbone gives for them now, in evaluation mode."""
    from cvcore.training.parts import dataset_of, prepared

    parts = prepared(run.config, dataset_of(run.config), runs, choose_device())
    cached = on_features(parts.network, parts.test).split.images[:most]
    now = first_features(parts.network, parts.test, most)
    return len(now), float(np.abs(now - cached).max())
