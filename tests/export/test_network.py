"""The code of networks by itself: runs without cvcore, has the same layers, and starts from the same weights."""

import pytest
import torch

from cvcore.export.network import code_of
from cvcore.models import zoo

NAMES = [spec.name for spec in zoo.own_models()]
THEIRS = ["torchvision:resnet18", "googlenet", "inception_v3", "vit_b_16", "maxvit_t", "regnet_y_400mf"]
TYPED = "nn.Sequential(nn.Flatten(), nn.Sequential(nn.Linear(784, 30), nn.ReLU()), nn.Linear(30, 10))"


def written(name, image, classes):
    """The network that its own code makes."""
    text = code_of(name, image, classes).text()
    assert "cvcore" not in text
    module: dict = {}
    exec(compile(text, name, "exec"), module)
    return module["make_network"]()


@pytest.mark.parametrize("name", [*NAMES, *(name for name in THEIRS if not name.startswith("regnet"))])
def test_the_same_layers(name):
    image = zoo.find(name).input
    with torch.device("meta"):
        mine, theirs = written(name, image, 7), zoo.build(name, image, 7)
    assert {key: value.shape for key, value in mine.state_dict().items()} == {
        key: value.shape for key, value in theirs.state_dict().items()
    }


@pytest.mark.parametrize(
    ("name", "image"),
    [("lenet5", (1, 28, 28)), ("mobilenet_v2", (3, 32, 32)), ("densenet121", (3, 32, 32)), ("resnet18", (3, 32, 32)),
     ("regnet_y_400mf", (3, 32, 32)), (TYPED, (1, 28, 28))],
)  # fmt: skip
def test_the_same_first_weights(name, image):
    torch.manual_seed(0)
    mine = written(name, image, 10).state_dict()
    torch.manual_seed(0)
    theirs = zoo.build(name, image, 10).state_dict()
    assert all(torch.equal(mine[key], theirs[key]) for key in theirs)
    after = torch.get_rng_state()
    torch.manual_seed(0)
    written(name, image, 10)
    assert torch.equal(torch.get_rng_state(), after)  # what is drawn next is the same too: dropout, order
