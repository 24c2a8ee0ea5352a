"""The lint on the mistakes of the tutorials, and on networks that have none."""

import json
import random

import pytest
import torch
import torchvision
from torch import nn
from torch.nn import functional

from cvcore.analysis.lint import LEVELS, RULES, lint, lint_module
from cvcore.errors import ConfigError, ModelError
from cvcore.models import zoo
from tests.analysis.lint_findings import DIGITS, found, only, serious

THEIRS = torchvision.models.list_models(module=torchvision.models)
# One of each kind that could be taken for a mistake: a linear bottleneck, depthwise convolutions, a ReLU at the end,
# attention, an idle head, redundant biases; and a sample of the rest.
HARD = ["mobilenet_v2", "mobilenet_v3_small", "convnext_tiny", "squeezenet1_1", "vit_b_32", "swin_t", "inception_v3"]
HARD += ["vgg11_bn", "shufflenet_v2_x0_5", "mnasnet0_5"]
SAMPLE = [*HARD, *random.Random(0).sample(sorted(set(THEIRS) - set(HARD)), 3)]


OWN = [spec.name for spec in zoo.own_models()]
DEEP = [name for name in OWN if name.startswith(("resnet101", "resnet152"))]  # a second each, and nothing new


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.sweep] if name in DEEP else []) for name in OWN]
)
def test_networks_of_ours_get_nothing_but_notes(name):
    assert serious(lint(name)) == []


@pytest.mark.parametrize("name", SAMPLE)
def test_torchvision_classifiers_get_nothing_but_notes(name):
    assert serious(lint(f"torchvision:{name}")) == []


@pytest.mark.sweep
@pytest.mark.parametrize("name", sorted(set(THEIRS) - set(SAMPLE)))
def test_all_other_torchvision_classifiers_get_nothing_but_notes(name):
    assert serious(lint(f"torchvision:{name}")) == []


class DenseOverTheBatch(nn.Module):
    """The tutorial's network with a hidden layer, as it is printed there: its softmax runs over the batch."""

    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(784, 100)
        self.out = nn.Linear(100, 10)

    def forward(self, x):
        x = functional.relu(self.hidden(x.view(-1, 784)))
        return functional.log_softmax(self.out(x), dim=0)


@pytest.mark.parametrize("loss", ["nll", "cross_entropy"])
def test_a_softmax_over_the_batch_is_a_mistake(loss):
    layers = [nn.Flatten(), nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 10), nn.LogSoftmax(0)]
    for model, where in ((DenseOverTheBatch(), ""), (nn.Sequential(*layers), "4")):
        finding = only(lint_module(model, DIGITS, 10, loss=loss), "softmax-dim")
        assert (finding.level, finding.where) == ("mistake", where)
        assert finding.fix.startswith("dim=1")
        columns = model(torch.rand(5, *DIGITS)).exp().sum(dim=0)  # what it says: over images, not over classes
        assert torch.allclose(columns, torch.ones(10))


def test_the_same_as_typed_text():
    text = "nn.Sequential(nn.Flatten(), nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 10), nn.LogSoftmax(dim={}))"
    assert found(lint(text.format(0), loss="nll"), "mistake") == ["softmax-dim"]
    assert lint(text.format(1), loss="nll") == ()


@pytest.mark.filterwarnings("ignore:Implicit dimension")
def test_a_softmax_without_dim_is_a_caution_where_the_guess_is_right():
    # PyTorch's own answer for two axes is that of dim=1, for three that of dim=0
    rows, blocks = torch.rand(4, 3), torch.rand(4, 3, 2)
    assert torch.equal(functional.softmax(rows), functional.softmax(rows, 1))
    assert torch.equal(functional.softmax(blocks), functional.softmax(blocks, 0))
    flat = lint_module(nn.Sequential(nn.Flatten(), nn.Linear(784, 10), nn.LogSoftmax()), DIGITS, 10, loss="nll")
    assert (only(flat, "softmax-dim").level, only(flat, "softmax-dim").fix) == ("caution", "dim=1")
    tokens = nn.Sequential(nn.Flatten(2), nn.Softmax(), nn.Flatten(), nn.Linear(784, 10))
    assert only(lint_module(tokens, DIGITS, 10), "softmax-dim").level == "mistake"


def test_softmax_before_cross_entropy_is_a_mistake_with_the_loss_it_cannot_go_below():
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10), nn.Softmax(dim=1))
    finding = only(lint_module(model, DIGITS, 10), "softmax-before-loss")
    assert (finding.level, finding.where) == ("mistake", "2")
    # the best it can do, by PyTorch: all of the first softmax on the right class
    lowest = functional.cross_entropy(torch.eye(10)[:1], torch.tensor([0])).item()
    assert f"{lowest:.2f}" in finding.message
    assert f"{100 * torch.eye(10)[0].softmax(0)[0]:.1f} %" in finding.message


def test_an_alexnet_with_two_classes_and_a_softmax_appended():
    def build():
        alexnet = torchvision.models.alexnet(weights=None)
        return nn.Sequential(alexnet, nn.Linear(1000, 2), nn.Softmax(dim=1))

    findings = lint_module(build, (3, 224, 224), 2)
    assert "softmax-before-loss" in found(findings, "mistake")
    assert "0.classifier.6" in only(findings, "no-nonlinearity").message + only(findings, "no-nonlinearity").fix


@pytest.mark.parametrize(
    ("last", "loss", "rule", "level"),
    [
        (nn.LogSoftmax(dim=1), "cross_entropy", "softmax-before-loss", "note"),
        (nn.LogSoftmax(dim=1), "nll", None, None),
        (nn.Identity(), "nll", "logits-into-nll", "mistake"),
        (nn.Softmax(dim=1), "nll", "logits-into-nll", "mistake"),
        (nn.Sigmoid(), "cross_entropy", "bounded-logits", "mistake"),
        (nn.Tanh(), "cross_entropy", "bounded-logits", "mistake"),
        (nn.ReLU(), "cross_entropy", "bounded-logits", "caution"),
        (nn.Dropout(0.5), "cross_entropy", "dropout-on-output", "caution"),
        (nn.Identity(), "cross_entropy", None, None),
    ],
)
def test_what_the_loss_receives(last, loss, rule, level):
    findings = lint_module(nn.Sequential(nn.Flatten(), nn.Linear(784, 10), last), DIGITS, 10, loss=loss)
    assert [(finding.rule, finding.level) for finding in findings] == ([(rule, level)] if rule else [])


def test_log_softmax_before_cross_entropy_is_harmless_as_the_note_says():
    logits, labels = torch.randn(6, 10), torch.arange(6)
    twice = functional.cross_entropy(logits.log_softmax(1), labels)
    assert torch.allclose(twice, functional.cross_entropy(logits, labels))


@pytest.mark.parametrize("low", [0.0, -1.0])
def test_the_lowest_loss_of_bounded_logits_is_torchs(low):
    last = nn.Sigmoid() if low == 0 else nn.Tanh()
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 7), last)
    best = torch.full((1, 7), low)
    best[0, 3] = 1
    lowest = functional.cross_entropy(best, torch.tensor([3])).item()
    assert f"{lowest:.2f}" in only(lint_module(model, DIGITS, 7), "bounded-logits").message


@pytest.mark.parametrize("name", ["mobilenet_v2", "vgg16", "torchvision:vgg16_bn", "resnet18"])
def test_244_instead_of_224_is_a_caution(name):
    finding = only(lint(name, (3, 244, 244)), "input-size")
    assert finding.level == "caution"
    assert "Did you mean 224?" in finding.message
    assert finding.fix == "input 3,224,224"


@pytest.mark.parametrize("side", [256, 320])
def test_other_sizes_that_people_choose_are_no_more_than_a_note(side):
    assert found(serious(lint("mobilenet_v2", (3, side, side)))) == []
    assert "input-size" in found(lint("mobilenet_v2", (3, side, side)))


def test_small_images_are_sent_to_the_variant_for_small_images():
    findings = lint("resnet18", (3, 32, 32), 10)
    assert "resnet18-small" in only(findings, "input-size").fix
    # stride 32 in all leaves 1×1; three 3×3 convolutions 512→512 of the last stage then use the middle weight alone
    total = 3 * 512 * 512 * 9
    assert f"{total * 8 // 9:,} of {total:,}" in only(findings, "padding-only-weights").message
    assert "padding-only-weights" not in found(lint("resnet18-small", (3, 32, 32), 10))


def test_sorted_by_level_and_ready_for_json():
    findings = lint("resnet18", (3, 244, 244), 1000, data_classes=2000, loss="nll")
    order = [LEVELS.index(finding.level) for finding in findings]
    assert order == sorted(order) and len(set(order)) == 3
    record = json.loads(json.dumps([finding.to_json() for finding in findings]))
    assert list(record[0]) == ["level", "rule", "where", "message", "fix"]
    assert all("\n" not in part for finding in record for part in finding.values())
    assert {finding["rule"] for finding in record} <= set(RULES)


def test_the_network_itself_stays_as_it_is():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(2 * 26 * 26, 10)).train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    lint_module(model, DIGITS, 10)
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert all(module.training and not module._forward_hooks for module in model.modules())
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"name": "no-such-net"}, ModelError, "unknown model"),
        ({"name": "lenet5", "image_shape": (1, 0, 5)}, ModelError, "1 to 4096"),
        ({"name": "lenet5", "num_classes": 0}, ModelError, "whole number"),
        ({"name": "lenet5", "loss": "hinge"}, ConfigError, "choose from cross_entropy, nll"),
        ({"name": "lenet5", "batch_size": 0}, ConfigError, "from 1 up"),
        ({"name": "nn.Sequential(nn.Linear(5, 4)"}, ModelError, "line 1"),
    ],
)
def test_what_does_not_exist_is_one_line(arguments, error, says):
    with pytest.raises(error, match=says) as raised:
        lint(**arguments)
    assert "\n" not in str(raised.value)


def test_a_softmax_over_an_axis_of_one_s_own_is_no_mistake():
    class Selective(nn.Module):
        """Two branches, weighed against each other for every channel, as in selective kernel networks."""

        def __init__(self):
            super().__init__()
            self.small, self.large = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(1, 8, 5, padding=2)
            self.head = nn.Linear(8, 10)

        def forward(self, x):
            both = torch.stack([self.small(x).relu(), self.large(x).relu()])  # [2, N, C, H, W]
            weights = both.mean((3, 4)).softmax(0)
            return self.head((both * weights[..., None, None]).sum(0).mean((2, 3)))

    assert serious(lint_module(Selective(), DIGITS, 10)) == []


def test_layers_without_sizes_are_said_to_have_none():
    finding = only(lint_module(nn.Sequential(nn.Flatten(), nn.LazyLinear(10)), DIGITS, 10), "shapes")
    assert (finding.level, finding.where) == ("mistake", "1")
    assert finding.fix.startswith("give them")
