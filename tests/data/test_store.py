import json
import time

import numpy as np
import pytest

from cvcore import paths
from cvcore.data import store
from cvcore.data.dataset import Dataset, Split
from cvcore.errors import DataError


@pytest.fixture(autouse=True)
def own_data_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("CVCORE_DATA", str(tmp_path / "data"))


def small(value: int = 7, images: int = 4) -> Dataset:
    split = Split(np.full((images, 1, 2, 2), value, np.uint8), np.arange(images) % 2)
    return Dataset("small", ("a", "b"), split, split)


def never():
    raise AssertionError("it was stored, so it must not be made")


def test_made_once_then_memory_mapped():
    first = store.open_or_make("small-v1", small)
    again = store.open_or_make("small-v1", never)
    assert isinstance(again.train.images, np.memmap)
    assert (again.train.images == 7).all()
    assert again.classes == ("a", "b")
    assert again.fingerprint == first.fingerprint != ""


def test_the_fingerprint_is_of_the_content():
    prints = {store.open_or_make(f"k{value}", lambda value=value: small(value)).fingerprint for value in (1, 2)}
    assert len(prints) == 2
    assert store.open_or_make("other-name", lambda: small(1)).fingerprint in prints


def test_a_damaged_file_is_made_again():
    store.open_or_make("small-v1", small)
    broken = paths.data_dir() / ".store" / "small-v1" / "train_images.npy"
    broken.write_bytes(broken.read_bytes()[:-3])
    assert (store.open_or_make("small-v1", lambda: small(9)).train.images == 9).all()


def test_a_damaged_description_is_made_again():
    store.open_or_make("small-v1", small)
    (paths.data_dir() / ".store" / "small-v1" / "meta.json").write_text(json.dumps({"name": "small"}))
    assert store.open_or_make("small-v1", small).classes == ("a", "b")


def test_images_and_labels_that_are_not_as_many_are_made_again():
    store.open_or_make("small-v1", small)
    np.save(paths.data_dir() / ".store" / "small-v1" / "train_labels.npy", np.zeros(3, np.int64))
    assert len(store.open_or_make("small-v1", small).train) == 4


def test_a_failed_write_leaves_nothing_behind():
    def fails():
        raise OSError("disk full")

    with pytest.raises(DataError, match=r"cannot store small-v1 in .*: disk full; free some space"):
        store.open_or_make("small-v1", fails)
    assert [file.name for file in (paths.data_dir() / ".store").glob("*") if file.is_dir()] == []


def test_a_second_open_of_ten_thousand_images_maps_instead_of_reading():
    store.open_or_make("large", lambda: small(images=10_000))
    started = time.process_time()
    opened = store.open_or_make("large", never)
    assert len(opened.train) == 10_000
    assert isinstance(opened.test.images, np.memmap)
    assert time.process_time() - started < 5  # seconds; mapping takes milliseconds, decoding anew would not


def test_a_set_with_a_validation_split_keeps_it():
    parts = {
        name: Split(np.full((count, 1, 2, 2), count, np.uint8), np.zeros(count, np.int64))
        for name, count in (("train", 5), ("val", 3), ("test", 2))
    }
    opened = store.open_or_make("three", lambda: Dataset("three", ("a",), **parts))
    assert {name: len(split) for name, split in opened.splits.items()} == {"train": 5, "val": 3, "test": 2}
    assert (opened.val.images == 3).all()


def test_a_set_is_written_in_pieces_as_if_at_once(tmp_path):
    whole = small(images=5)
    store.write(make(tmp_path / "whole"), whole)
    writer = store.Writer(make(tmp_path / "parts"), (1, 2, 2))
    for _ in range(5):
        writer.append("train", whole.train.images[:1])
    writer.append("test", whole.test.images)
    writer.finish("small", ("a", "b"), {"train": whole.train.labels, "test": whole.test.labels})
    for name in ("train_images.npy", "test_images.npy", "train_labels.npy", "meta.json"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "parts" / name).read_bytes()
    assert not (tmp_path / "parts" / "val_images.npy").exists()


def make(folder):
    folder.mkdir()
    return folder
