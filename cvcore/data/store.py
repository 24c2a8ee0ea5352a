"""The tensor store: a data set is decoded once, written as uint8 arrays, and memory-mapped ever after."""

import hashlib
import json
import logging
import mmap
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from cvcore import paths
from cvcore.data.dataset import Dataset, Split
from cvcore.errors import DataError
from cvcore.files import reason_of

log = logging.getLogger(__name__)

SPLITS = ("train", "val", "test")
BLOCK = 64_000_000  # bytes of images that are read at a time
META = "meta.json"
PATIENCE = 0.5  # seconds between two looks at a set that another process is making


@dataclass(frozen=True)
class Identity:
    """What a stored form was made from, told apart by `outline` without opening a file and for certain by `content`."""

    outline: str
    content: str


def open_or_make(key: str, make: Callable[[], Dataset]) -> Dataset:
    """The data set stored under `key`; made in memory, stored and then opened if it is not there."""
    return open_or_fill(key, lambda folder: write(folder, make()))


def open_or_fill(key: str, fill: Callable[[Path], Path | None], on_wait: Callable[[], None] = lambda: None) -> Dataset:
    """The data set stored under `key`, memory-mapped; if it is not there, `fill` first writes it into a folder.

    `key` names content and form (for example "glyphs-v1"). Two processes that ask at once make it once; the one that
    waits calls `on_wait` twice a second. What `fill` leaves behind when it is interrupted, it finds the next time.
    `fill` may answer with another folder to be taken in place of the given one, as cvcore.data.twins makes them.
    """
    dataset = find(key)
    if dataset is not None:
        return dataset
    root = writable_root()
    lock = FileLock(root / f".{key}.lock")
    _acquire(lock, on_wait)
    try:
        dataset = read(root / key)
        if dataset is None:
            partial = partial_folder(key)
            made = _fill(partial, fill)
            delete(root / key)
            made.replace(root / key)
            delete(partial)
            dataset = read(root / key)
    except OSError as error:
        gone = isinstance(error, FileNotFoundError) or not root.is_dir()
        advice = "if it was deleted meanwhile, try again" if gone else "free some space"
        raise DataError(f"cannot store {key} in {root}: {reason_of(error)}; {advice}") from error
    finally:
        lock.release()
    if dataset is None:
        raise DataError(f"the stored form of {key} in {root} cannot be read back: check the disk, then delete it")
    return dataset


def find(key: str) -> Dataset | None:
    """The data set stored under `key`, memory-mapped, or None."""
    return read(_root() / key) or read(spare_root() / key)


def partial_folder(key: str) -> Path:
    """Where the set called `key` is while it is being made."""
    return writable_root() / f".{key}.partial"


def remove(pattern: str, keep: str = "") -> None:
    """Delete stored forms whose whole key matches the regular expression `pattern`, but for `keep`."""
    for folder in writable_root().iterdir():
        key = re.sub(r"^\.(.+)\.(partial|linked)$", r"\1", folder.name)
        if key != keep and folder.is_dir() and re.fullmatch(pattern, key):
            delete(folder)


def delete(folder: Path) -> None:
    """Delete a stored form. Its description goes first: whatever follows, what is left is not taken for whole."""
    with suppress(OSError):
        (folder / META).unlink()
    shutil.rmtree(folder, ignore_errors=True)


def folders() -> list[Path]:
    """The folders of all stored forms."""
    roots = [root for root in (_root(), spare_root()) if root.is_dir()]
    return [folder for root in roots for folder in root.iterdir() if not folder.name.startswith(".")]


def bytes_of(pattern: str) -> int:
    """Bytes of all stored forms whose key matches the regular expression `pattern`."""
    chosen = [folder for folder in folders() if re.fullmatch(pattern, folder.name)]
    status = [file.stat() for folder in chosen for file in folder.iterdir()]
    return sum({(each.st_dev, each.st_ino): each.st_size for each in status}.values())  # with two names, counted once


def short_digest(text: str) -> str:
    """16 hex digits that stand for `text`."""
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()


def _acquire(lock: FileLock, on_wait: Callable[[], None]) -> None:
    while True:
        try:
            lock.acquire(timeout=PATIENCE)
            return
        except Timeout:
            on_wait()


def _fill(partial: Path, fill: Callable[[Path], Path | None]) -> Path:
    partial.mkdir(parents=True, exist_ok=True)
    try:
        return fill(partial) or partial
    finally:
        with suppress(OSError):  # nothing to go on from: leave nothing behind
            partial.rmdir()


def _root() -> Path:
    """Folder of the store, inside the data folder."""
    return paths.data_dir() / ".store"


def spare_root() -> Path:
    """The store of a data folder that cannot be written to: in the temporary folder, one for each such folder."""
    try:
        temporary = Path(tempfile.gettempdir())
    except FileNotFoundError:  # this machine has none that can be written to
        return _root()
    return temporary / f"cvcore-store-{hashlib.sha256(str(_root()).encode()).hexdigest()[:12]}"


def writable_root() -> Path:
    """Folder of the store, or its spare one. Raises DataError if neither can be written to."""
    return first_writable(_root(), spare_root())


def first_writable(*folders: Path) -> Path:
    """The first of `folders` that can be written to, made if it is not there. Raises DataError if none can."""
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return folder
    raise DataError(f"cannot write to {folders[0]}: set CVCORE_DATA to a folder that can be written to")


class Writer:
    """Writes images into a stored form piece by piece, so that a set may be larger than memory.

    Begins with the first `done` images of each split that an interrupted writer left in `folder`.
    """

    def __init__(self, folder: Path, shape: tuple[int, int, int], done: dict[str, int] | None = None) -> None:
        self.folder = folder
        self.shape = shape
        self.counts = {split: (done or {}).get(split, 0) for split in SPLITS}
        self.files = {split: self._open(split) for split in SPLITS}

    def _path(self, split: str) -> Path:
        return self.folder / f"{split}_images.npy"

    def _open(self, split: str):
        """The split's file, its end at the last image that counts."""
        file = self._path(split).open("r+b" if self.counts[split] else "w+b")
        self._head(file, self.counts[split])
        file.truncate(file.tell() + self.counts[split] * int(np.prod(self.shape)))
        file.seek(0, os.SEEK_END)
        return file

    def _head(self, file, count: int) -> None:
        """NumPy's header at the start of `file`; it leaves room for a larger count, so its length never changes."""
        file.seek(0)
        header = {"descr": "|u1", "fortran_order": False, "shape": (count, *self.shape)}
        np.lib.format.write_array_header_1_0(file, header)

    def append(self, split: str, images: np.ndarray) -> None:
        """Add uint8 images [n, C, H, W] to the end of a split."""
        self.files[split].write(np.ascontiguousarray(images).data)
        self.counts[split] += len(images)

    def flush(self) -> None:
        """Hand everything to the system, so that a killed process loses nothing."""
        for file in self.files.values():
            file.flush()

    def close(self) -> None:
        """Close the files, each with its count in its head; closing twice is no error."""
        while self.files:
            split, file = self.files.popitem()
            with file:
                self._head(file, self.counts[split])

    def finish(
        self,
        name: str,
        classes: tuple[str, ...],
        labels: dict[str, np.ndarray],
        identity: Identity | None = None,
    ) -> None:
        """Complete the stored form: labels, fingerprint, description; `identity` for what may turn up elsewhere."""
        self.close()
        if not self.counts["val"]:
            self._path("val").unlink()
        for split in SPLITS:
            if self.counts[split] or split != "val":
                np.save(self.folder / f"{split}_labels.npy", labels[split].astype(np.int64))
        splits = {split: _load_split(self.folder, split) for split in SPLITS}
        dataset = Dataset(name, classes, **splits)
        meta = {"name": name, "classes": classes, "fingerprint": fingerprint(dataset)}
        meta |= asdict(identity) if identity else {}
        (self.folder / META).write_text(json.dumps(meta), encoding="utf-8")


def write(folder: Path, dataset: Dataset, identity: Identity | None = None) -> None:
    """Store `dataset` in `folder`; a failure leaves nothing there."""
    try:
        writer = Writer(folder, dataset.image_shape)
        for name, split in dataset.splits.items():
            for images in blocks(split.images):
                writer.append(name, images)
        labels = {name: split.labels for name, split in dataset.splits.items()}
        writer.finish(dataset.name, dataset.classes, labels, identity)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def blocks(images: np.ndarray, size: int = BLOCK) -> Iterator[np.ndarray]:
    """`images` [N, …] a bounded number of bytes at a time."""
    step = max(1, size // max(1, int(np.prod(images.shape[1:]))))
    for start in range(0, len(images), step):
        yield images[start : start + step]
        _let_go(images)


def _let_go(images: np.ndarray) -> None:
    """Give the pages of a memory-mapped array back, which would otherwise count as this process's memory."""
    mapped = getattr(images, "_mmap", None)
    if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):  # not on Windows, where the system does it by itself
        mapped.madvise(mmap.MADV_DONTNEED)


def fingerprint(dataset: Dataset) -> str:
    """sha256 (hex) over class names, shapes and bytes of all splits."""
    digest = hashlib.sha256(json.dumps(dataset.classes).encode())
    # train and test first: sets without a val split keep the fingerprint they had before there were any
    for split in [dataset.train, dataset.test, *([dataset.val] if dataset.val else [])]:
        digest.update(str(split.images.shape).encode())
        for images in blocks(split.images):
            digest.update(np.ascontiguousarray(images).data)
        labels = split.labels.astype("<i8")
        digest.update(str(labels.shape).encode())
        digest.update(np.ascontiguousarray(labels).data)
    return digest.hexdigest()


def _load_split(folder: Path, name: str) -> Split | None:
    try:
        images, labels = (np.load(folder / f"{name}_{part}.npy", mmap_mode="r") for part in ("images", "labels"))
    except FileNotFoundError:
        if name == "val":
            return None
        raise
    if len(images) != len(labels):
        raise ValueError(f"{len(images):,} images of {name} but {len(labels):,} labels")
    return Split(images, labels)


def read(folder: Path) -> Dataset | None:
    """The data set stored as `folder`, or None if it is absent or damaged."""
    try:
        meta = json.loads((folder / META).read_text(encoding="utf-8"))
        splits = {name: _load_split(folder, name) for name in SPLITS}
        return Dataset(meta["name"], tuple(meta["classes"]), **splits, fingerprint=meta["fingerprint"], folder=folder)
    except FileNotFoundError:
        return None
    except (OSError, EOFError, ValueError, TypeError, KeyError) as error:
        log.warning("stored data set %s is damaged and is made again: %s", folder, error)
        return None
