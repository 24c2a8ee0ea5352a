"""The command `runs`, and `train` with several seeds."""

import pytest

from cvcore import paths
from cvcore.cli import main
from cvcore.training.runs import RunStore
from tests.cli import refused, run_json


@pytest.fixture
def shipped():
    """Ids of the shipped runs, by network."""
    return {run.config.model.name: run.run_id for run in RunStore(paths.shipped_runs_dir()).list()}


def test_compare_tells_only_what_differs(capsys, shipped):
    found = run_json(capsys, "runs", "compare", shipped["lenet5"], shipped["perceptron"])
    assert found["differing"] == ["model"]
    assert [run["settings"] for run in found["runs"]] == [{"model": "lenet5"}, {"model": "perceptron"}]
    assert found["verdict"] is None  # one seed each
    assert found["runs"][0]["params"] == 61706


def test_show_and_the_short_form_are_the_same(capsys, shipped):
    assert run_json(capsys, "runs", "show", shipped["lenet5"]) == run_json(capsys, "runs", shipped["lenet5"])


def test_a_run_travels_as_a_file_gets_a_name_and_goes(capsys, shipped, tmp_path):
    there = ["--runs", str(tmp_path / "there")]
    path = run_json(capsys, "runs", "export", shipped["perceptron"], "--out", str(tmp_path))["path"]
    (added,) = run_json(capsys, "runs", "import", path, *there)["runs"]
    assert added["run_id"] == shipped["perceptron"]
    written = run_json(capsys, "runs", "note", added["run_id"], "--name", "first", "--tags", "a, b", *there)
    assert written == {"run_id": added["run_id"], "name": "first", "tags": ["a", "b"], "note": ""}
    (listed,) = run_json(capsys, "runs", *there)["runs"]
    assert (listed["name"], listed["tags"]) == ("first", ["a", "b"])
    assert run_json(capsys, "runs", "rm", added["run_id"], *there)["runs"] == [{"run_id": added["run_id"]}]
    assert run_json(capsys, "runs", *there)["runs"] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["compare", "x"], "runs compare: given 1 names, it takes RUN RUN …"),
        (["show"], "runs show: given 0 names"),
        (["rm", "digits-lenet5-000000000000"], "unknown run 'digits-lenet5-000000000000'"),
        (["nonsense"], "unknown run 'nonsense'"),
        (["import", "/nowhere.zip"], "nowhere.zip cannot be imported"),
    ],
)
def test_what_cannot_be_done_is_one_line(capsys, arguments, message):
    assert message in refused(capsys, "runs", *arguments)


def test_shipped_runs_stay_and_are_not_written_on(capsys, shipped):
    assert "ships with the app" in refused(capsys, "runs", "rm", shipped["lenet5"])
    assert "ships with the app" in refused(capsys, "runs", "note", shipped["lenet5"], "--name", "x")
    assert "given nothing to write" in refused(capsys, "runs", "note", shipped["lenet5"])


def test_several_seeds_are_trained_and_summed_up(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("cvcore.training.worker.call_help", lambda store, waiting: None)  # one process is enough here
    train = ["train", "--data", "digits", "--model", "perceptron", "--epochs", "1", "--runs", str(tmp_path / "seeds")]
    found = run_json(capsys, *train, "--seeds", "2", "--seed", "4")
    accuracies = [run["test"]["acc"] for run in found["runs"]]
    assert [run["config"]["train"]["seed"] for run in found["runs"]] == [4, 5]
    assert found["test_acc"]["mean"] == pytest.approx(sum(accuracies) / 2)
    # of two values the standard deviation is their distance over the root of 2
    assert found["test_acc"]["std"] == pytest.approx(abs(accuracies[0] - accuracies[1]) / 2**0.5)
    assert "seeds: given 0, choose 1 to 100" in refused(capsys, *train, "--seeds", "0")
    assert main([*train, "--seeds", "2", "--seed", "4"]) == 0
    assert "over 2 seeds" in capsys.readouterr().out


def test_the_device_is_checked(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("CVCORE_DEVICE", "auto")  # the command sets it for this process: so it is given back
    train = ["train", "--data", "digits", "--model", "perceptron", "--runs", str(tmp_path)]
    assert "given 'gpu', it should be auto, cpu, cuda" in refused(capsys, *train, "--device", "gpu")
