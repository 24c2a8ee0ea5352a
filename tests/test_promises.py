"""What the README and the pages promise, on real data."""

import numpy as np
import pytest

from cvcore import paths
from cvcore.config import parse_config
from cvcore.data import catalog
from cvcore.models import zoo
from cvcore.training.check import checked
from cvcore.training.checkpoint import load_weights
from cvcore.training.job import execute
from cvcore.training.queue import Queue
from cvcore.training.runs import RunStore

SHIPPED = RunStore(paths.shipped_runs_dir()).list()


def train(store, data: str, model: str, **settings):
    config = parse_config({"data": {"name": data}, "model": {"name": model}, "train": settings})
    run, _ = Queue(store).submit(checked(config, store))
    execute(store, run)
    return store.find(run.run_id)


def test_lenet5_reads_digits_with_the_default_settings(store):
    run = train(store, "digits", "lenet5")
    assert len(run.history) == 10
    assert run.end["test"]["acc"] >= 0.95


@pytest.mark.sweep
def test_a_small_cnn_tells_shapes_apart_where_a_linear_model_does_not(store):
    assert train(store, "shapes", "bn-cnn", epochs=4, lr=0.005, schedule="cosine").end["test"]["acc"] > 0.9
    assert train(store, "shapes", "perceptron").end["test"]["acc"] < 0.6


def test_four_runs_ship():
    found = {(run.config.model.name, run.config.data.name) for run in SHIPPED if run.status == "done"}
    assert found == {("lenet5", "digits"), ("perceptron", "digits"), ("bn-cnn", "glyphs"), ("bn-cnn", "shapes")}


@pytest.mark.parametrize("run", SHIPPED, ids=lambda run: run.run_id)
def test_a_shipped_run_is_whole_and_its_weights_fit(run):
    assert [epoch.epoch for epoch in run.history] == list(range(1, run.config.train.epochs + 1))
    assert run.run_id == run.config.run_id()
    entry = catalog.entry(run.config.data.name)
    zoo.build(run.config.model.name, entry.image, entry.classes).load_state_dict(load_weights(run.path / "best.pt"))
    with np.load(run.path / "predictions.npz") as found:
        assert (found["test_predictions"] == found["test_labels"]).mean() == pytest.approx(run.end["test"]["acc"])


def test_the_shipped_lenet5_repeats_its_accuracy_on_the_digits_made_here():
    import torch

    run = next(run for run in SHIPPED if run.config.model.name == "lenet5")
    digits = catalog.open_dataset("digits")
    assert digits.fingerprint == run.config.data.fingerprint
    model = zoo.build("lenet5", digits.image_shape, 10).eval()
    model.load_state_dict(load_weights(run.path / "best.pt"))
    images = digits.train.images / 255
    inputs = (digits.test.images / 255 - images.mean()) / images.std()
    with torch.no_grad():
        predicted = model(torch.from_numpy(inputs).float()).argmax(1).numpy()
    assert (predicted == digits.test.labels).mean() == pytest.approx(run.end["test"]["acc"])
