"""Which data sets exist, from where, and in what state; and how to open one."""

import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cvcore import paths
from cvcore.data import own, store
from cvcore.data.damage.plan import Damage, describe
from cvcore.data.dataset import Dataset
from cvcore.data.files.scan import Progress, ignore
from cvcore.data.origins import Broken, Damaged, Folder, Made, Origin, TorchvisionArrays, TorchvisionFiles, Zip
from cvcore.errors import DataError, unknown_name

FILE = Path(__file__).with_name("catalog.toml")
KEY = r"(v\d+|[0-9a-f]{16})(-s\d+-\w+)?"  # what follows a set's name in the name of its stored form


@dataclass(frozen=True)
class Entry:
    """A data set of the catalog, described without opening it.

    Counts are 0, and `image` is empty, where they are known only once the set was opened.
    """

    name: str
    origin: Origin
    title: str
    about: str
    source: str
    licence: str
    classes: int = 0
    image: tuple[int, ...] = ()  # [C, H, W], pixels; of photographs of many sizes, the size they come at by default
    varied: bool = False  # the originals have many sizes
    train: int = 0  # images
    test: int = 0
    is_own: bool = False  # added by a person, not part of the catalog

    @property
    def download_mb(self) -> float:
        """Size of the download in MB (millions of bytes); 0 where there is none."""
        return round(self.origin.download_bytes / 1e6, 1)

    @property
    def state(self) -> str:
        """One of "bundled", "on disk", "needs download", "missing"."""
        return self.origin.state


def names() -> list[str]:
    """Names of all data sets: bundled ones, those that are downloaded, then people's own."""
    return [*_built_in(), *own.sets()]


def built_in_names() -> list[str]:
    """Names that people's own sets cannot have."""
    return list(_built_in())


def size_on_disk(name: str) -> int:
    """Bytes that a set takes: its files, and what the tensor store keeps of it."""
    try:
        own_files = entry(name).origin.bytes_on_disk()
    except DataError:  # a folder that cannot be read: whoever opens the set is told
        own_files = 0
    return own_files + store.bytes_of(rf"{re.escape(name)}-{KEY}")


def entry(name: str) -> Entry:
    """The catalog's entry for `name`. Raises DataError if there is none."""
    if name in _built_in():
        return _built_in()[name]
    added = own.sets()
    if name not in added:
        raise DataError(unknown_name("data set", name, names()))
    return _own_entry(name, added[name])


@lru_cache(maxsize=1)
def _built_in() -> dict[str, Entry]:
    return {name: _entry(name, values) for name, values in tomllib.loads(FILE.read_text(encoding="utf-8")).items()}


def _entry(name: str, values: dict[str, Any]) -> Entry:
    """The entry that a table of catalog.toml describes."""
    size = values.pop("size", 0)
    image = tuple(values.pop("image", (3, size, size)))
    if "maker" in values:
        origin: Origin = Made(values.pop("maker"), values.pop("version", 1))
    elif "zip" in values:
        origin = Zip(name, values.pop("zip"), values.pop("folder"), values.pop("sha256"), values.pop("bytes"))
    else:
        origin = (TorchvisionFiles if size else TorchvisionArrays)(values.pop("torchvision"))
    return Entry(name, origin, image=image, varied=bool(size), **values)


def _own_entry(name: str, values: dict[str, Any]) -> Entry:
    known = {field: values.get(field, 0) for field in ("classes", "train", "test")}
    shared = {"title": name, "licence": "yours", "image": tuple(values.get("image", ())), "is_own": True, **known}
    if "folder" in values:
        folder = Path(values["folder"])
        source = "an uploaded zip" if values.get("unpacked") else "a folder on this machine"
        return Entry(name, Folder(folder), about=f"Images in {folder}.", source=source, varied=True, **shared)
    base, about = values["base"], f"A damaged copy of {values['base']}."
    if base not in names():
        origin: Origin = Broken(f"{base}, of which {name} is a damaged copy, is no longer listed: add it again")
        return Entry(name, origin, about=about, source=base, **shared)
    try:
        damage = Damage(**values["damage"])
    except ValidationError:
        origin = Broken(f"{name} was made by another version of cvcore: make it again")
        return Entry(name, origin, about=about, source=base, **shared)
    origin = Damaged(damage, partial(open_dataset, base))
    return Entry(name, origin, about=f"A damaged copy of {base}: {describe(damage)}.", source=base, **shared)


def resolve(name_or_path: str) -> str:
    """The name of a set; a folder, or a zip, of images is added to the catalog first.

    Raises DataError if it is neither.
    """
    if name_or_path in _built_in():
        return name_or_path
    path = Path(name_or_path).expanduser()
    if name_or_path and path.is_dir():  # before sets of one's own: another folder may have given one its name
        return own.add_folder(path, taken=_built_in())
    if path.is_file() and path.suffix.lower() == ".zip":
        return own.from_zip(path) or own.add_zip(path, path.name, taken=_built_in())[0]
    if name_or_path in own.sets():
        return name_or_path
    if "/" in name_or_path or path.suffix:
        raise DataError(
            f"there is no folder or zip {name_or_path!r}: give one of images, or a name that `datasets` lists"
        )
    raise DataError(unknown_name("data set", name_or_path, names(), "; or give a folder or a zip of images"))


def open_dataset(name: str, size: int = 0, fit: str = "crop", on_progress: Progress = ignore) -> Dataset:
    """The data set called `name`, memory-mapped; made or decoded on first use. Never downloads.

    `size` is the side in pixels that images are brought to: 0 for their own, or for the default of sets of many sizes.
    `on_progress` hears images done and images in all while a set is made; what it raises stops that, to be continued.
    Raises DataError if there is none of that name or it must be downloaded first.
    """
    found = entry(name)
    if found.state == "needs download":
        raise DataError(
            f"{name} is not in {paths.data_dir()}: download it ({found.download_mb:,.0f} MB) on the Datasets page "
            f"or with `python -m cvcore data {name} --download`"
        )
    if found.state == "missing":
        raise DataError(f"{found.origin.problem}, or remove {name} from the list")
    found.origin.prepare()
    key = _key(found, size, fit)
    dataset = _opened(key, str(paths.data_dir()))
    if dataset is None or not (dataset.folder / store.META).is_file():  # the store may be deleted at any time
        dataset = _make(found, key, size, fit, on_progress)
    if found.is_own:
        own.note(name, dataset)
    return dataset


def _key(found: Entry, size: int, fit: str) -> str:
    """Name of the set's stored form: changes with its content, the size and, where it matters, the fit."""
    is_own_size = size == 0 or (not found.varied and found.image[1:] == (size, size))
    plain = is_own_size and (fit == "crop" or (fit == "stretch" and not found.varied))
    return f"{found.name}-{found.origin.stamp()}" + ("" if plain else f"-s{size}-{fit}")


def _make(found: Entry, key: str, size: int, fit: str, on_progress: Progress) -> Dataset:
    def fill(folder: Path) -> Path | None:
        return found.origin.fill(found.name, folder, size, fit, on_progress)

    store.open_or_fill(key, fill, on_wait=lambda: on_progress(0, 0))
    if not isinstance(found.origin, Made):  # earlier content in this form: those files are no more
        form = key.removeprefix(f"{found.name}-")[16:]
        store.remove(own.key_pattern(found.name, form), keep=key)
    _opened.cache_clear()
    return _opened(key, str(paths.data_dir()))


@lru_cache(maxsize=16)
def _opened(key: str, _data_dir: str) -> Dataset | None:
    """One memory map a process for each set, form and data folder."""
    return store.find(key)


def download(name: str, on_progress: Callable[[int, int], None] = ignore) -> None:
    """Fetch `name` into the data folder; `on_progress` hears bytes done and bytes in all.

    Raises DataError that names the address and the folder where a file fetched by hand belongs.
    """
    found = entry(name)
    if found.is_own:
        raise DataError(f"{name} cannot be downloaded: it is a set of your own; leave out --download")
    # an archive that is there is checked, and fetched anew if it is wrong
    if found.origin.download_bytes and found.origin.source is None:
        found.origin.download(name, on_progress)
