"""Data sets that torchvision reads: their files, their unpacking without a network, and what is in them.

Addresses, checksums and readers are torchvision's own. Nothing here asks torchvision to download: files are fetched by
cvcore.data.download.fetch, which resumes and reports, and unpacked by the standard library.
"""

import gzip
import shutil
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from cvcore.data.dataset import Dataset, Split
from cvcore.data.download.fetch import Remote, fetch, what_is_wrong
from cvcore.data.download.torchvision_files import FILES, file_of, remotes, torchvision_class
from cvcore.errors import DataError
from cvcore.files import reason_of

# the splits of the sets that come as image files: our name, torchvision's name
_FILE_SPLITS = {
    "OxfordIIITPet": {"train": "trainval", "test": "test"},
    "Flowers102": {"train": "train", "val": "val", "test": "test"},
}


def is_there(class_name: str, root: Path) -> bool:
    """Whether all that is needed lies below `root`, unpacked or as it is downloaded. Looks at names only."""
    return all(file.is_there(root) for file in FILES[class_name])


def download(
    class_name: str,
    name: str,
    root: Path,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Fetch what is missing below `root` and unpack it; `on_progress` as in cvcore.data.download.fetch.

    Raises DataError that names the address and the folder where a file fetched by hand belongs.
    """
    missing = [each for each in remotes(class_name) if not file_of(class_name, each).is_unpacked(root)]
    fetch(missing, root, on_progress, name=name)
    unpack(class_name, root)


def unpack(class_name: str, root: Path) -> None:
    """Bring what lies below `root` into the form that torchvision reads, without a network; nothing if it is in that.

    Raises DataError if a file that is needed is missing or has another checksum than torchvision says.
    """
    for remote in remotes(class_name):
        file = file_of(class_name, remote)
        if file.is_unpacked(root):
            continue
        _check(root / remote.path, remote)
        if file.gives:
            _extract(root / remote.path, lambda file=file: file.is_unpacked(root))


def load_arrays(class_name: str, name: str, root: Path) -> Dataset:
    """The data set of MNIST, FashionMNIST, KMNIST, CIFAR10, CIFAR100 or SVHN, called `name`, in memory."""
    unpack(class_name, root)
    kind = torchvision_class(class_name)
    try:
        if class_name == "SVHN":
            train, test = (kind(root, split=split) for split in ("train", "test"))
            classes = tuple("0123456789")
        else:
            train, test = (kind(root, train=is_train) for is_train in (True, False))
            classes = tuple(label.split(" - ")[0] for label in train.classes)  # MNIST's are "0 - zero"
        splits = [_split(each, len(classes)) for each in (train, test)]
    except Exception as error:  # torchvision lets through whatever its readers stumble over, AssertionError too
        raise DataError(_unreadable(class_name, name, root, error)) from error
    return Dataset(name, classes, *splits)


def list_files(class_name: str, root: Path) -> tuple[list[str], dict[str, list[tuple[str, int]]]]:
    """Class names of OxfordIIITPet or Flowers102, and by split its images: path below `root` with "/", and label."""
    unpack(class_name, root)
    kind = torchvision_class(class_name)
    try:
        found = {ours: kind(root, split=theirs) for ours, theirs in _FILE_SPLITS[class_name].items()}
        classes = list(found["train"].classes)
        return classes, {split: _listed(each, root, len(classes)) for split, each in found.items()}
    except Exception as error:  # as in load_arrays
        raise DataError(_unreadable(class_name, class_name, root, error)) from error


def _split(dataset: Any, classes: int) -> Split:
    """Grey [N, H, W] tensors and colour [N, H, W, C] or [N, C, H, W] arrays all become uint8 [N, C, H, W]."""
    images = np.asarray(dataset.data)
    labels = np.asarray(dataset.labels if hasattr(dataset, "labels") else dataset.targets, dtype=np.int64)
    if images.ndim == 3:
        images = images[:, None]
    elif images.shape[-1] == 3:
        images = images.transpose(0, 3, 1, 2)
    if len(images) != len(labels):
        raise ValueError(f"{len(images):,} images but {len(labels):,} labels")
    _check_labels(labels, classes)
    return Split(np.ascontiguousarray(images), labels)


def _listed(dataset: Any, root: Path, classes: int) -> list[tuple[str, int]]:
    """Paths below `root` and labels of a set of image files; torchvision keeps both to itself."""
    files = dataset._images if hasattr(dataset, "_images") else dataset._image_files
    _check_labels(np.asarray(dataset._labels), classes)
    places = [Path(file).relative_to(root).as_posix() for file in files]
    return list(zip(places, map(int, dataset._labels), strict=True))


def _check_labels(labels: np.ndarray, classes: int) -> None:
    if len(labels) == 0:
        raise ValueError("there are no images in it")
    if not 0 <= labels.min() <= labels.max() < classes:
        raise ValueError(f"labels {labels.min()} to {labels.max()}, but {classes} classes")


def _check(path: Path, remote: Remote) -> None:
    """Raise DataError unless the file at `path` is the one that torchvision describes."""
    if not path.is_file():
        trouble, first = "is not there", ""
    elif wrong := what_is_wrong(path, remote):
        trouble, first = f"cannot be used ({wrong})", "move it away, then "
    else:
        return
    raise DataError(
        f"{path} {trouble}: {first}download the set, or fetch this file by hand from {remote.url} into {path.parent}; "
        "the bundled sets work without it"
    )


def _extract(archive: Path, is_done: Callable[[], bool]) -> None:
    """Unpack `archive` into its folder, unless somebody else has done so while this waited for him."""
    try:
        with FileLock(archive.with_name(f".{archive.name}.lock")):
            if not is_done():
                _extract_alone(archive)
    except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
        reason = reason_of(error) if isinstance(error, OSError) else _first_line(error)
        raise DataError(
            f"{archive} cannot be unpacked ({reason}): see that {archive.parent} has room and can be written to, "
            "then try again"
        ) from error


def _extract_alone(archive: Path) -> None:
    """Unpack `archive` beside its place first, then move what came, so that nobody ever meets half of it."""
    scratch = archive.with_name(f".unpacking-{archive.name}")
    shutil.rmtree(scratch, ignore_errors=True)  # of a process that was ended
    scratch.mkdir()
    try:
        if archive.name.endswith((".tar.gz", ".tgz")):
            with tarfile.open(archive) as tar:
                tar.extractall(scratch, filter="data")
        else:
            with gzip.open(archive) as packed, (scratch / archive.stem).open("wb") as plain:
                shutil.copyfileobj(packed, plain, 1 << 20)
        for item in scratch.iterdir():
            _move(item, archive.parent / item.name)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _move(source: Path, target: Path) -> None:
    """Move a file or a folder over what may be there of it."""
    if source.is_dir() and target.is_dir():
        for item in source.iterdir():
            _move(item, target / item.name)
    else:
        source.replace(target)


def _unreadable(class_name: str, name: str, root: Path, error: Exception) -> str:
    places = sorted({(path.split("/")[0]) for file in FILES[class_name] for path in file.gives or (file.path,)})
    return (
        f"{name} in {root} cannot be read ({_first_line(error)}): move {' and '.join(places)} away, then download the "
        "set again; the bundled sets work without it"
    )


def _first_line(error: Exception) -> str:
    """What went wrong, on one line; torchvision puts the cause below a line that ends in a colon."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return " ".join(lines[:2] if lines[0].endswith(":") else lines[:1]).rstrip(".")
