"""Output sizes and windows against torch's own layers."""

import argparse
import json
import random

import pytest
import torch
from torch import nn

from cvcore.analysis.geometry import chain
from cvcore.analysis.geometry import sizes as geometry
from cvcore.analysis.geometry.chain import PRESETS, parse, parse_size
from cvcore.analysis.geometry.layer import Layer
from cvcore.commands import geometry as command
from cvcore.errors import ConfigError

KINDS = {
    "conv": nn.Conv2d,
    "convt": nn.ConvTranspose2d,
    "maxpool": nn.MaxPool2d,
    "avgpool": nn.AvgPool2d,
    "adaptive": nn.AdaptiveAvgPool2d,
}


def torch_layer(layer: Layer, device: str = "meta", bias: bool = True) -> nn.Module:
    """The same layer of torch, with one channel, made from the layer's fields one by one."""
    if layer.kind == "adaptive":
        return nn.AdaptiveAvgPool2d(layer.kernel)
    given = {"kernel_size": layer.kernel, "stride": layer.stride, "padding": layer.padding}
    if layer.kind != "avgpool":
        given["dilation"] = layer.dilation
    if layer.kind in ("maxpool", "avgpool"):
        return KINDS[layer.kind](**given, ceil_mode=layer.ceil_mode)
    if layer.kind == "convt":
        given["output_padding"] = layer.output_padding
    return KINDS[layer.kind](1, 1, **given, bias=bias, device=device)


def some_settings(kind: str, choose: random.Random) -> dict:
    """Random settings, most of them valid, all that are not refused by torch too."""

    def pair(low: int, high: int) -> tuple[int, int]:
        return choose.randint(low, high), choose.randint(low, high)

    given: dict = {"kind": kind, "kernel": pair(1, 6)}
    if kind == "adaptive":
        return given
    given |= {"stride": pair(1, 4), "padding": pair(0, 3)}
    if kind in ("conv", "convt", "maxpool"):
        given["dilation"] = pair(1, 3)
    if kind == "conv" and choose.random() < 0.4:
        given["padding"] = choose.choice(["same", "valid"])
        given["stride"] = choose.choice([(1, 1), (1, 1), (2, 1)])
    if kind == "convt":
        given["output_padding"] = pair(0, 2)
    if kind in ("maxpool", "avgpool"):
        given["ceil_mode"] = choose.random() < 0.5
    return given


def ours(given: dict, size: tuple[int, int]) -> tuple[int, int] | None:
    try:
        return Layer(**given).output(size)
    except ConfigError as error:
        assert "\n" not in str(error)
        return None


def theirs(given: dict, size: tuple[int, int]) -> tuple[int, int] | None:
    """torch's own answer on real tensors, whose checks are complete; those of the meta device are not."""
    kind = given["kind"]
    options = {name: value for name, value in given.items() if name not in ("kind", "kernel")}
    try:
        if kind == "adaptive":
            made = nn.AdaptiveAvgPool2d(given["kernel"])
        elif kind in ("maxpool", "avgpool"):
            made = KINDS[kind](given["kernel"], **options)
        else:
            made = KINDS[kind](1, 1, given["kernel"], **options)
        with torch.no_grad():
            return tuple(made(torch.zeros(1, 1, *size)).shape[-2:])
    except (RuntimeError, ValueError):
        return None


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("kind", KINDS)
def test_sizes_and_refusals_are_those_of_torch(kind):
    choose = random.Random(kind)
    fitted = 0
    for _ in range(300):
        given, size = some_settings(kind, choose), (choose.randint(1, 20), choose.randint(1, 20))
        expected = theirs(given, size)
        assert ours(given, size) == expected, f"{given} on {size}"
        fitted += expected is not None
    assert fitted > 60  # the random settings are no trivial ones


@pytest.mark.parametrize("kind", ["maxpool", "avgpool"])
def test_ceil_mode_drops_the_window_that_would_start_in_the_far_padding(kind):
    # 3 px, window 2, stride 3, padding 1: ⌈(3 − 2 + 2)/3⌉ + 1 = 2; the second window starts at 1·3 − 1 = 2, inside
    # 2 px: ⌈(2 − 2 + 2)/3⌉ + 1 = 2; the second starts at 2, which is the padding behind the image: 1
    layer = Layer(kind, (2, 2), (3, 3), (1, 1), ceil_mode=True)
    assert layer.output((3, 2)) == (2, 1)
    assert tuple(torch_layer(layer)(torch.empty(1, 1, 3, 2, device="meta")).shape[-2:]) == (2, 1)


class TestByHand:
    def test_lenet_and_alexnet(self):
        assert geometry.output_size(28, 5, padding=2) == 28  # (28 − 5 + 4)/1 + 1
        assert geometry.output_size(224, 11, stride=4, padding=2) == 55  # (224 − 11 + 4)/4 = 54.25, + 1
        assert geometry.output_size(7, 3, dilation=2) == 3  # the kernel spans 5: 7 − 5 + 1

    def test_transposed_undoes_the_shape_of_a_convolution(self):
        # (14 − 1)·2 − 2·1 + (4 − 1) + 1 = 28; and a 4-kernel with stride 2, padding 1 takes 28 to 14
        assert geometry.transposed_size(14, 4, stride=2, padding=1) == 28
        assert geometry.output_size(28, 4, stride=2, padding=1) == 14

    def test_same_puts_the_odd_pixel_behind(self):
        assert geometry.same_padding(4) == (1, 2)
        assert geometry.same_padding(4, 2) == (3, 3)

    def test_what_no_window_reaches(self):
        assert Layer("conv", (2, 3), (2, 2)).axes[0].unseen(5) == 1  # windows at 0–1 and 2–3; 4 is left
        assert Layer("conv", (3, 3), (2, 2)).axes[0].unseen(5) == 0


def support(layer: Layer, size: int) -> list[list[int]]:
    """Which inputs (along one axis) each output depends on, by gradient, with all weights 1."""
    module = torch_layer(layer, device="cpu", bias=False)
    if list(module.parameters()):
        nn.init.ones_(module.weight)
    images = torch.ones(1, 1, size, size, requires_grad=True)
    if layer.kind == "maxpool":  # only the largest gets a gradient: let each cell be it in turn
        found = []
        outputs = layer.output((size, size))[1]
        for index in range(outputs):
            cells = []
            for cell in range(size):
                pixels = torch.zeros(1, 1, size, size)
                pixels[..., cell] = 1
                cells += [cell] if module(pixels)[0, 0, 0, index] == 1 else []
            found.append(cells)
        return found
    columns = module(images)[0, 0].sum(0)
    found = []
    for value in columns:
        (gradient,) = torch.autograd.grad(value, images, retain_graph=True)
        found.append(gradient[0, 0].abs().sum(0).nonzero().flatten().tolist())
    return found


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("kind", KINDS)
def test_windows_see_what_the_gradient_says(kind):
    choose, tried = random.Random(7), 0
    while tried < 25:
        given, size = some_settings(kind, choose), choose.randint(3, 11)
        given = {name: value[:1] * 2 if isinstance(value, tuple) else value for name, value in given.items()}
        if ours(given, (size, size)) is None:
            continue
        tried += 1
        axis = Layer(**given).axes[1]
        reads = [axis.reads(size, index) for index in range(axis.output(size))]
        assert reads == support(Layer(**given), size), f"{given} on {size}"


class TestChain:
    @pytest.mark.parametrize("name", PRESETS)
    def test_text_and_layers_are_the_same_thing(self, name):
        layers = parse(PRESETS[name][1])
        assert parse(chain.text(layers)) == layers
        assert all(stage.output for stage in chain.run(layers, PRESETS[name][0]))

    @pytest.mark.parametrize(
        ("name", "network"),
        [("AlexNet features", "alexnet"), ("VGG-16 features", "vgg16"), ("ResNet stem", "resnet18")],
    )
    def test_presets_are_torchvisions_layers(self, name, network):
        import torchvision

        with torch.device("meta"):
            model, now = torchvision.models.get_model(network), torch.empty(1, 3, 224, 224)
            modules = [*model.features, model.avgpool] if network != "resnet18" else [model.conv1, model.maxpool]
            expected = []
            for module in modules:
                now = module(now)
                if not isinstance(module, nn.ReLU):
                    expected.append(tuple(now.shape[-2:]))
        found = chain.run(parse(PRESETS[name][1]), PRESETS[name][0])
        assert [stage.output for stage in found] == expected

    def test_lenet_by_hand(self):
        sizes = [stage.output[0] for stage in chain.run(parse(PRESETS["LeNet-5"][1]), (28, 28))]
        assert sizes == [28, 14, 10, 5, 1]

    def test_what_fails_is_told_at_its_layer_and_the_rest_stays(self):
        found = chain.run(parse("conv 5; maxpool 2; conv 7; conv 3"), (14, 20))
        # 14 − 5 + 1 = 10, halved 5, too small for 7; the width, 20 − 4 = 16, halved 8, is not
        assert [stage.output for stage in found] == [(10, 16), (5, 8), None, None]
        assert found[2].error.startswith("height: a window of 7 does not fit into 5 pixels")
        assert [bool(stage.error) for stage in found] == [False, False, True, False]

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("", "at least one"),
            ("cnv 3", "did you mean conv"),
            ("conv", "kernel's size"),
            ("conv 0", "whole number from 1"),
            ("conv 3 q4", "unknown setting 'q4'"),
            ("conv 3 s1 s2", "given twice"),
            ("conv 3; conv 3 same s2", "layer 2, 'conv 3 same s2': padding 'same' works with stride 1 only"),
            ("maxpool 2 p2", "at most 1"),
            ("maxpool 2 same", "for convolutions only"),
            ("avgpool 2 d2", "has no dilation"),
            ("adaptive 7 s2", "has no stride"),
            ("convt 3 s2 o2", "at most 1"),
            ("conv 3 ceil", "has no ceil mode"),
            ("conv 9999999999", "whole number"),
            ("conv 3;" * 65, "at most 64"),
        ],
    )
    def test_bad_texts_get_one_line(self, text, told):
        with pytest.raises(ConfigError, match=r"(?s)^[^\n]+$") as caught:
            parse(text)
        assert told in str(caught.value)

    def test_random_texts_never_crash(self):
        choose = random.Random(3)
        for _ in range(500):
            text = "".join(choose.choice("conv maxpl234x;sdo-=. ceil") for _ in range(choose.randint(0, 24)))
            try:
                parse(text)
            except ConfigError as error:
                assert "\n" not in str(error)

    @pytest.mark.parametrize("text", ["", "28,", "0", "a", "28,28,3", "-4", "1e3"])
    def test_bad_sizes(self, text):
        with pytest.raises(ConfigError, match="for example 28,28"):
            parse_size(text)


def test_code_is_a_layer_of_torch():
    choose = random.Random(11)
    for _ in range(200):
        given = some_settings(choose.choice(list(KINDS)), choose)
        if ours(given, (20, 20)) is None:
            continue
        layer = Layer(**given)
        assert parse(layer.text) == [layer]
        made = eval(layer.code, {"nn": nn, "in_channels": 1, "out_channels": 1})
        assert tuple(made(torch.zeros(1, 1, 20, 20)).shape[-2:]) == layer.output((20, 20))


class TestCommand:
    def call(self, **given) -> int:
        asked = {"layers": None, "input": "28,28", "to": None, "kind": "conv", "json": True}
        asked |= {"kernel": None, "stride": None, "padding": None}
        return command.size(argparse.Namespace(**(asked | given)))

    def test_forwards(self, capsys):
        assert self.call(layers="conv 5 p2; maxpool 2") == 0
        found = json.loads(capsys.readouterr().out)
        assert found["output"] == [14, 14]
        assert [layer["output"] for layer in found["layers"]] == [[28, 28], [14, 14]]

    def test_what_fails_is_told(self):
        with pytest.raises(ConfigError, match=r"conv 15: .* does not fit into 14 pixels"):
            self.call(layers="maxpool 2; conv 15", json=False)

    def test_backwards(self, capsys):
        assert self.call(to="28", kernel=5, stride=1) == 0
        assert [layer["name"] for layer in json.loads(capsys.readouterr().out)["layers"]] == ["conv 5 p2"]

    def test_nothing_asked(self):
        with pytest.raises(ConfigError, match="give layers"):
            self.call()
