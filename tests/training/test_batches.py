import numpy as np
import pytest
import torch

from cvcore.data.dataset import Split
from cvcore.training.batches import Batches

CPU = torch.device("cpu")


def batches(images: int, batch_size: int, generator=None, mean=(0.0,), std=(1.0,)) -> Batches:
    split = Split(np.arange(images, dtype=np.uint8).reshape(-1, 1, 1, 1), np.arange(images))
    return Batches(split, np.arange(images), batch_size, mean, std, CPU, generator)


@pytest.mark.parametrize(
    ("images", "size", "expected"),
    [(6, 2, [2, 2, 2]), (8, 3, [3, 3, 2]), (7, 3, [3, 4]), (1, 3, [1]), (3, 8, [3]), (3, 1, [1, 1, 1])],
)
def test_sizes_and_no_single_image_left_over(images, size, expected):
    found = batches(images, size)
    assert [len(labels) for _, labels in found] == expected
    assert len(found) == len(expected)


def test_an_epoch_has_every_image_once_in_an_order_of_its_own():
    shuffled = batches(50, 8, torch.Generator().manual_seed(0))
    first, second = ([int(label) for _, labels in shuffled for label in labels] for _ in range(2))
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second


def test_normalisation_by_hand():
    # value 51 is 0.2 on the scale 0..1; less mean 0.1, over deviation 0.5, that is 0.2
    split = Split(np.full((2, 1, 1, 1), 51, np.uint8), np.zeros(2, np.int64))
    ((images, _),) = Batches(split, np.arange(2), 2, (0.1,), (0.5,), CPU)
    assert images.flatten().tolist() == pytest.approx([0.2, 0.2])
