"""The data set "glyphs": balanced, repeatable, and drawn from fonts that hold every character."""

from itertools import combinations

import numpy as np
import pytest

from cvcore.data.bundled.glyphs import TYPEFACES, Typeface, glyph_mask, make_glyphs
from cvcore.data.dataset import Dataset


@pytest.fixture(scope="module")
def glyphs() -> Dataset:
    return make_glyphs()


def test_classes_are_digits_then_letters(glyphs):
    assert glyphs.name == "glyphs"
    assert "".join(glyphs.classes) == "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@pytest.mark.parametrize(("name", "per_class"), [("train", 400), ("test", 100)])
def test_splits_are_balanced(glyphs, name, per_class):
    split = glyphs.split(name)
    assert split.images.shape == (36 * per_class, 1, 28, 28)
    assert split.images.dtype == np.uint8 and split.images.flags.c_contiguous
    assert split.labels.dtype == np.int64
    assert np.bincount(split.labels).tolist() == [per_class] * 36


def test_classes_are_mixed(glyphs):
    assert all(len(set(glyphs.train.labels[start : start + 360])) > 30 for start in range(0, 14_400, 360))


def test_ink_is_bright_in_the_middle_of_a_dark_ground(glyphs):
    mean = glyphs.train.images.mean(axis=(0, 1))
    border = np.concatenate([mean[0], mean[-1], mean[:, 0], mean[:, -1]])
    assert glyphs.train.images.min() == 0 and glyphs.train.images.max() == 255
    assert border.max() < 25 and mean[9:19, 9:19].mean() > 3 * border.max()


def test_every_image_holds_ink(glyphs):
    """The faintest ink is printed at 60 %; after blur its strongest pixels still stand above a fifth."""
    for split in (glyphs.train, glyphs.test):
        assert np.partition(split.images.reshape(len(split), -1), -10, axis=1)[:, -10].min() > 50


def test_same_seed_same_bytes_and_another_seed_other_images(glyphs):
    again, other = make_glyphs(0), make_glyphs(1)
    for name in ("train", "test"):
        assert np.array_equal(glyphs.split(name).images, again.split(name).images)
        assert np.array_equal(glyphs.split(name).labels, again.split(name).labels)
        assert not np.array_equal(glyphs.split(name).images, other.split(name).images)


def test_no_image_is_in_both_splits(glyphs):
    train = {image.tobytes() for image in glyphs.train.images}
    assert len(train) == 14_400
    assert not any(image.tobytes() in train for image in glyphs.test.images)


@pytest.mark.parametrize("typeface", TYPEFACES, ids=lambda typeface: typeface.name)
def test_font_holds_every_character(typeface: Typeface):
    """A font without a character draws nothing, or the same box for all that it lacks."""
    masks = [np.asarray(glyph_mask(typeface, c), dtype=np.int16) for c in "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"]
    assert all((mask > 128).mean() > 0.01 for mask in masks)
    # Distinct as pictures, not by a stray pixel: the closest pairs are O with 0 or Q.
    assert all((abs(a - b) > 128).sum() > 50 for a, b in combinations(masks, 2))


@pytest.mark.parametrize("typeface", TYPEFACES, ids=lambda typeface: typeface.name)
def test_characters_are_centred_and_whole(typeface: Typeface):
    for character in "IJMQW08":
        rows, columns = np.nonzero(np.asarray(glyph_mask(typeface, character)))
        assert abs(rows.min() + rows.max() - 111) <= 1 and abs(columns.min() + columns.max() - 111) <= 1
        assert columns.min() >= 10 and rows.min() >= 0  # the mask is 112 pixels wide, the widest character 88


def test_all_fonts_have_one_cap_height():
    """18 image pixels at 4 mask pixels each: 72, give or take the rounding of outlines to pixels."""
    for typeface in TYPEFACES:
        rows = np.nonzero(np.asarray(glyph_mask(typeface, "E")))[0]
        assert abs(np.ptp(rows) + 1 - 72) <= 3, typeface.name
