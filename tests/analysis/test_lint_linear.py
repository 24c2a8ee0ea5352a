"""The lint's rule that linear layers in a row are one, against what PyTorch computes with them."""

import pytest
import torch
from torch import nn

from cvcore.analysis.lint import lint_module
from tests.analysis.lint_findings import DIGITS, found, image_head, only


def dense(*between):
    """Two fully connected layers with something between."""
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 100), *between, nn.Linear(100, 10))


@pytest.mark.parametrize(
    "between",
    [(), (nn.Dropout(0.5),), (nn.BatchNorm1d(100),), (nn.Identity(), nn.Flatten()), (nn.LeakyReLU(1.0),)],
)
def test_two_linear_layers_are_one(between):
    model = dense(*between).double().eval()
    finding = only(lint_module(model, DIGITS, 10), "no-nonlinearity")
    assert finding.level == "mistake" and finding.where == str(len(model) - 1)
    # 784·10 + 10 against 784·100 + 100 + 100·10 + 10, as the message says
    assert "7,850 parameters instead of 79,510" in finding.message
    # and the claim itself: the network is affine, f(a) + f(b) = f(a + b) + f(0)
    a, b = torch.rand(2, 3, *DIGITS, dtype=torch.float64)
    assert torch.allclose(model(a) + model(b), model(a + b) + model(0 * a))


@pytest.mark.parametrize("between", [nn.ReLU(), nn.GELU(), nn.Tanh(), nn.LayerNorm(100), nn.Softmax(dim=1)])
def test_with_a_non_linearity_they_are_two(between):
    assert "no-nonlinearity" not in found(lint_module(dense(between), DIGITS, 10))


def test_a_narrow_layer_between_is_a_matrix_of_low_rank_and_only_noted():
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 5), nn.Linear(5, 10))
    finding = only(lint_module(model, DIGITS, 10), "no-nonlinearity")
    assert finding.level == "note"
    assert "rank 5" in finding.message
    assert "3,985 instead of 7,850" in finding.message  # 784·5 + 5 + 5·10 + 10 against 784·10 + 10


@pytest.mark.parametrize(
    ("layers", "level", "says"),
    [
        # 1·32·25 + 32 = 832 against (1·16·9 + 16) + (16·32·9 + 32) = 4,800
        ((nn.Conv2d(1, 16, 3), nn.Conv2d(16, 32, 3)), "mistake", "Conv 1→32 5×5 (832 parameters instead of 4,800)"),
        # average pooling is a 2×2 convolution of stride 2: 3 + (2 − 1)·1 = 4, then + (3 − 1)·2 = 8
        ((nn.Conv2d(1, 16, 3), nn.AvgPool2d(2), nn.Conv2d(16, 32, 3)), "mistake", "Conv 1→32 8×8"),
        # 64·32·25 = 51,200 against 64·64·9 + 64·32·9 = 55,296
        ((nn.Conv2d(1, 64, 1), nn.ReLU(), nn.Conv2d(64, 64, 3), nn.Conv2d(64, 32, 3)), "mistake", "Conv 64→32 5×5"),
        # 32·32·25 = 25,600 is more than twice 32·32·9 = 9,216: two layers save parameters, and that is all
        ((nn.Conv2d(1, 32, 1), nn.ReLU(), nn.Conv2d(32, 32, 3), nn.Conv2d(32, 32, 3)), "caution", "Conv 32→32 5×5"),
        ((nn.Conv2d(1, 32, (5, 1)), nn.Conv2d(32, 32, (1, 5))), "note", "Conv 1→32 5×5"),
        ((nn.Conv2d(1, 32, 3), nn.MaxPool2d(2), nn.Conv2d(32, 32, 3)), None, ""),
        ((nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 32, 3, groups=32), nn.Conv2d(32, 32, 1)), None, ""),
    ],
)
def test_two_convolutions_are_one(layers, level, says):
    findings = lint_module(image_head(*layers), DIGITS, 10)
    assert [finding.level for finding in findings if finding.rule == "no-nonlinearity"] == ([level] if level else [])
    assert level is None or says in only(findings, "no-nonlinearity").message


@pytest.mark.parametrize(
    ("layers", "level", "says"),
    [
        # one of 1·32·25 + 32 = 832 parameters: of a stride of 1, a transposed convolution is a convolution
        ((nn.ConvTranspose2d(1, 16, 3), nn.ConvTranspose2d(16, 32, 3)), "mistake", "ConvTranspose 1→32 5×5 (832 param"),
        # of a stride of 2 in the second, a value of the first reaches (3 − 1)·2 + 3 = 7 pixels
        ((nn.ConvTranspose2d(1, 16, 3), nn.ConvTranspose2d(16, 32, 3, 2)), "mistake", "ConvTranspose 1→32 7×7"),
        ((nn.ConvTranspose2d(1, 16, 3), nn.Conv2d(16, 32, 3)), "caution", "one linear layer could not"),
        ((nn.Conv2d(1, 16, 3), nn.ConvTranspose2d(16, 32, 3)), "caution", "one linear layer could not"),
        ((nn.ConvTranspose2d(1, 16, 3), nn.ReLU(), nn.ConvTranspose2d(16, 32, 3)), None, ""),
        ((nn.Conv2d(1, 16, 3), nn.LeakyReLU(1.0), nn.Conv2d(16, 32, 3)), "mistake", "only LeakyReLU of slope 1"),
        ((nn.Conv2d(1, 16, 3), nn.LeakyReLU(0.99), nn.Conv2d(16, 32, 3)), None, ""),
        ((nn.Conv2d(1, 16, 3), nn.MaxPool2d(1), nn.Conv2d(16, 32, 3)), "mistake", "windows of one value"),
        # of a stride of 2 it leaves values out: 3 + (3 − 1)·2 = 7
        ((nn.Conv2d(1, 16, 3), nn.MaxPool2d(1, 2), nn.Conv2d(16, 32, 3)), "mistake", "Conv 1→32 7×7"),
    ],
)
def test_transposed_convolutions_and_idle_activations(layers, level, says):
    findings = lint_module(image_head(*layers), DIGITS, 10)
    assert [finding.level for finding in findings if finding.rule == "no-nonlinearity"] == ([level] if level else [])
    if level:
        assert says in only(findings, "no-nonlinearity").message
        # and the claim itself: the layers are affine, f(a) + f(b) = f(a + b) + f(0)
        chain = nn.Sequential(*layers).double()
        a, b = torch.randn(2, 1, 1, 12, 12, dtype=torch.float64)
        assert torch.allclose(chain(a) + chain(b), chain(a + b) + chain(0 * a))


@pytest.mark.parametrize("stride", [1, 2])
def test_the_window_of_two_transposed_convolutions_is_what_one_pixel_spreads_over(stride):
    layers = nn.Sequential(nn.ConvTranspose2d(1, 4, 3, 2, bias=False), nn.ConvTranspose2d(4, 4, 4, stride, bias=False))
    pixel = torch.zeros(1, 1, 9, 9)
    pixel[0, 0, 4, 4] = 1
    touched = layers(pixel)[0].abs().sum(dim=(0, 1)).nonzero()
    span = int(touched.max() - touched.min()) + 1
    model = image_head(*layers, channels=4)
    assert f"ConvTranspose 1→4 {span}×{span}" in only(lint_module(model, DIGITS, 10), "no-nonlinearity").message


def test_the_window_of_two_convolutions_is_the_one_that_a_gradient_measures():
    layers = nn.Sequential(nn.Conv2d(1, 4, 3, stride=2), nn.AvgPool2d(2), nn.Conv2d(4, 4, 3, dilation=2)).double()
    images = torch.rand(1, 1, 64, 64, dtype=torch.float64, requires_grad=True)
    layers(images)[0, 0, 3, 3].backward()
    touched = images.grad[0, 0].abs().sum(dim=1).nonzero()
    span = int(touched.max() - touched.min()) + 1
    model = nn.Sequential(*layers, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 10)).float()
    assert f"{span}×{span}" in only(lint_module(model, (1, 64, 64), 10), "no-nonlinearity").message


def test_a_convolution_read_by_a_linear_layer_is_linear():
    model = nn.Sequential(nn.Conv2d(1, 9, 5), nn.Flatten(), nn.Linear(5184, 10))
    finding = only(lint_module(model, DIGITS, 10), "no-nonlinearity")
    assert finding.level == "mistake"
    assert "7,850 parameters instead of 52,084" in finding.message  # the tutorial's count, and that of a perceptron
