"""Latency: the statistics by hand, what bounds a measurement, and what it leaves behind."""

import itertools

import pytest
import torch

from cvcore.analysis.latency import LEAST, WARM_UP, Latency, measure, memory_needed
from cvcore.errors import ModelError
from cvcore.models import zoo


class Counting(torch.nn.Module):
    """Counts its runs."""

    runs = 0

    def forward(self, x):
        Counting.runs += 1
        assert not self.training and not torch.is_grad_enabled()
        return x


@pytest.fixture
def counting(monkeypatch):
    monkeypatch.setattr(zoo, "build", lambda name, image, classes: Counting())
    monkeypatch.setattr("cvcore.analysis.latency.memory_needed", lambda *request: 0)
    Counting.runs = 0


def test_median_and_quartiles():
    taken = Latency("x", (1, 8, 8), 1, 1, 2, (0.5, 0.1, 0.2, 0.4, 0.3), 0)
    assert taken.median == 0.3
    assert taken.spread == pytest.approx((0.2, 0.4))
    assert Latency("x", (1, 8, 8), 1, 1, 2, (0.3, 0.1), 0).spread == (0.1, 0.3)


def test_each_run_is_timed_by_itself(counting):
    ticks = itertools.accumulate(itertools.repeat(1.0))  # every look at the clock is a second later
    taken = measure("x", (1, 8, 8), 10, repeats=5, seconds=1e9, clock=lambda: next(ticks))
    assert taken.seconds == (1.0,) * 5
    assert Counting.runs == WARM_UP + 5
    assert taken.threads == torch.get_num_threads()


def test_time_is_bounded(counting):
    ticks = itertools.accumulate(itertools.repeat(100.0))
    assert len(measure("x", (1, 8, 8), 10, repeats=50, seconds=10, clock=lambda: next(ticks)).seconds) == LEAST


def test_it_can_be_stopped_and_started_again(counting):
    class StoppedError(Exception):
        pass

    def stop(done, total):
        if done == 2:
            raise StoppedError

    with pytest.raises(StoppedError):
        measure("x", (1, 8, 8), 10, progress=stop)
    assert Counting.runs == WARM_UP + 2
    seen = []
    measure("x", (1, 8, 8), 10, repeats=3, progress=lambda *step: seen.append(step))
    assert seen == [(0, 3)] * WARM_UP + [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_a_real_network():
    taken = measure("lenet5", (1, 28, 28), 10, batch=4, repeats=3)
    assert len(taken.seconds) == 3 and min(taken.seconds) > 0
    assert taken.to_json()["median"] == sorted(taken.seconds)[1]


def test_memory_is_weights_and_activations():
    # 4 bytes for each of VGG-16's parameters; its largest maps are 64×224×224 values
    needed = memory_needed("vgg16", (3, 224, 224), 1000, batch=2)
    weights, largest = 4 * 138_357_544, 4 * 64 * 224 * 224
    assert weights + 2 * largest < needed <= weights + 2 * (5 * largest)


def test_too_large_networks_are_refused_before_they_are_built(monkeypatch):
    kept = zoo.build

    def build(name, image, classes):
        model = kept(name, image, classes)
        assert all(parameter.is_meta for parameter in model.parameters())
        return model

    monkeypatch.setattr(zoo, "build", build)
    with pytest.raises(ModelError, match=r"vit_h_14 may need .* GB .* at most 2.00 GB") as error:
        measure("vit_h_14", (3, 224, 224), 1000)
    assert "\n" not in str(error.value)
