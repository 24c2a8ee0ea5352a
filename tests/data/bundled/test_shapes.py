"""The data set "shapes": balanced, repeatable, visible to people, and out of reach of a linear model."""

import numpy as np
import pytest
from sklearn.linear_model import RidgeClassifier

from cvcore.data.bundled.shapes import FIGURES, make_shapes, palette
from cvcore.data.dataset import Dataset


@pytest.fixture(scope="module")
def shapes() -> Dataset:
    return make_shapes()


def test_names(shapes):
    assert shapes.name == "shapes"
    assert len(set(shapes.classes)) == 10


@pytest.mark.parametrize(("name", "per_class"), [("train", 800), ("test", 200)])
def test_splits_are_balanced(shapes, name, per_class):
    split = shapes.split(name)
    assert split.images.shape == (10 * per_class, 3, 32, 32)
    assert split.images.dtype == np.uint8 and split.images.flags.c_contiguous
    assert split.labels.dtype == np.int64
    assert np.bincount(split.labels).tolist() == [per_class] * 10


def test_classes_are_mixed(shapes):
    assert all(len(set(shapes.train.labels[start : start + 100])) == 10 for start in range(0, 8000, 100))


def test_colours_fill_the_range(shapes):
    """Colours of ground and figure are drawn from the whole cube: each channel's mean is near the middle."""
    assert shapes.train.images.min() == 0 and shapes.train.images.max() == 255
    assert np.abs(shapes.train.images.mean(axis=(0, 2, 3)) - 127.5).max() < 15


def test_same_seed_same_bytes_and_another_seed_other_images(shapes):
    again, other = make_shapes(0), make_shapes(1)
    for name in ("train", "test"):
        assert np.array_equal(shapes.split(name).images, again.split(name).images)
        assert np.array_equal(shapes.split(name).labels, again.split(name).labels)
        assert not np.array_equal(shapes.split(name).images, other.split(name).images)


def test_no_image_is_in_both_splits(shapes):
    train = {image.tobytes() for image in shapes.train.images}
    assert len(train) == 8000
    assert not any(image.tobytes() in train for image in shapes.test.images)


@pytest.mark.parametrize("name", FIGURES)
def test_figure_begins_inside_the_unit_circle(name):
    """Only the first outline fills; what a later one cuts away outside of it is ground already."""
    assert np.hypot(*FIGURES[name][0].T).max() <= 1 + 1e-9


def test_figure_stands_out_from_its_ground():
    """Distance 0.4 where black to white is 1, by the luma weights of ITU-R BT.601: 0.299, 0.587, 0.114."""
    colours = palette(np.random.default_rng(0), 5000)
    for ground in (colours.ground, colours.ground_other):
        squares = (colours.figure - ground) ** 2
        assert np.sqrt(squares @ [0.299, 0.587, 0.114]).min() > 0.39


def test_a_linear_model_cannot_solve_it(shapes):
    """Least squares on standardised pixels (one in four, for speed): better than the 10 % of chance, far below 60 %."""
    train, test = (
        split.images[:, :, ::2, ::2].reshape(len(split), -1) / 255.0 for split in (shapes.train, shapes.test)
    )
    mean, std = train.mean(axis=0), train.std(axis=0)
    model = RidgeClassifier(alpha=1000).fit((train - mean) / std, shapes.train.labels)
    assert 0.12 < model.score((test - mean) / std, shapes.test.labels) < 0.6
