"""Whole runs on real digits: what they write, and that nothing is lost or changed by stopping them."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch

from cvcore.config import parse_config
from cvcore.errors import ConfigError, ModelError, RunError
from cvcore.training import events
from cvcore.training.check import checked
from cvcore.training.checkpoint import load_weights
from cvcore.training.job import execute
from cvcore.training.queue import Queue
from cvcore.training.run import Run, is_locked
from cvcore.training.runs import RunStore

ROOT = Path(__file__).resolve().parents[2]


def make(store, *, data="digits", model="perceptron", transfer=None, per_class=0, **train) -> Run:
    values = {
        "data": {"name": data, "per_class": per_class},
        "model": {"name": model},
        "train": {"epochs": 3, **train},
        "transfer": transfer,
    }
    return Queue(store).submit(checked(parse_config(values), store))[0]


def trained(store, **settings) -> Run:
    run = make(store, **settings)
    execute(store, run)
    return store.find(run.run_id)


def without_seconds(run: Run) -> list[dict]:
    return [{**asdict(epoch), "seconds": 0} for epoch in run.history]


def weights(run: Run, name: str = "best.pt") -> dict[str, torch.Tensor]:
    return load_weights(run.path / name)


def test_a_run_leaves_what_the_contract_says(store):
    run = trained(store)
    assert run.status == "done"
    assert [epoch.epoch for epoch in run.history] == [1, 2, 3]
    assert run.size == {**run.size, "params": 7850, "trainable_params": 7850}
    assert {"versions", "device", "started", "data_fingerprint"} <= set(run.meta)
    best = max(run.history, key=lambda epoch: (epoch.val_acc, -epoch.val_loss))
    assert run.end["best"] == {"epoch": best.epoch, "val_loss": best.val_loss, "val_acc": best.val_acc}
    assert Queue(store).waiting() == []


def test_predictions_agree_with_the_reported_accuracies(store):
    run = trained(store)
    with np.load(run.path / "predictions.npz") as found:
        assert len(found["test_labels"]) == 360
        assert len(found["val_labels"]) == 142  # of 1,437: a tenth of each class's 140 to 146, rounded
        assert (found["test_predictions"] == found["test_labels"]).mean() == pytest.approx(run.end["test"]["acc"])
        assert (found["val_predictions"] == found["val_labels"]).mean() == pytest.approx(run.end["best"]["val_acc"])
        assert found["test_probabilities"].sum(1) == pytest.approx(1, abs=1e-5)
        assert (found["test_probabilities"].argmax(1) == found["test_predictions"]).all()


def test_the_same_config_gives_the_same_history_and_weights(tmp_path):
    first, second = (trained(RunStore(tmp_path / name), model="lenet5") for name in "ab")
    assert without_seconds(first) == without_seconds(second)
    assert all(torch.equal(value, weights(second)[name]) for name, value in weights(first).items())


def test_another_seed_gives_another_history(store):
    assert without_seconds(trained(store)) != without_seconds(trained(store, seed=1))


def test_selection_on_the_test_set_holds_nothing_out(store):
    run = trained(store, selection="test")
    assert run.end["best"]["val_acc"] == run.end["test"]["acc"]


def test_selection_last_keeps_the_last_epoch(store):
    run = trained(store, selection="last", lr=0.05)
    assert run.end["best"]["epoch"] == 3
    last = load_weights(run.path / "last.pt")["model"]
    assert all(torch.equal(value, last[name]) for name, value in weights(run).items())


def test_a_rate_that_explodes_fails_with_a_sentence(store):
    run = trained(store, model="mlp", optimizer="sgd", lr=100, momentum=0.99, weight_decay=1, epochs=30)
    assert run.status == "failed"
    assert "no longer a number in epoch" in run.end["error"]
    assert "lower the learning rate (100)" in run.end["error"]


def test_a_damaged_checkpoint_fails_with_a_sentence(store):
    run = make(store)
    (run.path / "last.pt").write_bytes(b"not a checkpoint")
    execute(store, run)
    assert store.find(run.run_id).end["error"].startswith("last.pt of digits-perceptron")


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"batch_size": 2000}, ConfigError, "given 2000, but digits has 1295 images to train on"),
        ({"model": "lenet"}, ModelError, "unknown model 'lenet' \\(did you mean lenet5"),
        ({"model": "lenet-cifar"}, ModelError, "lenet-cifar does not fit 1×28×28"),
        ({"model": "torchvision:resnet18"}, ModelError, "resnet18 takes 3 channels"),
        ({"per_class": 500}, ConfigError, "per_class: given 500"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_written(store, settings, error, message):
    with pytest.raises(error, match=message):
        make(store, **settings)
    assert store.list() == []


def test_cancel_stops_within_the_epoch_and_resume_ends_as_if_nothing_had_been(tmp_path):
    whole = trained(RunStore(tmp_path / "whole"), model="lenet5")
    store = RunStore(tmp_path / "parts")
    run = make(store, model="lenet5")

    def cancel_in_second_epoch(epoch):
        (run.path / "cancel").touch()

    execute(store, run, cancel_in_second_epoch)
    stopped = store.find(run.run_id)
    assert stopped.status == "cancelled"
    assert len(stopped.history) == 1

    Queue(store).submit(stopped.config)
    execute(store, Run(run.path))
    resumed = store.find(run.run_id)
    assert resumed.status == "done"
    assert without_seconds(resumed) == without_seconds(whole)
    assert resumed.end["test"] == whole.end["test"]


def test_an_epoch_saved_but_not_told_is_told_on_resume(tmp_path):
    whole = trained(RunStore(tmp_path / "whole"))
    store = RunStore(tmp_path / "cut")
    run = trained(store)
    file = run.path / events.FILE
    lines = file.read_text().splitlines(keepends=True)
    last_epoch = max(index for index, line in enumerate(lines) if '"event": "epoch"' in line)
    file.write_text("".join(lines[:last_epoch]) + '{"event": "epo')  # killed between checkpoint and event
    assert store.find(run.run_id).status == "interrupted"
    execute(store, Run(run.path))
    assert store.find(run.run_id).status == "done"
    assert without_seconds(store.find(run.run_id)) == without_seconds(whole)


class TestTransfer:
    def test_frozen_moves_the_head_only(self, store):
        source = trained(store, model="bn-cnn", epochs=1)
        start = weights(source)
        frozen = trained(
            store, model="bn-cnn", per_class=2, batch_size=20, selection="last",
            transfer={"source": source.run_id, "strategy": "frozen"},
        )  # fmt: skip
        moved = {name for name, value in weights(frozen).items() if not torch.equal(value, start[name])}
        assert moved == {"head.weight", "head.bias"}  # no BatchNorm statistic either
        assert frozen.size["trainable_params"] == start["head.weight"].numel() + start["head.bias"].numel()

    def test_finetune_moves_everything(self, store):
        source = trained(store, model="bn-cnn", epochs=1)
        start = weights(source)
        run = trained(
            store, model="bn-cnn", per_class=2, batch_size=20, selection="last",
            transfer={"source": source.run_id, "strategy": "finetune"},
        )  # fmt: skip
        assert all(not torch.equal(value, start[name]) for name, value in weights(run).items())

    def test_only_from_a_finished_run_of_the_same_network(self, store):
        source = trained(store)
        with pytest.raises(ConfigError, match="trained 'perceptron'; choose that"):
            make(store, model="mlp", transfer={"source": source.run_id, "strategy": "frozen"})
        grey = trained(store, model="bn-cnn", epochs=1)
        with pytest.raises(ModelError, match=r"stage1\.conv\.weight is 16×1×3×3 and the network's 16×3×3×3"):
            make(store, data="shapes", model="bn-cnn", transfer={"source": grey.run_id, "strategy": "finetune"})
        waiting = make(store, seed=5)
        with pytest.raises(RunError, match="is queued: only a finished run"):
            make(store, transfer={"source": waiting.run_id, "strategy": "frozen"})


def start_worker(store, *more: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "cvcore", "worker", "--runs", str(store.root), *more]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)


def wait_until(condition, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "nothing happened in time"
        time.sleep(0.02)


def test_a_worker_trains_the_queue_in_order_and_ends(store):
    ids = [make(store, seed=seed).run_id for seed in (3, 1, 2)]
    worker = start_worker(store, "--once")
    assert worker.wait(120) == 0, worker.stderr.read()
    runs = [store.find(run_id) for run_id in ids]
    assert [run.status for run in runs] == ["done"] * 3
    started = [run.meta["started"] for run in runs]
    assert started == sorted(started)


@pytest.mark.parametrize("delay", [0.3])  # many more moments: test_interrupted.py
def test_a_killed_worker_leaves_a_run_that_resumes_to_the_same_history(tmp_path, delay):
    settings = {"model": "lenet5", "epochs": 12}
    whole = trained(RunStore(tmp_path / "whole"), **settings)
    store = RunStore(tmp_path / "killed")
    run = make(store, **settings)
    worker = start_worker(store)
    wait_until(lambda: is_locked(run.path))
    time.sleep(delay)
    worker.send_signal(signal.SIGTERM if os.name == "nt" else signal.SIGKILL)
    worker.wait(10)

    killed = store.find(run.run_id)
    assert killed.status == "interrupted"
    assert without_seconds(killed) == without_seconds(whole)[: len(killed.history)]
    Queue(store).submit(killed.config)
    execute(store, Run(run.path))
    assert without_seconds(store.find(run.run_id)) == without_seconds(whole)
    assert all(torch.equal(value, weights(whole)[name]) for name, value in weights(store.find(run.run_id)).items())


def test_one_failing_run_does_not_stop_the_worker(store):
    bad = make(store, seed=1)
    (bad.path / "last.pt").write_bytes(b"damaged")
    good = make(store, seed=2)
    worker = start_worker(store, "--once")
    assert worker.wait(120) == 0
    assert store.find(bad.run_id).status == "failed"
    assert store.find(good.run_id).status == "done"
