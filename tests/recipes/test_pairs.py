"""Every mistake that can be run, trained both ways: it costs what the recipe says that it costs."""

import pytest

from cvcore.recipes import library
from cvcore.training.check import checked
from cvcore.training.queue import Queue
from cvcore.training.worker import train_all

PAIRS = {name: each.measured for name, each in library.mistakes().items() if each.recipes}


@pytest.mark.sweep
@pytest.mark.parametrize("name", PAIRS)
def test_a_pair_shows_what_was_measured(store, name, monkeypatch):
    monkeypatch.setattr("cvcore.training.worker.call_help", lambda store, waiting: None)  # other tests have the cores
    measured = PAIRS[name]
    runs = [
        Queue(store).submit(checked(library.find(each).config, store))[0] for each in library.mistakes()[name].recipes
    ]
    train_all(store, [run.run_id for run in runs], on_epoch=lambda run, epoch: None)
    ends = [store.find(run.run_id).end for run in runs]
    field = "loss" if measured.unit == "loss" else "acc"
    wrong, right = (end["test"][field] for end in ends)
    assert (wrong < right) == (measured.as_published < measured.corrected)
    # other processors round otherwise, and small networks then take other ways
    assert wrong == pytest.approx(measured.as_published, abs=0.06)
    assert right == pytest.approx(measured.corrected, abs=0.06)
