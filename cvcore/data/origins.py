"""Where the images of a set come from, one class each; all answer the same questions.

state      "bundled", "on disk", "needs download" or "missing"
source     the folder or file where the images lie; None where there are none on disk
prepare    unpack what was downloaded or put there by hand
stamp      a short text that changes when the content does, without reading it
fill       write the set into a folder in the tensor store's form; or the folder with what was stored of it elsewhere
"""

import importlib
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock
from PIL import Image

from cvcore import paths
from cvcore.data import archive, own, store
from cvcore.data.damage.plan import Damage, make
from cvcore.data.dataset import Dataset
from cvcore.data.download import torchvision_sets
from cvcore.data.download.fetch import Remote, fetch, what_is_wrong
from cvcore.data.download.torchvision_files import FILES, download_bytes
from cvcore.data.files import content, layout, report, scan
from cvcore.data.files.decode import Form, to_array
from cvcore.data.files.scan import Progress
from cvcore.errors import DataError


class Origin:
    """What every origin answers, and what most answer alike."""

    state = "bundled"
    source: Path | None = None
    download_bytes = 0
    problem = ""  # of a missing set: what is wrong and what mends it

    def prepare(self) -> None:
        """Make the files ready to be read, without any network."""

    def stamp(self) -> str:
        raise NotImplementedError

    def files(self) -> list[Path]:
        """The files and folders that the set consists of."""
        return [self.source] if self.source else []

    def bytes_on_disk(self) -> int:
        """Size of the set's own files."""
        folders = [path for path in self.files() if path.is_dir()]
        inside = sum(max(found.size, 0) for folder in folders for found in layout.walk(folder))
        return inside + sum(path.stat().st_size for path in self.files() if path.is_file())

    def fill(self, name: str, folder: Path, size: int, fit: str, on_progress: Progress) -> Path | None:
        raise NotImplementedError


@dataclass(frozen=True)
class Made(Origin):
    """A bundled set: a function "module:function" makes it."""

    maker: str
    version: int = 1  # raised when the maker would give other images

    def stamp(self) -> str:
        return f"v{self.version}"

    def fill(self, name: str, folder: Path, size: int, fit: str, on_progress: Progress) -> None:
        module, function = self.maker.split(":")
        _write_sized(getattr(importlib.import_module(module), function)(), folder, size, fit, on_progress)


class _Files(Origin):
    """What sets with one file an image share: they are listed, then scanned."""

    def stamp(self) -> str:
        return _stamp(self.files())

    def fill(self, name: str, folder: Path, size: int, fit: str, on_progress: Progress) -> Path | None:
        listing = self.listing()
        found = content.linked(listing, scan.form_of(listing, size, fit), name, folder, on_progress)
        if found and report.tell_ignored(found, listing):
            return found
        scan.scan(listing, name, folder, size, fit, on_progress)
        return None

    def listing(self) -> layout.Listing:
        """The image files with their classes and splits."""
        return layout.list_images(self.source, layout.walk(self.source))


@dataclass(frozen=True)
class Folder(_Files):
    """A folder of somebody's own images."""

    path: Path

    @property
    def state(self) -> str:
        return "on disk" if self.path.is_dir() else "missing"

    @property
    def problem(self) -> str:
        """What is wrong when the set is missing."""
        return f"{self.path} is gone, where the images were: put it back"

    @property
    def source(self) -> Path | None:
        return self.path


@dataclass(frozen=True)
class Broken(Origin):
    """A set that is listed and cannot be opened."""

    problem: str
    state = "missing"


@dataclass(frozen=True)
class Zip(_Files):
    """A zip on the web, or put into the data folder by hand, or already unpacked there."""

    name: str
    url: str
    folder: str  # as it is called inside the zip
    sha256: str
    bytes: int

    @property
    def download_bytes(self) -> int:
        """Size of what is downloaded."""
        return self.bytes

    @property
    def state(self) -> str:
        return "on disk" if self.source or self._zip.is_file() else "needs download"

    @property
    def source(self) -> Path | None:
        places = (paths.data_dir() / self.folder, paths.data_dir() / self.name)
        return next((place for place in places if place.is_dir() and any(place.iterdir())), None)

    @property
    def _zip(self) -> Path:
        return paths.data_dir() / self.url.rsplit("/", 1)[-1]

    def prepare(self) -> None:
        with FileLock(self._zip.with_name(f".{self._zip.name}.lock")):
            if self.source is not None:
                return
            wrong = what_is_wrong(self._zip, self._remote)
            if wrong:
                raise DataError(
                    f"{self._zip} is not the file it should be ({wrong}): download it again, or put the right one there"
                )
            folder = paths.data_dir() / self.name
            with suppress(OSError):  # an empty folder of that name is in the way
                folder.rmdir()
            own.note_refused(self.name, archive.unpack(self._zip, folder))

    def download(self, name: str, on_progress: Progress) -> None:
        """Fetch the zip. Raises DataError that names the address and the folder."""
        fetch([self._remote], paths.data_dir(), on_progress, name=name)

    @property
    def _remote(self) -> Remote:
        return Remote(self.url, self._zip.name, sha256=self.sha256, size=self.bytes)


class _Torchvision(Origin):
    """What sets that torchvision.datasets knows share; their files lie in the data folder as it lays them out."""

    class_name: str

    @property
    def state(self) -> str:
        return "on disk" if torchvision_sets.is_there(self.class_name, paths.data_dir()) else "needs download"

    @property
    def source(self) -> Path | None:
        if not self._is_unpacked():
            return None
        return self.files()[0].parent if len(self.files()) > 1 else self.files()[0]

    def files(self) -> list[Path]:
        root = paths.data_dir()
        return [root / path for file in FILES[self.class_name] for path in file.gives or (file.path,)]

    def _is_unpacked(self) -> bool:
        return all(path.exists() for path in self.files())

    def stamp(self) -> str:
        return _stamp(self.files())

    def prepare(self) -> None:
        if not self._is_unpacked():
            torchvision_sets.unpack(self.class_name, paths.data_dir())

    @property
    def download_bytes(self) -> int:
        """Size of what is downloaded."""
        return download_bytes(self.class_name)

    def download(self, name: str, on_progress: Progress) -> None:
        """Fetch and unpack the files. Raises DataError that names the address and the folder."""
        torchvision_sets.download(self.class_name, name, paths.data_dir(), on_progress)


@dataclass(frozen=True)
class TorchvisionArrays(_Torchvision):
    """A set that torchvision reads as arrays."""

    class_name: str

    def listing(self) -> layout.Listing:
        """The files that hold the arrays: of no class, and of no split."""
        return layout.list_plain(paths.data_dir(), self.files())

    def fill(self, name: str, folder: Path, size: int, fit: str, on_progress: Progress) -> Path | None:
        listing, form = self.listing(), Form(0, size, size, fit)
        found = content.linked(listing, form, name, folder)  # a few files, read in under a second
        if not found:
            dataset = torchvision_sets.load_arrays(self.class_name, name, paths.data_dir())
            identity = store.Identity(content.outline(listing, form), content.content(listing))
            _write_sized(dataset, folder, size, fit, on_progress, identity)
        return found


@dataclass(frozen=True)
class TorchvisionFiles(_Torchvision, _Files):
    """A set of photographs that torchvision lists."""

    class_name: str

    def listing(self) -> layout.Listing:
        classes, files = torchvision_sets.list_files(self.class_name, paths.data_dir())
        rows = [(path, label, split) for split, members in files.items() for path, label in members]
        names, labels, splits = zip(*rows, strict=True)
        return layout.Listing(paths.data_dir(), tuple(classes), names, np.array(labels), splits, ())


@dataclass(frozen=True)
class Damaged(Origin):
    """A damaged copy of another set, which `open_base(size, fit)` opens."""

    damage: Damage
    open_base: Callable[[int, str], Dataset]

    def stamp(self) -> str:
        return store.short_digest(self.open_base(0, "crop").fingerprint + self.damage.model_dump_json())

    def fill(self, name: str, folder: Path, size: int, fit: str, on_progress: Progress) -> None:
        make(self.open_base(size, fit), self.damage, name, folder, on_progress)


_stamps: dict[tuple[Path, ...], tuple[float, str]] = {}  # valid until, stamp
PATIENCE = 20  # looking through a large folder takes time: what was found holds for so many times as long


def _stamp(paths_: list[Path]) -> str:
    """A digest of names, sizes and times of all the files in these places."""
    until, stamp = _stamps.get(tuple(paths_), (0.0, ""))
    if time.monotonic() < until:
        return stamp
    started = time.monotonic()
    stamp = layout.digest(paths_)
    ended = time.monotonic()
    _stamps[tuple(paths_)] = ended + PATIENCE * (ended - started), stamp
    return stamp


def _write_sized(
    dataset: Dataset,
    folder: Path,
    size: int,
    fit: str,
    on_progress: Progress,
    identity: store.Identity | None = None,
) -> None:
    """Store `dataset` with images of `size` × `size` pixels; 0: as they are."""
    channels, height, width = dataset.image_shape
    if size in (0, height) and size in (0, width):
        store.write(folder, dataset, identity)
        return
    form = Form(channels, size, size, fit)
    writer = store.Writer(folder, form.shape)
    done, total = 0, sum(map(len, dataset.splits.values()))
    for name, split in dataset.splits.items():
        for images in store.blocks(split.images, 1_000_000):
            pictures = (Image.fromarray(image.transpose(1, 2, 0).squeeze()) for image in images)
            writer.append(name, np.stack([to_array(picture, form) for picture in pictures]))
            done += len(images)
            on_progress(done, total)
    labels = {name: split.labels for name, split in dataset.splits.items()}
    writer.finish(dataset.name, dataset.classes, labels, identity)
