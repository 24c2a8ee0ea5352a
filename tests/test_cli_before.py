"""The command line before a run: what it would cost, and which learning rate suits it."""

import json

import pytest

from cvcore.cli import main

RUN = ["--data", "digits", "--model", "perceptron"]


def answer(capsys, *arguments: str) -> dict:
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_preflight_says_what_a_run_would_take_and_trains_nothing(capsys, store):
    found = answer(capsys, "train", *RUN, "--epochs", "7", "--preflight", "--runs", str(store.root))
    assert (found["data"], found["model"], found["params"], found["epochs"]) == ("digits", "perceptron", 7850, 7)
    assert found["seconds_in_all"] == pytest.approx(7 * found["seconds_per_epoch"] + found["seconds_after"])
    assert found["seconds_before"] == 0
    assert found["memory_bytes"] > 4 * 4 * 7850  # weights, gradients and Adam's two means
    assert not store.list()


def test_preflight_in_words(capsys):
    assert main(["train", *RUN, "--preflight"]) == 0
    told = capsys.readouterr().out
    assert "parameters        7,850" in told and "seconds an epoch" in told and "timed" in told


def test_lr_find_gives_curve_and_suggestion_and_leaves_nothing(capsys, store):
    found = answer(capsys, "lr-find", *RUN, "--batches", "60", "--runs", str(store.root))
    assert list(found)[:2] == ["data", "model"]
    assert len(found["lr"]) == len(found["loss"]) == len(found["smoothed"]) <= 60
    assert found["lr"][0] < found["suggestion"] < found["lowest"] * 1.5
    assert not store.list()
    assert found == answer(capsys, "lr-find", *RUN, "--batches", "60", "--runs", str(store.root))


def test_lr_find_in_words(capsys):
    assert main(["lr-find", *RUN, "--batches", "50"]) == 0
    told = capsys.readouterr().out
    assert "suggestion" in told and "steeply" in told


@pytest.mark.parametrize(
    "arguments",
    [
        ["lr-find", *RUN, "--low", "1", "--high", "0.1"],
        ["lr-find", *RUN, "--low", "fast"],
        ["lr-find", *RUN, "--low", "nan"],
        ["lr-find", *RUN, "--batches", "1"],
        ["lr-find", "--data", "digits", "--model", "lenet9"],
        ["lr-find", "--data", "digits"],
        ["train", "--data", "digits", "--model", "alexnet", "--preflight"],
        ["train", *RUN, "--batch-size", "100000", "--preflight"],
    ],
)
def test_bad_input_is_one_line(capsys, arguments):
    assert main(arguments) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1 and told.err.startswith("cvcore: ")
