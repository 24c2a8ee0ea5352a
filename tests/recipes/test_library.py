"""The recipes against the tutorials' own figures, typed in by hand, and against networks that are built and counted."""

import dataclasses

import pytest
import torch
import torchvision
from torch import nn

from cvcore.analysis.summary import summarize
from cvcore.data import catalog
from cvcore.errors import ConfigError
from cvcore.models import typed, zoo
from cvcore.recipes import library
from cvcore.recipes.matching import differences
from cvcore.training.remarks import remarks
from cvcore.training.review import images_of, review

OF_THE_TUTORIALS = [
    *["mnist-perceptron", "mnist-mlp", "mnist-one-conv", "mnist-two-conv", "cifar10-lenet"],
    *["catsdogs-vgg16-features", "catsdogs-vgg16-frozen", "catsdogs-vgg16-finetune", "catsdogs-mobilenetv2-frozen"],
    *["mnist-lenet5", "hymenoptera-alexnet-append", "hymenoptera-alexnet-replace", "resnext50-scratch"],
    *["vgg16-imagenet-top5", "catsdogs-vgg16-discriminative"],
]
# accuracy on test images by epoch, as printed
VAL = {
    "mnist-perceptron": {1: 0.894, 2: 0.899, 3: 0.899, 4: 0.897, 5: 0.896},
    "mnist-one-conv": {1: 0.967, 2: 0.977, 3: 0.976, 4: 0.974, 5: 0.973},
    "mnist-two-conv": {1: 0.980},
    "cifar10-lenet": {1: 0.388, 2: 0.491, 3: 0.522},
    "catsdogs-vgg16-features": {1: 0.990, 2: 0.980, 3: 0.990, **dict.fromkeys(range(4, 11), 0.980)},
    "catsdogs-vgg16-frozen": {1: 0.967},
    "catsdogs-vgg16-finetune": {1: 0.967, 2: 0.974},
    "catsdogs-mobilenetv2-frozen": {1: 0.982},
    "mnist-lenet5": {1: 0.90, 50: 0.99},
    "hymenoptera-alexnet-append": {700: 0.856},
}
TRAIN = {
    "mnist-perceptron": {1: 0.893, 2: 0.910, 3: 0.913, 4: 0.915, 5: 0.916},
    "mnist-one-conv": {1: 0.943, 2: 0.976, 3: 0.983, 4: 0.988, 5: 0.990},
    "mnist-two-conv": {1: 0.949},
    "cifar10-lenet": {1: 0.261, 2: 0.437, 3: 0.508},
}
# recipe: image, classes, parameters, mult-adds in millions to two digits as torchinfo prints them
COUNTED = {
    "mnist-perceptron": ((1, 28, 28), 10, 7_850, None),
    "mnist-mlp": ((1, 28, 28), 10, 79_510, None),
    "mnist-one-conv": ((1, 28, 28), 10, 52_084, 0.19),
    "mnist-two-conv": ((1, 28, 28), 10, 8_490, 0.47),
    "cifar10-lenet": ((3, 32, 32), 10, 59_386, 0.66),
    "mnist-lenet5": ((1, 28, 28), 10, 61_706, None),
    "resnext50-scratch": ((3, 224, 224), 4, 37_574_724, None),
    "vgg16-imagenet-top5": ((3, 224, 224), 1000, 138_357_544, 15_480.0),
}
# the sixteen mistakes of the tutorials, in the order in which they were noted down, by their names here
SIXTEEN = [
    ["softmax-dim"],
    ["train-as-test"],
    ["deleted-files"],
    ["softmax-twice"],
    ["gradients-each-epoch", "class-after-class", "imagenet-normalisation", "second-network"],
    ["saves-last"],
    ["best-on-test"],
    ["eval-for-ever"],
    ["batch-mean"],
    ["to-tensor-range", "ten-crop-square", "foreign-optimizer", "random-tensors"],
    ["size-244"],
    ["frozen-batchnorm"],
    ["pickles"],
    ["schedule-not-stepped"],
    ["batch-sum"],
    ["projections"],
]
TYPED = [recipe.name for recipe in library.recipes() if "(" in recipe.config.model.name]


def test_every_row_of_the_tutorials_is_a_recipe():
    assert [recipe.name for family in library.families() for recipe in family.recipes] == [
        recipe.name for recipe in library.recipes() if not recipe.role
    ]
    assert sorted(recipe.name for recipe in library.recipes() if not recipe.role) == sorted(OF_THE_TUTORIALS)


def test_published_accuracies():
    found = {recipe.name: recipe.published for recipe in library.recipes()}
    assert {name: each.val_acc for name, each in found.items() if each.val_acc} == VAL
    assert {name: each.train_acc for name, each in found.items() if each.train_acc} == TRAIN


@pytest.mark.parametrize("name", COUNTED)
def test_networks_have_the_published_size(name):
    image, classes, params, million = COUNTED[name]
    recipe = library.find(name)
    assert recipe.published.params == params
    counted = summarize(recipe.config.model.name, image, classes)
    assert counted.params == params
    if million:
        assert recipe.published.mult_adds == million * 1e6
        assert counted.mult_adds / 1e6 == pytest.approx(million, abs=0.006 if million < 1 else 6)


def test_networks_whose_weights_come_from_imagenet_have_the_published_size():
    with torch.device("meta"):
        vgg, mobile = torchvision.models.vgg16(), torchvision.models.mobilenet_v2()
        vgg.classifier, mobile.classifier = nn.Linear(25_088, 2), nn.Linear(1_280, 2)
    for network, name in ((vgg, "catsdogs-vgg16-frozen"), (mobile, "catsdogs-mobilenetv2-frozen")):
        published = library.find(name).published
        assert sum(each.numel() for each in network.parameters()) == published.params
        assert sum(each.numel() for each in network.classifier.parameters()) == published.trainable_params
    # every weight and bias of a convolution is used once for each place of its output, which halves five times
    convs = [module for module in vgg.features if isinstance(module, nn.Conv2d)]
    at = {}
    for side in (244, 224):
        sides = [side // 2**halved for halved, count in enumerate((2, 2, 3, 3, 3)) for _ in range(count)]
        work = sum((c.weight.numel() + c.bias.numel()) * each**2 for c, each in zip(convs, sides, strict=True))
        at[side] = (work + 50_178) / 1e9
    assert library.find("catsdogs-vgg16-frozen").published.mult_adds == 17_990_000_000
    assert at[244] == pytest.approx(17.99, abs=0.005)
    assert "17.99 G instead of 15.36 G" in library.mistakes()["size-244"].cost
    assert at[224] == pytest.approx(15.36, abs=0.005)


def test_settings_as_published():
    lenet = library.find("mnist-lenet5").config
    assert (lenet.train.optimizer, lenet.train.lr, lenet.train.momentum) == ("sgd", 0.001, 0.9)
    assert (lenet.train.batch_size, lenet.train.epochs, lenet.train.step_size, lenet.train.gamma) == (16, 50, 10, 0.1)
    cifar = library.find("cifar10-lenet").config
    assert (cifar.data.normalize, cifar.train.batch_size, cifar.train.epochs) == ("half", 14, 3)
    append = library.find("hymenoptera-alexnet-append").config.train
    assert (append.lr, append.epochs, append.batch_size, append.schedule) == (1e-8, 700, 1, "cosine")
    for name in ("mnist-perceptron", "mnist-mlp", "mnist-one-conv", "mnist-two-conv", "mnist-lenet5"):
        assert library.find(name).config.data.normalize == "none"  # pixels from 0 to 1


def test_what_was_published_chose_on_the_test_set():
    exceptions = {"vgg16-imagenet-top5", "catsdogs-vgg16-discriminative"}  # no training; a part of its training images
    for name in set(OF_THE_TUTORIALS) - exceptions:
        recipe = library.find(name)
        assert recipe.config.train.selection == "test"
        assert "selection-on-test" in {finding.rule for finding in remarks(recipe.config)}


@pytest.mark.parametrize("name", TYPED)
def test_typed_networks_stand_in_their_normal_form(name):
    network = library.find(name).config.model.name
    assert typed.canonical(network) == network  # else no run would ever be equal to its recipe


def test_no_recipe_has_the_name_of_a_network():
    networks = {spec.name for spec in (*zoo.own_models(), *zoo.torchvision_models())}
    assert not networks & {recipe.name for recipe in library.recipes()}


@pytest.mark.parametrize("name", [name for name in OF_THE_TUTORIALS if library.find(name).stand_in])
def test_stand_ins_run_on_bundled_sets(name):
    config = library.find(name).stand_in_config
    entry = catalog.entry(config.data.name)
    assert entry.state == "bundled"
    zoo.check_fit(config.model.name, entry.image, entry.classes)


def test_what_is_not_bundled_has_a_stand_in():
    for recipe in library.recipes():
        there = recipe.data_name in catalog.names() and catalog.entry(recipe.data_name).state == "bundled"
        assert there != (recipe.stand_in is not None)


class TestMistakes:
    def test_all_sixteen_are_there(self):
        named = {name for names in SIXTEEN for name in names}
        assert named | {"gradients-never-zeroed"} == set(library.mistakes())

    def test_each_is_a_pair_or_has_its_place_or_says_why_not(self):
        neither = {name for name, each in library.mistakes().items() if not each.recipes and not each.shown}
        assert neither == {"second-network", "foreign-optimizer", "random-tensors", "pickles"}  # seen in code only

    def test_those_that_recipes_name_exist(self):
        for recipe in library.recipes():
            assert set(recipe.mistakes) <= set(library.mistakes())

    @pytest.mark.parametrize("wrong", [each for each in library.pairs() if each.role == "as published"])
    def test_a_pair_differs_in_the_mistake_alone(self, wrong):
        right = library.find(wrong.pair)
        assert (right.role, right.pair) == ("corrected", wrong.name)
        changed = [name for name, *_ in differences(wrong.config, right.config)]
        if wrong.config.model != right.config.model:
            changed.append("model")
        assert changed in (["faults"], ["selection"], ["model"])
        assert catalog.entry(wrong.data_name).state == "bundled"

    @pytest.mark.parametrize("right", [each for each in library.pairs() if each.role == "corrected"])
    def test_nothing_is_wrong_with_the_corrected_one(self, right):
        image, classes = images_of(right.config)
        assert [each for each in review(right.config, image, classes) if each.level != "note"] == []
        assert remarks(right.config) == ()

    @pytest.mark.parametrize("wrong", [each for each in library.pairs() if each.role == "as published"])
    def test_a_reviewer_sees_the_mistake(self, wrong):
        expected = {
            "softmax-twice": ("mistake", "softmax-before-loss"),
            "softmax-dim": ("mistake", "softmax-dim"),
            "best-on-test": ("caution", "selection-on-test"),
            "projections": ("note", "needless-projection"),
        }
        level, rule = expected.get(wrong.name, ("mistake", (wrong.config.train.faults or ("",))[0]))
        image, classes = images_of(wrong.config)
        assert (level, rule) in {(each.level, each.rule) for each in review(wrong.config, image, classes)}

    def test_measured_pairs_show_something(self):
        for name, mistake in library.mistakes().items():
            if mistake.recipes:
                measured = mistake.measured
                assert measured, f"{name} was never measured"
                assert abs(measured.as_published - measured.corrected) > 0.015
                assert measured.seconds <= 120  # of one core: a minute on two


def test_an_unknown_recipe_is_one_line():
    with pytest.raises(ConfigError, match=r"unknown recipe 'mnist-lenet' \(did you mean mnist-lenet5"):
        library.find("mnist-lenet")


def test_a_pair_of_shortcuts_differs_in_projections():
    # at each of the 12 shortcuts that keep the shape (5 of 3 stages, less the first of each): 1×1 weights, scale, shift
    projections = sum(4 * (width * width + 2 * width) for width in (64, 128, 256))
    biases = 5 * (64 + 128 + 256)  # the tutorial's, on the last convolution of every block
    sizes = [sum(each.numel() for each in _on_meta(name).parameters()) for name in MINI]
    assert sizes[1] - sizes[0] == projections + biases


MINI = ["resnext-mini", "resnext-mini-projected"]


def _on_meta(name: str) -> nn.Module:
    with torch.device("meta"):
        return zoo.build(name, (3, 32, 32), 10)


def test_families_are_values():
    family = library.families()[0]
    with pytest.raises(dataclasses.FrozenInstanceError):
        family.title = "other"
