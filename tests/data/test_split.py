import numpy as np
import pytest

from cvcore.config import DataConfig
from cvcore.data.dataset import Dataset, Split
from cvcore.data.split import few_per_class, stratified, stratified_by_class, training_indices
from cvcore.errors import ConfigError

LABELS = np.repeat([0, 1, 2], [50, 30, 20])
CLASSES = ("ant", "bee", "cat")


def dataset(labels=LABELS, classes=CLASSES) -> Dataset:
    split = Split(np.zeros((len(labels), 1, 1, 1), np.uint8), labels)
    return Dataset("x", classes, split, split)


def test_shares_by_hand():
    # 10 of 100 held out: 50, 30 and 20 images give 5, 3 and 2
    kept, held = stratified(LABELS, 10, seed=0)
    assert np.bincount(LABELS[held]).tolist() == [5, 3, 2]
    assert sorted([*kept, *held]) == list(range(100))


def test_the_largest_remainder_gets_the_image_left_over():
    # 7 of 100: exact shares 3.5, 2.1, 1.4 → 3 + 2 + 1 = 6, and the largest remainder, .5, gives the seventh
    _, held = stratified(LABELS, 7, seed=0)
    assert np.bincount(LABELS[held]).tolist() == [4, 2, 1]


def test_the_seed_decides():
    assert stratified(LABELS, 10, 1)[1].tolist() == stratified(LABELS, 10, 1)[1].tolist()
    assert stratified(LABELS, 10, 1)[1].tolist() != stratified(LABELS, 10, 2)[1].tolist()


def test_few_are_contained_in_more():
    two = few_per_class(LABELS, np.arange(100), CLASSES, 2, seed=3)
    five = few_per_class(LABELS, np.arange(100), CLASSES, 5, seed=3)
    assert np.bincount(LABELS[two]).tolist() == [2, 2, 2]
    assert set(two) < set(five)


def test_more_than_there_are_is_refused():
    with pytest.raises(ConfigError, match="class cat has 20 training images"):
        few_per_class(LABELS, np.arange(100), CLASSES, 21, seed=0)


def test_validation_images_are_never_trained_on():
    train, held = training_indices(dataset(), DataConfig(name="x", per_class=4))
    assert len(held) == 10
    assert len(train) == 12
    assert not set(train) & set(held)


def test_without_holding_out_all_images_train():
    train, held = training_indices(dataset(), DataConfig(name="x"), hold_out=False)
    assert len(train) == 100
    assert len(held) == 0


def test_each_class_holds_out_its_own_share():
    # a tenth of 50, 30 and 20
    kept, held = stratified_by_class(LABELS, CLASSES, 0.1, seed=0)
    assert np.bincount(LABELS[held]).tolist() == [5, 3, 2]
    assert sorted([*kept, *held]) == list(range(100))


def test_what_is_added_elsewhere_changes_nothing_here():
    def held_of(name: str, counts: list[int], classes: tuple[str, ...]) -> list[int]:
        """Which of the class's own images, counted from 0, are held out."""
        labels = np.repeat(np.arange(len(counts)), counts)
        _, held = stratified_by_class(labels, classes, 0.1, seed=7)
        label = classes.index(name)
        return (held[labels[held] == label] - sum(counts[:label])).tolist()

    before = held_of("bee", [50, 30, 20], CLASSES)
    assert len(before) == 3
    assert held_of("bee", [57, 30, 99], CLASSES) == before  # others grow
    assert held_of("bee", [10, 50, 30, 20], ("aardvark", *CLASSES)) == before  # a class comes before it
    assert held_of("bee", [50, 31, 20], CLASSES) != before  # it grows itself


def test_a_few_images_stay_the_same_few_when_others_come():
    def drawn(counts: list[int]) -> list[int]:
        labels = np.repeat([0, 1, 2], counts)
        chosen = few_per_class(labels, np.arange(len(labels)), CLASSES, 2, seed=3)
        return (chosen[labels[chosen] == 2] - counts[0] - counts[1]).tolist()

    assert drawn([50, 30, 20]) == drawn([5, 80, 20])


def test_something_is_held_out_of_the_smallest_set():
    kept, held = stratified_by_class(np.array([0, 0, 1, 1, 1]), ("a", "b"), 0.1, seed=0)
    assert len(held) == 1 and held[0] >= 2  # a tenth of three is none: the largest class gives one
    assert len(kept) == 4
