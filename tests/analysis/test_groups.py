"""Which channels reach which in grouped convolutions, against the gradient."""

import numpy as np
import pytest
import torch
import torchvision
from torch import nn

from cvcore.analysis.inside.activations import trace_steps
from cvcore.analysis.inside.groups import grouped_layers, reach


def reached_by_gradient(conv: nn.Conv2d) -> np.ndarray:
    """bool [outputs, inputs]: whether an output channel has a gradient with respect to an input channel."""
    with torch.no_grad():
        conv.weight.abs_().add_(0.1)  # no weight that happens to be 0
    side = max(conv.kernel_size) * 2
    image = torch.ones(1, conv.in_channels, side, side, requires_grad=True)
    output = conv(image)
    rows = [torch.autograd.grad(output[0, o].sum(), image, retain_graph=True)[0] for o in range(conv.out_channels)]
    return np.stack([row.abs().sum((0, 2, 3)).numpy() > 0 for row in rows])


class TestGroups:
    @pytest.mark.parametrize(
        ("inputs", "outputs", "groups"), [(8, 8, 2), (6, 12, 3), (12, 6, 3), (5, 5, 5), (4, 12, 4)]
    )
    def test_reach_is_what_the_gradient_says(self, inputs, outputs, groups):
        conv = nn.Conv2d(inputs, outputs, 3, groups=groups, stride=2, padding=1)
        model = nn.Sequential(conv)
        layer = grouped_layers(model, trace_steps(model, (inputs, 8, 8)))[0]
        expected = reached_by_gradient(conv)
        assert np.array_equal(reach(layer), expected)
        for output in range(outputs):
            assert list(layer.inputs_of(output)) == np.flatnonzero(expected[output]).tolist()
        assert layer.weights == conv.weight.numel()
        assert layer.weights_ungrouped == nn.Conv2d(inputs, outputs, 3, groups=1).weight.numel()
        assert layer.is_depthwise == (groups == inputs)

    def test_published_networks(self):
        counts = {}
        for name in ("resnext50_32x4d", "mobilenet_v2", "alexnet"):
            with torch.device("meta"):
                model = torchvision.models.get_model(name)
            counts[name] = grouped_layers(model, trace_steps(model, (3, 224, 224)))
        assert len(counts["resnext50_32x4d"]) == 3 + 4 + 6 + 3 and {g.groups for g in counts["resnext50_32x4d"]} == {32}
        assert len(counts["mobilenet_v2"]) == 17 and all(g.is_depthwise for g in counts["mobilenet_v2"])
        assert counts["alexnet"] == ()

    def test_a_layer_of_a_network_by_gradient(self):
        model = torchvision.models.mobilenet_v2(width_mult=0.25)
        layer = grouped_layers(model, trace_steps(model, (3, 32, 32)))[1]
        assert np.array_equal(reach(layer), reached_by_gradient(model.get_submodule(layer.name)))
