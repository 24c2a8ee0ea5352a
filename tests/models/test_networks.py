"""Our networks against torchvision's own: the same names and shapes of weights, the same outputs, the same start."""

import gc
import zlib
from itertools import pairwise
from pathlib import Path

import pytest
import torch
import torchvision
from torch import nn

from cvcore.models import ours, zoo
from tests.models.meta import IMAGE, on_meta, parameters, shapes

VGGS = [f"vgg{depth}{bn}" for depth in (11, 13, 16, 19) for bn in ("", "_bn")]
RESNETS = [f"resnet{depth}" for depth in (18, 34, 50, 101, 152)]
SHARED = ["alexnet", *VGGS, *RESNETS, "resnext50_32x4d", "densenet121", "mobilenet_v2"]
# These differ from another one only in a list of numbers, and each costs seconds or half a gigabyte.
HEAVY = [name for name in VGGS if name != "vgg11_bn"] + ["resnet34", "resnet101", "resnet152"]
ONE_OF_EACH = ["bn-cnn", "alexnet", "vgg11_bn", "resnet18", "resnet50-v2", "resnext50-tutorial"]
ONE_OF_EACH += ["densenet121", "mobilenet_v2", "resnet18-small"]


def each(names):
    """The names as parameters of a test, those of heavy networks for the long run only."""
    return [pytest.param(name, marks=pytest.mark.sweep if name in HEAVY else ()) for name in names]


def theirs_on_meta(name, classes=1000):
    with torch.device("meta"):
        return torchvision.models.get_model(name, weights=None, num_classes=classes)


def first_weights(name):
    return torchvision.models.get_model_weights(name).IMAGENET1K_V1.meta


@pytest.mark.parametrize("name", SHARED)
def test_counts_and_weights_are_those_of_torchvision(name):
    model, theirs = on_meta(name), theirs_on_meta(name)
    assert parameters(model) == first_weights(name)["num_params"]
    assert list(shapes(model)) == list(shapes(theirs))
    assert shapes(model) == shapes(theirs)


@pytest.mark.parametrize("name", each(SHARED))
def test_with_torchvisions_weights_outputs_are_torchvisions(name):
    torch.manual_seed(0)
    theirs = torchvision.models.get_model(name, weights=None, num_classes=3)
    for module in theirs.modules():  # a fresh BatchNorm does nothing, which would hide where it stands
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.1)
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    model = on_meta(name, classes=3)
    model.load_state_dict(theirs.state_dict(), strict=True, assign=True)  # the same tensors, not a second set
    for size in [(64, 64), (75, 96)]:
        images = torch.rand(2, 3, *size)
        for training in (False, True):
            outputs = []
            for network in (theirs, model):
                torch.manual_seed(1)  # Dropout draws the same masks
                with torch.no_grad():
                    outputs.append(network.train(training)(images))
            torch.testing.assert_close(outputs[1], outputs[0], atol=1e-5, rtol=1e-5)
    theirs_on_meta(name, classes=3).load_state_dict(model.state_dict(), strict=True, assign=True)  # and back
    del theirs, model
    gc.collect()


@pytest.mark.parametrize("name", each(["vgg11", *RESNETS, "resnext50_32x4d", "densenet121", "mobilenet_v2"]))
def test_the_same_seed_gives_torchvisions_start(name):
    def checksums(build):
        torch.manual_seed(0)
        return {key: zlib.crc32(value.numpy()) for key, value in build().state_dict().items()}

    theirs = checksums(lambda: torchvision.models.get_model(name, weights=None, num_classes=10))
    assert checksums(lambda: zoo.build(name, IMAGE, 10)) == theirs


@pytest.mark.parametrize("name", SHARED)
def test_published_accuracy_is_that_of_torchvisions_first_weights(name):
    assert zoo.find(name).top1 == first_weights(name)["_metrics"]["ImageNet-1K"]["acc@1"]
    assert zoo.find(name).min_side == max(first_weights(name).get("min_size", (1, 1)))


def test_only_what_torchvision_has_states_an_accuracy():
    assert sorted(spec.name for spec in zoo.own_models() if spec.top1 is not None) == sorted(SHARED)


def test_accuracy_of_torchvisions_networks_is_that_of_their_default_weights():
    resnet50 = torchvision.models.ResNet50_Weights
    assert zoo.find("torchvision:resnet50").top1 == resnet50.DEFAULT.meta["_metrics"]["ImageNet-1K"]["acc@1"] == 80.858
    assert all(40 < spec.top1 < 90 for spec in zoo.torchvision_models())


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        *[(name, int(name.removeprefix("vgg").removesuffix("_bn"))) for name in VGGS],
        *[(name, int(name.removeprefix("resnet"))) for name in RESNETS],
        *[("alexnet", 8), ("densenet121", 121), ("resnet50-v2", 50), ("resnext50-tutorial", 50)],
    ],
)
def test_the_number_in_the_name_is_that_of_layers_with_weights(name, layers):
    counted = [
        path
        for path, module in on_meta(name).named_modules()
        if isinstance(module, (nn.Conv2d, nn.Linear)) and "downsample" not in path and "project" not in path
    ]
    assert len(counted) == layers


class TestTutorials:
    def test_vgg16_with_two_classes_instead_of_its_linear_layers(self):
        model = on_meta("vgg16")
        model.classifier = nn.Linear(25_088, 2, device="meta")  # 512·7·7 = 25,088 features
        model.features.requires_grad_(False)
        assert parameters(model) == 14_764_866
        assert sum(p.numel() for p in model.parameters() if p.requires_grad) == 50_178  # 25,088·2 + 2
        assert model(torch.empty(1, *IMAGE, device="meta")).shape == (1, 2)

    def test_mobilenet_v2_with_two_classes(self):
        model = on_meta("mobilenet_v2").requires_grad_(False)
        model.classifier = nn.Linear(1280, 2, device="meta")
        assert parameters(model) == 2_226_434
        assert sum(p.numel() for p in model.parameters() if p.requires_grad) == 2_562  # 1280·2 + 2

    def test_vgg16_and_alexnet_whole(self):
        assert parameters(on_meta("vgg16")) == 138_357_544
        assert parameters(on_meta("alexnet")) == 61_100_840

    def test_resnext50_as_published(self):
        spec = zoo.find("resnext50-tutorial")
        model = on_meta("resnext50-tutorial", spec.input, spec.default_classes)
        assert (spec.default_classes, parameters(model)) == (4, 37_574_724)
        # Beside torchvision's 22,988,100: a projection, n² weights and 2n of its BatchNorm, on each shortcut that was
        # an identity, and n biases in each last 1×1 convolution, at n = 256, 512, 1024 and 2048 channels.
        projections = sum(blocks * (n * n + 2 * n) for blocks, n in [(2, 256), (3, 512), (5, 1024), (2, 2048)])
        biases = 3 * 256 + 4 * 512 + 6 * 1024 + 3 * 2048
        assert parameters(model) == parameters(theirs_on_meta("resnext50_32x4d", 4)) + projections + biases
        blocks = [block for stage in (model.layer1, model.layer2, model.layer3, model.layer4) for block in stage]
        assert len(blocks) == 16 and all(block.downsample is not None for block in blocks)

    def test_resnext50_returns_logits(self):
        torch.manual_seed(0)
        logits = zoo.build("resnext50-tutorial", (3, 64, 64), 4).eval()(torch.rand(2, 3, 64, 64))
        assert not torch.allclose(logits.sum(dim=1), torch.ones(2), atol=1e-3)


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_grey_images_change_the_first_layer_only(name):
    grey, colour = on_meta(name, (1, 64, 64)), on_meta(name, (3, 64, 64))
    with torch.no_grad():
        assert grey.eval()(torch.empty(2, 1, 64, 64, device="meta")).shape == (2, 1000)
    different = [key for key, shape in shapes(grey).items() if shape != shapes(colour)[key]]
    assert len(different) == 1 and different[0] == next(iter(shapes(grey)))


@pytest.mark.parametrize("network", list(ours.own_networks()), ids=lambda network: network.spec.name)
def test_each_network_is_a_short_file_with_its_source(network):
    module = network.builder.partition(":")[0]
    text = Path(ours.__file__).with_name(f"{module.rpartition('.')[2]}.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 120
    assert "Source" in text or "Ioffe and Szegedy" in text


@pytest.mark.parametrize("name", ["resnet18", "resnext50-tutorial", "resnet50-v2", "densenet121", "mobilenet_v2"])
def test_layers_run_in_the_order_in_which_they_are_listed(name):
    model, ran = on_meta(name).eval(), []
    leaves = {path: module for path, module in model.named_modules() if not any(module.children())}
    for path, module in leaves.items():
        module.register_forward_hook(lambda *_, path=path: ran.append(path))
    with torch.no_grad():
        model(torch.empty(1, *IMAGE, device="meta"))
    assert ran == list(leaves)


def test_vgg_configurations_halve_the_map_five_times():
    for spec in zoo.own_models():
        if spec.name in VGGS:
            features = on_meta(spec.name).features
            pools = [i for i, layer in enumerate(features) if isinstance(layer, nn.MaxPool2d)]
            assert len(pools) == 5 and pools[-1] == len(features) - 1
            assert all(after - before > 1 for before, after in pairwise(pools))
