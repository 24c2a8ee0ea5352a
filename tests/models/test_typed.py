"""Typed networks as networks: against the same ones written in Python, and against torch on the CPU."""

import random
import subprocess
import sys

import pytest
import torch
from torch import nn

from cvcore.analysis.summary import summarize
from cvcore.errors import ModelError
from cvcore.models import typed, zoo
from cvcore.models.parsing.parse import MAX_LAYERS
from tests.models.typed_texts import network, texts

LENET = """nn.Sequential(
    nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2),
    nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2),
    nn.Conv2d(16, 120, 5), nn.Tanh(),
    nn.Flatten(),
    nn.Linear(120, 84), nn.Tanh(),
    nn.Linear(84, 10),
)"""
CONVS = "nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2)"
POOLED = f"nn.Sequential({CONVS}, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 7))"
GREY = (1, 28, 28)


def refused(action, *arguments) -> str:
    with pytest.raises(ModelError) as caught:
        action(*arguments)
    line = str(caught.value)
    assert "\n" not in line and len(line) < 400
    return line


def test_it_is_the_network_that_python_would_make():
    torch.manual_seed(5)
    ours = typed.build(LENET, GREY, 10)
    torch.manual_seed(5)
    theirs = eval(LENET, {"nn": nn})
    assert list(ours.state_dict()) == list(theirs.state_dict())
    images = torch.rand(3, *GREY)
    assert torch.equal(ours.eval()(images), theirs.eval()(images))


def test_the_zoo_knows_it_and_counts_the_published_parameters():
    spec = zoo.find(LENET)
    assert (spec.source, spec.input, spec.default_classes, spec.any_size) == ("typed", GREY, 10, False)
    assert spec.name.startswith("nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), ")
    assert spec.label == typed.label(LENET) == typed.label(spec.name)
    assert summarize(LENET).params == summarize("lenet5").params == 61_706
    assert summarize(LENET).mult_adds == summarize("lenet5").mult_adds


class TestNormalForm:
    @pytest.mark.parametrize(
        "other",
        [
            "Sequential(Conv2d(1,6,5,1,2),Flatten(),Linear(4704,10))",
            "torch.nn.Sequential(\n# first\nnn.Conv2d(1, 6, kernel_size=5, padding=2),\n Flatten(1),Linear(4704,10,),)",
            "nn.Sequential(nn.Conv2d(out_channels=6, in_channels=1, kernel_size=5, padding=2, padding_mode='zeros'), "
            'nn.Flatten(end_dim=-1), nn.Linear(4704, 10, bias=True))',
        ],
    )  # fmt: skip
    def test_equal_networks_have_equal_texts(self, other):
        normal = "nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.Flatten(), nn.Linear(4704, 10))"
        assert typed.canonical(other) == typed.canonical(normal) == normal

    def test_what_differs_stays_different(self):
        forms = {
            typed.canonical(f"nn.Sequential(nn.Linear(4, {end}))") for end in ("2", "3", "2, bias=False", "2, False")
        }
        assert len(forms) == 3

    def test_it_reads_back_to_itself_and_to_the_same_layers(self):
        rng = random.Random(3)
        for _ in range(20):
            normal = typed.canonical(network(rng))
            assert typed.canonical(normal) == normal
            assert typed.canonical(typed.pretty(normal)) == normal

    def test_pretty_has_a_line_for_every_layer(self):
        assert typed.pretty("Sequential(Flatten(),Sequential(Linear(4,2),ReLU()))") == (
            "nn.Sequential(\n"
            "    nn.Flatten(),\n"
            "    nn.Sequential(\n"
            "        nn.Linear(4, 2),\n"
            "        nn.ReLU(),\n"
            "    ),\n"
            ")"
        )


@pytest.mark.parametrize(
    ("layer", "line"),
    [
        ("nn.Linear(3)", "line 1, column 15: nn.Linear needs out_features: nn.Linear(in_features, out_features)"),
        ("nn.Linear(1, out=2)", "line 1, column 32: unknown argument of nn.Linear 'out'"),
        ("nn.Linear(1, 2, True, 4)", "line 1, column 37: nn.Linear takes at most 3 arguments, this is one more"),
        ("nn.Linear(1, in_features=2)", "line 1, column 40: nn.Linear: in_features is given twice"),
        ("nn.Linear(2.5, 3)", "line 1, column 25: nn.Linear: in_features is 2.5, it should be a whole number"),
        ("nn.Linear(4, 3, bias=1)", "line 1, column 36: nn.Linear: bias is 1, it should be True or False"),
        ("nn.Linear(4, 3, device='cuda')", "line 1, column 38: nn.Linear: device is not taken here"),
        ("nn.Linear('same', 3)", "line 1, column 25: nn.Linear: in_features is 'same', it should be a whole number"),
        ("nn.Conv2d(1, 2, 3, padding='sam')", "line 1, column 42: nn.Conv2d: padding is 'sam', it should be 'valid'"),
        ("nn.Conv2d(1, 2, (3, 3, 3))", "line 1, column 31: nn.Conv2d: kernel_size is (3, 3, 3), it should be a whole"),
        ("nn.Conv2d(1, 2, 3, padding=-1)", "line 1, column 42: nn.Conv2d: padding is -1, it should be 0 or more"),
        ("nn.Conv2d(0, 2, 3)", "line 1, column 25: nn.Conv2d: in_channels is 0, it should be more than 0"),
        ("nn.Conv2d(3, 4, 3, groups=2)", "line 1, column 15: nn.Conv2d(3, 4, 3, groups=2) cannot be: in_channels must"),
        ("nn.MaxPool2d(2, return_indices=True)", "line 1, column 46: nn.MaxPool2d: return_indices is True"),
        ("nn.Sigmoid(1)", "line 1, column 26: nn.Sigmoid takes no arguments, this is one more"),
        ("nn.Dropout(2)", "line 1, column 15: nn.Dropout(p=2) cannot be: dropout probability has to be"),
    ],
)  # fmt: skip
def test_arguments_are_held_against_the_layers_own_signature(layer, line):
    assert refused(typed.spec_of, f"nn.Sequential({layer})").startswith(line)


class TestGuesses:
    @pytest.mark.parametrize(
        ("text", "image"),
        [
            (LENET, GREY),
            (LENET.replace(", padding=2", ""), (1, 32, 32)),  # 32 → 28 → 14 → 10 → 5 → 1, as in LeNet's paper
            ("nn.Sequential(nn.Flatten(), nn.Linear(784, 10))", GREY),
            ("nn.Sequential(nn.Flatten(), nn.Linear(3072, 10))", (3, 32, 32)),  # 3 · 32 · 32
            ("nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(394272, 10))", (3, 224, 224)),  # 8 · 222 · 222
            ("nn.Sequential(nn.ReLU(), nn.Conv2d(3, 8, 29))", (3, 32, 32)),
        ],
    )
    def test_the_input_is_one_that_fits(self, text, image):
        assert typed.spec_of(text).input == image

    def test_the_smallest_side_of_one_that_takes_any(self):
        spec = typed.spec_of(POOLED)
        assert (spec.any_size, spec.min_side, spec.default_classes) == (True, 4, 7)  # 4 → 2 → 1
        typed.build(POOLED, (3, 4, 4), 7)
        refused(typed.build, POOLED, (3, 3, 3), 7)

    def test_a_network_that_fits_nothing_is_still_known(self):
        text = f"nn.Sequential({CONVS}, nn.Linear(17, 10))"
        assert typed.spec_of(text).input == (3, 28, 28)
        assert "nn.Flatten()" in refused(summarize, text)

    def test_a_network_without_classes_can_be_looked_at(self):
        assert summarize(f"nn.Sequential({CONVS})", (3, 32, 32), 10).layers[-1].output == (8, 15, 15)


class TestTraining:
    @pytest.mark.parametrize(
        ("text", "image", "says"),
        [
            (POOLED, (3, 32, 32), "column 121: the network gives 7 values, but there are 10 classes: out_features=10"),
            (f"nn.Sequential({CONVS})", (3, 32, 32), "gives 8×15×15 for an image, but one number a class is needed: "
             "end it with nn.Flatten() and nn.Linear(1800, 10)"),  # 8 · 15 · 15
            ("nn.Sequential(nn.Conv2d(3, 10, 32))", (3, 32, 32), "end it with nn.Flatten()"),
            ("nn.Sequential(nn.Conv2d(3, 8, 32), nn.Flatten())", (3, 32, 32), "end it with nn.Linear(8, 10)"),
            ("nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.ReLU())", (10, 8, 8), "has no weights to train"),
            ("nn.Sequential(nn.Flatten(), nn.Linear(784, 10), nn.Sigmoid(), nn.ReLU(inplace=True))", GREY,
             "remove inplace=True"),
        ],
    )  # fmt: skip
    def test_what_cannot_be_trained_is_refused(self, text, image, says):
        assert says in refused(typed.check_trainable, text, image, 10)

    @pytest.mark.parametrize("end", ["", ", nn.LogSoftmax(dim=1)", ", nn.Softmax(dim=1)", ", nn.Dropout()"])
    def test_one_value_a_class_is_enough(self, end):
        typed.check_trainable(f"nn.Sequential(nn.Flatten(), nn.Linear(784, 10){end})", GREY, 10)

    def test_cross_entropy_of_log_probabilities_is_their_negative_log_likelihood(self):
        log_probabilities = torch.randn(5, 10).log_softmax(1)
        labels = torch.arange(5)
        expected = nn.functional.nll_loss(log_probabilities, labels)
        torch.testing.assert_close(nn.functional.cross_entropy(log_probabilities, labels), expected)


class TestFiles:
    def test_a_name_stays_and_a_file_is_read(self, tmp_path):
        assert typed.read("resnet18") == "resnet18"
        (tmp_path / "net.txt").write_text(LENET, encoding="utf-8-sig")
        assert typed.read(f"@{tmp_path / 'net.txt'}") == LENET

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            (None, "that is not there; give a text file"),
            (b"\xff\xfe\x00", "the file is not text in UTF-8"),
            (b"(" * 100_000, "the file has 100,000 bytes"),
            (b"(" * 30_000, "has 30,000 characters: at most 20,000"),
            (b"", "the network is empty"),
            (b"nn.Sequential(\nnn.Conv2D())", "net.txt, line 2, column 1: nn.Conv2D is not a layer here"),
        ],
    )
    def test_a_file_that_is_none_is_refused(self, tmp_path, content, says):
        if content is not None:
            (tmp_path / "net.txt").write_bytes(content)
        assert says in refused(typed.read, f"@{tmp_path / 'net.txt'}")

    def test_folders_and_impossible_names(self, tmp_path):
        assert "is a folder" in refused(typed.read, f"@{tmp_path}")
        refused(typed.read, "@a\x00b")
        refused(typed.read, "@" + "x" * 5000)

    def test_the_zoo_reads_no_file(self, tmp_path):
        (tmp_path / "net.txt").write_text(LENET)
        refused(zoo.find, f"@{tmp_path / 'net.txt'}")  # or a page's address could name a file of the server


def test_the_largest_network_is_known():
    spec = typed.spec_of("nn.Sequential(" + "nn.Conv2d(3, 3, 3, padding=1)," * MAX_LAYERS + ")")
    assert (spec.input, spec.any_size) == ((3, 28, 28), True)


def check_that_the_zoo_refuses_in_one_line(count: int) -> None:
    found = 0
    for text in texts(count, seed=4):
        try:
            found += "\n" not in zoo.find(text).name
        except ModelError as error:
            assert "\n" not in str(error) and len(str(error)) < 400
    assert found > count // 20


def test_fifty_made_texts_are_known_or_refused():
    check_that_the_zoo_refuses_in_one_line(50)


@pytest.mark.sweep
def test_hundreds_of_made_texts_are_known_or_refused():
    check_that_the_zoo_refuses_in_one_line(600)


def test_importing_it_imports_no_torch():
    code = "import sys, cvcore.models.typed as t; t.is_typed('x'); t.read('mlp'); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
