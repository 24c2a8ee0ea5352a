"""The registry, our networks and the fit of images, against the published layers and torchvision's own lists."""

import subprocess
import sys
import time

import pytest
import torch
import torchvision

from cvcore.errors import ModelError
from cvcore.models import zoo

# Counted by hand from the tutorials' layers, weights + biases, at 10 classes.
PUBLISHED = {
    "perceptron": ((1, 28, 28), 784 * 10 + 10),  # 7,850
    "mlp": ((1, 28, 28), 784 * 100 + 100 + 100 * 10 + 10),  # 79,510
    "one-conv": ((1, 28, 28), 25 * 9 + 9 + 9 * 24 * 24 * 10 + 10),  # 52,084; 28 - 5 + 1 = 24
    "two-conv": ((1, 28, 28), 25 * 10 + 10 + 250 * 20 + 20 + 20 * 4 * 4 * 10 + 10),  # 8,490; 28 → 24 → 12 → 8 → 4
    # 59,386; 32 → 28 → 14 → 10 → 5 → 1
    "lenet-cifar": (
        (3, 32, 32),
        75 * 6 + 6 + 150 * 16 + 16 + 400 * 120 + 120 + 120 * 64 + 64 + 64 * 10 + 10,
    ),
    # 61,706; 28 → 28 (padding 2) → 14 → 10 → 5 → 1
    "lenet5": ((1, 28, 28), 25 * 6 + 6 + 150 * 16 + 16 + 400 * 120 + 120 + 120 * 84 + 84 + 84 * 10 + 10),
}
OWN = [*PUBLISHED, "bn-cnn"]


def parameters(model: torch.nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def one_line(error: pytest.ExceptionInfo) -> str:
    text = str(error.value)
    assert "\n" not in text and len(text) < 400
    return text


def test_listing_our_networks_does_not_import_torch():
    code = "import sys, cvcore.models.zoo as z; z.own_models(); z.find('mlp'); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_names_of_our_networks():
    assert sorted(spec.name for spec in zoo.own_models()) == sorted(OWN)


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_parameter_counts(name):
    shape, count = PUBLISHED[name]
    assert parameters(zoo.build(name, shape, 10)) == count
    assert zoo.find(name).input == shape


def test_published_parameter_counts_as_printed():
    assert [count for _, count in PUBLISHED.values()] == [7850, 79510, 52084, 8490, 59386, 61706]


def test_bn_cnn_is_small():
    assert parameters(zoo.build("bn-cnn", (3, 32, 32), 10)) < 100_000


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        (name, shape)
        for name in OWN
        for shape in [(1, 28, 28), (3, 32, 32), (2, 33, 47)]
        if (name, shape) != ("lenet-cifar", (1, 28, 28))  # its third convolution needs 32×32 pixels
    ],
    ids=str,
)
def test_our_networks_return_logits(name, shape):
    logits = zoo.build(name, shape, 7).train()(torch.rand(2, *shape))
    assert logits.shape == (2, 7)
    assert not torch.allclose(logits.exp().sum(dim=1), torch.ones(2), atol=1e-3)  # no softmax in the network
    logits.sum().backward()


@pytest.mark.parametrize("spec", zoo.own_models(), ids=lambda spec: spec.name)
def test_smallest_side_is_the_smallest_that_fits(spec):
    zoo.check_fit(spec.name, (3, spec.min_side, spec.min_side), 10)
    if spec.min_side > 1:
        with pytest.raises(ModelError, match=f"at least {spec.min_side}×{spec.min_side}"):
            zoo.check_fit(spec.name, (3, spec.min_side - 1, spec.min_side), 10)


@pytest.mark.parametrize("spec", zoo.own_models(), ids=lambda spec: spec.name)
def test_any_size_says_whether_one_set_of_weights_takes_two_sizes(spec):
    model = zoo.build(spec.name, (1, 32, 32), 10).eval()
    if spec.any_size:
        assert model(torch.rand(1, 1, 40, 56)).shape == (1, 10)
    else:
        with pytest.raises(RuntimeError):
            model(torch.rand(1, 1, 40, 56))


def test_lenet5_is_the_tutorials_network():
    layers = [type(module).__name__ for module in zoo.build("lenet5", (1, 28, 28), 10).children()]
    stage = ["Conv2d", "Tanh", "AvgPool2d"]
    assert layers == [*stage, *stage, "Conv2d", "Tanh", "Flatten", "Linear", "Tanh", "Linear"]


def test_every_torchvision_classifier_is_listed():
    specs = zoo.torchvision_models()
    assert [spec.name for spec in specs] == torchvision.models.list_models(module=torchvision.models)
    assert all(spec.summary and spec.paper and spec.year for spec in specs)
    inputs = {spec.name: spec.input for spec in specs}
    assert inputs["vgg16"] == (3, 224, 224)
    assert inputs["inception_v3"] == (3, 299, 299)


def test_a_prefix_means_torchvision():
    assert zoo.find("torchvision:resnet18") == zoo.find("resnet18")
    with pytest.raises(ModelError, match="unknown torchvision model 'mlp'"):
        zoo.find("torchvision:mlp")


def test_a_shadowed_torchvision_network_keeps_a_name_of_its_own(monkeypatch):
    monkeypatch.setattr(zoo, "_OURS", dict(zoo._OURS))
    ours = zoo.ModelSpec("alexnet", "AlexNet", "ours", "", 2012, (3, 64, 64), 1, False, "ours")
    zoo.register(ours, "cvcore.models.dense:Perceptron")
    assert zoo.find("alexnet") is ours
    theirs = zoo.find("torchvision:alexnet")
    assert theirs.name == "torchvision:alexnet" and theirs.source == "torchvision"
    with torch.device("meta"):
        assert parameters(zoo.build(theirs.name, (3, 224, 224), 1000)) == 61_100_840


def test_a_name_can_be_registered_only_once():
    with pytest.raises(ValueError, match="'mlp' is registered already"):
        zoo.register(zoo.find("mlp"), "cvcore.models.dense:MLP")


def test_unknown_name_suggests_the_nearest():
    with pytest.raises(ModelError, match=r"unknown model 'resnet51' \(did you mean resnet50"):
        zoo.find("resnet51")


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_networks_with_auxiliary_heads_train_as_plain_classifiers(name):
    side = zoo.find(name).min_side
    with torch.device("meta"):
        model = zoo.build(name, (3, side, side), 5).train()
        assert model(torch.empty(2, 3, side, side)).shape == (2, 5)


@pytest.mark.parametrize("name", ["squeezenet1_1", "regnet_y_400mf"])
def test_torchvision_networks_run_for_real(name):
    model = zoo.build(name, (3, 32, 32), 3).eval()
    assert all(p.device.type == "cpu" for p in model.parameters())
    assert model(torch.rand(1, 3, 32, 32)).isfinite().all()


def test_regnet_on_meta_is_the_regnet_of_torchvision():
    with torch.device("meta"):
        on_meta = zoo.build("regnet_x_400mf", (3, 224, 224), 1000)
    real = torchvision.models.regnet_x_400mf(weights=None).state_dict()
    assert all(p.is_meta for p in on_meta.parameters())
    assert {k: v.shape for k, v in on_meta.state_dict().items()} == {k: v.shape for k, v in real.items()}


def test_misfit_names_image_layer_and_remedy():
    with pytest.raises(ModelError) as error:
        zoo.check_fit("lenet5", (1, 8, 8), 10)
    text = one_line(error)
    assert all(part in text for part in ["lenet5", "1×8×8", "conv2", "at least 28×28"])
    with pytest.raises(ModelError) as error:
        zoo.check_fit("vgg16", (3, 16, 16), 10)
    text = one_line(error)
    assert all(part in text for part in ["vgg16", "3×16×16", "features.30", "at least 32×32"])


@pytest.mark.parametrize(
    ("name", "shape", "classes", "says"),
    [
        ("lenet-cifar", (1, 28, 28), 10, "conv3 .* at least 32×32"),
        ("resnet18", (1, 28, 28), 10, "3 channels .*1×28×28"),
        ("vit_b_16", (3, 100, 100), 10, "224×224"),
        ("vit_b_16", (3, 224, 256), 10, "square"),
        ("maxvit_t", (3, 100, 100), 10, "224×224"),
        ("mlp", (1, 0, 28), 10, "1 to 4096"),
        ("mlp", (1, 28, -1), 10, "1 to 4096"),
        ("mlp", (1, 28, 5000), 10, "1 to 4096"),
        ("mlp", (65, 28, 28), 10, "1 to 64"),
        ("mlp", (28, 28), 10, "C,H,W"),
        ("mlp", (1.0, 28, 28), 10, "whole numbers"),
        ("mlp", (1, 28, 28), 0, "classes"),
    ],
)
def test_what_does_not_fit_is_one_line(name, shape, classes, says):
    with pytest.raises(ModelError, match=says) as error:
        zoo.check_fit(name, shape, classes)
    one_line(error)


def test_what_fits_is_silent_and_quick():
    zoo.check_fit("resnet152", (3, 64, 64), 10)  # imports and first uses are not what is measured
    start = time.process_time()  # other work on the machine does not count
    zoo.check_fit("resnet152", (3, 64, 64), 10)
    assert time.process_time() - start < 1  # about 0.3 s on a quiet machine
