import gzip
import hashlib
import struct
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from cvcore import paths
from cvcore.data import catalog
from cvcore.errors import DataError

FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


@pytest.fixture
def empty_data_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("CVCORE_DATA", str(tmp_path / "data"))


def idx(array: np.ndarray) -> bytes:
    """Bytes of an array in IDX form: magic number 0x0800 plus the number of dimensions, then their sizes."""
    return struct.pack(f">{1 + array.ndim}i", 0x0800 + array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def mnist_server(tmp_path, monkeypatch):
    """A small MNIST behind http on this machine, with checksums that torchvision will verify."""
    from torchvision.datasets import MNIST

    rng = np.random.default_rng(0)
    arrays = [rng.integers(0, 256, (20, 28, 28)), np.arange(20) % 10, rng.integers(0, 256, (10, 28, 28)), np.arange(10)]
    folder = tmp_path / "www"
    folder.mkdir()
    resources = []
    for name, array in zip(FILES, arrays, strict=True):
        packed = gzip.compress(idx(array.astype(np.uint8)), mtime=0)
        (folder / f"{name}.gz").write_bytes(packed)
        resources.append((f"{name}.gz", hashlib.md5(packed).hexdigest()))

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(MNIST, "mirrors", [f"http://127.0.0.1:{server.server_port}/"])
    monkeypatch.setattr(MNIST, "resources", resources)
    yield folder
    server.shutdown()
    server.server_close()


def test_what_is_not_there_says_how_to_get_it(empty_data_folder):
    assert catalog.entry("mnist").state == "needs download"
    with pytest.raises(DataError, match=r"mnist is not in .*download it \(12 MB\)"):
        catalog.open_dataset("mnist")


def test_unknown_names_get_the_nearest():
    with pytest.raises(DataError, match="unknown data set 'digit' \\(did you mean digits\\?\\)"):
        catalog.open_dataset("digit")


def test_download_verifies_stores_and_reports(empty_data_folder, mnist_server):
    heard = []
    dataset = catalog.download("mnist", heard.append)
    assert (len(dataset.train), len(dataset.test)) == (20, 10)
    assert dataset.test.labels.tolist() == list(range(10))
    assert heard[-1] == 1.0
    assert catalog.entry("mnist").state == "on disk"
    assert len(catalog.open_dataset("mnist").train) == 20


def test_a_file_that_is_not_what_it_should_be_is_refused_with_address_and_folder(empty_data_folder, mnist_server):
    (mnist_server / "train-labels-idx1-ubyte.gz").write_bytes(b"something else")
    with pytest.raises(DataError) as caught:
        catalog.download("mnist")
    message = str(caught.value)
    assert "http://127.0.0.1" in message
    assert str(paths.data_dir() / "MNIST" / "raw") in message
    assert "\n" not in message


def test_files_put_there_by_hand_are_found(empty_data_folder):
    folder = paths.data_dir() / "MNIST" / "raw"
    folder.mkdir(parents=True)
    labels = np.array([5, 0, 4], np.uint8)
    images = np.stack([np.full((28, 28), value, np.uint8) for value in (1, 2, 3)])
    for name, array in zip(FILES, (images, labels, images, labels), strict=True):
        (folder / name).write_bytes(idx(array))
    dataset = catalog.open_dataset("mnist")
    assert dataset.train.labels.tolist() == [5, 0, 4]
    assert dataset.train.images[:, 0, 0, 0].tolist() == [1, 2, 3]
    assert dataset.classes == tuple("0123456789")


@pytest.mark.parametrize("name", ["digits", "glyphs", "shapes"])
def test_bundled_sets_are_as_the_catalog_says(name):
    entry, dataset = catalog.entry(name), catalog.open_dataset(name)
    assert dataset.image_shape == entry.image
    assert (len(dataset.train), len(dataset.test), len(dataset.classes)) == (entry.train, entry.test, entry.classes)
