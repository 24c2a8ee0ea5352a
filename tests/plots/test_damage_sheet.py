import numpy as np
import pytest

from cvcore.data.damage.plan import Damage, plan
from cvcore.data.dataset import Dataset, Split
from cvcore.plots.damage_sheet import GAP, MARK, TILE, before_after, examples
from cvcore.plots.sheet import CAPTION

ORANGE = tuple(int(MARK[at : at + 2], 16) for at in (1, 3, 5))


def a_set(train: int = 200, test: int = 50, classes: int = 10) -> Dataset:
    rng = np.random.default_rng(0)
    splits = [
        Split(rng.integers(0, 256, (count, 3, 8, 8), dtype=np.uint8), np.arange(count) % classes)
        for count in (train, test)
    ]
    return Dataset("base", tuple("abcdefghij"[:classes]), *splits)


def shown(split: str = "train", count: int = 10, **values):
    return examples(plan(a_set(), Damage(**values)), split, count)


@pytest.mark.parametrize(("share", "wrong"), [(0.2, 2), (0.25, 3), (0.01, 1), (1, 10)])
def test_wrong_labels_are_shown_in_their_true_share_rounded_up(share, wrong):
    found = shown(label_noise=share)
    assert len(found) == 10
    assert sum(each.mark for each in found) == wrong
    for each in found:
        assert each.now == (f"{each.now[0]} (was {each.was})" if each.mark else each.was)
        assert (each.now[0] != each.was) == each.mark


def test_truncated_images_are_shown_in_their_true_share():
    found = shown(truncated=0.3, label_noise=0.3)
    assert sum((each.after[:, -1] == 128).all() for each in found) == 3


def test_what_is_left_out_twice_or_leaked_has_no_partner():
    base = a_set()
    planned = plan(base, Damage(imbalance=10, duplicated=0.1, leaked=0.1))
    found = examples(planned, "train", 10)
    assert [each.now for each in found if each.after is None] == ["left out"] * 2
    copies = [each for each in found if each.before is None]
    assert [each.now[1:] for each in copies] == [" (copy)"] * 2 + [" (test)"] * 2
    test = {image.tobytes() for image in base.test.images[planned.leaked]}
    assert [each.after.tobytes() in test for each in copies] == [False, False, True, True]
    assert sum(each.before is not None and each.after is not None for each in found) == 4


def test_of_the_test_split_the_leaked_are_marked():
    found = shown("test", leaked=0.4)
    assert sum(each.mark for each in found) == 4
    assert all((each.before == each.after).all() for each in found)


def test_fewer_images_than_places():
    base = a_set(train=3, test=1, classes=2)
    planned = plan(base, Damage(label_noise=0.4))
    assert [len(examples(planned, split, 10)) for split in ("train", "test")] == [3, 1]


@pytest.mark.parametrize("dark", [True, False])
def test_the_frame_stands_around_the_marked_images_of_the_lower_row(dark):
    found = shown(label_noise=0.2)
    picture = np.asarray(before_after(found, dark=dark))
    assert picture.shape == (2 * (TILE + CAPTION + GAP) - GAP, 10 * (TILE + GAP) - GAP, 4)
    below = TILE + CAPTION + GAP
    for column, each in enumerate(found):
        corners = picture[[1, below + 1], column * (TILE + GAP) + 1, :3]
        assert [tuple(corner) == ORANGE for corner in corners] == [False, each.mark]


def test_a_name_too_long_for_its_tile_loses_what_stands_in_brackets():
    base = a_set(classes=2)
    long = Dataset("long", ("american_bulldog", "beagle"), base.train, base.test)
    found = examples(plan(long, Damage(label_noise=1)), "train", 4)
    before_after(found)
    assert {each.now for each in found} <= {"american_bulldog (was beagle)", "beagle (was american_bulldog)"}
