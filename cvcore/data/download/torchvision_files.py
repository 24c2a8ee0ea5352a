"""The files of the data sets that torchvision reads: address, place and checksum from torchvision, size from here."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cvcore.data.download.fetch import Remote


@dataclass(frozen=True)
class SetFile:
    """A file to download, its bytes, and what it unpacks to (nothing: it is read as it is); below the data folder."""

    path: str
    size: int
    gives: tuple[str, ...] = ()

    def is_unpacked(self, root: Path) -> bool:
        return bool(self.gives) and all((root / path).exists() for path in self.gives)

    def is_there(self, root: Path) -> bool:
        return self.is_unpacked(root) or (root / self.path).is_file()


def _idx(class_name: str, *sizes: int) -> tuple[SetFile, ...]:
    """The four files of MNIST and of the sets in its form."""
    names = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
    paths = [f"{class_name}/raw/{name}" for name in names]
    return tuple(SetFile(f"{path}.gz", size, (path,)) for path, size in zip(paths, sizes, strict=True))


# torchvision has no sizes. These are in TensorFlow Datasets' lists of checksums, but for the two CIFARs, of which that
# takes another archive: theirs are what the server says. They serve the progress bar; the checksum decides.
_BATCHES = ("data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch")
FILES = {
    "MNIST": _idx("MNIST", 9_912_422, 28_881, 1_648_877, 4_542),
    "FashionMNIST": _idx("FashionMNIST", 26_421_880, 29_515, 4_422_102, 5_148),
    "KMNIST": _idx("KMNIST", 18_165_135, 29_497, 3_041_136, 5_120),
    "CIFAR10": (
        SetFile(
            "cifar-10-python.tar.gz",
            170_498_071,
            tuple(f"cifar-10-batches-py/{name}" for name in (*_BATCHES, "batches.meta")),
        ),
    ),
    "CIFAR100": (
        SetFile(
            "cifar-100-python.tar.gz",
            169_001_437,
            tuple(f"cifar-100-python/{name}" for name in ("train", "test", "meta")),
        ),
    ),
    "SVHN": (SetFile("train_32x32.mat", 182_040_794), SetFile("test_32x32.mat", 64_275_384)),
    "OxfordIIITPet": (
        SetFile("oxford-iiit-pet/images.tar.gz", 791_918_971, ("oxford-iiit-pet/images",)),
        SetFile(
            "oxford-iiit-pet/annotations.tar.gz",
            19_173_078,
            tuple(f"oxford-iiit-pet/annotations/{name}.txt" for name in ("trainval", "test")),
        ),
    ),
    "Flowers102": (
        SetFile("flowers-102/102flowers.tgz", 344_862_509, ("flowers-102/jpg",)),
        SetFile("flowers-102/imagelabels.mat", 502),
        SetFile("flowers-102/setid.mat", 14_989),
    ),
}


def remotes(class_name: str) -> list[Remote]:
    """The files of torchvision.datasets.`class_name`, with torchvision's addresses, places and checksums."""
    kind: Any = torchvision_class(class_name)
    if class_name == "SVHN":
        found = [Remote(url, path, md5) for url, path, md5 in (kind.split_list[split] for split in ("train", "test"))]
    elif class_name.startswith("CIFAR"):
        found = [Remote(kind.url, kind.filename, kind.tgz_md5)]
    elif class_name == "OxfordIIITPet":
        found = [Remote(url, f"oxford-iiit-pet/{url.rpartition('/')[2]}", md5) for url, md5 in kind._RESOURCES]
    elif class_name == "Flowers102":
        files = [kind._file_dict[part] for part in ("image", "label", "setid")]
        found = [Remote(kind._download_url_prefix + name, f"flowers-102/{name}", md5) for name, md5 in files]
    else:
        found = []
        for name, md5 in kind.resources:
            url, *others = (mirror + name for mirror in kind.mirrors)
            found.append(Remote(url, f"{class_name}/raw/{name}", md5, others=tuple(others)))
    sizes = {file.path: file.size for file in FILES[class_name]}
    return [Remote(each.url, each.path, each.md5, size=sizes[each.path], others=each.others) for each in found]


def download_bytes(class_name: str) -> int:
    """Bytes of all the files together, known without asking anybody."""
    return sum(file.size for file in FILES[class_name])


def file_of(class_name: str, remote: Remote) -> SetFile:
    """What is known here of the file of `class_name` that `remote` describes."""
    return next(file for file in FILES[class_name] if file.path == remote.path)


def torchvision_class(class_name: str) -> Callable:
    """torchvision.datasets.`class_name`, imported when it is asked for."""
    import torchvision.datasets

    return getattr(torchvision.datasets, class_name)
