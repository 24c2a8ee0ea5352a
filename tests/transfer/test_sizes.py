"""Sizes of image at which strategies can be compared, against what torchvision publishes and by hand."""

import pytest

from cvcore.transfer import ways
from cvcore.transfer.sizes import around, refusals


def test_sizes_around_the_sets_own():
    assert around(28, "digits-lenet5-d5bfe282d590") == [16, 24, 28, 32, 48]
    assert around(64, "") == [32, 48, 64, 96, 128]
    assert around(224, "torchvision:MobileNet_V2_Weights.IMAGENET1K_V1") == [96, 128, 160, 192, 224]


@pytest.mark.parametrize(
    ("name", "own", "sizes", "reused", "without"),
    [
        ("bn-cnn", (1, 28, 28), [16, 28, 48], True, []),  # it averages over places
        ("vgg11", (3, 32, 32), [16, 32, 64], True, [[16]]),  # five times halved: 32 pixels at least
        ("lenet5", (1, 28, 28), [28, 32], False, []),
        ("lenet5", (1, 28, 28), [28, 32], True, [[32]]),  # its linear layer reads all places
        # its positions are a grid of patches of 16 pixels: 6×6 instead of 14×14
        ("torchvision:vit_b_16", (3, 224, 224), [96, 224], True, [[96]]),
        ("torchvision:vit_b_16", (3, 224, 224), [100, 224], False, [[100]]),  # no whole number of patches
        ("nn.Sequential(nn.Flatten(), nn.Linear(784, 10))", (1, 28, 28), [16, 28], False, [[16]]),
    ],
)
def test_what_the_network_or_its_weights_do_not_take(name, own, sizes, reused, without):
    found = refusals(name, own, 10, sizes, reused)
    assert [each for each, _ in found] == without
    assert not [reason for _, reason in found if "\n" in reason]


def test_other_images_or_sizes_change_only_what_hangs_on_them(runs):
    data = ways.usual_data("digits", 3, 1, "", "bn-cnn")
    asked = ways.Comparison(data, "bn-cnn", "", {**ways.usual_training(data, 1), "epochs": 3})
    one, few, small = (each.config("scratch") for each in (asked, asked.on(2, per_class=1), asked.on(1, size=16)))
    assert (few.data.per_class, few.data.split_seed, few.train.seed) == (1, 2, 2)
    assert (one.train.batch_size, few.train.batch_size) == (20, 10)  # ten images are all there are
    assert small == one.model_copy(update={"data": one.data.model_copy(update={"size": 16})})
    every = ways.Comparison({**data, "per_class": 0}, "bn-cnn", "", {"epochs": 3})
    assert every.on(1, size=16).config("scratch").train.batch_size == 64


def test_the_same_share_is_cropped_off_at_every_size():
    source = "torchvision:MobileNet_V2_Weights.IMAGENET1K_V1"
    asked = ways.Comparison(ways.usual_data("digits", 0, 0, source, "mobilenet_v2"), "mobilenet_v2", source)
    data = asked.on(0, size=112).config("frozen").data
    assert (data.size, data.fit) == (112, "crop-128")  # as 256 of 224
