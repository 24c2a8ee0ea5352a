"""Finds classes and splits in a folder of images. Reads names only; opens no image."""

import hashlib
import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from cvcore.data.store import short_digest
from cvcore.errors import DataError

# what torchvision's ImageFolder takes for an image (torchvision.datasets.folder.IMG_EXTENSIONS)
IMAGE_ENDINGS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}
SPLIT_NAME = re.compile(rf"^(?P<name>{'|'.join(SPLIT_NAMES)})([_-]?(set|data|images))?$")  # train, test_set, val-images
MOST_FILES = 2_000_000  # somebody who points at a whole disk is told so, instead of waiting for hours
TEST_SHARE = 0.2  # of each class, where a folder brings no split of its own
CLASS_NUMBER = re.compile(r"^(?P<name>.+?)[._\- ]+\(?\d+\)?$")  # cat.12, cat_12, cat-12, cat (12)


class Found(NamedTuple):
    """A file below a folder: path relative to it with forward slashes, size in bytes, time of change in ns."""

    path: str
    size: int
    changed: int


@dataclass(frozen=True)
class Listing:
    """The image files of a folder with what they are: path, label and split of file i stand at place i.

    `ignored` are files that no loader would take for an image of this set: (path, reason).
    """

    root: Path
    classes: tuple[str, ...]
    paths: tuple[str, ...]
    labels: np.ndarray
    splits: tuple[str, ...]
    ignored: tuple[tuple[str, str], ...]

    def __len__(self) -> int:
        return len(self.paths)


def walk(root: Path) -> list[Found]:
    """All files below `root`, sorted by path; links to folders are followed, but never into a folder twice.

    Raises DataError if it is no folder, cannot be read, or holds more than MOST_FILES files.
    """
    return sorted(map(Found._make, _Walk(root).files()))  # by path, which no two share


def digest(places: Iterable[Path]) -> str:
    """16 hex digits that change when one of these files, or one in these folders, is added, removed, renamed or written
    to. Raises DataError as `walk` does; what is not there counts for nothing."""
    lines: list[str] = []
    for place in places:
        if place.is_dir():  # of 100,000 files each step counts: lines are cheaper than objects
            lines += sorted([f"{path}\0{size}\0{changed}" for path, size, changed in _Walk(place).files()])
        elif place.is_file():
            status = place.stat()
            lines.append(f"{place.name}\0{status.st_size}\0{status.st_mtime_ns}")
    return short_digest("\n".join(lines))


class _Walk:
    """One walk through a folder: (path, size in bytes, time of change in ns) of every file below it, in no order."""

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise DataError(f"{root} is not a folder on this machine: give a folder with one sub-folder for each class")
        self.root = root
        self.been_to = {os.path.realpath(root)}  # folders that links led to
        self.count = 0

    def files(self) -> Iterator[tuple[str, int, int]]:
        yield from self._below(self.root, "")

    def _below(self, folder: Path, prefix: str) -> Iterator[tuple[str, int, int]]:
        try:
            entries = list(os.scandir(folder))
        except OSError as error:
            if not prefix:
                raise DataError(f"{folder} cannot be read ({error.strerror}): allow reading it") from error
            yield prefix.rstrip("/"), -1, 0  # a folder that cannot be opened is told, and hides nothing else
            return
        self.count += len(entries)
        if self.count > MOST_FILES:
            raise DataError(f"{folder} holds more than {MOST_FILES:,} files: choose the folder of the images alone")
        folders = []
        for entry in entries:
            try:
                if entry.is_dir():
                    folders.append(entry)
                    continue
                status = entry.stat()
            except OSError:  # a link that leads nowhere
                yield prefix + entry.name, -1, 0
                continue
            size = status.st_size if stat.S_ISREG(status.st_mode) else -1  # a pipe would keep its reader waiting
            # a copy may bring its old time of writing; the time of the entry itself cannot be brought
            written, entered = status.st_mtime_ns, status.st_ctime_ns
            yield prefix + entry.name, size, written if written > entered else entered
        for entry in folders:
            if self._is_new(entry, folder):
                yield from self._below(Path(entry.path), f"{prefix}{entry.name}/")

    def _is_new(self, entry: os.DirEntry, folder: Path) -> bool:
        """Whether a folder is to be walked: always, but for links to where the walk has been or comes from."""
        if not entry.is_symlink():
            return True
        real = os.path.realpath(entry.path)
        if real in self.been_to or folder.is_relative_to(real):
            return False
        self.been_to.add(real)
        return True


def list_plain(root: Path, places: Iterable[Path]) -> Listing:
    """All files in these files and folders below `root`, of no class and no split."""
    files = [file for place in places for file in (_below(place) if place.is_dir() else [place])]
    names = tuple(file.relative_to(root).as_posix() for file in files)
    return Listing(root, (), names, np.zeros(len(names), dtype=np.int64), ("",) * len(names), ())


def _below(folder: Path) -> list[Path]:
    return [folder / file.path for file in walk(folder)]


def is_image(path: str) -> bool:
    """Whether a loader takes a file of this name for an image."""
    return path.lower().endswith(IMAGE_ENDINGS)


def list_images(root: Path, found: list[Found]) -> Listing:
    """Which of the files are images of which class and split.

    Understands `class/*.jpg`, `train/class/*.jpg` with `val/` or `test/` (or both), either way round, and
    `class.N.jpg`, each below any number of single folders as archives have them. Where there is no test split, a fifth
    of each class becomes one, chosen by a hash of its path: files that are added elsewhere change nothing. A `val/`
    without `test/` is the test.
    Raises DataError if there are no classes.
    """
    why = {file.path: _why_no_image(file) for file in found}
    paths = [path for path, reason in why.items() if not reason]
    if not paths:
        raise DataError(
            f"{root} holds no images ({len(found):,} other files): put {', '.join(IMAGE_ENDINGS[:3])} … files of "
            "each class into a sub-folder with the class's name"
        )
    labelled = _labelled(root, paths)
    if not labelled:
        raise DataError(
            f"{root} holds {len(paths):,} images but no classes: put the images of each class into a sub-folder with "
            "its name, or name the files class.N.jpg"
        )
    left_out = set(paths) - {path for path, _, _ in labelled}
    ignored = [(path, reason or "belongs to no class") for path, reason in why.items() if reason or path in left_out]
    classes = tuple(sorted({name for _, name, _ in labelled}))
    number = {name: label for label, name in enumerate(classes)}
    labels = np.array([number[name] for _, name, _ in labelled], dtype=np.int64)
    kept = tuple(path for path, _, _ in labelled)
    splits = complete_splits(kept, labels, tuple(split for _, _, split in labelled))
    return Listing(root, tuple(map(printable, classes)), kept, labels, splits, tuple(sorted(ignored)))


def printable(text: str) -> str:
    """`text` without the bytes of a file name that are no Unicode."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def _why_no_image(file: Found) -> str:
    """Why a file is left out by its name alone; empty if it is not."""
    if file.size < 0:
        return "cannot be read"
    name = file.path.rsplit("/", 1)[-1]
    if any(part.startswith(".") for part in file.path.split("/")) or file.path.startswith("__MACOSX/"):
        return "hidden file"
    if not is_image(name):
        ending = PurePosixPath(name).suffix.lower()
        return f"{ending or 'no ending'}: not a type that image loaders take"
    return ""


def _labelled(root: Path, paths: list[str]) -> list[tuple[str, str, str]]:
    """(path, class, split) of every image that has a class, by path; split "" where the folder names none."""
    depth = _unwrapped(paths, 0)
    parts = _by_folder(paths, depth)
    split_of = {folder: SPLIT_NAMES[match["name"]] for folder in parts if (match := SPLIT_NAME.match(folder.lower()))}
    if not _is_split(parts, split_of, depth):
        if parts and set(parts) == set(split_of):
            raise DataError(
                f"{root} has {' and '.join(sorted(parts))}, but no train: add a folder train/ with the rest"
            )
        return _split_inside(parts, depth) or [(path, name, "") for path, name in _classes(paths, depth)]
    found = []
    for folder, split in split_of.items():
        inner = _unwrapped(parts[folder], depth + 1)
        found += [(path, name, split) for path, name in _classes(parts[folder], inner)]
    learnt = {name for _, name, split in found if split == "train"}  # what is not learnt cannot be tested
    return sorted(each for each in found if each[1] in learnt)


def _split_inside(parts: dict[str, list[str]], depth: int) -> list[tuple[str, str, str]]:
    """(path, class, split) where each class has the splits inside it, as in `cat/train/*.jpg`; else empty."""
    found = []
    for name, paths in parts.items():
        inside = _by_folder(paths, depth + 1)
        splits = {
            folder: SPLIT_NAMES[match["name"]] for folder in inside if (match := SPLIT_NAME.match(folder.lower()))
        }
        if "train" not in splits.values() or len(set(splits.values())) < 2 or len(splits) < len(inside):
            return []
        found += [(path, name, splits[folder]) for folder in inside for path in inside[folder]]
    return sorted(found)


def _unwrapped(paths: list[str], depth: int) -> int:
    """The depth at which classes or splits begin: single folders around them, as archives have them, mean nothing."""
    while True:
        parts = _by_folder(paths, depth)
        loose = [path for path in paths if path.count("/") == depth]
        if len(parts) != 1 or _names_of_files(loose):
            return depth
        (inside,) = parts.values()
        if not _by_folder(inside, depth + 1) and not _names_of_files(inside):
            return depth  # one folder of images: it is the one class
        depth += 1


def _by_folder(paths: list[str], depth: int) -> dict[str, list[str]]:
    """The paths that go deeper than `depth`, by the name of the folder there."""
    found: dict[str, list[str]] = {}
    for path in paths:
        if path.count("/") > depth:
            found.setdefault(path.split("/", depth + 1)[depth], []).append(path)
    return found


def _is_split(parts: dict[str, list[str]], split_of: dict[str, str], depth: int) -> bool:
    """Whether the folders are splits: a train that holds classes (it is a vehicle, too), or splits and nothing else."""
    train = [path for folder, split in split_of.items() if split == "train" for path in parts[folder]]
    if _by_folder(train, depth + 1) or _names_of_files(train):
        return True
    return bool(train) and set(parts) == set(split_of) and len(set(split_of.values())) > 1


def _classes(paths: list[str], depth: int) -> list[tuple[str, str]]:
    """(path, class) of the images in class folders at `depth`; where there are none, of those with a class's name."""
    parts = _by_folder(paths, depth)
    if parts:
        return sorted((path, folder) for folder, inside in parts.items() for path in inside)
    return sorted(_names_of_files(paths).items())


def _names_of_files(paths: list[str]) -> dict[str, str]:
    """Class of each flat file, from its name: cat.12.jpg is a cat. Empty if that gives fewer than two classes."""
    names = {}
    for path in paths:
        if match := CLASS_NUMBER.match(PurePosixPath(path).stem):
            names[path] = match["name"]
    return names if len(set(names.values())) > 1 else {}


def complete_splits(
    paths: tuple[str, ...], labels: np.ndarray, splits: tuple[str, ...], seed: int = 0
) -> tuple[str, ...]:
    """`splits` with a test split: the given one, else val/ renamed, else a fifth of each class of what there is."""
    given = set(splits)
    if "test" in given:
        return splits
    if "val" in given:
        return tuple("test" if split == "val" else split for split in splits)
    is_test = np.zeros(len(paths), dtype=bool)
    order = np.array([_hash(path, seed) for path in paths], dtype=np.uint64)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        count = max(round(TEST_SHARE * len(members)), 1 if len(members) > 1 else 0)
        is_test[members[np.argsort(order[members], kind="stable")[:count]]] = True
    return tuple("test" if test else "train" for test in is_test)


def _hash(path: str, seed: int) -> int:
    raw = f"{seed}:{path}".encode("utf-8", "surrogateescape")
    return int.from_bytes(hashlib.blake2b(raw, digest_size=8).digest(), "little")
