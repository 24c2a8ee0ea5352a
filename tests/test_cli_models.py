"""The commands about networks: what they print for people and for programs, and how they refuse."""

import pytest

from cvcore.cli import main
from tests.cli import refused, run_json


def test_summary_is_the_contract(capsys):
    found = run_json(capsys, "summary", "lenet5")
    totals = ["params", "trainable_params", "mult_adds", "mult_adds_status", "mult_adds_note", "published_mult_adds"]
    assert list(found) == ["model", "input", *totals, "memory", "layers"]
    assert (found["input"], found["params"]) == ([1, 28, 28], 61706)
    costs = ["params", "mult_adds", "trainable_params", "kernel", "stride", "padding", "activation_bytes"]
    assert list(found["layers"][0]) == ["name", "type", "output", *costs]
    assert sum(layer["params"] for layer in found["layers"]) == 61706
    assert sum(layer["mult_adds"] for layer in found["layers"]) == found["mult_adds"]


def test_summary_takes_a_size_and_classes(capsys):
    found = run_json(capsys, "summary", "bn-cnn", "--input", "3,40,24", "--classes", "7")
    assert found["input"] == [3, 40, 24]
    assert found["layers"][-1]["output"] == [7]


def test_summary_for_people_adds_up(capsys):
    assert main(["summary", "perceptron"]) == 0
    assert "7,850 parameters (7,850 trainable), 7,850 mult-adds" in capsys.readouterr().out


def test_a_network_is_read_from_a_file(capsys, tmp_path):
    file = tmp_path / "mine.txt"
    file.write_text("nn.Sequential(  # mine\n    nn.Flatten(),\n    nn.Linear(784, 10),\n)")
    assert run_json(capsys, "summary", f"@{file}")["params"] == 7850
    assert run_json(capsys, "rf", f"@{file}")["last_local"] is None
    assert run_json(capsys, "lint", f"@{file}")["findings"] == []
    compared = run_json(capsys, "compare", f"@{file}", "perceptron")
    assert [network["params"] for network in compared["models"]] == [7850, 7850]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nn.Sequential(\n  nn.Linaer(784, 10))", "line 2, column 3: nn.Linaer"),
        ("nn.Sequential(\n  nn.Flatten(),\n  nn.Linear(400, 10))", "gets 784: in_features=784"),
        ("__import__('os')", "line 1, column 1"),
    ],
)
def test_a_network_that_cannot_be_read_is_one_line(capsys, tmp_path, text, message):
    (tmp_path / "mine.txt").write_text(text)
    assert message in refused(capsys, "summary", f"@{tmp_path / 'mine.txt'}", "--input", "1,28,28")


def test_rf_is_the_contract(capsys):
    found = run_json(capsys, "rf", "alexnet")
    assert list(found)[:4] == ["model", "input", "layers", "last_local"]
    last = found["last_local"]
    assert (last["name"], last["size"], last["stride"]) == ("features.12", [195, 195], [32, 32])  # published: 195 / 32
    assert {"name", "type", "output", "size", "stride", "padding", "status"} <= set(found["layers"][0])


def test_sizes_along_a_chain(capsys):
    found = run_json(capsys, "size", "conv 5 p2; maxpool 2; conv 5", "--input", "28")
    assert found["output"] == [10, 10]  # 28 → 28 → 14 → 10, as in LeNet-5


def test_summary_for_people(capsys):
    assert main(["summary", "lenet5"]) == 0
    lines = capsys.readouterr().out.splitlines()
    names = ["name", "type", "kernel", "stride", "padding", "output", "params", "trainable", "mult-adds"]
    assert lines[0].split()[: len(names)] == names
    assert lines[1].split() == ["conv1", "Conv2d", "5×5", "1×1", "2×2", "6×28×28", "156", "156", "122,304", "18.8"]
    text = "\n".join(lines)
    assert "lenet5 on 1×28×28: 61,706 parameters (61,706 trainable), 423,038 mult-adds (MACs) an image" in text
    assert "Memory of one image, forward: 4 bytes × (784 + " in text
    assert "vector" in text  # the stages


def test_summary_for_programs(capsys):
    record = run_json(capsys, "summary", "torchvision:resnet18", "--classes", "10", "--input", "3,64,64")
    assert (record["model"], record["input"]) == ("torchvision:resnet18", [3, 64, 64])
    assert record["layers"][-1]["output"] == [10]
    assert record["published_mult_adds"] == 1_814_000_000
    assert "another size" in record["mult_adds_note"]
    assert record["memory"]["weight_bytes"] == 4 * record["params"]


def test_what_torch_warns_of_is_not_said(capsys, recwarn):
    assert main(["summary", "nn.Sequential(nn.Softmax())"]) == 0
    assert capsys.readouterr().err == ""
    assert not [each for each in recwarn if "Implicit dimension" in str(each.message)]


def test_lint_is_exactly_the_contract(capsys):
    record = run_json(capsys, "lint", "vgg11", "--input", "3,244,244")
    assert list(record) == ["model", "input", "findings"]
    assert (record["model"], record["input"]) == ("vgg11", [3, 244, 244])
    assert [list(finding) for finding in record["findings"]] == [
        ["level", "rule", "where", "message", "fix"] for _ in record["findings"]
    ]
    assert [finding["rule"] for finding in record["findings"] if finding["level"] == "caution"] == ["input-size"]


def test_lint_for_people(capsys, tmp_path):
    file = tmp_path / "net.txt"
    file.write_text("nn.Sequential(\n    nn.Flatten(),\n    nn.Linear(784, 10),\n    nn.Softmax(dim=0),\n)\n")
    assert main(["lint", f"@{file}", "--loss", "nll"]) == 0  # findings are the answer, not an error
    *paragraphs, last = capsys.readouterr().out.strip().split("\n\n")
    assert paragraphs[0].startswith("mistake [softmax-dim] 2\n  Softmax over dim 0")
    assert "\n  Fix: dim=1" in paragraphs[0]
    assert last.startswith("typed-") and "2 mistakes, 0 cautions, 0 notes" in last


@pytest.mark.parametrize(
    "arguments",
    [
        ["lint", "no-such-net"],
        ["lint", "lenet5", "--loss", "hinge"],
        ["lint", "lenet5", "--batch-size", "0"],
        ["lint", "lenet5", "--input", "3;4"],
        ["summary", "lenet5", "--input", "28"],
        ["compare", "lenet5"],
        ["compare", "lenet5", "mlp", "lenet-cifar", "two-conv", "one-conv"],
        ["rf", "resnet18", "--input", "3,0,0"],
        ["size", "conv x", "--input", "28"],
        ["size", "conv 5", "--input", "28,"],
        ["size", "--input", "28"],
        ["size", "conv 5", "--input", "4"],
        ["size", "conv 3", "--input", "28", "--to", "5"],
        ["compare", "nn.Sequential(nn.Flatten())", "Sequential( nn.Flatten() )"],
    ],
)
def test_wrong_questions_are_refused_in_one_line(capsys, arguments):
    assert refused(capsys, *arguments)
