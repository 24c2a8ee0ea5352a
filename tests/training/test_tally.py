"""Averages over an epoch, by hand."""

import pytest
import torch

from cvcore.training.tally import SETTLE_BATCHES, Tally

# two batches, of three images and of one: hits 2 of 3 and 0 of 1, mean losses 0.3 and 0.9
BATCHES = [
    (torch.tensor([[2.0, 1.0], [2.0, 1.0], [1.0, 2.0]]), torch.tensor(0.3), torch.tensor([0, 0, 0])),
    (torch.tensor([[2.0, 1.0]]), torch.tensor(0.9), torch.tensor([1])),
]


def tally(averaging):
    found = Tally(averaging)
    for batch in BATCHES:
        found.add(*batch)
    return found


@pytest.mark.parametrize(
    ("averaging", "loss", "acc"),
    [
        ("samples", (3 * 0.3 + 0.9) / 4, 2 / 4),
        ("batches", (0.3 + 0.9) / 2, (2 / 3 + 0) / 2),
        ("batch-sum", (0.3 + 0.9) / 4, 2 / 4),  # too small by about the batch size
    ],
)
def test_averages_by_hand(averaging, loss, acc):
    score = tally(averaging).score()
    assert score.loss == pytest.approx(loss, rel=1e-6)
    assert score.acc == pytest.approx(acc)


def test_where_it_was_interrupted_makes_no_difference():
    whole = Tally()
    parts = Tally()
    for number in range(SETTLE_BATCHES + 5):
        batch = (torch.rand(4, 3), torch.rand(()), torch.randint(3, (4,)))
        whole.add(*batch)
        parts.add(*batch)
        if number % 7 == 0:
            parts = Tally.from_state(parts.state(), "samples")
    assert parts.score() == whole.score()
    assert (
        (parts.batches, parts.images) == (whole.batches, whole.images) == (SETTLE_BATCHES + 5, 4 * SETTLE_BATCHES + 20)
    )


def test_shares_of_several_processes_are_added():
    shares = [tally("samples").sums(), tally("samples").sums()]
    assert Tally().score(shares) == tally("samples").score()
