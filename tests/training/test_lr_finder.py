"""The learning-rate finder: against rates at which gradient descent is known to diverge, and as a guest of runs."""

import math
from dataclasses import asdict

import pytest
import torch
from torch import nn

from cvcore.config import parse_config
from cvcore.errors import ConfigError, CvcoreError, RunError
from cvcore.training.check import checked
from cvcore.training.job import execute
from cvcore.training.loop import Step
from cvcore.training.lr_finder import RangeTest, at_rates, find_lr, range_test, rising_rates, smoothed
from cvcore.training.queue import Queue


def config(model="lenet5", **train):
    return parse_config({"data": {"name": "digits"}, "model": {"name": model}, "train": {"epochs": 2, **train}})


def half_square(outputs, targets):
    return 0.5 * (outputs - targets).square().mean()


def regression(largest: float):
    """A step of plain gradient descent on a linear regression with known curvatures.

    The inputs (±a, ±b) have the second moments a² = λmax and b² = λmax / 50, which are the eigenvalues of the Hessian
    of ½ mean (wx − y)². New noise on the targets of each batch keeps every direction alive.
    """
    signs = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    x = signs * torch.tensor([largest, largest / 50]).sqrt()
    assert torch.linalg.eigvalsh(x.T @ x / 4).max().item() == pytest.approx(largest, rel=1e-4)
    noise = torch.Generator().manual_seed(0)
    model = nn.Linear(2, 1, bias=False)
    nn.init.zeros_(model.weight)
    step = Step(model, torch.optim.SGD(model.parameters(), lr=1.0), half_square)
    truth = torch.tensor([[1.0], [2.0]]) / math.sqrt(largest)

    def batches():
        while True:
            yield x, x @ truth + torch.randn(4, 1, generator=noise)

    return at_rates(step, batches())


@pytest.mark.parametrize("largest", [0.5, 20.0, 3_000.0])
def test_descent_diverges_just_above_two_over_the_largest_curvature(largest):
    """Gradient descent multiplies the error along an eigenvector by 1 − ηλ, which grows as soon as η > 2/λmax."""
    limit = 2 / largest
    rates = rising_rates(limit / 1_000, 1_000 * limit, 280)  # 5 % a step
    found = range_test(regression(largest), rates)
    assert limit < found.diverged < 2 * limit
    assert found.suggestion < found.lowest < limit * 1.5


@pytest.mark.parametrize("largest", [0.5, 20.0, 3_000.0])
def test_below_that_rate_it_never_diverges(largest):
    assert range_test(regression(largest), rising_rates(1e-3 / largest, 1.8 / largest, 200)).diverged is None


def test_smoothing_is_the_bias_corrected_average():
    # by hand, share ¾: averages 1, 1.25 → 1 / (1 − ¾), 1.25·… : m1 = ¼·4 = 1, m2 = ¾·1 + ¼·2 = 1.25
    assert smoothed([4.0, 2.0], share=0.75) == pytest.approx([1 / 0.25, 1.25 / (1 - 0.75**2)])


def test_the_suggestion_is_the_steepest_descent():
    """A curve that falls as a logistic function of log lr is steepest at its middle."""
    rates = rising_rates(1e-6, 1.0, 120)
    curve = tuple(1 / (1 + (rate / 2e-3) ** 1.5) for rate in rates)
    assert RangeTest(tuple(rates), curve, curve, None).suggestion == pytest.approx(2e-3, rel=0.12)


def test_a_loss_that_only_rises_suggests_nothing():
    rates = rising_rates(1e-3, 1.0, 40)
    curve = tuple(1 + rate for rate in rates)
    assert RangeTest(tuple(rates), curve, curve, None).suggestion is None


def test_a_loss_that_is_no_number_ends_the_test():
    losses = iter([2.0, 1.0, math.nan, 5.0])
    found = range_test(lambda rate: next(losses), [1.0, 2.0, 3.0, 4.0])
    assert found.loss == (2.0, 1.0)
    assert found.diverged == 3.0


def test_it_rises_to_four_times_the_lowest_and_no_further():
    losses = iter([1.0] * 20 + [100.0] * 20)
    found = range_test(lambda rate: next(losses), rising_rates(1e-3, 1.0, 40))
    assert found.smoothed[-1] > 4 * min(found.smoothed)
    assert max(found.smoothed[:-1]) <= 4 * min(found.smoothed)


def test_a_network_on_digits_gets_a_rate_that_trains(store):
    found = find_lr(config(), store)
    assert 1e-4 < found.suggestion < 3e-2  # Adam's usual 1e-3 and its neighbours
    assert found.lr[0] == pytest.approx(1e-7)
    assert len(found.lr) == len(found.loss) == len(found.smoothed) <= 100


def test_the_same_config_gives_the_same_curve_whatever_its_rate_and_schedule(store):
    first = find_lr(config("perceptron"), store)
    assert first == find_lr(config("perceptron", lr=0.5, schedule="onecycle"), store)


def history_of(store, wanted) -> list[dict]:
    run, _ = Queue(store).submit(checked(wanted, store), fresh=True)
    execute(store, run)
    return [{**asdict(epoch), "seconds": 0} for epoch in store.find(run.run_id).history]


def test_a_run_is_the_same_to_the_last_bit_with_a_finder_before_it_and_between(store):
    wanted = config("lenet5", augment=["shift"])
    before = history_of(store, wanted)
    find_lr(wanted, store)
    after = history_of(store, wanted)
    run, _ = Queue(store).submit(checked(wanted, store), fresh=True)
    find_lr(wanted, store)
    execute(store, run)
    between = [{**asdict(epoch), "seconds": 0} for epoch in store.find(run.run_id).history]
    assert before == after == between


def test_it_leaves_generators_threads_and_disk_alone(store):
    checked(config(), store)  # the images are made once
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    files = sorted(store.root.rglob("*")) if store.root.exists() else []
    find_lr(config(), store)
    assert torch.equal(state, torch.get_rng_state())
    assert torch.get_num_threads() == threads
    assert (sorted(store.root.rglob("*")) if store.root.exists() else []) == files


def test_who_stops_it_gets_everything_back(store):
    state = torch.get_rng_state()

    def stop(done: int, total: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        find_lr(config(), store, progress=stop)
    assert torch.equal(state, torch.get_rng_state())
    find_lr(config("perceptron"), store)  # and another may start


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"low": 1.0, "high": 0.1}, "learning rates: given 1 to 0.1"),
        ({"low": 0.0}, "learning rates: given 0 to 10"),
        ({"low": math.nan}, "learning rates: given nan"),
        ({"batches": 1}, "batches: given 1"),
        ({"memory_limit": 1e3}, "would take"),
        ({"seconds": 1e-9}, "a batch takes"),
    ],
)
def test_what_cannot_be_is_one_line(store, settings, told):
    with pytest.raises(CvcoreError, match=told) as caught:
        find_lr(config("perceptron"), store, **settings)
    assert isinstance(caught.value, ConfigError | RunError)
    assert "\n" not in str(caught.value)
