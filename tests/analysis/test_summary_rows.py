"""The columns of a row, the tutorials' frozen networks, and how counts stand to published ones."""

import pytest
import torchvision
from torch import nn

from cvcore.analysis import conventions
from cvcore.analysis.conventions import Check, Published
from cvcore.analysis.summary import summarize, summarize_module


@pytest.mark.parametrize(
    ("layer", "kernel", "stride", "padding"),
    [
        (nn.Conv2d(2, 4, (3, 5), stride=(1, 2), padding=(0, 2)), (3, 5), (1, 2), (0, 2)),
        (nn.Conv2d(2, 4, (3, 7), padding="same", dilation=(2, 1)), (3, 7), (1, 1), (2, 3)),  # 2·(3−1)/2, 1·(7−1)/2
        (nn.Conv2d(2, 4, 4, padding="same"), (4, 4), (1, 1), (1, 1)),  # 3 in all: 1 at the top, 2 at the bottom
        (nn.Conv2d(2, 4, 3, padding="valid"), (3, 3), (1, 1), (0, 0)),
        (nn.ConvTranspose2d(2, 4, 2, stride=2), (2, 2), (2, 2), (0, 0)),
        (nn.MaxPool2d(3), (3, 3), (3, 3), (0, 0)),
        (nn.AvgPool2d((2, 3), stride=1, padding=(1, 0)), (2, 3), (1, 1), (1, 0)),
        (nn.AdaptiveAvgPool2d(2), None, None, None),
        (nn.BatchNorm2d(2), None, None, None),
    ],
    ids=str,
)
def test_window_of_each_kind_of_layer(layer, kernel, stride, padding):
    (row,) = summarize_module("one", lambda: nn.Sequential(layer), (2, 12, 12)).layers
    assert (row.kernel, row.stride, row.padding) == (kernel, stride, padding)


@pytest.mark.parametrize(
    ("name", "features", "params", "trainable"),
    [("vgg16", 25_088, 14_764_866, 50_178), ("mobilenet_v2", 1280, 2_226_434, 2_562)],
)
def test_the_tutorials_frozen_networks_with_a_new_head(name, features, params, trainable):
    def build():
        model = torchvision.models.get_model(name)
        model.requires_grad_(False)
        model.classifier = nn.Linear(features, 2)
        return model

    summary = summarize_module(name, build, (3, 224, 224))
    assert (summary.params, summary.trainable_params) == (params, trainable)
    assert summary.layers[-1].trainable_params == trainable
    assert sum(row.frozen_params for row in summary.layers) == params - trainable


def test_all_but_the_head_frozen():
    summary = summarize("torchvision:resnet18", (3, 64, 64), 7, head_only=True)
    assert summary.trainable_params == 512 * 7 + 7
    assert [row.name for row in summary.layers if row.trainable_params] == ["fc"]


def test_a_count_far_from_the_published_one_is_partial():
    known = Published(mult_adds=1_000_000, params=1, input=(3, 224, 224), classes=1000)
    assert conventions.compare(1_019_000, known).status == "counted"
    missing = conventions.compare(970_000, known)
    assert missing.status == "partial"
    assert "−3.0%" in missing.note and "not seen" in missing.note
    assert "torchvision leaves out" in conventions.compare(1_050_000, known).note


def test_partial_reaches_the_summary(monkeypatch):
    known = Published(mult_adds=3_000_000_000, params=11_689_512, input=(3, 224, 224), classes=1000)
    monkeypatch.setattr(conventions, "published", lambda name: known)
    record = summarize("torchvision:resnet18").to_json()
    assert (record["mult_adds_status"], record["published_mult_adds"]) == ("partial", 3_000_000_000)


def test_other_sizes_are_not_compared():
    assert "another size" in summarize("torchvision:resnet18", (3, 64, 64)).check.note
    assert "another size" in summarize("torchvision:resnet18", None, 10).check.note
    assert summarize("two-conv").check == Check(
        "counted", "Counted from the layers; nobody published a number to compare with."
    )


@pytest.mark.parametrize("name", ["alexnet", "vgg11_bn", "resnet50", "resnext50_32x4d", "densenet121", "mobilenet_v2"])
def test_our_own_have_the_published_counts_of_the_same_networks(name):
    meta = torchvision.models.get_model_weights(name).DEFAULT.meta
    summary = summarize(name)
    assert summary.params == summary.check.published.params == meta["num_params"]
    assert summary.check.status == "counted"
    assert summary.mult_adds / 1e9 == pytest.approx(meta["_ops"], rel=0.02)


@pytest.mark.parametrize(
    ("text", "image", "mult_adds"),
    [
        # every one of 10·10 inputs in 4 channels is multiplied with 8·3·3 weights
        ("nn.Sequential(nn.ConvTranspose2d(4, 8, 3, stride=2, bias=False))", (4, 10, 10), 10 * 10 * 4 * 8 * 9),
        # two groups of 2 → 4 channels, and a bias for each of 8·21·21 outputs
        ("nn.Sequential(nn.ConvTranspose2d(4, 8, 3, stride=2, groups=2))", (4, 10, 10), 14_400 + 8 * 21 * 21),
        # 4·20 rows of 20 numbers, each to 5 with a bias
        ("nn.Sequential(nn.Linear(20, 5))", (4, 20, 20), 4 * 20 * (20 * 5 + 5)),
        ("nn.Sequential(nn.Flatten(), nn.Linear(784, 10))", (1, 28, 28), 784 * 10 + 10),
        ("nn.Sequential(nn.Conv2d(1, 9, 5))", (1, 28, 28), 24 * 24 * 9 * (25 + 1)),
    ],
)
def test_mult_adds_by_hand(text, image, mult_adds):
    assert summarize(text, image, 10).mult_adds == mult_adds
