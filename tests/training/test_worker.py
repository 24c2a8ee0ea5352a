"""Several workers of one store: who is called, and when."""

import pytest

from cvcore.training import worker
from cvcore.training.queue import Queue


@pytest.fixture
def called(monkeypatch):
    """Numbers of the workers that were started."""
    numbers: list[int] = []
    monkeypatch.setattr(worker, "ensure_worker", lambda store, number=0: numbers.append(number))
    monkeypatch.setattr(worker, "slots", lambda: 2)
    monkeypatch.setattr("cvcore.training.queue.slots", lambda: 2)
    return numbers


def test_help_comes_for_those_who_wait_and_no_more_than_there_are_slots(store, called):
    worker.call_help(store, 0)
    assert called == []
    worker.call_help(store, 5)
    assert called == [1]


def test_nobody_is_called_where_no_core_is_free(store, called):
    held = [Queue(store).free_slot(), Queue(store).free_slot()]
    worker.call_help(store, 1)
    assert called == []
    held[0].release()
    worker.call_help(store, 1)
    assert called == [1]
    held[1].release()


def test_a_worker_of_another_number_is_another_worker(store):
    with Queue(store).worker_lock(1):
        assert worker.is_alive(store, 1)
        assert not worker.is_alive(store, 0)
