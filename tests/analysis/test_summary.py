"""Summaries against published counts, torchvision's own, and a count by hand."""

import json
import random
import warnings

import pytest
import torch
import torchvision
from torch import nn

from cvcore.analysis.summary import NOT_EXECUTED, OWN_PARAMETERS, Layer, summarize, summarize_module
from cvcore.errors import ModelError
from cvcore.models import zoo

OWN = [spec.name for spec in zoo.own_models()]
DEEP = [f"resnet{depth}{stem}" for depth in (34, 50, 101, 152) for stem in ("", "-small")] + ["vgg19", "vgg19_bn"]
SMALL = ["perceptron", "mlp", "one-conv", "two-conv", "lenet-cifar", "lenet5", "bn-cnn"]
THEIRS = torchvision.models.list_models(module=torchvision.models)


def assert_columns_add_up(summary):
    assert sum(layer.params for layer in summary.layers) == summary.params
    assert sum(layer.mult_adds for layer in summary.layers) == summary.mult_adds
    assert sum(layer.trainable_params for layer in summary.layers) == summary.trainable_params
    assert sum(layer.activation_bytes for layer in summary.layers) == summary.memory.activation_bytes


# One of each kind that is hard to count, and a sample of the rest; a sweep does them all.
HARD = ["vit_b_32", "swin_t", "swin_v2_t", "maxvit_t", "convnext_tiny", "inception_v3", "googlenet", "regnet_y_400mf"]
HARD += ["vit_h_14", "mobilenet_v3_small"]  # default images of 518 pixels; rounded most
SAMPLE = [*HARD, *random.Random(0).sample(sorted(set(THEIRS) - set(HARD)), 5)]


@pytest.mark.parametrize("name", SAMPLE)
def test_torchvision_classifiers_have_their_published_counts(name):
    assert_published_counts(name)


def assert_published_counts(name):
    meta = torchvision.models.get_model_weights(name).DEFAULT.meta
    summary = summarize(f"torchvision:{name}")
    assert_columns_add_up(summary)
    assert summary.params == summary.trainable_params == meta["num_params"]
    assert summary.mult_adds / 1e9 == pytest.approx(meta["_ops"], rel=0.02)
    assert (summary.check.status, summary.check.published.mult_adds) == ("counted", round(meta["_ops"] * 1e9))


@pytest.mark.parametrize(
    ("name", "params", "mega"),
    [("one-conv", 52_084, 0.19), ("two-conv", 8_490, 0.47), ("lenet-cifar", 59_386, 0.66)],
)
def test_tutorials_published_figures(name, params, mega):
    summary = summarize(name)
    assert summary.params == params
    assert round(summary.mult_adds / 1e6, 2) == mega


def test_vgg16_as_the_tutorial_prints_it():
    summary = summarize("vgg16")
    assert (summary.params, round(summary.mult_adds / 1e9, 2)) == (138_357_544, 15.48)
    assert (summary.input, summary.layers[0].output) == ((3, 224, 224), (64, 224, 224))
    # 64 filters of 3×3×3 and a bias, at 224·224 places
    assert summary.layers[0] == Layer(
        name="features.0",
        type="Conv2d",
        output=(64, 224, 224),
        params=28 * 64,
        mult_adds=28 * 64 * 224 * 224,
        trainable_params=28 * 64,
        kernel=(3, 3),
        stride=(1, 1),
        padding=(1, 1),
        activation_bytes=4 * 64 * 224 * 224,
    )


def test_known_counts():
    assert summarize("mobilenet_v2").params == 3_504_872
    assert summarize("mobilenet_v2").mult_adds / 1e9 == pytest.approx(0.301, rel=0.02)
    assert summarize("resnet50").params == 25_557_032


def test_lenet5_row_by_row():
    rows = [(row.name, row.output, row.params, row.mult_adds) for row in summarize("lenet5").layers if row.params]
    assert rows == [
        ("conv1", (6, 28, 28), 156, 156 * 28 * 28),  # 6·(1·25 + 1) parameters, used at every place of the output
        ("conv2", (16, 10, 10), 2_416, 2_416 * 10 * 10),  # 16·(6·25 + 1)
        ("conv3", (120, 1, 1), 48_120, 48_120),  # 120·(16·25 + 1)
        ("hidden", (84,), 10_164, 10_164),  # 84·(120 + 1)
        ("head", (10,), 850, 850),  # 10·(84 + 1)
    ]


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.sweep if name in DEEP else ()) for name in OWN])
def test_our_networks(name):
    summary = summarize(name, num_classes=7)
    assert_columns_add_up(summary)
    with torch.device("meta"):
        model = zoo.build(name, zoo.find(name).input, 7)
    assert summary.params == sum(p.numel() for p in model.parameters())
    assert summary.layers[-1].output == (7,)
    leaves = [path for path, module in model.named_modules() if not any(module.children())]
    assert {row.name for row in summary.layers if row.type[0] != "("} == set(leaves)


@pytest.mark.parametrize("name", SMALL)
def test_our_small_networks_take_other_images(name):
    summary = summarize(name, (3, 40, 36), 7)
    assert_columns_add_up(summary)
    assert summary.params == sum(p.numel() for p in zoo.build(name, (3, 40, 36), 7).parameters())


def test_json_is_exactly_the_contract():
    record = json.loads(json.dumps(summarize("two-conv").to_json()))
    keys = ["model", "input", "params", "trainable_params", "mult_adds", "mult_adds_status", "mult_adds_note"]
    assert list(record) == [*keys, "published_mult_adds", "memory", "layers"]
    assert (record["model"], record["input"]) == ("two-conv", [1, 28, 28])
    assert (record["mult_adds_status"], record["published_mult_adds"]) == ("counted", None)
    conv = {"name": "conv1", "type": "Conv2d", "output": [10, 24, 24], "params": 260, "mult_adds": 260 * 24 * 24}
    conv |= {"trainable_params": 260, "kernel": [5, 5], "stride": [1, 1], "padding": [0, 0]}
    assert record["layers"][0] == {**conv, "activation_bytes": 4 * 10 * 24 * 24}
    assert record["layers"][-1]["kernel"] is None


def test_attention_is_counted():
    # ViT-B/16, one block, 197 tokens of 768: four 768×768 projections of every token, and two products of tokens
    # with tokens
    attention = next(row for row in summarize("vit_b_16").layers if row.name.endswith("layer_0.self_attention"))
    assert attention.mult_adds == 4 * 197 * 768**2 + 2 * 197**2 * 768
    assert attention.type == OWN_PARAMETERS and attention.params == 3 * 768 * 768 + 3 * 768


def test_idle_head_is_listed_as_not_executed():
    idle = [row for row in summarize("inception_v3").layers if row.type == NOT_EXECUTED]
    # 1×1 convolution 768→128 and 5×5 128→768 with BatchNorm (2 per channel), then a linear layer 768→1000
    assert sum(row.params for row in idle) == 768 * 128 + 256 + 25 * 128 * 768 + 1536 + 769 * 1000
    assert all(row.name.startswith("AuxLogits.") and row.mult_adds == 0 for row in idle)


class Reusing(nn.Module):
    """One layer that runs twice, one that shares its weight, one that never runs."""

    def __init__(self):
        super().__init__()
        self.flatten = nn.Flatten()
        self.twice = nn.Linear(4, 4)
        self.tied = nn.Linear(4, 4, bias=False)
        self.tied.weight = self.twice.weight
        self.never = nn.Linear(2, 3)
        self.scale = nn.Parameter(torch.ones(5))

    def forward(self, x):
        return self.tied(self.twice(self.twice(self.flatten(x)))) * self.scale[0]


def test_repeated_shared_and_idle_layers_count_once():
    summary = summarize_module("reusing", Reusing, (1, 2, 2))
    assert summary.layers == (
        Layer("", OWN_PARAMETERS, (4,), 5, 0, 5, activation_bytes=16),  # the product with the scale
        Layer("flatten", "Flatten", (4,), 0, 0),
        Layer("twice", "Linear", (4,), 20, 20, 20, activation_bytes=16),
        Layer("twice", "Linear", (4,), 0, 20, activation_bytes=16),
        Layer("tied", "Linear", (4,), 0, 16, activation_bytes=16),
        Layer("never", NOT_EXECUTED, (), 9, 0, 9),
    )
    assert summary.params == 5 + 20 + 9


def test_a_real_network_keeps_its_weights_mode_and_hooks():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(72, 2)).train()
    model[0].requires_grad_(False)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    summary = summarize_module("mine", lambda: model, (1, 8, 8))
    assert (summary.params, summary.trainable_params) == (20 + 4 + 146, 4 + 146)
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert all(module.training for module in model.modules())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_nothing_is_allocated():
    made = []

    def builder():
        made.append(zoo.build("vgg11", (3, 224, 224), 1000))
        return made[0]

    summarize_module("vgg11", builder, (3, 224, 224))
    assert all(p.is_meta for p in made[0].parameters())


@pytest.mark.parametrize(
    ("name", "shape", "says"),
    [
        ("lenet5", (1, 8, 8), "1×8×8 .*conv2.* at least 28×28"),
        ("vgg16", (3, 16, 16), "3×16×16 .*features.30.* at least 32×32"),
        ("alexnet", (3, 32, 32), "at least 63×63"),
        ("torchvision:resnet18", (1, 64, 64), "3 channels"),
        ("mlp", (1, 0, 0), "1 to 4096"),
        ("mlp", (1, -3, 5), "1 to 4096"),
        ("bn-cnn", (100, 32, 32), "1 to 64"),
        ("no-such-net", None, "unknown model 'no-such-net'"),
    ],
)
def test_impossible_requests_are_one_line(name, shape, says):
    with pytest.raises(ModelError, match=says) as error:
        summarize(name, shape)
    assert "\n" not in str(error.value)


def test_a_failing_network_of_ones_own_names_its_layer():
    with pytest.raises(ModelError, match=r"mine does not fit 1×8×8 images \(layer 1: "):
        summarize_module("mine", lambda: nn.Sequential(nn.Flatten(), nn.Linear(5, 2)), (1, 8, 8))


def test_no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        summarize("googlenet")
        summarize("inception_v3")
