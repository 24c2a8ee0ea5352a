"""What is known of ended runs, in memory and on disk, gives what their own files say."""

import json
import shutil

import pytest

from cvcore.config import parse_config
from cvcore.training import events, known_runs
from cvcore.training.run import Run
from cvcore.training.runs import RunStore

EPOCH = {"train_loss": 1.0, "train_acc": 0.5, "val_loss": 1.1, "val_acc": 0.4, "lr": 0.1, "seconds": 1.0}


def ended(store: RunStore, seed: int, acc: float = 0.5) -> Run:
    """A run of three epochs that was done."""
    text = {"data": {"name": "digits"}, "model": {"name": "lenet5"}, "train": {"seed": seed}}
    run = store.create(parse_config(text))
    events.append(run.path, "status", status="running")
    events.append(run.path, "model", params=61_706, trainable_params=61_706)
    for epoch in (1, 2, 3):
        events.append(run.path, "batch", epoch=epoch, epochs=3, batch=1, batches=2, loss=0.5, images_per_s=1.0, eta=0.0)
        events.append(run.path, "epoch", epoch=epoch, **EPOCH)
    events.append(run.path, "status", status="done", best={"epoch": 2}, test={"loss": 1.0, "acc": acc})
    return store.find(run.run_id)


@pytest.fixture
def anew(monkeypatch):
    """Forget what this process knows, as another would begin."""
    monkeypatch.setattr(known_runs, "_folders", {})
    monkeypatch.setattr(known_runs, "WORTH_KEEPING", 3)
    return known_runs._folders.clear


@pytest.fixture
def read(monkeypatch):
    """The folders whose events were read."""
    folders = []
    monkeypatch.setattr(events, "read", lambda folder, plain=events.read: folders.append(folder.name) or plain(folder))
    return folders


def as_told(runs: list[Run]) -> list[tuple]:
    return [(run.run_id, run.status, run.epochs_done, run.end, run.size, run.date, run.config) for run in runs]


def test_another_process_reads_one_file_and_tells_the_same(store, anew, read):
    made = [ended(store, seed) for seed in range(3)]
    first = as_told(store.list())
    assert sorted(read)[-1] == max(run.run_id for run in made)
    anew()
    read.clear()
    again = store.list()
    assert as_told(again) == first
    assert read == []
    assert [epoch.epoch for epoch in again[0].history] == [1, 2, 3]  # read when it is asked for
    assert read == [again[0].run_id]


def test_few_new_runs_are_not_worth_writing_the_file_again(store, anew):
    for seed in range(2):
        ended(store, seed)
    store.list()
    assert not (store.root / known_runs.FILE).exists()
    ended(store, 2)
    store.list()
    assert len(json.loads((store.root / known_runs.FILE).read_text())["runs"]) == 3


def test_what_changed_meanwhile_is_read_again(store, anew, read):
    runs = [ended(store, seed) for seed in range(4)]
    store.list()
    anew()
    events.append(runs[0].path, "status", status="done", best={"epoch": 2}, test={"loss": 1.0, "acc": 0.9})
    shutil.rmtree(runs[1].path)
    read.clear()
    found = {run.run_id: run.end["test"]["acc"] for run in store.list()}
    assert found == {runs[0].run_id: 0.9, runs[2].run_id: 0.5, runs[3].run_id: 0.5}
    assert set(read) == {runs[0].run_id}


def test_a_run_that_goes_on_is_never_kept(store, anew):
    runs = [ended(store, seed) for seed in range(4)]
    events.append(runs[0].path, "status", status="running")
    assert {run.run_id: run.status for run in store.list()}[runs[0].run_id] == "interrupted"
    assert runs[0].run_id not in json.loads((store.root / known_runs.FILE).read_text())["runs"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 0, "runs": {}}', '{"schema": 2, "runs": {"a": 1}}'])
def test_a_file_that_is_broken_or_of_another_version_is_written_anew(store, anew, text):
    runs = [ended(store, seed) for seed in range(3)]
    (store.root / known_runs.FILE).write_text(text)
    assert len(store.list()) == 3
    kept = json.loads((store.root / known_runs.FILE).read_text())["runs"]
    assert set(kept) == {run.run_id for run in runs}
