"""Damaged copies: exact counts by hand, blur against scipy, noise by its measured deviation."""

import itertools
import math
import re

import numpy as np
import pytest
from scipy import ndimage

from cvcore.data import store
from cvcore.data.damage import corruptions
from cvcore.data.damage import plan as damage
from cvcore.data.damage.plan import Damage, changed, describe, make, parse_damage, plan, slug
from cvcore.data.dataset import Dataset, Split
from cvcore.errors import ConfigError

GREY, COLOUR = (1, 12, 10), (3, 12, 10)  # not square, so that height and width cannot be mixed up
NUMBERS = itertools.count()
NAME = r"[a-z0-9][a-z0-9-]{0,60}"


def random_split(count: int, shape, classes: int, seed: int) -> Split:
    """Images that all differ, the classes in turn."""
    images = np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)
    return Split(images, np.arange(count) % classes)


def a_set(shape=GREY, train: int = 1000, test: int = 200, val: int = 0, classes: int = 10) -> Dataset:
    splits = [random_split(count, shape, classes, seed) for seed, count in enumerate((train, test))]
    return Dataset(
        "base",
        tuple("abcdefghij"[:classes]),
        *splits,
        val=random_split(val, shape, classes, 2) if val else None,
        fingerprint="f" * 64,
    )


@pytest.fixture(autouse=True)
def own_data_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("CVCORE_DATA", str(tmp_path / "data"))


def made(base: Dataset, block: int = damage.BLOCK, on_progress=lambda done, total: None, **values) -> Dataset:
    """The damaged copy of `base`, written and read back."""
    key = f"copy-{next(NUMBERS)}"
    return store.open_or_fill(key, lambda folder: make(base, Damage(**values), key, folder, on_progress, block))


def counts(base: Dataset, **values) -> dict[str, tuple[int, int]]:
    return {change.what: (change.count, change.of) for change in changed(plan(base, Damage(**values)))}


class TestLabelNoise:
    def test_exactly_a_fifth_of_a_thousand_labels_and_never_the_same_class(self):
        base = a_set()
        copy = made(base, label_noise=0.2)
        assert (copy.train.labels != base.train.labels).sum() == 200
        assert set(np.unique(copy.train.labels)) <= set(range(10))
        assert counts(base, label_noise=0.2) == {"Training labels changed": (200, 1000)}

    def test_nothing_else_changes(self):
        base = a_set(val=50)
        copy = made(base, label_noise=0.2)
        assert (copy.train.images == base.train.images).all()
        for split in ("val", "test"):
            assert (copy.split(split).images == base.split(split).images).all()
            assert (copy.split(split).labels == base.split(split).labels).all()

    def test_all_labels_can_be_wrong(self):
        base = a_set()
        assert (made(base, label_noise=1).train.labels != base.train.labels).all()

    def test_the_other_classes_are_equally_likely(self):
        labels = np.zeros(90_000, np.int64)
        found = np.bincount(corruptions.wrong_labels(labels, 10, 1.0, seed=5), minlength=10)
        assert found[0] == 0
        # 10,000 expected of each of the 9 others; the deviation is sqrt(90,000 · 1/9 · 8/9) = 94
        assert np.abs(found[1:] - 10_000).max() < 5 * 94

    def test_a_smaller_share_is_part_of_a_larger_one(self):
        labels = np.arange(1000) % 10
        few, many = (corruptions.wrong_labels(labels, 10, share, seed=0) for share in (0.1, 0.3))
        wrong = few != labels
        assert wrong.sum() == 100
        assert (few[wrong] == many[wrong]).all()

    def test_one_class_cannot_be_mistaken(self):
        with pytest.raises(ConfigError, match="label_noise: base has one class only"):
            plan(a_set(classes=1), Damage(label_noise=0.2))


class TestImbalance:
    def test_three_classes_at_factor_a_hundred(self):
        # 100 · 100^(-k/2): 100, 10, 1
        base = a_set(train=300, classes=3)
        copy = made(base, imbalance=100)
        assert np.bincount(copy.train.labels).tolist() == [100, 10, 1]
        assert counts(base, imbalance=100) == {"Training images left out": (189, 300)}
        assert np.bincount(copy.test.labels).tolist() == np.bincount(base.test.labels).tolist()

    def test_the_published_counts_of_long_tailed_cifar10(self):
        # long-tailed CIFAR-10 of Cao et al., 2019 (LDAM), imbalance factor 100; they round down, here it is rounded
        published = [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]
        ours = corruptions.tail_counts(np.full(10, 5000), 100)
        assert ((ours - published >= 0) & (ours - published <= 1)).all()

    def test_images_keep_their_own_labels_and_their_order(self):
        base = a_set(train=300, classes=3)
        kept = plan(base, Damage(imbalance=10)).kept
        copy = made(base, imbalance=10)
        assert (np.diff(kept) > 0).all()
        assert (copy.train.images == base.train.images[kept]).all()
        assert (copy.train.labels == base.train.labels[kept]).all()

    def test_every_class_keeps_one_image_if_it_had_any(self):
        assert corruptions.tail_counts(np.array([20, 20, 0, 2]), 1000).tolist() == [20, 2, 0, 1]

    def test_a_steeper_tail_is_part_of_a_flatter_one(self):
        labels = np.arange(500) % 5
        flat, steep = (corruptions.long_tail(labels, 5, factor, seed=3) for factor in (10, 50))
        assert set(steep) < set(flat)

    def test_the_share_of_wrong_labels_is_of_those_that_are_left(self):
        found = counts(a_set(train=300, classes=3), imbalance=100, label_noise=0.5)
        assert found["Training labels changed"] == (round(0.5 * 111), 111)


class TestBlur:
    @pytest.mark.parametrize("shape", [GREY, COLOUR])
    @pytest.mark.parametrize("sigma", [0.3, 1.5, 6.0])  # 6: the kernel reaches over the image and back
    def test_is_that_of_scipy(self, shape, sigma):
        base = a_set(shape, train=20, test=4)
        copy = made(base, blur=sigma)
        exact = ndimage.gaussian_filter(base.train.images.astype(np.float64), (0, 0, sigma, sigma), mode="reflect")
        assert np.abs(copy.train.images - exact).max() <= 0.5 + 1e-9
        assert np.abs(corruptions.blurred(base.train.images, sigma) - exact).max() < 1e-9

    def test_touches_the_splits_it_is_told_to(self):
        base = a_set(train=20, test=8, val=5)
        for where, others_change in (("train", False), ("both", True)):
            copy = made(base, blur=1.0, where=where)
            assert not (copy.train.images == base.train.images).all()
            for split in ("val", "test"):
                assert (copy.split(split).images != base.split(split).images).any() == others_change

    def test_counts(self):
        base = a_set(train=20, test=8, val=5)
        assert counts(base, blur=1) == {"Training images blurred": (20, 20)}
        assert counts(base, blur=1, noise=0.1, where="both") == {
            f"{split} images {how}": (size, size)
            for how in ("blurred", "made noisy")
            for split, size in (("Training", 20), ("Validation", 5), ("Test", 8))
        }


class TestNoise:
    def flat(self, count: int = 400, test: int = 10) -> Dataset:
        splits = [Split(np.full((each, 1, 16, 16), 128, np.uint8), np.arange(each) % 2) for each in (count, test)]
        return Dataset("flat", ("a", "b"), *splits)

    def test_has_the_deviation_it_was_given(self):
        noise = made(self.flat(), noise=0.1).train.images.astype(float) - 128
        # 25.5 wanted, on 102,400 pixels: the deviation of a measured deviation is 25.5 / sqrt(2 · 102,400) = 0.056;
        # rounding to whole values adds 1/12 to the variance
        assert abs(noise.std() - math.sqrt(25.5**2 + 1 / 12)) < 5 * 0.056
        assert abs(noise.mean()) < 5 * 25.5 / math.sqrt(noise.size)

    def test_is_another_for_every_image_and_split(self):
        copy = made(self.flat(20, 20), noise=0.1, where="both")
        everything = np.concatenate([copy.train.images, copy.test.images]).reshape(40, -1)
        assert len(np.unique(everything, axis=0)) == 40

    def test_is_clipped_not_wrapped(self):
        white = Split(np.full((10, 1, 16, 16), 255, np.uint8), np.arange(10) % 2)
        copy = made(Dataset("white", ("a", "b"), white, white), noise=0.05)
        assert copy.train.images.min() > 128  # wrapped round, 256 would be 0
        assert (copy.train.images == 255).mean() > 0.4  # half of the noise is upwards


class TestTruncation:
    def test_exactly_a_quarter_loses_its_lower_part(self):
        base = a_set(COLOUR, train=200)
        copy = made(base, truncated=0.25)
        rows = []
        for before, after in zip(base.train.images, copy.train.images, strict=True):
            differ = (before != after).any(axis=(0, 2))
            if differ.any():
                first = int(np.argmax(differ))
                rows.append(first)
                assert (after[:, :first] == before[:, :first]).all()
                assert (after[:, first:] == 128).all()
        assert len(rows) == 50
        assert min(rows) >= 2 and max(rows) <= 10  # a fifth and four fifths of 12 rows: 2.4 and 9.6
        assert len(set(rows)) > 4
        assert counts(base, truncated=0.25) == {"Training images truncated": (50, 200)}

    def test_what_is_missing_is_grey_without_noise(self):
        copy = made(a_set(train=20), truncated=1, blur=2, noise=0.2)
        assert (copy.train.images[:, :, -1] == 128).all()


class TestCopies:
    @pytest.mark.parametrize("values", [{}, {"blur": 1.0, "noise": 0.1, "where": "both", "truncated": 0.5}])
    def test_exactly_a_tenth_of_the_test_images_is_in_the_training_split(self, values):
        base = a_set(COLOUR, train=100, test=50)
        copy = made(base, leaked=0.1, **values)
        training = {image.tobytes(): label for image, label in zip(*parts(copy.train), strict=True)}
        found = [(training[image.tobytes()], label) for image, label in zip(*parts(copy.test), strict=True)
                 if image.tobytes() in training]  # fmt: skip
        assert len(found) == round(0.1 * 50) == 5
        assert all(theirs == ours for theirs, ours in found)
        assert len(copy.train) == 105
        assert (len(copy.test), len(base.train)) == (50, 100)
        assert counts(base, leaked=0.1) == {"Test images copied into training": (5, 50)}

    def test_leaked_images_keep_their_labels_where_others_are_wrong(self):
        base = a_set(train=100, test=50)
        copy = made(base, leaked=1, label_noise=1)
        assert (copy.train.labels[100:] == base.test.labels).all()

    def test_a_tenth_is_there_twice_as_it_is_damaged(self):
        base = a_set(train=100)
        copy = made(base, duplicated=0.1, noise=0.1, label_noise=0.5, truncated=0.5)
        assert len(copy.train) == 110
        pairs = [(image.tobytes(), int(label)) for image, label in zip(*parts(copy.train), strict=True)]
        assert len(set(pairs)) == 100
        assert counts(base, duplicated=0.1) == {"Training images put in twice": (10, 100)}


def parts(split: Split):
    return split.images, split.labels


EVERYTHING = {
    "label_noise": 0.3, "imbalance": 5, "blur": 0.8, "noise": 0.05, "where": "both", "truncated": 0.2,
    "duplicated": 0.1, "leaked": 0.2,
}  # fmt: skip


class TestMaking:
    @pytest.mark.parametrize("shape", [GREY, COLOUR])
    def test_same_seed_same_bytes_whatever_the_block(self, shape):
        base = a_set(shape, train=90, test=30, val=20)
        prints = {made(base, block, **EVERYTHING).fingerprint for block in (1, 1000, 7777, damage.BLOCK)}
        assert len(prints) == 1

    @pytest.mark.parametrize("field", [field for field in EVERYTHING if field not in ("blur", "where")])
    def test_another_seed_another_set(self, field):
        base = a_set(train=90, test=30)
        prints = {made(base, seed=seed, **{field: EVERYTHING[field]}).fingerprint for seed in (0, 1, 2)}
        assert len(prints) == 3

    def test_the_fingerprint_is_another_than_the_base_s(self):
        base = a_set(train=90, test=30)
        seen = {store.fingerprint(base)}
        for field in EVERYTHING:
            if field != "where":
                seen.add(made(base, **{field: EVERYTHING[field]}).fingerprint)
        assert len(seen) == 1 + 7

    def test_damage_upon_damage_draws_anew(self):
        base = a_set()
        twice = made(made(base, label_noise=0.5), label_noise=0.5)
        # a quarter is right because it was never changed, and of the quarter changed twice one in nine is changed back:
        # 250 + 250 / 9 = 278 expected; were the same half drawn again, it would be 500 + 500 / 9
        assert 200 < (twice.train.labels == base.train.labels).sum() < 350

    def test_each_kind_draws_for_itself(self):
        base = a_set(train=90, test=30)
        alone, together = plan(base, Damage(label_noise=0.3)), plan(base, Damage(**{**EVERYTHING, "imbalance": 1}))
        assert (alone.labels == together.labels).all()

    def test_a_single_image_is_shown_as_the_copy_holds_it(self):
        base = a_set(COLOUR, train=90, test=30)
        planned = plan(base, Damage(**EVERYTHING))
        copy = made(base, **EVERYTHING)
        for positions in (np.array([17]), np.array([40, 3])):
            assert (planned.train_images(positions) == copy.train.images[positions]).all()
        assert (planned.images("test", np.array([11])) == copy.test.images[[11]]).all()

    def test_the_base_is_read_only_to_it(self):
        base = a_set(train=90, test=30)
        before = store.fingerprint(base)
        for split in base.splits.values():
            split.images.flags.writeable = split.labels.flags.writeable = False
        made(base, **EVERYTHING)
        assert store.fingerprint(base) == before

    def test_name_classes_and_progress(self):
        base, heard = a_set(train=90, test=30, val=20), []
        copy = made(base, 1000, lambda *step: heard.append(step), leaked=0.2)
        assert (copy.name[:5], copy.classes) == ("copy-", base.classes)
        total = 90 + 6 + 30 + 20  # 6 of 30 test images are there twice
        assert heard[-1] == (total, total)
        assert heard == sorted(heard) and len(heard) > 10

    @pytest.mark.parametrize("values", [{}, {"where": "both", "seed": 4}, {"label_noise": 0.001}])
    def test_damage_that_changes_nothing_is_refused(self, values, tmp_path):
        folder = tmp_path / "copy"
        folder.mkdir()
        with pytest.raises(ConfigError, match="nothing to damage"):
            make(a_set(train=90, test=30), Damage(**values), "copy", folder)
        assert list(folder.iterdir()) == []

    def test_stopping_half_way_leaves_nothing(self, tmp_path):
        class Stop(BaseException):
            pass

        def stop(done, total):
            raise Stop

        folder = tmp_path / "copy"
        folder.mkdir()
        with pytest.raises(Stop):
            make(a_set(), Damage(label_noise=0.2), "copy", folder, stop, block=1000)
        assert not folder.exists()


class TestWords:
    def test_names_fit_the_pattern_and_tell_damages_apart(self):
        shares = [{"label_noise": share} for share in (0.2, 0.02, 0.205)]
        others = [
            {"blur": 1.5},
            {"blur": 1.5, "where": "both"},
            {"imbalance": 50},
            {"leaked": 1, "seed": 7},
            EVERYTHING,
        ]
        for base in ("digits", "Oxford_Pets:64", "x" * 80):
            names = [slug(base, Damage(**values)) for values in shares + others]
            assert all(re.fullmatch(NAME, name) for name in names), names
            assert len(set(names)) == len(names)

    def test_names_can_be_read(self):
        assert slug("digits", Damage(label_noise=0.2)) == "digits-label-noise-20"
        assert slug("digits", Damage(blur=1.5, where="both", seed=3)) == "digits-blur-1-5-seed-3-all-images"
        assert slug("digits", Damage(label_noise=0.07)) == "digits-label-noise-7"  # 100 · 0.07 is 7.000000000000001

    def test_description_names_all_that_is_set(self):
        text = describe(Damage(**EVERYTHING, seed=3))
        assert "imbalance factor 5, 30 % of training labels wrong, blur 0.8 px on all images, noise 5 % on all" in text
        assert "20 % of training images truncated, 10 % of training images twice, 20 % of test images among" in text
        assert text.endswith("(seed 3)")
        assert describe(Damage()) == "nothing"

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            ({"label_noise": 1.5}, "label_noise: given 1.5, it should be less than or equal to 1"),
            ({"blur": -1}, "blur: given -1, it should be greater than or equal to 0"),
            ({"blur": 0.1}, "blur: given 0.1, it should be 0 or at least 0.3"),
            ({"noise": float("nan")}, "noise: given nan, it should be a finite number"),
            ({"where": "test"}, "where: given 'test', it should be 'train' or 'both'"),
            ({"blurr": 1}, "unknown damage 'blurr': choose from label_noise, imbalance, blur"),
        ],
    )
    def test_a_bad_value_is_one_line(self, values, message):
        with pytest.raises(ConfigError) as caught:
            parse_damage(values)
        assert str(caught.value).startswith(message)
        assert "\n" not in str(caught.value)

    def test_every_field_says_what_it_is(self):
        assert all(field.description for field in Damage.model_fields.values())
