"""Recipes on the command line: listed, run with other options on top, reviewed."""

import json

import pytest

from cvcore import paths
from cvcore.cli import main
from cvcore.data import catalog
from cvcore.training.runs import RunStore
from tests.cli import refused, run_json


def test_recipes_are_listed(capsys):
    rows = run_json(capsys, "recipes")["recipes"]
    assert next(iter(rows[0])) == "name"
    by_name = {row["name"]: row for row in rows}
    lenet = by_name["mnist-lenet5"]
    assert (lenet["needs"], lenet["stand_in"], lenet["selection"], lenet["epochs"]) == (
        "download",
        "digits",
        "test",
        50,
    )
    assert lenet["published"]["val_acc"] == {"1": 0.90, "50": 0.99}
    assert lenet["published"]["params"] == 61_706
    assert by_name["softmax-twice"]["pair"] == "softmax-twice-corrected"
    assert main(["recipes"]) == 0
    assert "softmax-twice-corrected" in capsys.readouterr().out


def test_a_recipe_runs_on_its_stand_in_with_other_options_on_top(capsys, tmp_path):
    folder = tmp_path / "runs"
    arguments = ["train", "--recipe", "mnist-perceptron", "--stand-in", "--runs", str(folder)]
    told = run_json(capsys, *arguments, "--epochs", "2")
    assert (told["status"], told["config"]["data"]["name"], len(told["history"])) == ("done", "digits", 2)
    assert told["config"]["train"]["lr"] == 0.01  # the recipe's
    recipe = told["recipe"]
    assert (recipe["name"], recipe["stand_in"], recipe["comparable"]) == ("mnist-perceptron", True, False)
    assert recipe["changes"] == [{"setting": "epochs", "published": 5, "run": 2}]
    assert [run.run_id for run in RunStore(folder).list()] == [told["run_id"]]

    assert main([*arguments, "--epochs", "2"]) == 0
    said = capsys.readouterr().out
    assert "published" in said and "difference" in said
    assert "Not comparable: digits stands in for mnist, epochs is 2 instead of 5." in said


def test_a_pair_is_compared_in_full(capsys, tmp_path):
    results = {}
    for name in ("batch-sum", "batch-sum-corrected"):
        results[name] = run_json(capsys, "train", "--recipe", name, "--runs", str(tmp_path / "runs"))
        assert results[name]["recipe"]["comparable"] is True
    wrong, right = results.values()
    # the same training, told otherwise: the loss is about 64 times too small
    assert [epoch["train_acc"] for epoch in wrong["history"]] == [epoch["train_acc"] for epoch in right["history"]]
    ratio = right["history"][-1]["train_loss"] / wrong["history"][-1]["train_loss"]
    assert ratio == pytest.approx(64, rel=0.1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--recipe", "mnist-lenet5"], "or add --stand-in to run on digits instead"),
        (["--recipe", "nope"], "unknown recipe 'nope'"),
        (
            ["--recipe", "vgg16-imagenet-top5"],
            "trains nothing: it names photographs with the ImageNet weights of VGG-16",
        ),
        (
            ["--recipe", "catsdogs-vgg16-frozen"],
            "fetch them with `weights --download torchvision:VGG16_Weights.IMAGENET1K_V1`",
        ),
        (["--recipe", "softmax-twice", "--stand-in"], "leave the stand-in out"),
        (["--recipe", "softmax-twice", "--epochs", "0"], "epochs: given '0'"),
        (["--stand-in", "--data", "digits", "--model", "mlp"], "--stand-in belongs to --recipe"),
        (["--model", "mlp"], "the following arguments are required: --data"),
    ],
)
def test_what_cannot_be_trained_is_one_line(capsys, arguments, message):
    assert message in refused(capsys, "train", *arguments)


def test_lint_of_a_recipe_is_of_network_and_loop(capsys):
    told = run_json(capsys, "lint", "mnist-mlp")
    assert (told["recipe"], told["input"]) == ("mnist-mlp", [1, 28, 28])
    found = {each["rule"]: each for each in told["findings"]}
    assert found["softmax-dim"]["level"] == "mistake"
    assert found["selection-on-test"]["where"] == "train.selection"
    assert main(["lint", "mnist-mlp"]) == 0
    assert "mnist-mlp: typed-" in capsys.readouterr().out

    projected = run_json(capsys, "lint", "resnext50-scratch")
    assert (projected["model"], projected["input"]) == ("resnext50-tutorial", [3, 224, 224])
    assert {"needless-projection", "saves-last"} <= {each["rule"] for each in projected["findings"]}


def test_lint_of_a_network_is_as_before(capsys):
    told = run_json(capsys, "lint", "lenet5")
    assert set(told) == {"model", "input", "findings"}
    assert all(not each["where"].startswith("train.") for each in told["findings"])


def test_corrected_recipes_pass(capsys):
    found = run_json(capsys, "lint", "class-after-class-corrected")["findings"]
    assert {each["level"] for each in found} <= {"note"}
    assert json.dumps(found)


def test_a_recipe_runs_from_weights_that_are_there(capsys, monkeypatch, tmp_path):
    import torch
    import torchvision

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    torch.manual_seed(0)
    theirs = torchvision.models.mobilenet_v2(weights=None).state_dict()
    torch.save(theirs, folder / "mobilenet_v2-b0353104.pth")
    told = run_json(
        capsys, "train", "--recipe", "catsdogs-mobilenetv2-frozen", "--data", "shapes", "--size", "32",
        "--per-class", "4", "--batch-size", "8",
    )  # fmt: skip
    assert told["status"] == "done"
    assert told["config"]["transfer"]["statistics"] == "moving"
    found = RunStore(paths.runs_dir()).find(told["run_id"])
    classes = len(catalog.open_dataset("shapes").classes)
    assert found.size["trainable_params"] == 1280 * classes + classes  # one Linear, as the tutorial has it
    after = torch.load(found.path / "best.pt", weights_only=True)
    assert torch.equal(after["features.0.0.weight"], theirs["features.0.0.weight"])  # frozen
    assert not torch.equal(after["features.0.1.running_mean"], theirs["features.0.1.running_mean"])  # the mistake
