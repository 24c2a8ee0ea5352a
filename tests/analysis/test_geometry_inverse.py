"""The inverse question, against a search over torch's own layers."""

import itertools

import pytest
import torch
from torch import nn

from cvcore.analysis.geometry import inverse as inverse
from cvcore.analysis.geometry.inverse import solve
from cvcore.errors import ConfigError

MADE = {"conv": nn.Conv2d, "convt": nn.ConvTranspose2d, "maxpool": nn.MaxPool2d, "avgpool": nn.AvgPool2d}


def searched(kind: str, size: int, target: int, kernels, strides, dilations) -> set[tuple[int, ...]]:
    """(kernel, stride, padding, dilation, output padding) of all layers of torch that do it, tried one by one."""
    found = set()
    pixels = torch.zeros(1, 1, size, size)
    for kernel, stride, dilation in itertools.product(kernels, strides, dilations):
        covered = dilation * (kernel - 1) + 1
        most = kernel // 2 if "pool" in kind else covered // 2
        for padding, extra in itertools.product(range(most + 1), range(stride if kind == "convt" else 1)):
            options: dict = {"stride": stride, "padding": padding}
            options |= {"dilation": dilation} if kind != "avgpool" else {}
            options |= {"output_padding": extra} if kind == "convt" else {}
            layer = MADE[kind](kernel, **options) if "pool" in kind else MADE[kind](1, 1, kernel, **options)
            try:
                with torch.no_grad():
                    side = layer(pixels).shape[-1]
            except RuntimeError:
                continue
            if side == target:
                found.add((kernel, stride, padding, dilation, extra))
    return found


@pytest.mark.parametrize(
    ("kind", "size", "target", "dilations"),
    [
        ("conv", 14, 7, (1, 2)),
        ("conv", 10, 10, (1,)),
        ("convt", 5, 9, (1,)),
        ("maxpool", 13, 6, (1, 2)),
        ("avgpool", 9, 4, (1,)),
    ],
)
def test_nothing_is_missing_and_nothing_wrong(kind, size, target, dilations):
    expected = searched(kind, size, target, range(1, 12), range(1, 6), dilations)
    found = {
        (layer.kernel[0], layer.stride[0], layer.padding[0], layer.dilation[0], layer.output_padding[0])
        for layer in (each.layer for each in solve(size, target, kind=kind, dilations=dilations))
        if layer.padding != "same" and layer.stride[0] <= 5
    }
    assert found == expected


@pytest.mark.parametrize(
    ("question", "usual"),
    [
        ({"size": 28, "target": 28, "kernel": 5, "stride": 1}, ["conv 5 p2"]),  # (5 − 1)/2
        ({"size": 28, "target": 28}, ["conv 3 p1", "conv 1", "conv 5 p2", "conv 7 p3"]),
        ({"size": 224, "target": 7}, ["conv 32 s32"]),  # 224/7, the patches of a vision transformer
        ({"size": 224, "target": 112}, ["conv 3 s2 p1"]),
        ({"size": 28, "target": 14, "kind": "maxpool"}, ["maxpool 2", "maxpool 3 s2 p1"]),
        ({"size": 28, "target": 28, "kernel": 4, "stride": 1}, ["conv 4 same"]),
        ({"size": 7, "target": 1}, ["conv 7"]),  # VGG's first fully connected layer
    ],
)
def test_the_most_usual_comes_first(question, usual):
    assert [each.layer.text for each in solve(**question)][: len(usual)] == usual


def test_torch_agrees_about_every_answer_to_224_to_7():
    answers = solve(224, 7)
    assert len(answers) >= 10
    for each in answers:
        layer = nn.Conv2d(1, 1, each.layer.kernel, each.layer.stride, each.layer.padding, device="meta")
        assert layer(torch.empty(1, 1, 224, 224, device="meta")).shape[-1] == 7


def test_no_answer():
    assert solve(28, 28, kernel=4, stride=1, padding=1) == []  # 28 − 4 + 2 + 1 = 27
    assert inverse.reachable(28, "conv", 4, 1, None) == [25, 27, 29]
    assert solve(10, 20) == []  # a convolution does not double: padding is at most half the window


def test_no_numbers():
    with pytest.raises(ConfigError, match="input size must be a whole number, 1 or more, got 0"):
        solve(0, 3)
    with pytest.raises(ConfigError, match="choose conv, convt"):
        solve(3, 3, kind="adaptive")


def test_large_sizes_are_answered():
    assert solve(4096, 2)[0].layer.text == "conv 2048 s2048"
    assert solve(4, 4096, kind="convt")


def test_halvings_are_those_of_torch():
    sizes, pixels = inverse.halvings(200, 7), torch.empty(1, 1, 200, 200, device="meta")
    halve = nn.Conv2d(1, 1, 3, 2, 1, device="meta")
    for side in sizes[1:]:
        pixels = halve(pixels)
        assert pixels.shape[-1] == side
    assert sizes[-1] == 7
    assert inverse.halvings(7, 7) is None
