"""Tiny sets in torchvision's own formats, behind torchvision's own addresses; only the checksums are set to theirs."""

import gzip
import hashlib
import io
import os
import pickle
import socket
import struct
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from scipy.io import savemat

from cvcore.data import catalog
from cvcore.data.download import torchvision_sets as sets
from cvcore.data.download.torchvision_files import FILES, download_bytes
from cvcore.errors import DataError

ROOT = Path(__file__).resolve().parents[3]
SHARED = Path(os.environ.get("CVCORE_SHARED_DATA") or ROOT.parent / "shared" / "data")
ARRAY_SETS = ("MNIST", "FashionMNIST", "KMNIST", "CIFAR10", "CIFAR100", "SVHN")
FILE_SETS = ("OxfordIIITPet", "Flowers102")
RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (12, 28, 28), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (12, 3, 32, 32), dtype=np.uint8)
LABELS = np.array([3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 0])  # 10 of training, 2 of test


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


def idx(array: np.ndarray) -> bytes:
    """Bytes of an array in IDX form: magic number 0x0800 plus the number of dimensions, then their sizes."""
    return struct.pack(f">{1 + array.ndim}i", 0x0800 + array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


def tar(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def mat(**arrays) -> bytes:
    packed = io.BytesIO()
    savemat(packed, arrays)
    return packed.getvalue()


def make_mnist(kind, patch) -> dict[str, bytes]:
    arrays = (GREY[:10], LABELS[:10], GREY[10:], LABELS[10:])
    files = {name: gzip.compress(idx(array)) for (name, _), array in zip(kind.resources, arrays, strict=True)}
    patch(kind, "resources", [(name, md5(content)) for name, content in files.items()])
    return {f"{kind.__name__}/raw/{name}": content for name, content in files.items()}


def make_cifar(kind, patch) -> dict[str, bytes]:
    key = "labels" if kind.__name__ == "CIFAR10" else "fine_labels"
    flat = COLOUR.reshape(12, -1)  # red, green, blue planes, as the sets' page says
    parts = {name: slice(2 * at, 2 * at + 2) for at, (name, _) in enumerate(kind.train_list)}
    if len(parts) == 1:
        parts = {"train": slice(0, 10)}
    parts[kind.test_list[0][0]] = slice(10, 12)
    batches = {name: pickle.dumps({"data": flat[part], key: LABELS[part].tolist()}) for name, part in parts.items()}
    names = [f"class {number}" for number in range(10)]
    batches[kind.meta["filename"]] = pickle.dumps({kind.meta["key"]: names})
    patch(kind, "train_list", [[name, md5(batches[name])] for name, _ in kind.train_list])
    patch(kind, "test_list", [[name, md5(batches[name])] for name, _ in kind.test_list])
    patch(kind, "meta", kind.meta | {"md5": md5(batches[kind.meta["filename"]])})
    archive = tar({f"{kind.base_folder}/{name}": content for name, content in batches.items()})
    patch(kind, "tgz_md5", md5(archive))
    return {kind.filename: archive}


def make_svhn(kind, patch) -> dict[str, bytes]:
    files, listed = {}, dict(kind.split_list)
    for split, part in (("train", slice(0, 10)), ("test", slice(10, 12))):
        url, name, _ = listed[split]
        labels = np.where(LABELS[part] == 0, 10, LABELS[part])[:, None]  # the set calls the digit 0 class 10
        files[name] = mat(X=COLOUR[part].transpose(2, 3, 1, 0), y=labels.astype(np.uint8))  # [H, W, C, N]
        listed[split] = [url, name, md5(files[name])]
    patch(kind, "split_list", listed)
    return files


def make_pets(kind, patch) -> dict[str, bytes]:
    lines = {"trainval": ["Abyssinian_1 1 1 1", "american_bulldog_7 2 2 1", "Abyssinian_2 1 1 1"]}
    lines["test"] = ["american_bulldog_9 2 2 1"]
    names = [line.split()[0] for split in lines.values() for line in split]
    archives = [
        tar({f"images/{name}.jpg": name.encode() for name in names}),
        tar({f"annotations/{split}.txt": "\n".join(text).encode() for split, text in lines.items()}),
    ]
    urls = [url for url, _ in kind._RESOURCES]
    patch(kind, "_RESOURCES", tuple((url, md5(archive)) for url, archive in zip(urls, archives, strict=True)))
    return dict(zip(("oxford-iiit-pet/images.tar.gz", "oxford-iiit-pet/annotations.tar.gz"), archives, strict=True))


def make_flowers(kind, patch) -> dict[str, bytes]:
    files = {
        "102flowers.tgz": tar({f"jpg/image_{number:05d}.jpg": b"flower" for number in range(1, 7)}),
        "imagelabels.mat": mat(labels=np.array([[102, 1, 2, 3, 1, 77]])),  # from 1
        "setid.mat": mat(trnid=np.array([[2, 5]]), valid=np.array([[3, 4]]), tstid=np.array([[1, 6]])),
    }
    patch(kind, "_file_dict", {part: (name, md5(files[name])) for part, (name, _) in kind._file_dict.items()})
    return {f"flowers-102/{name}": content for name, content in files.items()}


MAKERS = {
    **dict.fromkeys(("MNIST", "FashionMNIST", "KMNIST"), make_mnist),
    **dict.fromkeys(("CIFAR10", "CIFAR100"), make_cifar),
    "SVHN": make_svhn,
    "OxfordIIITPet": make_pets,
    "Flowers102": make_flowers,
}


@pytest.fixture
def make(monkeypatch):
    """make(class_name) gives a small set's files as they are downloaded, and tells torchvision their checksums."""
    import torchvision.datasets

    return lambda class_name: MAKERS[class_name](getattr(torchvision.datasets, class_name), monkeypatch.setattr)


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("somebody opens a connection")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def put(root: Path, files: dict[str, bytes]) -> None:
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)


def check_contents(class_name: str, root: Path) -> None:
    """The set below `root` holds what was put into it."""
    if class_name in FILE_SETS:
        classes, files = sets.list_files(class_name, root)
        assert all((root / path).is_file() for split in files.values() for path, _ in split)
    if class_name == "OxfordIIITPet":
        assert classes == ["Abyssinian", "American Bulldog"]
        assert files["train"] == [
            ("oxford-iiit-pet/images/Abyssinian_1.jpg", 0),
            ("oxford-iiit-pet/images/american_bulldog_7.jpg", 1),
            ("oxford-iiit-pet/images/Abyssinian_2.jpg", 0),
        ]
        assert files["test"] == [("oxford-iiit-pet/images/american_bulldog_9.jpg", 1)]
    elif class_name == "Flowers102":
        assert (len(classes), classes[0], classes[101]) == (102, "pink primrose", "blackberry lily")
        jpg = "flowers-102/jpg/image_0000{}.jpg".format
        assert files == {
            "train": [(jpg(2), 0), (jpg(5), 0)],
            "val": [(jpg(3), 1), (jpg(4), 2)],
            "test": [(jpg(1), 101), (jpg(6), 76)],
        }
    else:
        dataset = sets.load_arrays(class_name, "small", root)
        images = GREY[:, None] if class_name.endswith("MNIST") else COLOUR
        for split, part in (("train", slice(0, 10)), ("test", slice(10, 12))):
            found = dataset.split(split)
            assert found.images.dtype == np.uint8
            assert found.images.flags.c_contiguous
            np.testing.assert_array_equal(found.images, images[part])
            assert found.labels.tolist() == LABELS[part].tolist()
        assert (dataset.name, len(dataset.classes)) == ("small", 10)
        first = {"FashionMNIST": "T-shirt/top", "KMNIST": "o", "CIFAR10": "class 0", "CIFAR100": "class 0"}
        assert dataset.classes[0] == first.get(class_name, "0")


@pytest.mark.parametrize("class_name", FILES)
def test_every_set_is_fetched_from_its_addresses_unpacked_and_read(class_name, make, server, tmp_path, monkeypatch):
    files = make(class_name)
    for remote in sets.remotes(class_name):
        server.files[urlsplit(remote.url).path] = files[remote.path]
    monkeypatch.setenv("CVCORE_MIRROR", server.address)
    heard = []
    assert not sets.is_there(class_name, tmp_path)
    sets.download(class_name, "small", tmp_path, lambda *told: heard.append(told))
    assert heard[-1] == (sum(map(len, files.values())),) * 2
    assert sets.is_there(class_name, tmp_path)
    check_contents(class_name, tmp_path)
    answered = len(server.log)
    assert answered == len(files)
    sets.download(class_name, "small", tmp_path)  # all is there
    assert len(server.log) == answered


@pytest.mark.parametrize("class_name", FILES)
def test_archives_put_there_by_hand_are_read_without_a_network(class_name, make, tmp_path, no_network):
    files = make(class_name)
    *most, last = files
    put(tmp_path, {path: files[path] for path in most})
    assert not sets.is_there(class_name, tmp_path)
    with pytest.raises(DataError, match="is not there: download the set, or fetch this file by hand from http"):
        sets.unpack(class_name, tmp_path)
    put(tmp_path, {last: files[last]})
    assert sets.is_there(class_name, tmp_path)
    check_contents(class_name, tmp_path)
    for path in files:
        if path not in ("train_32x32.mat", "test_32x32.mat") and not path.startswith("flowers-102/"):
            (tmp_path / path).unlink()  # what it was unpacked to is enough
    assert sets.is_there(class_name, tmp_path)
    check_contents(class_name, tmp_path)
    assert not list(tmp_path.rglob(".unpacking-*"))


@pytest.mark.parametrize("class_name", FILES)
def test_what_is_fetched_is_what_torchvision_would_download(class_name, tmp_path, monkeypatch):
    """torchvision's own download, with the two functions that reach the network replaced by ones that take notes."""
    from torchvision import datasets
    from torchvision.datasets import cifar, flowers102, mnist, oxford_iiit_pet, svhn

    asked = set()

    def download_url(url, root, filename=None, md5=None):
        asked.add((url, (Path(root) / (filename or url.rpartition("/")[2])).relative_to(tmp_path).as_posix(), md5))

    def download_and_extract_archive(url, download_root, extract_root=None, filename=None, md5=None):
        download_url(url, download_root, filename, md5)

    for module in (cifar, flowers102, mnist, oxford_iiit_pet, svhn):
        for function in (download_url, download_and_extract_archive):
            monkeypatch.setattr(module, function.__name__, function, raising=False)
    for split in ("train", "test") if class_name == "SVHN" else (None,):
        with pytest.raises(RuntimeError):  # there is nothing to read
            getattr(datasets, class_name)(tmp_path, **({"split": split} if split else {}), download=True)
    remotes = sets.remotes(class_name)
    assert {(remote.url, remote.path, remote.md5) for remote in remotes} == asked
    assert sum(remote.size for remote in remotes) == download_bytes(class_name)


def test_mnist_has_a_second_address():
    others = [remote.others for remote in sets.remotes("MNIST")]
    assert others[0] == ("http://yann.lecun.com/exdb/mnist/train-images-idx3-ubyte.gz",)


def test_an_archive_that_is_not_torchvisions_is_named_and_left_alone(make, tmp_path, no_network):
    put(tmp_path, make("CIFAR10") | {"cifar-10-python.tar.gz": b"something else"})
    with pytest.raises(DataError) as caught:
        sets.load_arrays("CIFAR10", "cifar10", tmp_path)
    message = str(caught.value)
    assert f"{tmp_path / 'cifar-10-python.tar.gz'} cannot be used (not the right file: its MD5 is" in message
    assert "move it away, then download the set, or fetch this file by hand from https://www.cs.toronto.edu" in message
    assert "\n" not in message
    assert [file.name for file in tmp_path.iterdir()] == ["cifar-10-python.tar.gz"]


def test_an_archive_that_does_not_unpack_leaves_nothing_behind(make, tmp_path, monkeypatch, no_network):
    from torchvision.datasets import CIFAR10

    files = make("CIFAR10")
    torn = files["cifar-10-python.tar.gz"][:-40]
    monkeypatch.setattr(CIFAR10, "tgz_md5", md5(torn))
    put(tmp_path, {"cifar-10-python.tar.gz": torn})
    with pytest.raises(DataError, match="cannot be unpacked"):
        sets.unpack("CIFAR10", tmp_path)
    assert not (tmp_path / "cifar-10-batches-py").exists()
    assert not list(tmp_path.glob(".unpacking-*"))


def test_what_is_missing_of_an_unpacked_set_is_taken_from_its_archive(make, tmp_path, no_network):
    put(tmp_path, make("CIFAR10"))
    sets.unpack("CIFAR10", tmp_path)
    (tmp_path / "cifar-10-batches-py" / "test_batch").unlink()
    (tmp_path / "cifar-10-batches-py" / "my notes.txt").write_text("mine")
    check_contents("CIFAR10", tmp_path)
    assert (tmp_path / "cifar-10-batches-py" / "my notes.txt").read_text() == "mine"


def test_packed_and_unpacked_files_of_one_set_go_together(make, tmp_path, no_network):
    files = make("MNIST")
    put(tmp_path, files)
    for path in list(files)[:2]:
        (tmp_path / path).unlink()
        (tmp_path / path.removesuffix(".gz")).write_bytes(gzip.decompress(files[path]))
    assert sets.is_there("MNIST", tmp_path)
    check_contents("MNIST", tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("train-labels-idx1-ubyte", b"", "invalid literal"),
        ("train-labels-idx1-ubyte", idx(LABELS[:9]), "10 images but 9 labels"),
        ("t10k-labels-idx1-ubyte", idx(LABELS[10:] + 6), "labels 6 to 11, but 10 classes"),
        ("train-images-idx3-ubyte", b"\0" * 400, "AssertionError"),
    ],
)
def test_files_that_make_no_set_are_an_error_of_one_line(make, tmp_path, name, content, reason):
    put(tmp_path, {path.removesuffix(".gz"): gzip.decompress(each) for path, each in make("MNIST").items()})
    put(tmp_path, {f"MNIST/raw/{name}": content})
    with pytest.raises(DataError, match=reason) as caught:
        sets.load_arrays("MNIST", "mnist", tmp_path)
    assert f"mnist in {tmp_path} cannot be read" in str(caught.value)
    assert "move MNIST away, then download" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_failed_download_names_set_address_and_folder(server, tmp_path, monkeypatch):
    monkeypatch.setenv("CVCORE_MIRROR", f"{server.address}/none")
    with pytest.raises(DataError) as caught:
        sets.download("KMNIST", "kmnist", tmp_path)
    place = tmp_path / "KMNIST" / "raw" / "train-images-idx3-ubyte.gz"
    assert str(caught.value).startswith(f"kmnist could not be downloaded from {server.address}/none/kmnist/dataset/")
    assert f"fetch it by hand into {place}" in str(caught.value)


def test_whether_a_set_is_there_is_found_without_torchvision(tmp_path):
    code = (
        "import pathlib, sys; from cvcore.data.download import torchvision_sets as sets; "
        "assert not any(sets.is_there(each, pathlib.Path(sys.argv[1])) for each in sets.FILES); "
        "sys.exit('torch' in sys.modules or 'torchvision' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, cwd=ROOT)


@pytest.mark.skipif(not (SHARED / "MNIST" / "raw").is_dir(), reason="no real MNIST files here")
def test_real_digits():
    """2,000 images from MNIST's test file, which begins 7 2 1 0 4 in every copy of it."""
    assert sets.is_there("MNIST", SHARED)
    dataset = sets.load_arrays("MNIST", "mnist", SHARED)
    assert dataset.test.images.shape == (2_000, 1, 28, 28)
    assert 7210 in (int("".join(map(str, split.labels[:4]))) for split in dataset.splits.values())


def test_touched_files_are_not_read_again(make, tmp_path, monkeypatch):
    monkeypatch.setenv("CVCORE_DATA", str(tmp_path))
    put(tmp_path, make("MNIST"))
    first, small = catalog.open_dataset("mnist"), catalog.open_dataset("mnist", 14)
    monkeypatch.setattr(sets, "load_arrays", None)
    for path in tmp_path.rglob("*"):
        os.utime(path)
    time.sleep(0.1)  # what a walk found holds for a moment
    again = catalog.open_dataset("mnist")
    assert again.fingerprint == first.fingerprint
    assert again.folder != first.folder
    assert catalog.open_dataset("mnist", 14).fingerprint == small.fingerprint
    stored = [folder for folder in (tmp_path / ".store").iterdir() if folder.is_dir()]
    assert len(stored) == 2  # the forms of the files as they were are gone
