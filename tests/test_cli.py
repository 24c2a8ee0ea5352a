"""The command line as programs and people meet it: what it prints, and how it refuses."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cvcore.cli import main
from tests.cli import refused, run_json

ROOT = Path(__file__).resolve().parents[1]
TRAIN = ["train", "--data", "digits", "--model", "perceptron", "--epochs", "2"]


def test_datasets(capsys):
    rows = run_json(capsys, "datasets")["datasets"]
    assert [row["name"] for row in rows][:4] == ["digits", "glyphs", "shapes", "mnist"]
    assert {"cats-dogs", "hymenoptera", "oxford-pets"} <= {row["name"] for row in rows}
    assert next(iter(rows[0])) == "name"
    assert [row["state"] for row in rows[:4]] == ["bundled", "bundled", "bundled", "needs download"]


def test_models(capsys):
    names = [row["name"] for row in run_json(capsys, "models")["models"]]
    assert names[:7] == ["perceptron", "mlp", "one-conv", "two-conv", "lenet-cifar", "lenet5", "bn-cnn"]
    assert {"resnet18", "vgg16", "vit_b_16"} <= set(names)
    assert len(names) == len(set(names)) >= 87


def test_train_is_the_contract_then_cached_then_fresh(capsys, tmp_path):
    folder = str(tmp_path / "elsewhere")
    first = run_json(capsys, *TRAIN, "--runs", folder)
    assert list(first["history"][0]) == ["epoch", "train_loss", "train_acc", "val_loss", "val_acc", "lr", "seconds"]
    assert set(first) == {"run_id", "status", "cached", "config", "params", "history", "best", "test"}
    assert (first["status"], first["cached"], first["params"]) == ("done", False, 7850)
    assert [epoch["epoch"] for epoch in first["history"]] == [1, 2]
    assert set(first["best"]) == {"epoch", "val_loss", "val_acc"}
    assert set(first["test"]) == {"loss", "acc"}

    again = run_json(capsys, *TRAIN, "--runs", folder)
    assert again["cached"]
    assert again["history"] == first["history"]

    fresh = run_json(capsys, *TRAIN, "--runs", folder, "--fresh")
    assert not fresh["cached"]
    assert fresh["history"] != first["history"]  # other seconds
    assert [{**epoch, "seconds": 0} for epoch in fresh["history"]] == [
        {**epoch, "seconds": 0} for epoch in first["history"]
    ]

    listed = run_json(capsys, "runs", "--runs", folder)["runs"]
    assert [row["run_id"] for row in listed] == [first["run_id"]]
    assert run_json(capsys, "runs", first["run_id"], "--runs", folder)["history"] == fresh["history"]


def test_train_for_people_prints_a_line_an_epoch(capsys):
    assert main(TRAIN) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("epoch   1/2")
    assert lines[-1].startswith("best epoch")
    assert main(TRAIN) == 0
    assert "was trained on" in capsys.readouterr().out


def test_transfer_by_command_line(capsys):
    source = run_json(capsys, "train", "--data", "digits", "--model", "bn-cnn", "--epochs", "1")
    few = ["--per-class", "2", "--batch-size", "20", "--epochs", "2", "--selection", "last"]
    found = run_json(
        capsys,
        "train",
        "--data",
        "digits",
        "--model",
        "bn-cnn",
        *few,
        "--from",
        source["run_id"],
        "--strategy",
        "frozen",
    )
    assert found["config"]["transfer"].items() >= {"source": source["run_id"], "strategy": "frozen"}.items()
    assert found["run_id"] != source["run_id"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["summary", "lenet"], "unknown model 'lenet' (did you mean lenet5"),
        (["summary", "lenet5", "--input", "28"], "--input: given '28', it should be C,H,W"),
        (["summary", "lenet5", "--input", "1,4,4"], "lenet5 does not fit 1×4×4"),
        (["summary", "resnet18", "--input", "0,1,1"], "channels must be 1 to"),
        (["summary", "lenet5", "--classes", "0"], "got 0 classes"),
        (["data", "digit"], "unknown data set 'digit' (did you mean digits?)"),
        (["data", "mnist"], "mnist is not in"),
        (["train", "--data", "digits"], "the following arguments are required: --model"),
        ([*TRAIN, "--lr", "-1"], "lr: given '-1', it should be greater than 0"),
        ([*TRAIN, "--lr", "fast"], "lr: given 'fast', it should be a valid number"),
        ([*TRAIN, "--batch-size", "2000"], "batch_size: given 2000, but digits has 1295 images to train on"),
        (
            [*TRAIN, "--optimizer", "adamm"],
            "optimizer: given 'adamm', it should be 'adam', 'adamw', 'sgd' or 'rmsprop'",
        ),
        ([*TRAIN, "--strategy", "frozen"], "--from and --strategy belong together"),
        (["train", "--data", "digits", "--model", "lenet-cifar"], "lenet-cifar does not fit 1×28×28"),
        (["train", "--data", "../x", "--model", "lenet5"], "there is no folder or zip '../x'"),
        (["runs", "digits-lenet5-000000000000"], "unknown run"),
        (["runs", "a" * 300], "unknown run"),
        (["summary", "@net.txt"], "@net.txt: that is not there; give a text file with nn.Sequential"),
        ([*TRAIN, "--val-fraction", "0.9999"], "leaves no image to train on"),
        (
            ["train", "--data", "shapes", "--model", "resnet18", "--per-class", "2", "--batch-size", "1"],
            "resnet18 normalises over the batch and cannot train on 1 image",
        ),
        (["fly"], "invalid choice: 'fly'"),
        ([], "required: COMMAND"),
        (["worker", "--linger", "soon"], "invalid float value: 'soon'"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(capsys, arguments, message):
    assert message in refused(capsys, *arguments)


def test_a_failed_run_is_one_line_and_exit_1(capsys):
    exploding = ["--optimizer", "sgd", "--lr", "100", "--weight-decay", "1", "--momentum", "0.99", "--epochs", "30"]
    assert main(["train", "--data", "digits", "--model", "mlp", *exploding, "--json"]) == 1
    captured = capsys.readouterr()
    assert json.loads(captured.out)["status"] == "failed"
    assert "lower the learning rate" in captured.err.splitlines()[-1]


def test_a_device_that_is_not_there_is_one_line(capsys, monkeypatch):
    monkeypatch.setenv("CVCORE_DEVICE", "gpu")
    assert "CVCORE_DEVICE: given 'gpu'" in refused(capsys, *TRAIN)


def program(*arguments: str, **options) -> subprocess.Popen:
    command = [sys.executable, "-m", "cvcore", *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def test_a_reader_that_gives_up_does_not_stop_the_run(capsys):
    process = program(*TRAIN, "--epochs", "30")
    assert process.stdout.readline()
    process.stdout.close()
    assert process.wait(120) == 0
    assert process.stderr.read() == ""
    assert run_json(capsys, "runs")["runs"][0]["epochs"] == 30


def test_a_terminal_without_the_signs_shows_others():
    process = program("summary", "perceptron", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    out, error = process.communicate(timeout=120)
    assert (process.returncode, error) == (0, "")
    assert "perceptron on 1?28?28: 7,850 parameters" in out


def test_a_typo_is_answered_without_loading_torch():
    code = (
        "import sys; from cvcore.cli import main; "
        "status = main(['train', '--data', 'digits', '--model', 'lenet5', '--lr', '0']); "
        "assert status == 2 and 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, stderr=subprocess.DEVNULL)


def test_the_module_runs_as_a_program():
    command = [sys.executable, "-m", "cvcore", "summary", "nothing"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("cvcore: unknown model 'nothing'")
    assert "Traceback" not in done.stderr
