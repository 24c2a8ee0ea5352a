"""Finds classes and splits in a folder of images. Reads names only; opens no image."""

import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

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
MOST_FILES = 2_000_000  # somebody who points at a whole disk is told so, instead of waiting for hours
TEST_SHARE = 0.2  # of each class, where a folder brings no split of its own
CLASS_NUMBER = re.compile(r"^(?P<name>.+?)[._\- ]+\(?\d+\)?$")  # cat.12, cat_12, cat-12, cat (12)


@dataclass(frozen=True)
class Found:
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
    if not root.is_dir():
        raise DataError(f"{root} is not a folder on this machine: give a folder with one sub-folder for each class")
    found = []
    for each in _walk(root, "", {os.path.realpath(root)}):
        found.append(each)
        if len(found) > MOST_FILES:
            raise DataError(f"{root} holds more than {MOST_FILES:,} files: choose the folder of the images alone")
    found.sort(key=lambda file: file.path)
    return found


def _walk(folder: Path, prefix: str, seen: set[str]) -> Iterator[Found]:
    try:
        entries = list(os.scandir(folder))
    except OSError as error:
        if not prefix:
            raise DataError(f"{folder} cannot be read ({error.strerror}): allow reading it") from error
        yield Found(prefix.rstrip("/"), -1, 0)  # a folder that cannot be opened is told, and hides nothing else
        return
    for entry in entries:
        try:
            if not entry.is_dir():
                status = entry.stat()
                size = status.st_size if stat.S_ISREG(status.st_mode) else -1  # a pipe would keep its reader waiting
                yield Found(prefix + entry.name, size, status.st_mtime_ns)
                continue
        except OSError:  # a link that leads nowhere
            yield Found(prefix + entry.name, -1, 0)
            continue
        if entry.is_symlink():
            real = os.path.realpath(entry.path)
            if real in seen or folder.is_relative_to(real):
                continue
            seen.add(real)
        yield from _walk(Path(entry.path), f"{prefix}{entry.name}/", seen)


def digest(found: Iterable[Found]) -> str:
    """16 hex digits that change when a file is added, removed, renamed or written to."""
    text = "\n".join(f"{file.path}\0{file.size}\0{file.changed}" for file in found)
    return short_digest(text)


def is_image(path: str) -> bool:
    """Whether a loader takes a file of this name for an image."""
    return path.lower().endswith(IMAGE_ENDINGS)


def list_images(root: Path, found: list[Found]) -> Listing:
    """Which of the files are images of which class and split.

    Understands `class/*.jpg`, `train/class/*.jpg` with `val/` or `test/` (or both), and `class.N.jpg`, each below any
    number of single folders as archives have them. Where there is no test split, a fifth of each class becomes one,
    chosen by a hash of its path: files that are added elsewhere change nothing. A `val/` without `test/` is the test.
    Raises DataError if there are no classes.
    """
    ignored = [(file.path, _why_no_image(file)) for file in found if _why_no_image(file)]
    paths = [file.path for file in found if not _why_no_image(file)]
    if not paths:
        raise DataError(
            f"{root} holds no images ({len(ignored):,} other files): put {', '.join(IMAGE_ENDINGS[:3])} … files of "
            "each class into a sub-folder with the class's name"
        )
    depth = _wrapping(paths)
    split_of, class_depth = _split_finder(paths, depth)
    labelled = _labelled(paths, split_of, class_depth, ignored)
    if not labelled:
        raise DataError(
            f"{root} holds {len(paths):,} images but no classes: put the images of each class into a sub-folder with "
            "its name, or name the files class.N.jpg"
        )
    classes = tuple(sorted({name for _, name, _ in labelled}))
    number = {name: label for label, name in enumerate(classes)}
    labels = np.array([number[name] for _, name, _ in labelled], dtype=np.int64)
    kept = tuple(path for path, _, _ in labelled)
    splits = complete_splits(kept, labels, tuple(split for _, _, split in labelled))
    return Listing(root, classes, kept, labels, splits, tuple(sorted(ignored)))


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


def _wrapping(paths: list[str]) -> int:
    """How many leading folders hold everything and mean nothing, as in my-download/PetImages/Cat/1.jpg."""
    common = os.path.commonpath([path.rsplit("/", 1)[0] if "/" in path else "" for path in paths])
    folders = common.split("/") if common else []
    for depth, folder in enumerate(folders):
        if folder.lower() in SPLIT_NAMES:
            return depth
    flat = all(path.count("/") == len(folders) for path in paths)
    if flat and folders and len(_names_of_files(paths)) < 2:
        return len(folders) - 1  # one folder of images: it is the one class
    return len(folders)


def _split_finder(paths: list[str], depth: int) -> tuple[Callable[[str], str | None], int]:
    """(path → its split, "" where none is named, None where it stands beside the splits; depth of class folders)."""

    def folder(path: str) -> str:
        parts = path.split("/")
        return parts[depth].lower() if len(parts) > depth + 1 else ""

    names = {SPLIT_NAMES.get(folder(path)) for path in paths}
    if "train" not in names:
        return lambda path: "", depth
    return lambda path: SPLIT_NAMES.get(folder(path)), depth + 1


def _labelled(
    paths: list[str], split_of: Callable[[str], str | None], depth: int, ignored: list[tuple[str, str]]
) -> list[tuple[str, str, str]]:
    """(path, class, split) of every image that has a class; the others join `ignored`."""
    in_splits = [path for path in paths if split_of(path) is not None]
    ignored += [
        (path, "beside train/, but in no folder called val or test") for path in paths if split_of(path) is None
    ]
    in_folders = any(path.count("/") > depth for path in in_splits)
    names = {} if in_folders else _names_of_files(in_splits)
    labelled = []
    for path in in_splits:
        parts = path.split("/")
        name = parts[depth] if len(parts) > depth + 1 else names.get(path) if not in_folders else None
        if name:
            labelled.append((path, name, split_of(path)))
        else:
            why = "in no class folder" if in_folders else "its name is not of the form class.N"
            ignored.append((path, why))
    return labelled


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
