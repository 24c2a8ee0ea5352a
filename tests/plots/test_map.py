"""What the map's canvas is given: positions by hand, pictures decoded again."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from cvcore.analysis.embedding import Embedding
from cvcore.plots import map as map_plot


def decoded(sheet: dict) -> np.ndarray:
    head, data = sheet["src"].split(",")
    assert head == "data:image/jpeg;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")).astype(int)


@pytest.mark.parametrize("shape", [(7, 1, 28, 28), (7, 3, 10, 17), (1, 1, 1, 1), (25, 3, 32, 32)])
def test_every_picture_is_found_in_its_cell(shape):
    # plain pictures, so that JPEG has nothing to blur but what leaks from a neighbour
    values = np.random.default_rng(0).integers(0, 256, (shape[0], shape[1])).astype(np.uint8)
    sheet = map_plot.sheet(np.broadcast_to(values[:, :, None, None], shape))
    whole, (width, height) = decoded(sheet), sheet["tile"]
    assert (height, width) == shape[2:]
    for index, value in enumerate(values):
        left, top = index % sheet["columns"] * sheet["cell"][0], index // sheet["columns"] * sheet["cell"][1]
        tile = whole[top : top + height, left : left + width]
        assert tile.shape == (height, width, 3)
        assert np.abs(tile - value).max() <= 4


def test_pictures_stay_small():
    from sklearn.datasets import load_digits

    digits = (load_digits().images[:1000] * 15.9).astype(np.uint8)[:, None]
    sheet = map_plot.sheet(digits.repeat(4, axis=2).repeat(4, axis=3))  # 1,000 grey pictures of 32×32
    assert len(sheet["src"]) < 1_500_000


def test_the_scene_says_where_everything_is():
    points = np.array([[0, 1], [2, 3], [4, -5.123456]], dtype=np.float32)
    scene = map_plot.scene(
        Embedding(points, "pca", explained=(0.5, 0.126)),
        np.array([1, 1, 0]),
        ("cat", "dog"),
        [1],
        indices=np.array([4, 8, 9]),
        paths=["a.jpg", "b.jpg", "c.jpg"],
    )
    assert scene["x"] == [0, 2, 4]
    assert scene["y"] == [1, 3, -5.1235]
    assert (scene["label"], scene["index"]) == ([1, 1, 0], [4, 8, 9])
    assert scene["path"] == ["a.jpg", "b.jpg", "c.jpg"]
    assert list(scene["marks"]) == ["1"]
    assert [anchor[2] for anchor in scene["anchors"]] == [1, 0]  # marked ones first
    assert scene["axes"][1] == "second principal component, 12.6 % of the variance"
    assert json.loads(json.dumps(scene)) == scene


def test_tsne_has_no_axes():
    assert map_plot.axis_titles(Embedding(np.zeros((2, 2)), "tsne")) is None


def test_a_name_stands_in_the_larger_crowd():
    # the mean of these would be at 2.5, where nothing is; summed distances: 10.1+0.1, 0.1+10, 10.1+10 → the middle one
    assert map_plot.centre(np.array([[0, 0], [0.1, 0], [10, 0]])) == (0.1, 0)
    crowd = np.concatenate([np.random.default_rng(0).normal(size=(700, 2)), np.full((100, 2), 50.0)])
    assert np.linalg.norm(map_plot.centre(crowd)) < 3


class TestMarks:
    def test_ten_classes_are_all_different(self):
        assert len(set(map_plot.marks(range(10)).values())) == 10

    def test_no_more_than_ten(self):
        assert len(map_plot.marks(range(36))) == 10

    def test_a_class_keeps_its_mark_when_another_leaves(self):
        before, after = map_plot.marks([3, 5, 17]), map_plot.marks([5, 17])
        assert {label: before[label] for label in after} == after

    def test_two_that_would_share_a_mark_do_not(self):
        found = map_plot.marks([3, 13, 23])
        assert len(set(found.values())) == 3


@pytest.mark.parametrize("size", [1e-6, 1, 3e4])
def test_positions_keep_their_digits_at_any_scale(size):
    points = np.random.default_rng(0).uniform(-size, size, (50, 2)).astype(np.float32)
    scene = map_plot.scene(Embedding(points, "tsne"), np.zeros(50, int), ("a",), [0], indices=np.arange(50))
    assert np.abs(np.array(scene["x"]) - points[:, 0]).max() <= size * 1e-4
