"""The pre-activation ResNet, which torchvision does not have, and the residual networks for small images."""

import math
from functools import cache

import pytest
import torch
from torch import nn

from cvcore.models import zoo
from cvcore.models.resnet_v2 import PreActivationBottleneck
from tests.models.meta import IMAGE, on_meta, parameters, shapes

WITH_TWIN = ["resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "resnet50-v2", "resnext50_32x4d"]


@cache
def layer_sizes(name, image):
    """Height of what each direct child of the network returns, for those that return maps."""
    model, sizes = on_meta(name, image).eval(), {}
    for child, module in model.named_children():
        module.register_forward_hook(lambda m, i, output, child=child: sizes.update({child: tuple(output.shape[1:])}))
    with torch.no_grad():
        model(torch.empty(1, *image, device="meta"))
    return sizes


class TestPreActivation:
    def test_counts_are_those_that_keras_and_tf_slim_publish(self):
        model = on_meta("resnet50-v2")
        assert parameters(model) == 25_568_360
        statistics = [buffer for name, buffer in model.named_buffers() if "running" in name]
        assert sum(buffer.numel() for buffer in statistics) == 45_440  # Keras: "non-trainable params"

    def test_the_last_block_of_a_stage_has_the_stride(self):
        # tf-slim: 224 → 112 → 56 before the stages, then 28, 14, 7, 7 after them
        sizes = layer_sizes("resnet50-v2", IMAGE)
        assert [sizes[f"layer{n}"] for n in (1, 2, 3, 4)] == [(256, 28, 28), (512, 14, 14), (1024, 7, 7), (2048, 7, 7)]
        blocks = on_meta("resnet50-v2").layer1
        assert [block.conv2.stride for block in blocks] == [(1, 1), (1, 1), (2, 2)]

    @pytest.mark.parametrize(("stride", "shown"), [(1, slice(None)), (2, slice(None, None, 2))])
    def test_nothing_happens_on_the_shortcut(self, stride, shown):
        block = PreActivationBottleneck(8, 2, stride).eval()
        nn.init.zeros_(block.conv3.weight)
        nn.init.zeros_(block.conv3.bias)
        images = torch.randn(2, 8, 6, 6)
        assert torch.equal(block(images), images[:, :, shown, shown])

    def test_a_projection_shares_the_first_activation(self):
        block = PreActivationBottleneck(4, 2, 1).eval()
        nn.init.zeros_(block.conv3.weight)
        nn.init.zeros_(block.conv3.bias)
        images = torch.randn(2, 4, 3, 3)
        activated = (images / math.sqrt(1 + 1e-5)).relu()  # a fresh BatchNorm: mean 0, variance 1
        expected = torch.einsum("oi,nihw->nohw", block.project.weight[:, :, 0, 0], activated)
        torch.testing.assert_close(block(images), expected + block.project.bias[:, None, None])

    def test_starts_as_the_paper_on_rectifiers_says(self):
        torch.manual_seed(0)
        layer = zoo.build("resnet50-v2", (3, 32, 32), 10).layer3[1].conv2
        assert layer.weight.std().item() == pytest.approx(math.sqrt(2 / (256 * 9)), rel=0.01)  # fan out: 256·3·3


class TestSmallImages:
    def test_each_residual_network_has_a_twin(self):
        named = {spec.name: spec.small_stem for spec in zoo.own_models() if spec.small_stem}
        assert named == {name: f"{name}-small" for name in WITH_TWIN}

    @pytest.mark.parametrize("name", WITH_TWIN)
    def test_only_the_first_layer_differs(self, name):
        twin = zoo.find(name).small_stem
        spec = zoo.find(twin)
        assert (spec.input, spec.default_classes, spec.small_stem) == ((3, 32, 32), 10, None)
        large, small = shapes(on_meta(name)), shapes(on_meta(twin))
        assert (large.pop("conv1.weight"), small.pop("conv1.weight")) == ((64, 3, 7, 7), (64, 3, 3, 3))
        assert large == small

    @pytest.mark.parametrize("name", ["resnet18", "resnet50", "resnet50-v2", "resnext50_32x4d"])
    def test_the_first_stage_works_on_all_pixels(self, name):
        before = {"conv1": 32, "maxpool": 32}
        # the pre-activation network has its strides at the ends of its stages
        stages = [16, 8, 4, 4] if name == "resnet50-v2" else [32, 16, 8, 4]
        expected = before | {f"layer{n}": size for n, size in enumerate(stages, start=1)}
        sizes = layer_sizes(f"{name}-small", (3, 32, 32))
        assert {layer: sizes[layer][1] for layer in expected} == expected
        usual = layer_sizes(name, (3, 32, 32))
        assert usual["conv1"][1] == 16 and usual["maxpool"][1] == 8

    def test_counts_by_hand(self):
        # ResNet-18 with 64 first filters of 3×3×3 instead of 7×7×3, and 10 classes of 513 weights instead of 1000
        expected = 11_689_512 - 64 * 3 * (49 - 9) - 990 * 513
        assert expected == 11_173_962
        assert parameters(on_meta("resnet18-small", (3, 32, 32), 10)) == expected

    def test_it_learns(self):
        torch.manual_seed(0)
        model = zoo.build("resnet18-small", (3, 16, 16), 4).train()
        images, labels = torch.rand(4, 3, 16, 16), torch.arange(4)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
        losses = []
        for _ in range(6):
            loss = nn.functional.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        assert losses[-1] < losses[0] / 2
