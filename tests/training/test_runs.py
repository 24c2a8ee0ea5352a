import json
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from cvcore.config import SCHEMA_VERSION, parse_config
from cvcore.errors import RunError
from cvcore.training import events
from cvcore.training.queue import Queue
from cvcore.training.run import run_lock
from cvcore.training.runs import RunStore

EPOCH = {"train_loss": 1.0, "train_acc": 0.5, "val_loss": 1.1, "val_acc": 0.4, "lr": 0.1, "seconds": 1.0}


def config(seed: int = 0):
    return parse_config({"data": {"name": "digits"}, "model": {"name": "lenet5"}, "train": {"seed": seed}})


def status(store, run):
    return store.find(run.run_id).status


def test_status_is_derived_from_events_and_lock(store):
    run = store.create(config())
    assert status(store, run) == "interrupted"  # made, but neither queued nor run
    Queue(store).add(run)
    assert status(store, run) == "queued"
    Queue(store).remove(run.run_id)
    assert status(store, run) == "interrupted"  # nobody would ever train it
    with run_lock(run.path):
        events.append(run.path, "status", status="running")
        assert status(store, run) == "running"
    assert status(store, run) == "interrupted"
    events.append(run.path, "status", status="done", best={}, test={})
    assert status(store, run) == "done"


def test_a_run_that_ends_while_it_is_looked_at_is_done(store):
    run = store.create(config())
    events.append(run.path, "status", status="running")
    looked_at = store.get(run.run_id)
    assert looked_at.progress == {}  # its events are read now, and the lock is looked at after the end
    events.append(run.path, "status", status="done", best={}, test={})
    assert looked_at.status == "done"


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("run.json", "[]"),
        ("run.json", '{"config": {}, "created": 1e400}'),
        ("events.jsonl", '{"event": "epoch"}\n'),
        ("events.jsonl", '{"event": "status", "status": "done", "time": "noon"}\n'),
    ],
)
def test_a_damaged_run_hides_no_other_and_says_so_itself(store, file, text):
    good, bad = store.create(config(1)), store.create(config(2))
    (bad.path / file).write_text(text)
    assert [run.run_id for run in store.list()] == [good.run_id]
    with pytest.raises(RunError, match=r"cannot be read: delete the folder|cannot be read: delete that folder"):
        store.find(bad.run_id)


def test_an_epoch_told_twice_counts_once(store):
    run = store.create(config())
    for number, acc in ((1, 0.4), (2, 0.5), (2, 0.6), (3, 0.7)):
        events.append(run.path, "epoch", **{**EPOCH, "epoch": number, "val_acc": acc})
    assert [(epoch.epoch, epoch.val_acc) for epoch in store.find(run.run_id).history] == [(1, 0.4), (2, 0.6), (3, 0.7)]


def test_unreadable_folders_are_left_out_of_the_list(store):
    good = store.create(config())
    (store.root / "digits-lenet5-000000000000").mkdir()
    (store.root / "digits-lenet5-000000000000" / "run.json").write_text("{")
    (store.root / "notes").mkdir()
    assert [run.run_id for run in store.list()] == [good.run_id]


def test_shipped_runs_stand_behind_and_stay(tmp_path):
    shipped = RunStore(tmp_path / "shipped")
    events.append(shipped.create(config()).path, "status", status="done")
    store = RunStore(tmp_path / "own", shipped.root)
    assert store.find(config().run_id()).shipped
    with pytest.raises(RunError, match="ships with the app"):
        store.delete(config().run_id())
    store.create(config())
    assert not store.find(config().run_id()).shipped
    assert len(store.list()) == 1


def test_unknown_runs_get_the_nearest_name(store):
    run = store.create(config())
    with pytest.raises(RunError, match=f"did you mean {run.run_id}"):
        store.find(run.run_id[:-1] + "x")


def test_deleting_removes_the_folder_but_not_a_run_that_trains(store):
    run = store.create(config())
    with run_lock(run.path), pytest.raises(RunError, match="cancel it first"):
        store.delete(run.run_id)
    store.delete(run.run_id)
    assert not run.path.exists()


def test_run_json_holds_the_config_and_reads_back(store):
    run = store.create(config(3))
    meta = json.loads((run.path / "run.json").read_text())
    assert meta["schema"] == SCHEMA_VERSION
    assert meta["config"]["train"]["seed"] == 3
    assert store.find(run.run_id).config == config(3)


def submit_fresh(root) -> str:
    """In a process of its own: submit the same config from scratch, several times; what went wrong, if anything."""
    try:
        for _ in range(10):
            Queue(RunStore(root)).submit(config(), fresh=True)
    except Exception as error:
        return repr(error)
    return ""


class TestQueue:
    def test_many_who_submit_the_same_run_at_once_get_one_ticket(self, store):
        with ProcessPoolExecutor(3, mp_context=get_context("spawn")) as pool:
            assert list(pool.map(submit_fresh, [store.root] * 3)) == ["", "", ""]
        assert Queue(store).waiting() == [config().run_id()]
        assert store.find(config().run_id()).status == "queued"

    def test_runs_wait_in_the_order_they_came(self, store):
        queue = Queue(store)
        ids = [queue.submit(config(seed))[0].run_id for seed in (2, 0, 1)]
        queue.submit(config(0))  # joins its ticket
        assert queue.waiting() == ids

    def test_a_finished_run_is_cached_unless_fresh(self, store):
        queue = Queue(store)
        run, cached = queue.submit(config())
        assert not cached
        queue.remove(run.run_id)
        events.append(run.path, "epoch", **EPOCH, epoch=1)
        events.append(run.path, "status", status="done")
        assert queue.submit(config())[1]
        again, cached = queue.submit(config(), fresh=True)
        assert not cached
        assert again.history == []
        assert queue.waiting() == [run.run_id]

    def test_an_interrupted_run_goes_on_a_failed_one_begins_anew(self, store):
        queue = Queue(store)
        run, _ = queue.submit(config())
        queue.remove(run.run_id)
        events.append(run.path, "epoch", **EPOCH, epoch=1)
        events.append(run.path, "status", status="running")
        assert len(queue.submit(config())[0].history) == 1
        queue.remove(run.run_id)
        events.append(run.path, "status", status="failed", error="x")
        assert queue.submit(config())[0].history == []

    def test_cancelling_a_waiting_run_takes_it_out(self, store):
        queue = Queue(store)
        run, _ = queue.submit(config())
        queue.cancel(run.run_id)
        assert queue.waiting() == []
        assert status(store, run) == "cancelled"
        with pytest.raises(RunError, match="is cancelled: only a queued or running one"):
            queue.cancel(run.run_id)

    def test_a_run_that_trains_is_joined_and_cannot_be_begun_anew(self, store):
        queue = Queue(store)
        run, _ = queue.submit(config())
        queue.remove(run.run_id)
        with run_lock(run.path):
            events.append(run.path, "status", status="running")
            assert queue.submit(config()) == (run, False)
            assert queue.waiting() == []
            with pytest.raises(RunError, match="being trained right now"):
                queue.submit(config(), fresh=True)
            queue.cancel(run.run_id)
            assert (run.path / "cancel").exists()
