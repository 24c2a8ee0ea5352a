"""A new head is tried on shapes before a run: what could not be trained is one line."""

from types import SimpleNamespace

import pytest
import torch
import torchvision

from cvcore.config import parse_config
from cvcore.errors import ConfigError
from cvcore.models import zoo
from cvcore.training.check import _check_head
from cvcore.transfer.heads import with_head
from cvcore.transfer.start import fit_of

TYPED = "nn.Sequential(nn.Flatten(), nn.Linear(784, 20), nn.ReLU(), nn.Linear(20, 10), nn.LogSoftmax(1))"


def check(model: str, strategy: str, head: str, image: tuple[int, int, int]) -> None:
    """Raises what is said of such a transfer."""
    transfer = {"source": "digits-bn-cnn-0123456789ab", "strategy": strategy, "head": head}
    config = parse_config({"data": {"name": "digits"}, "model": {"name": model}, "transfer": transfer})
    with torch.device("meta"):
        network = with_head(model, image, 10, head, 10)
        _check_head(config, network, SimpleNamespace(image_shape=image))


def test_a_head_that_does_not_take_the_features_is_refused():
    """MaxViT's classifier pools 512 maps of 7×7 itself: a linear layer in its place gets 25,088 values, not 512."""
    with pytest.raises(ConfigError, match=r"head: given linear, which maxvit_t does not take .*25088.*choose replace"):
        check("maxvit_t", "finetune", "linear", (3, 224, 224))
    check("maxvit_t", "finetune", "replace", (3, 224, 224))


@pytest.mark.parametrize(
    ("model", "image", "layer"),
    [(TYPED, (1, 28, 28), "3"), ("squeezenet1_1", (3, 64, 64), "classifier.1")],
)
def test_features_need_the_head_to_be_last(model, image, layer):
    with pytest.raises(ConfigError, match=rf"goes on after its last layer, {layer}, .*choose the strategy frozen"):
        check(model, "features", "replace", image)
    check(model, "frozen", "replace", image)
    check(model, "features", "append", image)  # there is nothing behind what was appended


@pytest.mark.parametrize(
    ("name", "image"), [("bn-cnn", (3, 28, 28)), ("mobilenet_v2", (1, 32, 32)), ("mlp", (1, 28, 28))]
)
def test_channels_and_classes_are_told_whatever_the_order_of_the_weights(name, image):
    """safetensors sorts by the kind of numbers and by name."""
    with torch.device("meta"):
        weights = zoo.build(name, image, 26).state_dict()
    for each in (weights, dict(reversed(weights.items())), dict(sorted(weights.items()))):
        fit = fit_of(each, name)
        assert fit.fits
        assert (fit.outputs, fit.classes) == (26, 26)


@pytest.mark.sweep
@pytest.mark.parametrize("head", ["replace", "append"])
@pytest.mark.parametrize("name", torchvision.models.list_models(module=torchvision.models))
def test_every_torchvision_classifier_takes_them(name, head):
    check(f"torchvision:{name}", "finetune", head, zoo.find(name).input)
