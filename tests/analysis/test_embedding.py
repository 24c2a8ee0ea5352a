"""Maps and separation against hand calculations, numpy's SVD and scikit-learn's own answers."""

import numpy as np
import pytest
from sklearn.manifold import TSNE
from sklearn.metrics import silhouette_score
from sklearn.neighbors import NearestNeighbors

from cvcore.analysis import embedding
from cvcore.analysis.embedding import embed, nearest, pixel_vectors, reduced_images, sample, separation
from cvcore.errors import ConfigError, DataError


def blobs(each: int = 30, size: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Three groups of `each` vectors, far apart, and their labels."""
    rng = np.random.default_rng(0)
    middles = rng.normal(size=(3, size)) * 20
    return np.repeat(middles, each, axis=0) + rng.normal(size=(3 * each, size)), np.repeat([0, 1, 2], each)


class TestPca:
    def test_a_cross_by_hand(self):
        # (±2, 0) and (0, ±1): variances 8/4 and 2/4, so the axes are x and y with 4/5 and 1/5 of the whole
        found = embed(np.array([[2, 0], [-2, 0], [0, 1], [0, -1]]), "pca")
        assert found.explained == pytest.approx((0.8, 0.2))
        assert np.abs(found.points).tolist() == pytest.approx(np.array([[2, 0], [2, 0], [0, 1], [0, 1]]), abs=1e-6)

    def test_it_is_the_singular_value_decomposition_of_the_centred_vectors(self):
        vectors = np.random.default_rng(1).normal(size=(40, 7)) * np.arange(7, 0, -1)
        left, values, _ = np.linalg.svd(vectors - vectors.mean(0), full_matrices=False)
        found = embed(vectors, "pca")
        assert np.abs(found.points) == pytest.approx(np.abs(left[:, :2] * values[:2]), abs=1e-4)
        assert found.explained == pytest.approx(tuple((values**2 / (values**2).sum())[:2]), abs=1e-5)

    def test_more_values_than_images(self):
        # two groups in 5,000 dimensions: what parts them is the first axis
        vectors = np.random.default_rng(2).normal(size=(6, 5000))
        vectors[3:] += 10
        points = embed(vectors, "pca").points
        assert points.shape == (6, 2)
        assert set(np.sign(points[:3, 0])) != set(np.sign(points[3:, 0]))

    def test_two_images_and_vectors_of_one_value_lie_on_a_line(self):
        found = embed(np.array([[0.0, 0, 0], [3, 4, 0]]), "pca")  # 5 apart
        assert np.abs(found.points) == pytest.approx(np.array([[2.5, 0], [2.5, 0]]), abs=1e-6)
        single = embed(np.array([[1.0], [2], [6]]), "pca")  # mean 3
        assert np.abs(single.points[:, 0]).tolist() == pytest.approx([2, 1, 3])
        assert single.explained == pytest.approx((1, 0))
        assert single.note == "All variance lies along one line."


class TestTsne:
    def test_it_is_scikit_learns(self):
        vectors, _ = blobs()
        theirs = TSNE(init="pca", perplexity=29, random_state=3).fit_transform(vectors.astype(np.float32))
        assert embed(vectors, "tsne", seed=3, perplexity=29).points == pytest.approx(theirs, abs=1e-4)

    def test_long_vectors_are_reduced_first_and_groups_stay_together(self):
        vectors, labels = blobs(size=200)
        assert separation(embed(vectors, "tsne").points, labels).agreement == 1

    @pytest.mark.parametrize("method", embedding.METHODS)
    def test_the_same_seed_gives_the_same_map(self, method):
        vectors, _ = blobs(size=100)
        assert (embed(vectors, method).points == embed(vectors, method).points).all()

    def test_perplexity_is_lowered_where_images_are_few(self):
        assert embed(blobs(each=5)[0], "tsne").perplexity == pytest.approx(14 / 3)
        assert embed(blobs(each=5)[0], "tsne", perplexity=2).perplexity == 2

    @pytest.mark.parametrize("size", [1, 2])
    def test_vectors_shorter_than_the_map(self, size):
        points = embed(np.random.default_rng(0).normal(size=(8, size)), "tsne").points
        assert points.shape == (8, 2)
        assert np.isfinite(points).all()


class TestWhatCannotBeMapped:
    @pytest.mark.parametrize("method", embedding.METHODS)
    def test_images_that_do_not_differ_share_the_origin(self, method):
        found = embed(np.full((5, 3), 0.3), method)
        assert not found.points.any()
        assert "the same" in found.note
        assert found.meaning

    def test_one_image_is_a_point(self):
        assert embed(np.ones((1, 3)), "pca").points.tolist() == [[0, 0]]

    @pytest.mark.parametrize("count", [1, 2, 3])
    def test_too_few_for_t_sne(self, count):
        with pytest.raises(ConfigError, match=f"needs 4 images or more, given {count}: choose more, or PCA"):
            embed(np.eye(count), "tsne")

    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
    def test_values_that_are_no_numbers(self, bad):
        vectors = np.ones((4, 3))
        vectors[2, 1] = bad
        for ask in (
            lambda: embed(vectors, "pca"),
            lambda: separation(vectors, np.zeros(4)),
            lambda: nearest(vectors, 0, 1),
        ):
            with pytest.raises(DataError, match=r"1 of 4 vectors .* the first is number 2"):
                ask()

    @pytest.mark.parametrize("shape", [(0, 3), (3, 0), (3,), (2, 2, 2)])
    def test_what_is_not_a_list_of_vectors(self, shape):
        with pytest.raises(DataError, match="needs vectors"):
            embed(np.zeros(shape), "pca")

    def test_settings_out_of_range(self):
        with pytest.raises(ConfigError, match="given 'umap', it should be one of pca, tsne"):
            embed(np.eye(5), "umap")
        for perplexity in (0, -1, np.nan):
            with pytest.raises(ConfigError, match="it should be 1 or more"):
                embed(np.eye(5), "tsne", perplexity=perplexity)


class TestSample:
    labels = np.repeat([0, 1, 2], [50, 30, 20])

    def test_every_class_keeps_its_share(self):
        assert np.bincount(self.labels[sample(self.labels, 10, 0)]).tolist() == [5, 3, 2]

    def test_all_where_there_are_no_more(self):
        for count in (100, 5000):
            assert sample(self.labels, count, 0).tolist() == list(range(100))

    def test_the_seed_decides(self):
        assert sample(self.labels, 10, 1).tolist() == sample(self.labels, 10, 1).tolist()
        assert sample(self.labels, 10, 1).tolist() != sample(self.labels, 10, 2).tolist()

    def test_none_is_refused(self):
        with pytest.raises(ConfigError, match="given 0"):
            sample(self.labels, 0, 0)


class TestReducedImages:
    def test_means_of_squares_by_hand(self):
        image = np.array([[0, 4, 10, 10], [8, 4, 10, 10], [1, 1, 200, 0], [1, 1, 0, 0]], dtype=np.uint8)
        images = np.stack([np.zeros((2, 4, 4), np.uint8), np.stack([image, image + 1])])
        found = reduced_images(images, np.array([1]), side=2)
        assert found.tolist() == [[[[4, 10], [1, 50]], [[5, 11], [2, 51]]]]

    def test_the_longer_side_decides_and_shape_stays(self):
        assert reduced_images(np.zeros((1, 3, 100, 50), np.uint8), np.array([0])).shape == (1, 3, 32, 16)
        assert reduced_images(np.zeros((1, 1, 3, 400), np.uint8), np.array([0])).shape == (1, 1, 1, 32)

    def test_small_images_stay_as_they_are(self):
        images = np.random.default_rng(0).integers(0, 256, (5, 1, 28, 28)).astype(np.uint8)
        assert (reduced_images(images, np.array([4, 1])) == images[[4, 1]]).all()

    def test_pixels_are_on_the_scale_of_the_networks(self):
        assert pixel_vectors(np.array([[[[0, 51]], [[102, 255]]]], np.uint8)).tolist() == [
            pytest.approx([0, 0.2, 0.4, 1])
        ]


class TestSeparation:
    def test_four_points_on_a_line_by_hand(self):
        # 0 and 1 against 10 and 11. Nearest: always the own class. Among three: one of three. By chance: 4/12.
        # Silhouette of 0: own class 1 away, the other 10.5 on average; of 1: 1 and 9.5; the other two mirror them.
        vectors, labels = np.array([[0.0], [1], [10], [11]]), np.array([7, 7, 2, 2])
        one, three = (separation(vectors, labels, neighbours=count) for count in (1, 3))
        assert (one.agreement, three.agreement) == (1, pytest.approx(1 / 3))
        assert one.chance == pytest.approx(1 / 3)
        assert one.silhouette == pytest.approx((9.5 / 10.5 + 8.5 / 9.5) / 2)

    def test_against_scikit_learn_on_more_than_a_block(self):
        rng = np.random.default_rng(5)
        labels = np.concatenate([rng.integers(0, 6, 1300), [9]])  # 9 has one image
        vectors = rng.normal(size=(1301, 12)) + labels[:, None] * 0.4 + 100  # far from the origin
        near = NearestNeighbors(n_neighbors=10).fit(vectors).kneighbors(return_distance=False)
        found = separation(vectors, labels)
        assert found.agreement == pytest.approx((labels[near] == labels[:, None]).mean(), abs=2e-4)
        assert found.silhouette == pytest.approx(silhouette_score(vectors, labels), abs=1e-5)

    def test_no_silhouette_of_one_class_or_of_single_images(self):
        vectors = np.arange(4.0)[:, None]
        assert separation(vectors, np.zeros(4)).silhouette is None
        assert separation(vectors, np.arange(4)).silhouette is None
        assert separation(vectors, np.zeros(4)).agreement == separation(vectors, np.zeros(4)).chance == 1

    def test_equal_images_count_as_neighbours_and_an_image_not_as_its_own(self):
        vectors, labels = np.array([[1.0, 1], [1, 1], [5, 5], [5, 5]]), np.array([0, 1, 2, 2])
        assert separation(vectors, labels, neighbours=1).agreement == 0.5

    def test_as_many_neighbours_as_there_are(self):
        assert separation(np.eye(3), np.array([0, 0, 1])).neighbours == 2
        with pytest.raises(DataError, match="given 1"):
            separation(np.eye(1), np.array([0]))


def test_nearest_images_in_order():
    vectors = np.array([[0.0], [5], [1], [-2], [9]])
    assert nearest(vectors, 0, 3).tolist() == [2, 3, 1]
    assert nearest(vectors, 4, 99).tolist() == [1, 2, 0, 3]


def test_larger_maps_are_expected_to_take_longer():
    expected = [embedding.tsne_seconds(count) for count in (10, 100, 1000, 2000, 5000)]
    assert expected == sorted(expected)
    assert expected[0] > 0
