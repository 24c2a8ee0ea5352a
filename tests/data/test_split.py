import numpy as np
import pytest

from cvcore.config import DataConfig
from cvcore.data.split import few_per_class, stratified, training_indices
from cvcore.errors import ConfigError

LABELS = np.repeat([0, 1, 2], [50, 30, 20])


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
    two = few_per_class(LABELS, np.arange(100), 2, seed=3)
    five = few_per_class(LABELS, np.arange(100), 5, seed=3)
    assert np.bincount(LABELS[two]).tolist() == [2, 2, 2]
    assert set(two) < set(five)


def test_more_than_there_are_is_refused():
    with pytest.raises(ConfigError, match="class 2 has 20 training images"):
        few_per_class(LABELS, np.arange(100), 21, seed=0)


def test_validation_images_are_never_trained_on():
    train, held = training_indices(LABELS, DataConfig(name="x", per_class=4))
    assert len(held) == 10
    assert len(train) == 12
    assert not set(train) & set(held)


def test_without_holding_out_all_images_train():
    train, held = training_indices(LABELS, DataConfig(name="x"), hold_out=False)
    assert len(train) == 100
    assert len(held) == 0
