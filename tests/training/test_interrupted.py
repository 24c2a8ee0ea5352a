"""Runs that are killed, paused, or lose their disk or their folder: nothing that was computed is lost or changed."""

import errno
import multiprocessing
import os
import random
import shutil
import signal
import sys
import time

import pytest
import torch

from cvcore.config import parse_config
from cvcore.errors import RunError
from cvcore.training import job
from cvcore.training.check import checked
from cvcore.training.checkpoint import load_weights
from cvcore.training.job import execute
from cvcore.training.queue import Queue
from cvcore.training.run import Run
from cvcore.training.runs import RunStore
from tests.training.test_job import make, trained, without_seconds

KILLS = 8 if os.environ.get("CI") else 50
DIES = {"model": "lenet5", "per_class": 30, "epochs": 8, "batch_size": 8, "augment": ("shift",), "schedule": "onecycle"}


def finish(root, run_id: str) -> None:
    """In a process of its own: go on with the run, to its end if nobody kills us."""
    torch.set_num_threads(1)
    store = RunStore(root)
    execute(store, store.find(run_id))


def same(first: Run, second: Run) -> bool:
    one, other = (load_weights(run.path / "best.pt") for run in (first, second))
    return without_seconds(first) == without_seconds(second) and all(
        torch.equal(value, other[name]) for name, value in one.items()
    )


@pytest.mark.sweep
@pytest.mark.timeout(1200)
@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork on Windows")
def test_killed_again_and_again_it_ends_as_if_nothing_had_been(tmp_path, monkeypatch):
    monkeypatch.setattr("cvcore.training.trainer.SAVE_WITHIN", 0.05)
    monkeypatch.setattr("cvcore.training.trainer.SAVE_EVERY", 0.0)
    started = time.perf_counter()
    whole = trained(RunStore(tmp_path / "whole"), **DIES)
    seconds = time.perf_counter() - started
    chance, killed, ends = random.Random(620), 0, 0
    context = multiprocessing.get_context("fork")  # after torch was imported, before this process has threads
    store = RunStore(tmp_path / "killed")
    run = make(store, **DIES)
    while killed < KILLS:
        process = context.Process(target=finish, args=(store.root, run.run_id))
        process.start()
        process.join(chance.uniform(0, seconds))
        if process.is_alive():
            os.kill(process.pid, signal.SIGKILL)
            process.join()
            killed += 1
            assert store.find(run.run_id).status in ("interrupted", "done")
        if store.find(run.run_id).status == "done":  # the last of these kills, or none, came too late: begin anew
            assert same(store.find(run.run_id), whole)
            ends += 1
            shutil.rmtree(run.path)
            run = make(store, **DIES)
    execute(store, store.find(run.run_id))
    assert same(store.find(run.run_id), whole)


def test_a_run_that_is_paused_goes_on_in_the_middle_of_its_epoch(tmp_path, monkeypatch):
    monkeypatch.setattr("cvcore.training.trainer.LOOK_EVERY", 0)
    whole = trained(RunStore(tmp_path / "whole"), model="lenet5")
    store = RunStore(tmp_path / "paused")
    run = make(store, model="lenet5")
    looks = iter([""] * 30 + ["pause"])
    with monkeypatch.context() as patch:
        patch.setattr("cvcore.training.teller.asked_to_stop", lambda folder: next(looks, ""))
        execute(store, run)
    paused = store.find(run.run_id)
    assert paused.status == "paused" and paused.ended
    assert len(paused.history) == 1  # of 21 batches; it stopped in the second epoch
    assert load_weights(run.path / "last.pt")["begun"]["tally"]["batches"] == 31 - 21
    Queue(store).submit(paused.config)
    assert store.find(run.run_id).status == "queued"
    execute(store, Run(run.path))
    assert same(store.find(run.run_id), whole)


def test_pausing_what_waits_takes_it_out_of_the_queue(store):
    run = make(store)
    Queue(store).pause(run.run_id)
    assert store.find(run.run_id).status == "paused"
    assert Queue(store).waiting() == []
    with pytest.raises(RunError, match="is paused: only a queued or running one can be paused"):
        Queue(store).pause(run.run_id)


def test_a_full_disk_ends_the_run_with_a_sentence_and_no_other(store, monkeypatch):
    bad, good = make(store, seed=1), make(store, seed=2)

    def full(state, path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", full)
        execute(store, bad)
    failed = store.find(bad.run_id)
    assert failed.status == "failed"
    assert failed.end["error"].startswith("cannot write to ")
    assert "no space left on device" in failed.end["error"]
    assert not list(bad.path.glob(".*"))  # no half-written file stays
    execute(store, good)
    assert store.find(good.run_id).status == "done"


def test_a_folder_deleted_during_training_ends_that_run_only(store):
    doomed, good = make(store, epochs=50, seed=1), make(store, seed=2)
    execute(store, doomed, lambda epoch: shutil.rmtree(doomed.path, ignore_errors=True))
    assert store.get(doomed.run_id) is None
    assert Queue(store).waiting() == [good.run_id]
    execute(store, good)
    assert store.find(good.run_id).status == "done"


def test_not_enough_memory_is_a_sentence(store, monkeypatch):
    run = make(store)

    def too_much(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB\nlots of detail")

    monkeypatch.setattr("cvcore.training.job.prepared", too_much)
    execute(store, run)
    assert store.find(run.run_id).end["error"].startswith("the memory was not enough: choose a smaller batch size")


def test_what_is_predicted_says_of_which_images(store):
    import numpy as np

    from cvcore.data import catalog

    run = trained(store, faults=("train-as-test",), selection="test")
    digits = catalog.open_dataset("digits")
    with np.load(run.path / "predictions.npz") as found:
        assert len(found["test_indices"]) == len(digits.train)  # the mistake: a test loader on the training set
        assert (digits.train.labels[found["test_indices"]] == found["test_labels"]).all()
    honest = trained(store)
    with np.load(honest.path / "predictions.npz") as found:
        assert (digits.test.labels[found["test_indices"]] == found["test_labels"]).all()
        assert (digits.train.labels[found["val_indices"]] == found["val_labels"]).all()


def test_unshuffled_and_sorted_images_come_in_that_order(store):
    from cvcore.data import catalog
    from cvcore.data.split import training_indices

    digits = catalog.open_dataset("digits")

    def order(*faults):
        values = {"data": {"name": "digits"}, "model": {"name": "perceptron"}, "train": {"faults": faults}}
        config = checked(parse_config(values), store)
        parts = job.prepared(config, digits, store, torch.device("cpu"))
        return torch.cat([labels for _, labels in parts.train]).tolist()

    assert order("sorted-by-class") == sorted(order())
    assert order("unshuffled") == digits.train.labels[training_indices(digits, make(store).config.data)[0]].tolist()
    assert order() != order("unshuffled")


def test_kept_epochs_begin_before_the_first(store):
    from cvcore.training.kept_epochs import chosen, kept_epochs

    run = trained(store)
    kept = kept_epochs(run)
    assert list(kept) == [0, 1, 2, 3]
    last = load_weights(run.path / "last.pt")["model"]
    assert all(torch.equal(value, last[name]) for name, value in load_weights(kept[3]).items())
    assert not any(torch.equal(value, last[name]) for name, value in load_weights(kept[0]).items())
    assert len(chosen(1000, 20)) == 20 and {0, 1000} <= chosen(1000, 20)
    assert chosen(10, 1) == set()


def test_as_many_small_runs_train_at_once_as_there_are_slots(store, monkeypatch):
    monkeypatch.setattr("cvcore.training.queue.slots", lambda: 2)
    queue = Queue(store)
    first, second = queue.free_slot(), queue.free_slot()
    assert first and second and queue.free_slot() is None
    with pytest.raises(job.Stopped):  # whoever needs all cores waits for the other, and can be stopped
        looks = iter(["", "cancel"])
        first.wait_until_alone(lambda: next(looks))
    first.release()
    second.release()
    alone = queue.free_slot()
    alone.wait_until_alone(lambda: "")
    assert queue.free_slot() is None
    alone.release()
    assert queue.free_slot() is not None
