"""The tensor store: a data set is decoded once, written as uint8 arrays, and memory-mapped ever after."""

import hashlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from filelock import FileLock

from cvcore import paths
from cvcore.data.dataset import Dataset, Split
from cvcore.errors import DataError

log = logging.getLogger(__name__)


def open_or_make(key: str, make: Callable[[], Dataset]) -> Dataset:
    """The data set stored under `key`, memory-mapped; made, stored and then opened if it is not there.

    `key` names content and form (for example "glyphs-v1"). Two processes that ask at once make it once.
    """
    dataset = _read(_root() / key) or _read(_spare_root() / key)
    if dataset is not None:
        return dataset
    folder = _writable_root() / key
    with FileLock(folder.with_name(f".{key}.lock")):
        dataset = _read(folder)
        if dataset is None:
            _write(folder, make())
            dataset = _read(folder)
    if dataset is None:
        raise DataError(f"the stored form of {key} in {folder} cannot be read back: check the disk, then delete it")
    return dataset


def _root() -> Path:
    """Folder of the store, inside the data folder."""
    return paths.data_dir() / ".store"


def _spare_root() -> Path:
    """The store of a data folder that cannot be written to: in the temporary folder, one for each such folder."""
    try:
        temporary = Path(tempfile.gettempdir())
    except FileNotFoundError:  # this machine has none that can be written to
        return _root()
    return temporary / f"cvcore-store-{hashlib.sha256(str(_root()).encode()).hexdigest()[:12]}"


def _writable_root() -> Path:
    for root in (_root(), _spare_root()):
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(root, os.W_OK):
            return root
    raise DataError(f"cannot write to {_root()}: set CVCORE_DATA to a folder that can be written to")


def _fingerprint(dataset: Dataset) -> str:
    """sha256 (hex) over class names, shapes and bytes of both splits."""
    digest = hashlib.sha256(json.dumps(dataset.classes).encode())
    for split in (dataset.train, dataset.test):
        for array in (split.images, split.labels.astype("<i8")):
            digest.update(str(array.shape).encode())
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _write(folder: Path, dataset: Dataset) -> None:
    """Store `dataset` as `folder`: written beside it, then renamed, so that a reader never sees half of it."""
    partial = folder.with_name(f".{folder.name}-{os.getpid()}")
    try:
        partial.mkdir()
        for name in ("train", "test"):
            split = dataset.split(name)
            np.save(partial / f"{name}_images.npy", np.ascontiguousarray(split.images))
            np.save(partial / f"{name}_labels.npy", split.labels.astype(np.int64))
        meta = {"name": dataset.name, "classes": dataset.classes, "fingerprint": _fingerprint(dataset)}
        (partial / "meta.json").write_text(json.dumps(meta), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        partial.replace(folder)
    except OSError as error:
        raise DataError(
            f"cannot store {dataset.name} in {folder.parent}: {error.strerror or error}; free some space"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _read(folder: Path) -> Dataset | None:
    """The data set stored as `folder`, or None if it is absent or damaged."""
    try:
        meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
        train, test = (
            Split(*(np.load(folder / f"{name}_{part}.npy", mmap_mode="r") for part in ("images", "labels")))
            for name in ("train", "test")
        )
        return Dataset(meta["name"], tuple(meta["classes"]), train, test, meta["fingerprint"])
    except FileNotFoundError:
        return None
    except (OSError, EOFError, ValueError, TypeError, KeyError) as error:
        log.warning("stored data set %s is damaged and is made again: %s", folder, error)
        return None
