import numpy as np
import pytest

from cvcore.data import catalog, stats


def test_mean_and_deviation_by_hand():
    # one channel holds 0, 0, 255, 255: mean 0.5, every value 0.5 away: deviation 0.5; the other is 51
    images = np.array([[[[0, 0]], [[51, 51]]], [[[255, 255]], [[51, 51]]]], dtype=np.uint8)
    found = stats.pixel_stats(images)
    assert found.mean == pytest.approx((0.5, 0.2))
    assert found.std == pytest.approx((0.5, 0.0))
    assert (found.low, found.high) == (0, 255)


def test_against_numpy_on_real_images():
    images = catalog.open_dataset("digits").train.images
    found = stats.pixel_stats(images)
    assert found.mean[0] == pytest.approx((images / 255).mean())
    assert found.std[0] == pytest.approx((images / 255).std())


def test_normalization_modes():
    digits = catalog.open_dataset("digits")
    assert stats.normalization(digits, "none") == ((0.0,), (1.0,))
    assert stats.normalization(digits, "half") == ((0.5,), (0.5,))
    assert stats.normalization(digits, "dataset")[0] == stats.pixel_stats(digits.train.images).mean
