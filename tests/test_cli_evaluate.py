"""The command `evaluate`."""

import pytest

from cvcore import paths
from cvcore.cli import main
from cvcore.training.runs import RunStore
from tests.cli import refused, run_json


@pytest.fixture
def run():
    """The shipped perceptron."""
    return next(run for run in RunStore(paths.shipped_runs_dir()).list() if run.config.model.name == "perceptron")


def test_single_is_what_the_run_says_of_itself(capsys, run):
    found = run_json(capsys, "evaluate", run.run_id, "--protocols", "single,flip")
    assert (found["run_id"], found["data"], found["images"]) == (run.run_id, "digits", 360)
    single, flip = found["results"]
    assert {"acc": single["acc"], "loss": single["loss"]} == run.end["test"]
    assert (single["protocol"], single["views"], single["gain"], single["reason"]) == ("single", 1, 0, "")
    assert (flip["protocol"], flip["views"]) == ("flip", 2)
    assert flip["gain"] == pytest.approx(100 * (flip["acc"] - single["acc"]))


def test_without_a_choice_all_are_measured_and_told_as_a_table(capsys, run):
    assert main(["evaluate", run.run_id, "--limit", "20"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == f"{run.run_id} on 20 test images of digits"
    names = ["single", "flip", "multiscale", "tencrop", "dense", "dense+multicrop"]
    assert [line.split()[0] for line in told[2:]] == names
    assert "32, 48, 64" in told[4]


def test_what_cannot_be_had_has_its_reason(capsys, tmp_path):
    network = "nn.Sequential(nn.Flatten(), nn.Linear(784, 10), nn.BatchNorm1d(10))"
    train = ["train", "--data", "digits", "--model", network, "--epochs", "1", "--runs", str(tmp_path)]
    run_id = run_json(capsys, *train)["run_id"]
    asked = ["evaluate", run_id, "--protocols", "single,dense", "--limit", "9", "--runs", str(tmp_path)]
    single, dense = run_json(capsys, *asked)["results"]
    assert single["reason"] == "" and single["acc"] is not None
    assert [dense[name] for name in ("acc", "loss", "seconds", "views", "gain")] == [None] * 5
    assert "has no counterpart on maps" in dense["reason"]
    assert main(asked) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"dense is unavailable: {dense['reason']}"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--protocols", "single,tencrops"], "unknown protocol 'tencrops' (did you mean tencrop?)"),
        (["--protocols", ""], "protocols: given ''; choose some of single, flip"),
        (["--limit", "0"], "limit: given 0, choose 1 or more images"),
        (["--limit", "many"], "--limit: invalid int value: 'many'"),
        (["--runs", "nowhere"], "unknown run 'digits-perceptron"),
    ],
)
def test_bad_input_is_one_line(capsys, run, arguments, message):
    assert message in refused(capsys, "evaluate", run.run_id, *arguments)


def test_a_run_that_is_not_there(capsys):
    assert "unknown run 'digits'" in refused(capsys, "evaluate", "digits")
