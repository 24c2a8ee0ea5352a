"""Receptive fields against published figures, hand calculations and the recurrences' own source."""

import json
import random

import pytest
import torch
import torchvision
from torch import nn

from cvcore.analysis.receptive_field import fields, fields_of_module
from cvcore.analysis.summary import summarize_module
from cvcore.errors import ModelError
from tests.analysis.seen_pixels import extents, one, seen

THEIRS = torchvision.models.list_models(module=torchvision.models)
# size and stride: Araujo, Norris and Sim, Distill 2019, for the networks that are the same there and in torchvision;
# resnet18, resnet50 with the stride where torchvision has it, see test_strides_placed_as_in_tf_slim
PUBLISHED = {
    "alexnet": (195, 32),
    "vgg11": (150, 32),
    "vgg16": (212, 32),
    "resnet18": (435, 32),
    "resnet50": (427, 32),
    "mobilenet_v2": (491, 32),
    "inception_v3": (1311, 32),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_sizes_and_strides(name):
    last = fields(f"torchvision:{name}").last_local
    size, stride = PUBLISHED[name]
    assert (last.size, last.stride) == ((size, size), (stride, stride))


def test_alexnet_by_hand():
    """k s p of its layers: 11 4 2, pool 3 2, 5 1 2, pool 3 2, 3 1 1 three times, pool 3 2."""
    expected, size, jump, start = [], 1, 1, 0
    for kernel, stride, padding in [(11, 4, 2), (3, 2, 0), (5, 1, 2), (3, 2, 0), *[(3, 1, 1)] * 3, (3, 2, 0)]:
        start -= padding * jump
        size += (kernel - 1) * jump
        jump *= stride
        expected.append(((size, size), (jump, jump), (-start, -start)))
    found = [layer for layer in fields("torchvision:alexnet").layers if layer.type in ("Conv2d", "MaxPool2d")]
    assert [(layer.size, layer.stride, layer.padding) for layer in found] == expected
    assert [layer.size[0] for layer in found] == [11, 19, 51, 67, 99, 131, 163, 195]
    assert fields("torchvision:alexnet").last_local.name == "features.12"


def test_rows_are_those_of_the_summary():
    def build():
        return torchvision.models.resnet18()

    summary = summarize_module("resnet18", build, (3, 224, 224))
    found = fields_of_module("resnet18", build, (3, 224, 224))
    assert [(layer.name, layer.type) for layer in found.layers] == [(each.name, each.type) for each in summary.layers]
    maps = [(layer.output, each.output[1:]) for layer, each in zip(found.layers, summary.layers, strict=True)]
    assert all(ours == theirs for ours, theirs in maps)


def test_height_and_width_apart():
    found = one(nn.Conv2d(1, 1, (3, 5), stride=(1, 2), padding=(1, 0), dilation=(1, 2)))
    # width: 5 values, 2 apart: (5 − 1) · 2 + 1 = 9
    assert (found.size, found.stride, found.padding, found.output) == ((3, 9), (1, 2), (1, 0), (32, 12))


def test_dilation_and_pooling_in_a_chain():
    net = nn.Sequential(nn.Conv2d(1, 4, 3, dilation=2), nn.MaxPool2d(2, ceil_mode=True), nn.Conv2d(4, 4, 3, padding=1))
    found = fields_of_module("typed", net, (1, 32, 32)).layers
    assert [(layer.size[0], layer.stride[0], layer.padding[0]) for layer in found] == [(5, 1, 0), (6, 2, 0), (10, 2, 2)]


class Branches(nn.Module):
    """Two branches that meet in the way that is asked for."""

    def __init__(self, one: nn.Module, other: nn.Module, how: str):
        super().__init__()
        self.one, self.other, self.how, self.last = one, other, how, nn.Identity()

    def forward(self, x):
        a, b = self.one(x), self.other(x)
        join = {"add": torch.add, "mul": torch.mul, "cat": lambda a, b: torch.cat([a, b], 1)}
        join["stack"] = lambda a, b: torch.stack([a, b]).mean(0)
        return self.last(join[self.how](a, b))


@pytest.mark.parametrize("how", ["add", "mul", "cat", "stack"])
def test_the_larger_branch_counts(how):
    net = Branches(nn.Conv2d(1, 1, 7, padding=3), nn.Conv2d(1, 1, 3, padding=1), how)
    assert (one(net).size, one(net).padding, one(net).note) == ((7, 7), (3, 3), "")


def test_branches_out_of_line_see_their_union_and_say_so():
    # output 0 sees pixels −2 … 0 of one branch and 0 … 2 of the other: −2 … 2, five pixels, centres 2 px apart
    up, down = (nn.Sequential(nn.ZeroPad2d(pads), nn.Conv2d(1, 1, 3)) for pads in ((2, 0, 2, 0), (0, 2, 0, 2)))
    found = one(Branches(up, down, "add"))
    assert (found.size, found.padding, found.status) == ((5, 5), (2, 2), "local")
    assert found.note == "branches out of line by up to 2 px: all that they see together"


def test_branches_of_different_strides_are_not_guessed():
    wide = nn.Sequential(nn.Conv2d(1, 1, 1, stride=2), nn.Upsample(scale_factor=2))
    found = one(Branches(nn.MaxPool2d(2), nn.Sequential(nn.Conv2d(1, 1, 17)), "add"))
    assert (found.status, found.size) == ("unavailable", None)
    assert found.note == "branches of different strides meet, 2 and 1 px"
    assert one(wide).stride == (1, 1)


class Gated(nn.Module):
    """Squeeze-and-excitation between two convolutions."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 8, 3, padding=1)
        self.gate = torchvision.ops.SqueezeExcitation(8, 2)
        self.second = nn.Conv2d(8, 8, 3, padding=1)

    def forward(self, x):
        return self.second(self.gate(self.first(x)))


def test_squeeze_and_excitation_is_global_beside_its_local_path():
    found = fields_of_module("typed", Gated(), (1, 16, 16))
    last = found.layers[-1]
    assert (last.status, last.note) == ("global", "global, through squeeze-and-excitation")
    assert (last.size, last.stride, last.padding, last.output) == ((5, 5), (1, 1), (2, 2), (16, 16))
    assert found.layers[0].status == "local"
    assert found.last_local.name == "second"


@pytest.mark.parametrize(
    ("layer", "note"),
    [
        (nn.AdaptiveAvgPool2d(1), "global, through global average pooling"),
        (nn.AdaptiveMaxPool2d(1), "global, through global max pooling"),
        (nn.Flatten(), "global, through flatten"),
        (nn.GroupNorm(2, 4), "global, through group normalisation"),
        (nn.InstanceNorm2d(4), "global, through normalisation by the map's own statistics"),
        (nn.LayerNorm([4, 8, 8]), "global, through layer normalisation over the map"),
    ],
)
def test_what_sees_the_whole_image(layer, note):
    net = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), layer)
    found = one(net, (1, 8, 8))
    assert (found.status, found.note) == ("global", note)
    kept = isinstance(layer, nn.GroupNorm | nn.InstanceNorm2d | nn.LayerNorm)
    assert found.size == ((3, 3) if kept else None)


ACTIVATIONS = [nn.ReLU(True), nn.ReLU6(), nn.LeakyReLU(), nn.ELU(), nn.SELU(), nn.CELU(), nn.GELU(), nn.SiLU(True)]
ACTIVATIONS += [nn.Mish(), nn.Hardtanh(), nn.Hardsigmoid(), nn.Sigmoid(), nn.Tanh(), nn.Softplus(), nn.Softsign()]
ACTIVATIONS += [nn.LogSigmoid(), nn.Tanhshrink(), nn.Softshrink(), nn.Hardshrink(), nn.Threshold(0, 0), nn.RReLU()]
ACTIVATIONS += [nn.Dropout2d(), nn.AlphaDropout(), nn.Identity(), nn.LocalResponseNorm(3), nn.LogSoftmax(1)]
ACTIVATIONS += [nn.BatchNorm2d(4), nn.Dropout(), nn.Hardswish(True), nn.PReLU(), nn.Softmax(1)]
ACTIVATIONS += [nn.ChannelShuffle(2), nn.GLU(1)]


@pytest.mark.parametrize("layer", ACTIVATIONS, ids=str)
def test_what_stays_at_its_place(layer):
    found = one(nn.Sequential(nn.Conv2d(1, 4, 3), layer), (1, 8, 8))
    assert (found.size, found.status, found.note) == ((3, 3), "local", "")


def test_adaptive_pooling_to_several_windows_is_local():
    net = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.AdaptiveAvgPool2d(4))
    even, uneven = one(net, (1, 8, 8)), one(net, (1, 10, 10))
    assert (even.size, even.stride, even.note) == ((4, 4), (2, 2), "")
    # ten positions to four: windows 0–2, 2–4, 5–7, 7–9, which 2.5·i − 0.5 … 2.5·i + 2 holds; 2.5 + 1 + (3 − 1) ≤ 6
    assert (uneven.size, uneven.stride, uneven.padding, uneven.status) == ((6, 6), (2.5, 2.5), (1.5, 1.5), "local")
    assert uneven.note == "at most: windows of differing size or spacing"


def test_transposed_convolution_has_a_fractional_stride():
    net = nn.Sequential(nn.Conv2d(1, 1, 2, stride=2), nn.ConvTranspose2d(1, 1, 2, stride=2), nn.Conv2d(1, 1, 1))
    found = fields_of_module("typed", net, (1, 16, 16)).layers
    assert (found[1].stride, found[1].status) == ((1, 1), "local")
    assert "at most" in found[1].note


def test_channel_shuffle_and_channels_last_keep_rows_and_columns():
    class Moves(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3, stride=2)
            self.norm, self.mix, self.last = nn.LayerNorm(4), nn.Linear(4, 4), nn.Identity()

        def forward(self, x):
            x = self.one(x).view(1, 2, 2, 14, 14).transpose(1, 2).reshape(1, 4, 14, 14)
            x = self.mix(self.norm(self.two(x).permute(0, 2, 3, 1)))
            return self.last(x.permute(0, 3, 1, 2)[:, :, 1:, 1:])

    found = one(Moves(), (1, 16, 16))
    # the slice drops the first output, so that output 0 begins one stride further in
    assert (found.size, found.stride, found.padding, found.output) == ((5, 5), (2, 2), (-2, -2), (5, 5))


def test_attention_is_global_and_windows_of_it_are_not_guessed():
    vit = fields("torchvision:vit_b_16")
    assert (vit.last_local.name, vit.last_local.size, vit.last_local.stride) == ("conv_proj", (16, 16), (16, 16))
    attention = next(layer for layer in vit.layers if layer.type == "MultiheadAttention")
    assert (attention.status, attention.note) == ("global", "global, through attention")
    swin = fields("torchvision:swin_t")
    assert {layer.status for layer in swin.layers} == {"local", "unavailable", "global"}
    first = next(layer for layer in swin.layers if layer.status == "unavailable")
    assert first.note.startswith("window attention")


def test_a_module_that_runs_twice_has_two_rows():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 1, 3)

        def forward(self, x):
            return self.conv(self.conv(x))

    found = fields_of_module("typed", Twice(), (1, 9, 9)).layers
    assert [(layer.name, layer.size) for layer in found] == [("conv", (3, 3)), ("conv", (5, 5))]


def test_a_path_that_depends_on_values_is_unavailable_with_a_reason():
    class Fickle(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 1, 3)

        def forward(self, x):
            return self.conv(x) if x.sum() > 0 else x

    found = fields_of_module("typed", Fickle(), (1, 9, 9))
    assert "the values in the image decide" in found.reason
    assert [(layer.name, layer.status, layer.size) for layer in found.layers] == [("conv", "unavailable", None)]
    assert found.last_local is None


def test_writing_into_a_part_of_a_tensor_is_unavailable_with_a_reason():
    class Writes(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.last = nn.Conv2d(1, 2, 3, padding=1), nn.Identity()

        def forward(self, x):
            y = self.conv(x)
            y[:, :1] += x
            return self.last(y)

    conv, last = fields_of_module("typed", Writes(), (1, 9, 9)).layers
    assert (conv.status, conv.size) == ("local", (3, 3))
    assert (last.status, last.size) == ("unavailable", None)
    assert "overwrites a part" in last.note


def test_layers_before_a_circular_padding_are_told():
    """It copies both borders into a larger tensor: the layer that does so wraps around, those before it do not."""
    wraps = nn.Conv2d(4, 4, 3, padding=1, padding_mode="circular")
    net = nn.Sequential(nn.Conv2d(1, 4, 5), nn.MaxPool2d(2), wraps, nn.ReLU(), nn.AdaptiveAvgPool2d(1))
    found = fields_of_module("typed", net, (1, 12, 12))
    assert [layer.size for layer in found.layers] == [(5, 5), (6, 6), None, None, None]
    assert [layer.status for layer in found.layers] == ["local", "local", *["unavailable"] * 3]
    assert [layer.output for layer in found.layers] == [(8, 8), (4, 4), (4, 4), (4, 4), (1, 1)]
    assert "layer 2 overwrites a part of a tensor" in found.layers[2].note
    assert found.last_local.name == "1"
    assert extents(seen(net[:3]), 0)[0] == (0, 0, 11)  # the first row sees the last ones


def test_a_part_taken_before_the_whole_was_overwritten_is_not_trusted():
    class Stale(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.last = nn.Conv2d(1, 2, 3, padding=1), nn.Identity()

        def forward(self, x):
            y = self.conv(x)
            early = y[:, :, 1:]
            y[:, :, 1:] = x.expand(1, 2, 9, 9)[:, :, :8]
            return self.last(early)

    assert one(Stale(), (1, 9, 9)).status == "unavailable"


def test_a_path_that_depends_on_the_size_is_followed():
    class Sized(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 1, 3)

        def forward(self, x):
            return self.conv(x) if x.shape[2] > 4 else x

    assert one(Sized(), (1, 9, 9)).size == (3, 3)


def test_an_operation_that_is_not_covered_is_unavailable_with_its_name():
    class Flipped(nn.Module):
        def __init__(self):
            super().__init__()
            self.last = nn.Identity()

        def forward(self, x):
            return self.last(x.flip(3))

    found = one(Flipped())
    assert (found.status, found.note) == ("unavailable", "the recurrences do not cover the operation flip")


def test_strides_placed_as_in_tf_slim():
    """The same ResNet-50 with the stride in the last 3×3 of a stage's units, 483, and in the first, 427."""

    def net(placement: str) -> nn.Sequential:
        layers = [nn.Conv2d(1, 1, 7, 2, 3), nn.MaxPool2d(3, 2, 1)]
        for stage, units in enumerate((3, 4, 6, 3)):
            for unit in range(units):
                torchvisions = stage > 0 and unit == 0
                slims = stage < 3 and unit == units - 1
                stride = 2 if (torchvisions if placement == "torchvision" else slims) else 1
                layers += [nn.Conv2d(1, 1, 1), nn.Conv2d(1, 1, 3, stride, 1), nn.Conv2d(1, 1, 1)]
        return nn.Sequential(*layers)

    found = {way: fields_of_module("typed", net(way), (1, 512, 512)).last_local for way in ("torchvision", "slim")}
    assert (found["torchvision"].size, found["slim"].size) == ((427, 427), (483, 483))
    assert found["torchvision"].stride == found["slim"].stride == (32, 32)


def test_json_holds_what_the_command_line_promises():
    told = json.loads(json.dumps(fields("lenet5").to_json()))
    assert (told["model"], told["input"]) == ("lenet5", [1, 28, 28])
    assert {"name", "type", "output", "size", "stride", "padding", "status"} <= set(told["layers"][0])
    assert told["layers"][0]["size"] == [5, 5]
    assert {"name", "size", "stride", "padding"} <= set(told["last_local"])
    assert json.loads(json.dumps(fields("mlp").to_json()))["last_local"] is None


def test_images_that_do_not_fit_are_one_line():
    with pytest.raises(ModelError, match=r"alexnet.* does not fit 3×16×16 images"):
        fields("torchvision:alexnet", (3, 16, 16))
    with pytest.raises(ModelError, match="unknown model"):
        fields("no-such-network")


HARD = ["swin_v2_t", "maxvit_t", "convnext_tiny", "googlenet", "efficientnet_b0", "shufflenet_v2_x1_0", "squeezenet1_1"]
HARD += ["mobilenet_v3_small", "regnet_y_400mf", "mnasnet0_5"]
SAMPLE = HARD + random.Random(0).sample(sorted(set(THEIRS) - set(HARD)), 2)


@pytest.mark.parametrize("name", SAMPLE)
def test_torchvision_classifiers_have_an_answer(name):
    assert_answers(name)


@pytest.mark.sweep
@pytest.mark.parametrize("name", sorted(set(THEIRS) - set(SAMPLE)))
def test_all_other_torchvision_classifiers_have_an_answer(name):
    assert_answers(name)


def assert_answers(name):
    found = fields(f"torchvision:{name}")
    assert not found.reason
    assert found.last_local is not None
    for layer in found.layers:
        assert layer.status == "local" or layer.note
        if layer.status == "local":
            assert min(layer.size) >= 1
    assert found.layers[-1].status == "global"  # a classifier's answer hangs on the whole image
