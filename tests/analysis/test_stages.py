"""Stages against the tables of the papers, and by hand on small networks."""

import pytest
from torch import nn

from cvcore.analysis.stages import stages
from cvcore.analysis.summary import summarize, summarize_module


def rolled(name, *request):
    summary = summarize(name, *request)
    return summary, stages(summary.layers, summary.input)


@pytest.mark.parametrize(
    ("name", "resolutions"),
    [
        # ResNet, table 1; VGG's five poolings; ViT's 14·14 patches and a class token; Swin, figure 3
        ("torchvision:resnet18", ["112×112", "56×56", "28×28", "14×14", "7×7", "vector"]),
        ("torchvision:vgg16", ["224×224", "112×112", "56×56", "28×28", "14×14", "7×7", "vector"]),
        ("vit_b_16", ["14×14", "197 tokens", "vector"]),
        ("swin_t", ["56×56", "28×28", "14×14", "7×7", "vector"]),
        ("mobilenet_v3_small", ["112×112", "56×56", "28×28", "14×14", "7×7", "vector"]),  # squeeze-and-excitation
        ("shufflenet_v2_x0_5", ["112×112", "56×56", "28×28", "14×14", "7×7", "vector"]),  # branches of two sizes
        ("lenet5", ["28×28", "14×14", "10×10", "5×5", "vector"]),
    ],
)
def test_resolutions_go_down_as_in_the_papers(name, resolutions):
    summary, found = rolled(name)
    assert [stage.resolution for stage in found] == resolutions
    assert_sums(summary, found)


def assert_sums(summary, found):
    assert sum(stage.params for stage in found) == summary.params
    assert sum(stage.trainable_params for stage in found) == summary.trainable_params
    assert sum(stage.mult_adds for stage in found) == summary.mult_adds
    assert sum(stage.activation_bytes for stage in found) == summary.memory.activation_bytes
    assert sorted(row for stage in found for row in stage.rows) == list(range(len(summary.layers)))


def test_parts_of_the_network_are_named():
    _, found = rolled("torchvision:resnet18")
    names = [stage.modules for stage in found]
    assert names == ["conv1, bn1, relu", "maxpool, layer1", "layer2", "layer3", "layer4", "avgpool, fc"]
    assert found[2].label == "28×28 · layer2"
    _, vgg = rolled("torchvision:vgg16")
    assert vgg[1].modules == "features.4–8"


def test_vgg16s_parameters_sit_at_its_end_and_its_memory_at_its_beginning():
    _, found = rolled("torchvision:vgg16")
    assert found[-1].params == 4096 * (25_088 + 1) + 4096 * (4096 + 1) + 1000 * (4096 + 1)
    assert found[0].activation_bytes == 4 * 2 * 64 * 224 * 224


def test_idle_parts_stand_last_and_borrowed_weights_with_their_user():
    summary, found = rolled("inception_v3")
    assert (found[-1].resolution, found[-1].modules) == ("not executed", "AuxLogits")
    assert_sums(summary, found)
    _, vit = rolled("vit_b_16")  # its projections are used by the attention around them
    assert "not executed" not in [stage.resolution for stage in vit]


def test_channels_last_on_an_image_that_is_not_square():
    _, found = rolled("swin_t", (3, 224, 112), 10)
    assert [stage.resolution for stage in found] == ["56×28", "28×14", "14×7", "7×4", "vector"]


def test_a_size_that_comes_back_is_a_new_stage():
    layers = [nn.Conv2d(1, 4, 2, stride=2), nn.Conv2d(4, 4, 1), nn.MaxPool2d(2), nn.ConvTranspose2d(4, 4, 2, stride=2)]
    summary = summarize_module("hourglass", lambda: nn.Sequential(*layers), (1, 16, 16))
    found = stages(summary.layers, summary.input)
    assert [(stage.resolution, stage.layers) for stage in found] == [("8×8", 2), ("4×4", 1), ("8×8", 1)]
