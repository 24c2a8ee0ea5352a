import dataclasses
import gzip
import hashlib
import io
import struct
import zipfile

import numpy as np
import pytest
from PIL import Image

from cvcore import paths
from cvcore.data import catalog, own
from cvcore.data.files import report
from cvcore.errors import DataError

FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


@pytest.fixture
def empty_data_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("CVCORE_DATA", str(tmp_path / "data"))


def idx(array: np.ndarray) -> bytes:
    """Bytes of an array in IDX form: magic number 0x0800 plus the number of dimensions, then their sizes."""
    return struct.pack(f">{1 + array.ndim}i", 0x0800 + array.ndim, *array.shape) + array.tobytes()


def photographs() -> bytes:
    """A zip as PyTorch's transfer tutorial has it: train/ and val/ with ants and bees, of many sizes."""
    rng, packed = np.random.default_rng(0), io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        for split, count in (("train", 6), ("val", 3)):
            for name in ("ants", "bees"):
                for number in range(count):
                    picture = io.BytesIO()
                    pixels = rng.integers(0, 256, (30 + number, 40, 3), dtype=np.uint8)
                    Image.fromarray(pixels).save(picture, "JPEG")
                    file.writestr(f"hymenoptera_data/{split}/{name}/{number}.jpg", picture.getvalue())
        file.writestr("hymenoptera_data/train/ants/imageNotFound.gif", b"GIF89a")
    return packed.getvalue()


@pytest.fixture
def hymenoptera(monkeypatch):
    """The bytes of a small hymenoptera_data.zip, whose checksum the catalog takes for the right one."""
    raw, entries = photographs(), catalog._built_in()
    origin = dataclasses.replace(entries["hymenoptera"].origin, sha256=hashlib.sha256(raw).hexdigest(), bytes=len(raw))
    changed = {**entries, "hymenoptera": dataclasses.replace(entries["hymenoptera"], origin=origin)}
    monkeypatch.setattr(catalog, "_built_in", lambda: changed)
    return raw


def test_the_catalog_has_every_set_with_all_that_a_visitor_asks():
    assert catalog.built_in_names() == [
        *("digits", "glyphs", "shapes", "mnist", "fashion-mnist", "kmnist", "cifar10", "cifar100", "svhn"),
        *("oxford-pets", "flowers102", "cats-dogs", "hymenoptera"),
    ]
    for entry in map(catalog.entry, catalog.built_in_names()):
        assert all((entry.title, entry.about, entry.source, entry.licence, entry.classes, entry.train, entry.test))
        assert len(entry.image) == 3
        assert (entry.download_mb > 0) == (entry.state != "bundled")


def test_what_is_not_there_says_how_to_get_it(empty_data_folder):
    assert catalog.entry("mnist").state == "needs download"
    with pytest.raises(DataError, match=r"mnist is not in .*download it \(12 MB\)"):
        catalog.open_dataset("mnist")


def test_unknown_names_get_the_nearest():
    with pytest.raises(DataError, match="unknown data set 'digit' \\(did you mean digits\\?\\)"):
        catalog.open_dataset("digit")


def test_a_zip_comes_from_a_mirror_on_a_click(empty_data_folder, server, hymenoptera, monkeypatch):
    monkeypatch.setenv("CVCORE_MIRROR", server.address)
    server.files["/tutorial/hymenoptera_data.zip"] = hymenoptera
    assert server.log == []  # nothing is downloaded by looking
    heard = []
    catalog.download("hymenoptera", lambda done, total: heard.append((done, total)))
    assert heard[-1] == (len(hymenoptera), len(hymenoptera))
    dataset = catalog.open_dataset("hymenoptera")
    assert (len(dataset.train), len(dataset.test), dataset.classes) == (12, 6, ("ants", "bees"))
    assert dataset.image_shape == (3, 64, 64)
    ignored = report.of(dataset).query("status == 'ignored'")["path"].tolist()
    assert catalog.entry("hymenoptera").state == "on disk"
    assert [path for path in ignored if not path.endswith(".gif")] == []


def test_a_zip_put_there_by_hand_is_found(empty_data_folder, hymenoptera):
    paths.data_dir().mkdir()
    (paths.data_dir() / "hymenoptera_data.zip").write_bytes(hymenoptera)
    assert catalog.entry("hymenoptera").state == "on disk"
    assert len(catalog.open_dataset("hymenoptera").train) == 12


def test_a_folder_put_there_by_hand_is_found(empty_data_folder, hymenoptera):
    with zipfile.ZipFile(io.BytesIO(hymenoptera)) as file:
        file.extractall(paths.data_dir())
    assert catalog.entry("hymenoptera").state == "on disk"
    assert len(catalog.open_dataset("hymenoptera").test) == 6


def test_a_failed_download_names_address_and_folder(empty_data_folder, server, hymenoptera, monkeypatch):
    monkeypatch.setenv("CVCORE_MIRROR", server.address)
    server.files["/tutorial/hymenoptera_data.zip"] = b"something else"
    with pytest.raises(DataError) as caught:
        catalog.download("hymenoptera")
    message = str(caught.value)
    assert f"{server.address}/tutorial/hymenoptera_data.zip" in message
    assert str(paths.data_dir()) in message
    assert "\n" not in message
    assert catalog.entry("hymenoptera").state == "needs download"


@pytest.mark.parametrize("packed", [False, True])
def test_files_put_there_by_hand_are_found(empty_data_folder, packed, monkeypatch):
    from torchvision.datasets import MNIST

    folder = paths.data_dir() / "MNIST" / "raw"
    folder.mkdir(parents=True)
    labels = np.array([5, 0, 4], np.uint8)
    images = np.stack([np.full((28, 28), value, np.uint8) for value in (1, 2, 3)])
    resources = []
    for name, array in zip(FILES, (images, labels, images, labels), strict=True):
        raw = gzip.compress(idx(array), mtime=0) if packed else idx(array)
        (folder / (f"{name}.gz" if packed else name)).write_bytes(raw)
        resources.append((f"{name}.gz", hashlib.md5(raw).hexdigest()))
    monkeypatch.setattr(MNIST, "resources", resources)
    dataset = catalog.open_dataset("mnist")
    assert dataset.train.labels.tolist() == [5, 0, 4]
    assert dataset.train.images[:, 0, 0, 0].tolist() == [1, 2, 3]
    assert dataset.classes == tuple("0123456789")


@pytest.mark.parametrize("name", ["digits", "glyphs", "shapes"])
def test_bundled_sets_are_as_the_catalog_says(name):
    entry, dataset = catalog.entry(name), catalog.open_dataset(name)
    assert dataset.image_shape == entry.image
    assert (len(dataset.train), len(dataset.test), len(dataset.classes)) == (entry.train, entry.test, entry.classes)


def test_another_size_is_resized_as_torchvision_does_it():
    from torchvision.transforms import v2

    ours, own = catalog.open_dataset("shapes", 24), catalog.open_dataset("shapes")
    assert ours.image_shape == (3, 24, 24)
    assert (ours.test.labels == own.test.labels).all()
    picture = Image.fromarray(own.test.images[7].transpose(1, 2, 0))
    assert (ours.test.images[7] == np.asarray(v2.Resize(24)(picture)).transpose(2, 0, 1)).all()


def test_the_size_that_a_set_has_anyway_is_the_set_itself():
    assert catalog.open_dataset("digits", 28) is catalog.open_dataset("digits")


def test_a_wrong_zip_put_there_by_hand_is_refused_and_can_be_fetched(
    empty_data_folder, server, hymenoptera, monkeypatch
):
    monkeypatch.setenv("CVCORE_MIRROR", server.address)
    server.files["/tutorial/hymenoptera_data.zip"] = hymenoptera
    paths.data_dir().mkdir()
    (paths.data_dir() / "hymenoptera_data.zip").write_bytes(hymenoptera[:-20])
    with pytest.raises(DataError, match=r"hymenoptera_data.zip is not the file it should be"):
        catalog.open_dataset("hymenoptera")
    catalog.download("hymenoptera")
    assert len(catalog.open_dataset("hymenoptera").train) == 12
    assert [path.rsplit("/", 1)[1] for path, _ in own.refused("hymenoptera")] == ["imageNotFound.gif"]
