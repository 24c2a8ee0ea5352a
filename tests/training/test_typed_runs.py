"""A typed network is trained, cached, resumed and transferred from like any other."""

from dataclasses import asdict

import numpy as np
import pytest
import torch

from cvcore.config import parse_config
from cvcore.errors import ConfigError, ModelError
from cvcore.models import typed
from cvcore.training.check import checked
from cvcore.training.checkpoint import load_weights
from cvcore.training.features import features
from cvcore.training.job import execute
from cvcore.training.queue import Queue
from cvcore.training.run import Run
from cvcore.training.runs import RunStore

# what the zoo's mlp is, written by hand
MLP = "nn.Sequential(nn.Flatten(), nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 10))"
SAME = """torch.nn.Sequential(  # another hand
    Flatten(), Linear(in_features=784, out_features=100, bias=True),
    ReLU(), Linear(100, 10),
)"""


def make(store, network: str, *, transfer=None, **train) -> Run:
    values = {"data": {"name": "digits"}, "model": {"name": network}, "train": train, "transfer": transfer}
    return Queue(store).submit(checked(parse_config(values), store))[0]


def trained(store, network: str, **settings) -> Run:
    run = make(store, network, **{"epochs": 2, **settings})
    execute(store, run)
    return store.find(run.run_id)


def history(run: Run) -> list[dict]:
    return [{**asdict(epoch), "seconds": 0} for epoch in run.history]


def test_it_learns_exactly_as_the_same_network_of_the_zoo(store):
    by_name, by_hand = trained(store, "mlp"), trained(store, MLP)
    assert history(by_hand) == history(by_name)
    assert by_hand.size["params"] == 79_510
    assert by_hand.run_id.startswith(f"digits-{typed.label(MLP)}-")
    assert by_hand.end["test"] == by_name.end["test"]
    with np.load(by_hand.path / "predictions.npz") as ours, np.load(by_name.path / "predictions.npz") as theirs:
        assert (ours["test_predictions"] == theirs["test_predictions"]).all()


def test_the_same_network_written_otherwise_is_the_same_run(store):
    first = trained(store, SAME)
    assert first.config.model.name == MLP
    run, cached = Queue(store).submit(checked(first.config, store))
    assert (run.run_id, cached) == (first.run_id, True)
    assert make(store, MLP, epochs=2).run_id == first.run_id


def test_it_resumes_to_the_same_history(tmp_path):
    whole = trained(RunStore(tmp_path / "whole"), MLP, epochs=3)
    store = RunStore(tmp_path / "parts")
    run = make(store, MLP, epochs=3)
    execute(store, run, lambda epoch: (run.path / "cancel").touch())
    assert store.find(run.run_id).status == "cancelled"
    Queue(store).submit(store.find(run.run_id).config)
    execute(store, Run(run.path))
    assert history(store.find(run.run_id)) == history(whole)


def test_transfer_and_features_of_a_typed_run(store):
    source = trained(store, MLP, epochs=1)
    run = trained(store, SAME, epochs=1, transfer={"source": source.run_id, "strategy": "frozen"})
    start, end = load_weights(source.path / "best.pt"), load_weights(run.path / "best.pt")
    assert {name for name in start if not torch.equal(start[name], end[name])} == {"3.weight", "3.bias"}
    assert features(source, np.zeros((2, 1, 28, 28), dtype=np.uint8)).shape == (2, 100)


def test_one_that_ends_in_log_softmax_learns(store):
    run = trained(store, MLP[:-1] + ", nn.LogSoftmax(dim=1))")
    assert run.history[-1].train_loss < run.history[0].train_loss
    assert history(run)[0]["train_loss"] == pytest.approx(history(trained(store, MLP))[0]["train_loss"], rel=1e-4)


@pytest.mark.parametrize(
    ("network", "error", "says"),
    [
        ("nn.Sequential(\n  nn.Flatten(),\n  nn.Linear(400, 10))", ModelError, "line 3, column 3: .* in_features=784"),
        ("nn.Sequential(nn.Flatten(), nn.Linear(784, 12))", ModelError, "12 values, but there are 10 classes: out_f"),
        ("nn.Sequential(nn.Conv2D(1, 2, 3))", ModelError, "line 1, column 15: nn.Conv2D is not a layer here"),
        ("nn.Sequential(nn.AdaptiveAvgPool2d((1, 10)), nn.Flatten())", ModelError, "has no weights to train"),
        ("open('x')", ModelError, "line 1, column 1: open is not a layer here"),
        ("x" * 100, ConfigError, "model: given"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_anything_is_written(store, network, error, says):
    with pytest.raises(error, match=says):
        make(store, network)
    assert store.list() == []


def test_transfer_wants_the_same_network(store):
    source = trained(store, MLP, epochs=1)
    wide = MLP.replace("100", "200")
    with pytest.raises(ConfigError, match=f"given '{typed.label(wide)}', but .* trained '{typed.label(MLP)}'"):
        make(store, wide, transfer={"source": source.run_id, "strategy": "finetune"})
