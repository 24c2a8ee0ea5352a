import dataclasses

import numpy as np
import pytest
import torch

from cvcore.data import catalog, stats, store
from cvcore.data.dataset import Dataset, Split


def made(images: np.ndarray, labels, classes: tuple[str, ...] = ("a", "b")) -> Dataset:
    split = Split(images, np.asarray(labels))
    return Dataset("made", classes, split, split)


def test_mean_and_deviation_by_hand():
    # one channel holds 0, 0, 255, 255: mean 0.5, every value 0.5 away: deviation 0.5; the other is 51
    images = np.array([[[[0, 0]], [[51, 51]]], [[[255, 255]], [[51, 51]]]], dtype=np.uint8)
    found = stats.pixel_stats(made(images, [0, 1]))
    assert found.mean == pytest.approx((0.5, 0.2))
    assert found.std == pytest.approx((0.5, 0.0))
    assert (found.low, found.high) == (0, 255)


@pytest.mark.parametrize("name", ["digits", "shapes"])
def test_against_torch_on_the_whole_set(name):
    dataset = catalog.open_dataset(name)
    images = torch.from_numpy(np.array(dataset.train.images)).double() / 255
    found = stats.pixel_stats(dataset)
    assert found.mean == pytest.approx(images.mean(dim=(0, 2, 3)).tolist(), abs=1e-9)
    assert found.std == pytest.approx(images.std(dim=(0, 2, 3), correction=0).tolist(), abs=1e-9)


def test_blocks_make_no_difference(monkeypatch):
    digits = dataclasses.replace(catalog.open_dataset("digits"), folder=None)
    whole = stats.of(digits)
    monkeypatch.setattr(stats, "BLOCK", 28 * 28 * 100)
    parts = stats.of(digits)
    for name in ("train", "test"):
        assert (whole[name].histogram == parts[name].histogram).all()
        assert (whole[name].brightness == parts[name].brightness).all()
        assert np.allclose(whole[name].class_means, parts[name].class_means, atol=1e-7)


def test_mean_images_and_brightness_against_numpy():
    digits = catalog.open_dataset("digits")
    found = stats.of(digits)["test"]
    threes = digits.test.images[digits.test.labels == 3] / 255
    assert found.class_means[3] == pytest.approx(threes.mean(axis=0), abs=1e-6)
    assert found.brightness == pytest.approx(digits.test.images.mean(axis=(1, 2, 3)) / 255, abs=1e-6)


def test_mean_images_of_large_images_are_reduced_by_averaging():
    # 2 × 2 blocks of 130 × 130 pixels: 65 × 65 would still be too large, so 3 × 3 blocks: 43 × 43
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (4, 1, 130, 130), dtype=np.uint8)
    found = stats.of(made(images, [0, 0, 0, 1]))["train"].class_means
    assert found.shape == (2, 1, 43, 43)
    assert found[0, 0, 1, 2] == pytest.approx(images[:3, 0, 3:6, 6:9].mean() / 255, abs=1e-6)


def test_a_class_without_images_has_an_empty_mean():
    images = np.full((2, 1, 2, 2), 255, np.uint8)
    found = stats.of(made(images, [0, 0]))["train"].class_means
    assert found[:, 0, 0, 0].tolist() == [1.0, 0.0]


def test_what_was_measured_is_kept_with_the_set(monkeypatch, tmp_path):
    monkeypatch.setenv("CVCORE_DATA", str(tmp_path / "data"))
    dataset = store.open_or_make("made", lambda: made(np.full((4, 1, 2, 2), 51, np.uint8), [0, 1, 0, 1]))
    first = stats.of(dataset)
    monkeypatch.setattr(stats, "_measure", lambda *_: pytest.fail("measured again"))
    stats._read.cache_clear()
    assert (stats.of(dataset)["train"].histogram == first["train"].histogram).all()


def test_damaged_measurements_are_made_again(monkeypatch, tmp_path):
    monkeypatch.setenv("CVCORE_DATA", str(tmp_path / "data"))
    dataset = store.open_or_make("made", lambda: made(np.full((4, 1, 2, 2), 51, np.uint8), [0, 1, 0, 1]))
    (dataset.folder / stats.FILE).write_bytes(b"PK nonsense")
    assert stats.pixel_stats(dataset).mean == pytest.approx((0.2,))


def test_imbalance():
    assert stats.imbalance(np.array([10, 40, 20])) == 4
    assert stats.imbalance(np.array([10, 0])) == float("inf")


def test_normalization_modes():
    digits = catalog.open_dataset("digits")
    assert stats.normalization(digits, "none") == ((0.0,), (1.0,))
    assert stats.normalization(digits, "half") == ((0.5,), (0.5,))
    assert stats.normalization(digits, "dataset")[0] == stats.pixel_stats(digits).mean
