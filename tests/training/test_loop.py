import math

import numpy as np
import pytest
import torch
from torch import nn

from cvcore.data.dataset import Split
from cvcore.models.modes import evaluation_mode
from cvcore.training.batches import Batches
from cvcore.training.loop import Step, predict, train_mode, train_one_epoch


class Fixed(nn.Module):
    """Logits (value, 0) for a pixel of that value, times one weight."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, images):
        pixels = images.flatten(1)[:, :1] * self.weight
        return torch.cat([pixels, torch.zeros_like(pixels)], dim=1)


def batches(values, labels, batch_size):
    split = Split(np.array(values, np.uint8).reshape(-1, 1, 1, 1), np.array(labels))
    # std 1/255 gives the network the stored value itself
    return Batches(split, np.arange(len(labels)), batch_size, (0.0,), (1 / 255,), torch.device("cpu"))


def loss(value: int, label: int) -> float:
    """Cross-entropy of logits (value, 0), by hand: log(e^value + 1) less the logit of the true class."""
    return math.log(math.exp(value) + 1) - (value if label == 0 else 0)


def test_scores_are_means_over_samples_not_over_batches():
    # five images in batches of 3 and 2; the mean of batch means would weigh the last two more
    values, labels = [2, 1, 3, 1, 2], [0, 0, 1, 1, 0]
    expected = sum(map(loss, values, labels)) / 5
    found = predict(Fixed(), batches(values, labels, 3))
    assert found.score.loss == pytest.approx(expected, rel=1e-5)
    assert found.score.acc == pytest.approx(3 / 5)  # logit 0 is always the larger: right where the label is 0
    assert found.probabilities[0, 0] == pytest.approx(math.exp(2) / (math.exp(2) + 1), rel=1e-5)


def test_training_reports_the_mean_over_samples_too_and_steps_once_a_batch():
    model = Fixed()
    heard = []
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)  # no movement: the scores are those of the first weights
    values, labels = [2, 1, 3, 1, 2], [0, 0, 1, 1, 0]
    score = train_one_epoch(Step(model, optimizer), batches(values, labels, 3), lambda *told: heard.append(told[:2]))
    assert score.loss == pytest.approx(sum(map(loss, values, labels)) / 5, rel=1e-5)
    assert heard == [(1, 3), (2, 5)]


def test_one_step_by_hand():
    # one image of value 1, label 1: d loss / d weight = softmax_0 * value = e / (e + 1); one step of rate 0.5
    model = Fixed()
    train_one_epoch(Step(model, torch.optim.SGD(model.parameters(), lr=0.5)), batches([1], [1], 1))
    assert model.weight.item() == pytest.approx(1 - 0.5 * math.e / (math.e + 1), rel=1e-5)


def test_frozen_parts_stay_in_evaluation_mode_and_their_statistics_do_not_move():
    frozen, free = nn.BatchNorm2d(1), nn.BatchNorm2d(1)
    frozen.requires_grad_(False)
    model = nn.Sequential(frozen, free, nn.Dropout(0.5), nn.Flatten(), nn.Linear(1, 2))
    train_mode(model)
    model(torch.randn(8, 1, 1, 1) + 5)
    assert frozen.running_mean.item() == 0
    assert free.running_mean.item() != 0
    assert model[2].training


def test_evaluation_mode_gives_every_part_its_mode_back_even_after_an_error():
    model = nn.Sequential(nn.Dropout(), nn.BatchNorm1d(2))
    model.train()
    model[1].eval()
    with pytest.raises(ZeroDivisionError), evaluation_mode(model):
        assert not model[0].training
        1 / 0  # noqa: B018
    assert [module.training for module in model] == [True, False]
