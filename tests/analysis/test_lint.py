"""The lint on the mistakes of the tutorials, and on networks that have none."""

import json
import random
import subprocess
import sys

import pytest
import torch
import torchvision
from torch import nn

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


def test_the_lint_leaves_the_terminal_to_its_findings():
    networks = ["nn.Sequential(nn.Flatten(), nn.Softmax())", "nn.Sequential(nn.Conv2d(1, 4, 2, padding='same'))"]
    code = f"from cvcore.analysis.lint import lint\nfor each in {networks!r}: print(len(lint(each)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stderr == "" and len(done.stdout.split()) == 2


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


def test_layers_without_sizes_are_said_to_have_none():
    finding = only(lint_module(nn.Sequential(nn.Flatten(), nn.LazyLinear(10)), DIGITS, 10), "shapes")
    assert (finding.level, finding.where) == ("mistake", "1")
    assert finding.fix.startswith("give them")
