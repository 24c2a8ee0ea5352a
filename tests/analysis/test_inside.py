"""Feature maps, filters and single steps, against calculations by hand and PyTorch's own functions."""

import copy
import gc
import weakref

import numpy as np
import pytest
import torch
import torchvision
from torch import nn
from torch.nn import functional as F

from cvcore.analysis.inside import anatomy as inside
from cvcore.analysis.inside.activations import as_maps, find_step, nearest, observe, trace_steps
from cvcore.analysis.inside.effects import effect
from cvcore.errors import ModelError


def small(**changes) -> nn.Sequential:
    torch.manual_seed(0)
    layers = {
        "conv": nn.Conv2d(3, 4, 3, padding=1),
        "bn": nn.BatchNorm2d(4),
        "relu": nn.ReLU(inplace=True),
        "pool": nn.MaxPool2d(2),
        "drop": nn.Dropout(0.25),
        "flatten": nn.Flatten(),
        "head": nn.Linear(64, 5),
    }
    model = nn.Sequential()
    for name, layer in (layers | changes).items():
        model.add_module(name, layer)
    return model


def images(count: int = 6, side: int = 8) -> torch.Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(1))


def theirs(name: str, **options) -> nn.Module:
    with torch.device("meta"):
        return torchvision.models.get_model(name, **options)


class TestSteps:
    def test_in_running_order_with_shapes_and_kinds(self):
        steps = trace_steps(small(), (3, 8, 8))
        assert [step.key for step in steps] == ["conv", "bn", "relu", "pool", "drop", "flatten", "head"]
        assert [step.kind for step in steps] == ["", "batchnorm", "activation", "pooling", "dropout", "", ""]
        assert [step.maps for step in steps][2:] == [(4, 8, 8), (4, 4, 4), (4, 4, 4), (64, 1, 1), (5, 1, 1)]

    def test_a_module_that_runs_again_has_a_number(self):
        keys = [step.key for step in trace_steps(theirs("resnet18"), (3, 64, 64))]
        assert keys[4:10] == [
            *("layer1.0.conv1", "layer1.0.bn1", "layer1.0.relu"),
            *("layer1.0.conv2", "layer1.0.bn2", "layer1.0.relu#2"),
        ]
        assert len(keys) == len(set(keys)) == 52 + 8  # its leaf modules, and in each of 8 blocks the ReLU runs twice

    def test_channels_that_come_last(self):
        steps = trace_steps(theirs("convnext_tiny"), (3, 64, 64))
        shown = {step.key: step.maps for step in steps}
        # LayerNorm, Linear, GELU and Linear of a block work on 16×16×C; 96 channels, four times as many inside
        assert [shown[f"features.1.0.block.{place}"] for place in (0, 2, 3, 4, 5)] == [
            *((96, 16, 16), (96, 16, 16), (384, 16, 16), (384, 16, 16), (96, 16, 16))
        ]

    def test_tokens_become_squares(self):
        step = find_step(trace_steps(theirs("vit_b_32"), (3, 224, 224)), "encoder.layers.encoder_layer_0.ln_1")
        assert step.output == (50, 768)  # 7·7 patches of 32 pixels and the class token
        tokens = torch.arange(50.0)[None, :, None].expand(1, 50, 768)
        assert as_maps(tokens, step)[0, 5].tolist() == torch.arange(1.0, 50).view(7, 7).tolist()

    def test_the_nearest_of_a_kind(self):
        steps = trace_steps(small(), (3, 8, 8))
        by_key = {step.key: step for step in steps}
        assert nearest(steps, by_key["conv"], lambda step: step.kind == "dropout") == by_key["drop"]
        assert nearest(steps, by_key["relu"], lambda step: step.kind == "activation") == by_key["relu"]
        assert nearest(steps, by_key["relu"], lambda step: step.kind in ("batchnorm", "pooling")) == by_key["pool"]
        assert nearest(steps, by_key["relu"], lambda step: step.kind == "none") is None

    def test_errors_in_one_line(self):
        with pytest.raises(ModelError, match="did you mean pool"):
            find_step(trace_steps(small(), (3, 8, 8)), "poool")
        with pytest.raises(ModelError, match="does not take 3×9×9 images"):
            trace_steps(small(pool=nn.Identity()), (3, 9, 9))


class TestObserve:
    @pytest.mark.parametrize("key", ["conv", "bn", "relu", "pool", "drop", "head"])
    def test_what_enters_and_leaves(self, key):
        model = small().eval()
        step = find_step(trace_steps(model, (3, 8, 8)), key)
        seen = observe(model, images(), step)
        place = [name for name, _ in model.named_children()].index(key)
        with torch.no_grad():
            # the layers in front, each on a copy: the in-place ReLU must not have changed what came out of bn
            before = copy.deepcopy(model)[:place](images())
            assert torch.equal(seen.before, before)
            assert torch.equal(seen.after, model[place](before.clone()))

    def test_the_second_run_of_a_module(self):
        torch.manual_seed(0)
        model = torchvision.models.resnet18().eval()
        batch = images(1, 32)
        steps = trace_steps(model, (3, 32, 32))
        seen = observe(model, batch, find_step(steps, "layer1.0.relu#2"))
        with torch.no_grad():
            stem = model.maxpool(model.relu(model.bn1(model.conv1(batch))))
            assert torch.equal(seen.after, model.layer1[0](stem))

    def test_modes_and_hooks_are_given_back(self):
        model = small().train()
        model.bn.eval()
        step = trace_steps(model, (3, 8, 8))[3]
        observe(model, images(), step)
        with pytest.raises(ModelError):
            observe(model, torch.rand(1, 2, 8, 8), step)
        assert model.training and model.relu.training and not model.bn.training
        assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())

    def test_the_weights_are_freed_at_once(self):
        model = small()
        weights = weakref.ref(model.conv.weight)
        gc.disable()  # so that only what nobody refers to goes, without a search for circles
        try:
            for step in trace_steps(model, (3, 8, 8)):
                observe(model, images(), step)
                effect(model, step, images())
            del model
            assert weights() is None
        finally:
            gc.enable()


class TestMaps:
    maps = np.array([[[0, 0], [0, 1]], [[-3, 1], [0, 2]], [[0, 0], [0, -1]]], dtype=np.float32)

    def test_figures_by_hand(self):
        found = inside.figures(self.maps[1])
        assert (found.low, found.high, found.mean, found.zeros, found.count) == (-3, 2, 0, 0.25, 4)

    def test_values_that_are_no_numbers(self):
        found = inside.figures(np.array([np.nan, np.inf, 2.0, 4.0]))
        assert (found.low, found.high, found.mean) == (2, 4, 3)

    def test_strongest_first(self):
        # mean absolute values 1/4, 6/4, 1/4: the equals stay in order
        assert inside.strongest_first(self.maps).tolist() == [1, 0, 2]
        assert inside.strength(self.maps).tolist() == [0.25, 1.5, 0.25]

    def test_a_histogram_with_shared_bins(self):
        edges, counts = inside.shared_histogram(np.array([0.0, 1, 1, np.nan]), np.array([[4.0, 3.5]]), bins=4)
        assert edges.tolist() == [0, 1, 2, 3, 4]
        assert [each.tolist() for each in counts] == [[1, 2, 0, 0], [0, 0, 0, 2]]


class TestFilters:
    def test_those_of_the_first_convolution(self):
        model = small()
        found = inside.first_filters(model, trace_steps(model, (3, 8, 8)), (3, 8, 8))
        assert found.name == "conv"
        assert np.array_equal(found.weights, model.conv.weight.detach().numpy())

    def test_a_linear_layer_on_the_pixels_has_filters_like_images(self):
        model = nn.Sequential(nn.Flatten(), nn.Linear(2 * 3 * 4, 5))
        weights = inside.first_filters(model, trace_steps(model, (2, 3, 4)), (2, 3, 4)).weights
        image = torch.rand(2, 3, 4)
        by_filters = (torch.from_numpy(weights) * image).sum((1, 2, 3)) + model[1].bias
        assert torch.allclose(by_filters, model(image[None])[0], atol=1e-6)

    def test_others_are_refused(self):
        model = nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 4, 3))
        with pytest.raises(ModelError, match="is 0, a BatchNorm2d"):
            inside.first_filters(model, trace_steps(model, (3, 8, 8)), (3, 8, 8))


class TestEffects:
    def found(self, key: str, model: nn.Module | None = None, **options):
        model = model or small()
        return effect(model, find_step(trace_steps(model, (3, 8, 8)), key), images(), **options)

    def test_relu_and_pooling_are_alike_in_both_modes(self):
        relu, pool = self.found("relu"), self.found("pool")
        assert relu.is_same and pool.is_same
        assert np.array_equal(relu.evaluation, np.maximum(relu.before, 0)) and relu.before.min() < 0
        assert np.array_equal(pool.evaluation, relu.evaluation.reshape(4, 4, 2, 4, 2).max((2, 4)))

    def test_batchnorm_by_its_formula(self):
        model = small()
        with torch.no_grad():
            model.bn.running_mean.copy_(torch.tensor([0.1, -0.2, 0.3, 0]))
            model.bn.running_var.copy_(torch.tensor([0.5, 1, 2, 4]))
            model.bn.weight.copy_(torch.tensor([1.0, 2, -1, 0.5]))
            model.bn.bias.copy_(torch.tensor([0.0, 1, 2, 3]))
            entering = model.conv(images()).double().numpy()
        result = self.found("bn", model)
        numbers = result.normalisation
        mean, var = entering.mean((0, 2, 3)), entering.var((0, 2, 3))
        assert numbers.values == 6 * 8 * 8
        assert numbers.batch_mean == pytest.approx(mean, abs=1e-6) and numbers.batch_var == pytest.approx(var, abs=1e-6)
        for channel in range(4):
            w, b = numbers.weight[channel], numbers.bias[channel]
            running = np.sqrt(numbers.running_var[channel] + 1e-5)
            by_running = (entering[0, channel] - numbers.running_mean[channel]) / running * w + b
            by_batch = (entering[0, channel] - mean[channel]) / np.sqrt(var[channel] + 1e-5) * w + b
            assert result.evaluation[channel] == pytest.approx(by_running, abs=1e-4)
            assert result.training[channel] == pytest.approx(by_batch, abs=1e-4)
        # momentum 0.1, and the variance with 383 instead of 384 below it
        moved = 0.9 * numbers.running_var + 0.1 * var * 384 / 383
        assert numbers.moved_var == pytest.approx(moved, abs=1e-5)

    @pytest.mark.parametrize("key", ["bn", "drop", "relu"])
    def test_nothing_changes_the_model_or_the_random_numbers(self, key):
        model = small().train()
        state, modes = copy.deepcopy(model.state_dict()), [module.training for module in model.modules()]
        generator = torch.random.get_rng_state()
        self.found(key, model)
        assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
        assert modes == [module.training for module in model.modules()]
        assert torch.equal(generator, torch.random.get_rng_state())

    def test_dropout(self):
        result = self.found("drop", seed=3)
        kept = result.training != 0
        assert result.dropping.factor == pytest.approx(4 / 3)  # 1 / (1 − 0.25)
        assert np.array_equal(result.evaluation, result.before)
        assert result.training[kept] == pytest.approx(result.before[kept] * 4 / 3)
        # PyTorch's own mask for that seed, on the whole batch as the layer sees it
        torch.manual_seed(3)
        mask = F.dropout(torch.ones(6, 4, 4, 4), 0.25, training=True)[0] == 0
        assert result.dropping.dropped == pytest.approx(mask.float().mean().item())
        assert (result.training[mask.numpy()] == 0).all()
        assert np.array_equal(result.training, self.found("drop", seed=3).training)
        assert not np.array_equal(result.training, self.found("drop", seed=4).training)

    def test_dropout_of_everything(self):
        assert self.found("drop", small(drop=nn.Dropout(1.0))).dropping.dropped == 1

    def test_a_batchnorm_without_running_statistics(self):
        result = self.found("bn", small(bn=nn.BatchNorm2d(4, track_running_stats=False, affine=False)))
        assert result.is_same and result.normalisation.running_mean is None and result.normalisation.weight is None

    def test_one_value_a_channel_has_no_variance(self):
        model = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(3))
        step = trace_steps(model.eval(), (3, 8, 8))[1]
        with pytest.raises(ModelError, match="more than 1 value per channel"):
            effect(model, step, images(1))
