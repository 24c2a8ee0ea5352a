"""The measured field against the computed one, and the effective field against a Gaussian worked out by hand."""

from math import log, sqrt

import numpy as np
import pytest
import torch
import torchvision
from torch import nn

from cvcore.analysis.field.effect import effective_field
from cvcore.analysis.measured_field import support
from cvcore.analysis.receptive_field import Field, fields, fields_of_module
from cvcore.errors import ModelError
from cvcore.models import zoo

OWN = [spec.name for spec in zoo.own_models() if spec.name not in ("perceptron", "mlp")]  # those have no map
QUICK = ["one-conv", "two-conv", "lenet-cifar", "lenet5", "bn-cnn", "alexnet", "vgg11", "resnet18", "mobilenet_v2"]
# kernels of 1×7, a channel shuffle, branches, channels last, gates
THEIRS = ["inception_v3", "shufflenet_v2_x1_0", "squeezenet1_0", "convnext_tiny", "mobilenet_v3_small"]
THEIRS_TOO = ["alexnet", "vgg16", "vgg19_bn", "resnet18", "resnet50", "resnet101", "wide_resnet50_2", "resnext50_32x4d"]
THEIRS_TOO += ["densenet121", "densenet201", "mobilenet_v2", "mobilenet_v3_large", "regnet_x_400mf", "regnet_y_800mf"]
THEIRS_TOO += ["squeezenet1_1", "mnasnet0_5", "efficientnet_b0", "googlenet"]


def measurable(layers: tuple[Field, ...]) -> list[Field]:
    """The first run of the last layer with a local path, and of three others, a quarter of the network apart."""
    first = {layer.name: layer for layer in reversed(layers)}
    # the output of adaptive pooling is as long on a strip of any length
    rows = [layer for layer in list(first.values())[::-1] if layer.size and not layer.type.startswith("Adaptive")]
    return [rows[place] for place in sorted({len(rows) // 4, len(rows) // 2, 3 * len(rows) // 4, len(rows) - 1})]


def assert_measured_as_computed(name):
    spec = zoo.find(name)
    chosen = measurable(fields(name).layers)
    assert len(chosen) >= 2
    for axis, place in (("h", 0), ("w", 1)):
        found = support(
            lambda: zoo.build(name, spec.input, 10), [each.name for each in chosen], spec.input[0], axis=axis
        )
        for layer in chosen:
            measured = found[layer.name]
            first = measured.unit * layer.stride[place] - layer.padding[place]
            assert (measured.first, measured.size) == (first, layer.size[place]), f"{layer.name}, {axis}"


@pytest.mark.parametrize("name", [*QUICK, *(f"torchvision:{name}" for name in THEIRS)])
def test_gradients_reach_as_far_as_computed(name):
    assert_measured_as_computed(name)


@pytest.mark.sweep
@pytest.mark.parametrize(
    "name", [*(name for name in OWN if name not in QUICK), *(f"torchvision:{name}" for name in THEIRS_TOO)]
)
def test_gradients_of_all_other_networks_reach_as_far_as_computed(name):
    assert_measured_as_computed(name)


def test_a_strip_measures_what_the_whole_plane_does():
    """ResNet-18 in two dimensions with its own kernels, made positive, against the thin strips and the recurrences."""
    model = torchvision.models.resnet18().double().eval()
    for module in model.modules():
        for name, child in module.named_children():
            if isinstance(child, nn.ReLU | nn.BatchNorm2d):
                setattr(module, name, nn.Identity())
            elif isinstance(child, nn.MaxPool2d):
                setattr(module, name, nn.AvgPool2d(3, 2, 1))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.abs_()
    image = torch.ones(1, 3, 160, 160, dtype=torch.float64, requires_grad=True)
    x = model.maxpool(model.conv1(image))
    output = model.layer2(model.layer1(x))
    unit = output.shape[-1] // 2
    (gradient,) = torch.autograd.grad(output[0, :, unit, unit].sum(), image)
    seen = gradient[0].sum(dim=0).nonzero()
    first, last = seen.min(dim=0).values.tolist(), seen.max(dim=0).values.tolist()
    layer = [each for each in fields("torchvision:resnet18").layers if each.name == "layer2.1.relu"][
        -1
    ]  # it runs twice
    top, left, bottom, right = layer.box(unit, unit)
    assert (first, [each + 1 for each in last]) == ([top, left], [bottom, right])
    strip = support(torchvision.models.resnet18(), ["layer2.1"])["layer2.1"]
    assert strip.size == layer.size[1] == last[1] - first[1] + 1


def test_height_and_width_are_measured_apart():
    net = nn.Sequential(nn.Conv2d(1, 2, (3, 7), padding=(1, 3)), nn.MaxPool2d((2, 1)))
    # height: (3 − 1) + (2 − 1) + 1 = 4; width: 7
    assert [support(net, ["1"], 1, axis=axis)["1"].size for axis in ("h", "w")] == [4, 7]


@pytest.mark.parametrize("axis", ["h", "w"])
@pytest.mark.parametrize(
    ("middle", "size"),
    [
        # 3 + 2 for the pooling's second and third place, + 2 · 3 for the last convolution's, three pixels apart
        (nn.LPPool2d(2, 3), 11),
        (nn.LPPool2d(2, 3, stride=1), 7),
        # three neighbours of twice as many places: two different ones, 3 + 1
        (nn.Upsample(scale_factor=2), 4),
        (nn.Upsample(scale_factor=(2, 2), mode="nearest"), 4),
        # output 2n − 1 … 2n + 1 blend places n − 1, n, n + 1: 3 + 2
        (nn.Upsample(scale_factor=2, mode="bilinear"), 5),
    ],
    ids=str,
)
def test_power_pooling_and_enlarging_are_measured(middle, size, axis):
    net = nn.Sequential(nn.Conv2d(1, 2, 3), middle, nn.Conv2d(2, 2, 3))
    found = support(net, ["2"], 1, axis=axis)["2"]
    layer = fields_of_module("typed", net, (1, 32, 32)).layers[-1]
    assert found.size == size <= layer.size[0]
    box = layer.box(found.unit, found.unit)
    assert box[0] <= found.first and found.last < box[2]


def test_layers_that_cannot_be_measured_say_why():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.AdaptiveAvgPool2d(1))
    with pytest.raises(ModelError, match="no layer is called 'conv'"):
        support(net, ["conv"], 1)
    with pytest.raises(ModelError, match="before the global pooling"):
        support(net, ["1"], 1)
    for middle, reason in [
        (nn.Upsample(size=(9, 9)), "cannot be measured: resizing to a fixed size"),
        (nn.PixelShuffle(2), "cannot be measured: a layer before makes the strip thicker"),
        (nn.MaxPool2d(3, dilation=2), "cannot be measured: dilated pooling"),
    ]:
        with pytest.raises(ModelError, match=reason):
            support(nn.Sequential(nn.Conv2d(1, 4, 3), middle, nn.Conv2d(4, 2, 3)), ["2"], 1)


def test_the_effective_field_of_a_linear_stack_is_a_gaussian():
    """Eight 3×3 means: along each axis the sum of eight steps of −1, 0 or 1, whose variance is 8 · 2/3. A Gaussian of
    two dimensions has 95 % of its mass within √(−2 ln 0.05) ≈ 2.45 standard deviations."""
    net = nn.Sequential(*[nn.Conv2d(1, 1, 3, padding=1, bias=False) for _ in range(8)])
    for layer in net:
        nn.init.constant_(layer.weight, 1 / 9)
    found = effective_field(net, "7", (1, 41, 41), images=1)
    line = np.ones(1)
    for _ in range(8):
        line = np.convolve(line, np.ones(3) / 3)
    assert np.allclose(found.share[12:29, 12:29], np.outer(line, line), atol=1e-6)
    assert found.share.sum() == pytest.approx(1)
    assert found.centre == pytest.approx((20, 20), abs=1e-3)
    assert found.radius == pytest.approx(sqrt(-2 * log(0.05)) * sqrt(8 * 2 / 3), abs=0.6)


def test_the_effective_field_lies_inside_the_computed_one_and_is_smaller():
    model = zoo.build("bn-cnn", (3, 64, 64), 10).train()
    layer = fields("bn-cnn", (3, 64, 64)).last_local
    found = effective_field(model, layer.name, (3, 64, 64), output=layer.output)
    top, left, bottom, right = layer.box(*(side // 2 for side in layer.output))
    inside = found.share[max(top, 0) : bottom, max(left, 0) : right]
    assert inside.sum() == pytest.approx(1)
    middle = found.share[32 - 7 : 32 + 8, 32 - 7 : 32 + 8]
    assert middle.sum() > 1.5 * (15 / 29) ** 2  # were all pixels alike, these 15 × 15 of 29 × 29 had so much
    assert found.radius < layer.size[0] / 2**0.5
    assert model.training and all(module.training for module in model.modules())
    assert all(parameter.grad is None for parameter in model.parameters())
    again = effective_field(model, layer.name, (3, 64, 64), output=layer.output)
    assert np.array_equal(found.share, again.share)


def test_channels_that_come_last_are_told_apart():
    class Last(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.mix = nn.Conv2d(1, 5, 3, padding=1), nn.Linear(5, 6)

        def forward(self, x):
            return self.mix(self.conv(x).permute(0, 2, 3, 1))

    layer = fields_of_module("typed", Last(), (1, 9, 9)).layers[-1]
    assert layer.output == (9, 9)
    found = effective_field(Last(), "mix", (1, 9, 9), output=layer.output)
    assert found.share[3:6, 3:6].sum() == pytest.approx(1)


def test_effective_fields_that_cannot_be_taken_say_why():
    model = zoo.build("lenet5", (1, 28, 28), 10)
    with pytest.raises(ModelError, match="no layer is called"):
        effective_field(model, "nope", (1, 28, 28))
    with pytest.raises(ModelError, match="no map with rows and columns"):
        effective_field(model, "head", (1, 28, 28))
    with pytest.raises(ModelError, match="does not take 3×28×28"):
        effective_field(model, "conv1", (3, 28, 28))
