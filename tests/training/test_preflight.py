"""What a run will cost: counted against sums by hand and PyTorch's own objects, timed against the run itself."""

import pytest
import torch

from cvcore.config import parse_config
from cvcore.errors import ConfigError
from cvcore.models import zoo
from cvcore.training.check import checked
from cvcore.training.costs import costs
from cvcore.training.estimates import Estimates, same_work
from cvcore.training.job import execute
from cvcore.training.optim import make_optimizer
from cvcore.training.preflight import Abandoned, Preflight, preflight
from cvcore.training.queue import Queue
from cvcore.training.timing import Timed


def config(model="perceptron", transfer=None, **train):
    values = {"data": {"name": "digits"}, "model": {"name": model}, "train": {"epochs": 2, **train}}
    return parse_config({**values, "transfer": transfer} if transfer else values)


def test_a_perceptron_by_hand(store):
    """digits are 28×28: 784·10 weights and 10 biases. Adam keeps two numbers of each. Autograd keeps of a batch of 32
    the flattened images (the same storage as they came in) and what the loss needs, which is not the network's."""
    found = costs(config(batch_size=32), store)
    assert (found.params, found.trainable_params) == (7850, 7850)
    assert found.kept_bytes == 32 * 784 * 4
    # 360 test images are evaluated at once; nothing in the network is larger than an image
    assert found.evaluation_bytes == 2 * 360 * 784 * 4
    assert found.memory_bytes == 4 * 4 * 7850 + 2 * 360 * 784 * 4
    assert found.memory_formula.endswith("= 2.38 MB")


@pytest.mark.parametrize(
    "train",
    [
        {"optimizer": "sgd"},
        {"optimizer": "sgd", "momentum": 0.9},
        {"optimizer": "adam"},
        {"optimizer": "adamw"},
        {"optimizer": "rmsprop"},
        {"optimizer": "rmsprop", "momentum": 0.9},
    ],
)
def test_the_optimizer_keeps_what_is_said(store, train):
    wanted = config("lenet5", **train)
    model = zoo.build("lenet5", (1, 28, 28), 10)
    optimizer = make_optimizer(model.parameters(), wanted.train)
    model(torch.randn(2, 1, 28, 28)).sum().backward()
    optimizer.step()
    kept = [value for state in optimizer.state.values() for value in state.values() if torch.is_tensor(value)]
    values = sum(value.numel() for value in kept if value.dim())
    assert costs(wanted, store).state_values * 61_706 == values


def test_a_frozen_network_learns_its_head_only(store):
    run, _ = Queue(store).submit(checked(config("lenet5", epochs=1), store))
    execute(store, run)
    frozen = costs(config("lenet5", transfer={"source": run.run_id, "strategy": "frozen"}), store)
    assert frozen.trainable_params == 84 * 10 + 10
    assert frozen.kept_bytes < costs(config("lenet5"), store).kept_bytes


def test_a_prediction_is_of_the_size_of_what_the_run_then_takes(store):
    """Loosely: other work on the machine slows one of them down and not the other."""
    wanted = config("lenet5", epochs=3)
    predicted = preflight(wanted, store)
    run, _ = Queue(store).submit(checked(wanted, store))
    execute(store, run)
    actual = sum(epoch.seconds for epoch in store.find(run.run_id).history)
    assert actual / 5 < predicted.seconds_in_all < 5 * actual
    assert predicted.seconds_in_all == pytest.approx(3 * predicted.seconds_per_epoch + predicted.time.after)
    assert predicted.time.before == 0
    assert "timed" in predicted.how


def test_epochs_are_not_alike_where_layers_join_in(store):
    """Ten seconds of features; three epochs of 1 s, two of 4 s, then 5 s each; 2 s for the test images."""
    found = Preflight(costs(config(), store), 7, Timed(((1, 1.0), (4, 4.0), (6, 5.0)), 10.0, 2.0, 100.0, ""), "")
    assert found.seconds_in_all == 10 + (3 * 1 + 2 * 4 + 2 * 5) + 2
    assert found.seconds_per_epoch == 21 / 7
    assert found.for_epochs(5).seconds_in_all == 10 + (3 * 1 + 2 * 4) + 2
    assert found.for_epochs(2).seconds_in_all == 10 + 2 * 1 + 2


def test_it_leaves_generators_threads_and_disk_alone(store):
    checked(config("lenet5"), store)
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    preflight(config("lenet5"), store, seconds=0.2)
    assert torch.equal(state, torch.get_rng_state())
    assert torch.get_num_threads() == threads
    assert not store.root.exists() or not list(store.root.iterdir())


@pytest.mark.parametrize("train", [{"batch_size": 1}, {"augment": ["shift"]}, {"batch_size": 1295}, {"clip": 1.0}])
def test_unusual_runs_are_timed_too(store, train):
    assert preflight(config("lenet5", **train), store, seconds=0.1).seconds_per_epoch > 0


def test_above_the_memory_limit_nothing_is_timed(store):
    found = preflight(config(), store, memory_limit=1e6)
    assert found.seconds_per_epoch is None and found.seconds_in_all is None
    assert "1.00 MB" in found.how


def test_it_can_be_given_up(store):
    with pytest.raises(Abandoned):
        preflight(config("lenet5"), store, is_wanted=lambda: False)


def test_bad_input_is_one_line(store):
    with pytest.raises(ConfigError, match="batch_size: given 5000"):
        preflight(config(batch_size=5000), store)


def test_what_makes_no_difference_to_the_work():
    assert same_work(config(lr=0.1, epochs=7, seed=3, schedule="cosine")) == same_work(config())
    assert same_work(config(batch_size=8)) != same_work(config())
    assert same_work(config("lenet5")) != same_work(config())


def test_estimates_come_in_the_background_and_are_kept_with_the_run(store, monkeypatch):
    monkeypatch.setattr("cvcore.training.estimates.SETTLE", 0.0)
    desk, wanted = Estimates(), config("perceptron", epochs=3)
    assert desk.get(wanted) is None
    thread = desk.ask("somebody", wanted, store)
    assert desk.ask("somebody", wanted, store) is None  # it is on its way
    thread.join()
    assert not desk.is_waited_for("somebody", wanted)
    found = desk.get(config("perceptron", epochs=30))
    assert found.seconds_in_all == pytest.approx(30 * found.seconds_per_epoch + found.time.after)

    run, _ = Queue(store).submit(checked(wanted, store))
    desk.keep(run, wanted)
    execute(store, run)
    desk.keep(store.find(run.run_id), wanted)  # the first prediction stays
    run = store.find(run.run_id)
    assert (run.status, len(run.history)) == ("done", 3)
    assert run.predicted["seconds_per_epoch"] == found.seconds_per_epoch
    assert run.predicted["epochs"] == 3


def test_who_asks_for_another_gives_up_the_first(store, monkeypatch):
    monkeypatch.setattr("cvcore.training.estimates.SETTLE", 0.2)
    desk = Estimates()
    first = desk.ask("somebody", config("lenet5"), store)
    second = desk.ask("somebody", config("perceptron"), store)
    first.join()
    second.join()
    assert desk.get(config("lenet5")) is None
    assert desk.get(config("perceptron")) is not None


def test_an_estimate_that_cannot_be_is_a_line(store, monkeypatch):
    monkeypatch.setattr("cvcore.training.estimates.SETTLE", 0.0)
    desk = Estimates()
    desk.ask("somebody", config(batch_size=5000), store).join()
    assert desk.get(config(batch_size=5000)).startswith("batch_size: given 5000")
