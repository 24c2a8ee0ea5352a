"""Which data sets exist, from where, and in what state; and how to open one."""

import importlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from cvcore import paths
from cvcore.data import store, torchvision_sets
from cvcore.data.dataset import Dataset
from cvcore.errors import DataError, unknown_name


@dataclass(frozen=True)
class Entry:
    """A data set of the catalog, described without opening it."""

    name: str
    title: str
    about: str
    source: str
    licence: str
    classes: int
    image: tuple[int, int, int]  # [C, H, W], pixels
    train: int  # images
    test: int
    maker: str = ""  # "module:function" of a bundled set
    torchvision: str = ""  # class in torchvision.datasets of the others
    probe: str = ""  # a file below the data folder that is there when the set is
    download_mb: float = 0.0
    version: int = 1  # raised when a maker would give other images

    @property
    def key(self) -> str:
        """Name of the set's stored form; files of another size on disk are another set."""
        file = self._file()
        return f"{self.name}-v{self.version}" + (f"-{file.stat().st_size}" if file else "")

    @property
    def state(self) -> str:
        """One of "bundled", "on disk", "needs download"."""
        if self.maker:
            return "bundled"
        return "on disk" if self._file() else "needs download"

    def _file(self) -> Path | None:
        """The probe where it is on disk."""
        found = [paths.data_dir() / (self.probe + end) for end in ("", ".gz") if self.probe]
        return next((file for file in found if file.is_file()), None)


_CATALOG: dict[str, Entry] = {}


def _register(entry: Entry) -> None:
    if entry.name in _CATALOG:
        raise DataError(f"data set {entry.name!r} is in the catalog already: choose another name")
    _CATALOG[entry.name] = entry


def names() -> list[str]:
    """Names of all data sets, bundled ones first."""
    return list(_CATALOG)


def entry(name: str) -> Entry:
    """The catalog's entry for `name`. Raises DataError if there is none."""
    if name not in _CATALOG:
        raise DataError(unknown_name("data set", name, _CATALOG))
    return _CATALOG[name]


def open_dataset(name: str) -> Dataset:
    """The data set called `name`, memory-mapped; made on first use if it is bundled. Never downloads.

    Raises DataError if there is none of that name or it must be downloaded first.
    """
    found = entry(name)
    if found.state == "needs download":
        raise DataError(
            f"{name} is not in {paths.data_dir()}: download it ({found.download_mb:.0f} MB) on the Datasets page "
            f"or with `python -m cvcore data {name} --download`"
        )
    return _opened(found.key, str(paths.data_dir()))


@lru_cache(maxsize=16)
def _opened(key: str, _data_dir: str) -> Dataset:
    """One memory map a process for each set and data folder."""
    found = next(each for each in _CATALOG.values() if each.key == key)
    return store.open_or_make(key, _maker(found))


def _maker(found: Entry) -> Callable[[], Dataset]:
    if found.maker:
        module, function = found.maker.split(":")
        return getattr(importlib.import_module(module), function)
    return lambda: torchvision_sets.load(found.torchvision, found.name)


def download(name: str, on_progress: Callable[[float], None] = lambda share: None) -> Dataset:
    """Fetch `name` into the data folder and open it; `on_progress` hears the share done, 0..1.

    torchvision reports to the terminal only, so progress is the growth of the data folder against the known size.
    Raises DataError that names the address and the folder where a file fetched by hand belongs.
    """
    found = entry(name)
    if found.state != "needs download":
        return open_dataset(name)
    failure: list[DataError] = []

    def fetch() -> None:
        try:
            torchvision_sets.download(found.torchvision, name)
        except DataError as error:
            failure.append(error)

    before = _folder_bytes()
    thread = threading.Thread(target=fetch, name=f"download-{name}", daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(0.3)
        on_progress(min(0.99, (_folder_bytes() - before) / (found.download_mb * 1e6)))
    if failure:
        raise failure[0]
    on_progress(1.0)
    return open_dataset(name)


def _folder_bytes() -> int:
    return sum(file.stat().st_size for file in paths.data_dir().rglob("*") if file.is_file())


for _entry in (
    Entry(
        name="digits",
        title="Handwritten digits",
        about="Real digits by 43 people, scanned at 8×8, enlarged to 28×28. Small: a network trains in seconds.",
        source="scikit-learn, after UCI Optical Recognition of Handwritten Digits",
        licence="CC BY 4.0",
        classes=10,
        image=(1, 28, 28),
        train=1_437,
        test=360,
        maker="cvcore.data.digits:make_digits",
    ),
    Entry(
        name="glyphs",
        title="Printed characters",
        about="Letters A–Z and digits 0–9 in several fonts, turned, thickened, blurred and noisy, as on a scan.",
        source="drawn here from a seed with free fonts",
        licence="MIT (images)",
        classes=36,
        image=(1, 28, 28),
        train=14_400,
        test=3_600,
        maker="cvcore.data.glyphs:make_glyphs",
    ),
    Entry(
        name="shapes",
        title="Coloured shapes",
        about="Ten figures, any colour, size and place, on textured grounds. A linear model fails; a CNN does not.",
        source="drawn here from a seed",
        licence="MIT (images)",
        classes=10,
        image=(3, 32, 32),
        train=8_000,
        test=2_000,
        maker="cvcore.data.shapes:make_shapes",
    ),
    Entry(
        name="mnist",
        title="MNIST",
        about="70,000 handwritten digits, the set of the first tutorials.",
        source="LeCun, Cortes, Burges",
        licence="CC BY-SA 3.0",
        classes=10,
        image=(1, 28, 28),
        train=60_000,
        test=10_000,
        torchvision="MNIST",
        probe="MNIST/raw/train-images-idx3-ubyte",
        download_mb=11.6,
    ),
    Entry(
        name="fashion-mnist",
        title="Fashion-MNIST",
        about="70,000 photographs of clothes in MNIST's form, and harder.",
        source="Zalando Research",
        licence="MIT",
        classes=10,
        image=(1, 28, 28),
        train=60_000,
        test=10_000,
        torchvision="FashionMNIST",
        probe="FashionMNIST/raw/train-images-idx3-ubyte",
        download_mb=30.9,
    ),
    Entry(
        name="cifar10",
        title="CIFAR-10",
        about="60,000 colour photographs of ten kinds of animals and vehicles.",
        source="Krizhevsky, University of Toronto",
        licence="not stated; research use",
        classes=10,
        image=(3, 32, 32),
        train=50_000,
        test=10_000,
        torchvision="CIFAR10",
        probe="cifar-10-batches-py/data_batch_1",
        download_mb=170.5,
    ),
):
    _register(_entry)
