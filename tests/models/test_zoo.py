"""The registry, our networks and the fit of images, against the published layers and torchvision's own lists."""

import subprocess
import sys
from dataclasses import replace

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
OWN = [*PUBLISHED, "bn-cnn"]  # small enough to be computed with here; test_networks.py has the others
RESIDUAL = ["resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "resnet50-v2", "resnext50_32x4d"]
IMAGENET = ["alexnet", *[f"vgg{depth}{bn}" for depth in (11, 13, 16, 19) for bn in ("", "_bn")], *RESIDUAL]
IMAGENET += ["resnext50-tutorial", "densenet121", "mobilenet_v2"]
SMALL = [*[f"{name}-small" for name in RESIDUAL], "resnext-mini", "resnext-mini-projected"]
DEEP = ["resnet34", "resnet101", "resnet152", "resnet101-small", "resnet152-small"]  # the same layers, only more


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
    assert sorted(spec.name for spec in zoo.own_models()) == sorted([*OWN, *IMAGENET, *SMALL])


def test_inputs_and_classes_where_nothing_is_said():
    said = {spec.name: (spec.input, spec.default_classes) for spec in zoo.own_models()}
    assert {said[name] for name in IMAGENET if name != "resnext50-tutorial"} == {((3, 224, 224), 1000)}
    assert said["resnext50-tutorial"] == ((3, 224, 224), 4)
    assert {said[name] for name in SMALL} == {((3, 32, 32), 10)}
    assert {said[name][1] for name in OWN} == {10}
    assert {spec.default_classes for spec in zoo.torchvision_models()} == {1000}


def test_papers_of_the_large_networks():
    found = {spec.name: (spec.paper.partition(" et al.")[0].partition(",")[0], spec.year) for spec in zoo.own_models()}
    assert found["vgg19_bn"] == ("Simonyan and Zisserman", 2014)
    assert found["resnet152"] == found["resnet18-small"] == ("He", 2015)
    assert found["resnet50-v2"] == found["resnet50-v2-small"] == ("He", 2016)
    assert found["resnext50_32x4d"] == found["resnext50-tutorial"] == ("Xie", 2016)
    assert (found["densenet121"], found["mobilenet_v2"]) == (("Huang", 2016), ("Sandler", 2018))
    assert all(paper and year for name, (paper, year) in found.items() if name in IMAGENET + SMALL)


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


def each_of_ours(test):
    """Runs a test for each of our networks, for the deepest in the long run only."""
    marked = [
        pytest.param(spec, id=spec.name, marks=pytest.mark.sweep if spec.name in DEEP else ())
        for spec in zoo.own_models()
    ]
    return pytest.mark.parametrize("spec", marked)(test)


def on_meta(name, image, classes=10):
    with torch.device("meta"):
        return zoo.build(name, image, classes).eval()


@each_of_ours
def test_smallest_side_is_the_smallest_that_fits(spec):
    zoo.check_fit(spec.name, (3, spec.min_side, spec.min_side), 10)
    if spec.min_side > 1:
        with pytest.raises(ModelError, match=f"at least {spec.min_side}×{spec.min_side}"):
            zoo.check_fit(spec.name, (3, spec.min_side - 1, spec.min_side), 10)


@each_of_ours
def test_any_size_says_whether_one_set_of_weights_takes_two_sizes(spec):
    side = max(spec.min_side, 32)
    model, larger = (on_meta(spec.name, (1, *size), 10) for size in [(side, side), (side + 8, side + 24)])
    sizes = [{key: value.shape for key, value in network.state_dict().items()} for network in (model, larger)]
    assert (sizes[0] == sizes[1]) == spec.any_size
    with torch.no_grad():
        images = torch.empty(1, 1, side + 8, side + 24, device="meta")
        if spec.any_size:
            assert model(images).shape == (1, 10)
        else:
            with pytest.raises(RuntimeError):
                model(images)


def test_lenet5_is_the_tutorials_network():
    layers = [type(module).__name__ for module in zoo.build("lenet5", (1, 28, 28), 10).children()]
    stage = ["Conv2d", "Tanh", "AvgPool2d"]
    assert layers == [*stage, *stage, "Conv2d", "Tanh", "Flatten", "Linear", "Tanh", "Linear"]


def test_every_torchvision_classifier_is_listed():
    specs = zoo.torchvision_models()
    names = torchvision.models.list_models(module=torchvision.models)
    assert [spec.name.removeprefix("torchvision:") for spec in specs] == names
    # a plain name is ours where we have it
    assert {spec.name for spec in specs if ":" in spec.name} == {
        f"torchvision:{name}" for name in {*IMAGENET} & {*names}
    }
    assert all(spec.summary and spec.paper and spec.year for spec in specs)
    inputs = {spec.name: spec.input for spec in specs}
    assert inputs["torchvision:vgg16"] == (3, 224, 224)
    assert inputs["inception_v3"] == (3, 299, 299)


def test_a_prefix_means_torchvision():
    assert zoo.find("torchvision:squeezenet1_1") == zoo.find("squeezenet1_1")
    with pytest.raises(ModelError, match="unknown torchvision model 'mlp'"):
        zoo.find("torchvision:mlp")


def test_a_name_that_both_have_is_ours_and_with_the_prefix_theirs():
    ours, theirs = zoo.find("alexnet"), zoo.find("torchvision:alexnet")
    assert (ours.name, ours.source) == ("alexnet", "ours")
    assert (theirs.name, theirs.source) == ("torchvision:alexnet", "torchvision")
    built = on_meta(theirs.name, (3, 224, 224), 1000)
    assert type(built) is torchvision.models.AlexNet and parameters(built) == 61_100_840
    assert type(on_meta(ours.name, (3, 224, 224), 1000)) is not torchvision.models.AlexNet


def test_a_builder_gets_its_options(monkeypatch):
    monkeypatch.setattr(zoo, "_OURS", dict(zoo._OURS))
    zoo.register(replace(zoo.find("mlp"), name="wide"), "cvcore.models.dense:MLP", hidden=200)
    assert parameters(zoo.build("wide", (1, 28, 28), 10)) == 784 * 200 + 200 + 200 * 10 + 10


def test_a_typed_network_goes_by_its_text():
    text = "nn.Sequential(nn.Flatten(),\n  nn.Linear(784, 10))"
    spec = zoo.find(text)
    assert (spec.source, spec.input, len(spec.label)) == ("typed", (1, 28, 28), len("typed-") + 6)
    assert parameters(zoo.build(text, (1, 28, 28), 10)) == 7850
    assert zoo.find(spec.name) == spec
    with pytest.raises(ModelError, match=r"line 2.*in_features=100"):  # the line of the text as it was given
        zoo.check_fit(text, (1, 10, 10), 10)


def test_a_name_can_be_registered_only_once():
    with pytest.raises(ValueError, match="'mlp' is registered already"):
        zoo.register(zoo.find("mlp"), "cvcore.models.dense:MLP")


def test_unknown_name_suggests_the_nearest():
    with pytest.raises(ModelError, match=r"unknown model 'resnet51' \(did you mean (resnet\d+) or (?!\1\?)resnet"):
        zoo.find("resnet51")  # two names that differ, though torchvision has them too


def test_something_long_is_quoted_in_part():
    with pytest.raises(ModelError, match="unknown model 'xxx") as error:
        zoo.find("x" * 100_000)
    one_line(error)


def test_a_label_is_short():
    text = "nn.Sequential(nn.Flatten())"
    typed = replace(zoo.find("mlp"), name=text, source="typed")
    assert typed.label == "typed-b4688e"  # of what sha256sum prints for the text
    assert zoo.find("lenet5").label == "lenet5"
    assert zoo.find("torchvision:vgg16").label == "torchvision:vgg16"


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


@pytest.mark.parametrize(
    ("name", "deeper"),
    [
        ("vgg11", ["vgg13", "vgg16", "vgg19"]),
        ("vgg16_bn", ["vgg19_bn"]),
        ("resnet18-small", ["resnet34-small", "resnet50-small", "resnet101-small", "resnet152-small"]),
        ("torchvision:resnet101", ["torchvision:resnet152"]),
        ("resnet50-v2", []),
        ("bn-cnn", []),
        ("nn.Sequential(nn.Flatten(), nn.Linear(784, 10))", []),
    ],
)
def test_deeper_networks_of_the_family(name, deeper):
    assert zoo.deeper(name) == deeper
    assert [zoo.find(each).name for each in deeper] == deeper


@pytest.mark.parametrize("name", ["mnasnet0_5", "mnasnet0_75", "mnasnet1_0", "mnasnet1_3"])
def test_mnasnet_is_torchvisions_and_takes_weights_without_a_version(name):
    """torchvision's own refuses a state dict that was copied, as a run's best weights are, or came as safetensors."""
    with torch.device("meta"):
        mine, theirs = zoo.build(name, (3, 64, 64), 5), torchvision.models.get_model(name, num_classes=5)
    weights = dict(theirs.state_dict())
    assert [(key, value.shape) for key, value in mine.state_dict().items()] == [
        (key, value.shape) for key, value in weights.items()
    ]
    with pytest.raises(ValueError, match="version should be set"):
        theirs.load_state_dict(weights, assign=True)
    mine.load_state_dict(weights, assign=True)
