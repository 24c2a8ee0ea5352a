"""The code of networks by itself: runs without cvcore, has the same layers, and starts from the same weights."""

import ast

import pytest
import torch
import torchvision

from cvcore.config import TransferConfig, parse_config
from cvcore.export import optimizer
from cvcore.export.network import code_of, code_of_run
from cvcore.models import zoo
from cvcore.models.torchvision_nets import _NumbersOnCpu
from cvcore.transfer.heads import with_head
from cvcore.transfer.start import bare
from cvcore.transfer.strategies import plan_of

NAMES = [spec.name for spec in zoo.own_models()]
THEIRS = ["torchvision:resnet18", "googlenet", "inception_v3", "vit_b_16", "maxvit_t", "regnet_y_400mf"]
THEIRS_ALL = [f"torchvision:{name}" for name in torchvision.models.list_models(module=torchvision.models)]
TYPED = "nn.Sequential(nn.Flatten(), nn.Sequential(nn.Linear(784, 30), nn.ReLU()), nn.Linear(30, 10))"


def written(name, image, classes):
    """The network that its own code makes."""
    return made(code_of(name, image, classes).text())


def made(text):
    """What make_network() of this code gives."""
    assert "cvcore" not in text
    module: dict = {}
    exec(compile(text, "model.py", "exec"), module)
    with _NumbersOnCpu():  # RegNet reads its widths
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


HEADS = ("replace", "linear", "mlp", "append", "append-softmax")
FEW = ["bn-cnn", "vgg11", "torchvision:vit_b_32", TYPED]
SLOWER = ("discriminative", "warmup-finetune", "gradual")


class TestHeads:
    """The same network with another head."""

    @pytest.mark.parametrize("head", HEADS)
    @pytest.mark.parametrize("name", ["bn-cnn", "mobilenet_v2", TYPED])
    def test_the_same_first_weights(self, name, head):
        image = (3, 32, 32) if name == "mobilenet_v2" else (1, 28, 28)
        torch.manual_seed(0)
        theirs = with_head(name, image, 7, head, 10)
        after = torch.get_rng_state()
        torch.manual_seed(0)
        mine = made(code_of_run(name, theirs, image, 7).text())
        assert torch.equal(torch.get_rng_state(), after)
        mine.eval(), theirs.model.eval()
        values = theirs.model.state_dict()
        assert list(mine.state_dict()) == list(values)
        assert all(torch.equal(value, values[key]) for key, value in mine.state_dict().items())
        images = torch.rand(2, *image)
        assert torch.equal(mine(images), theirs.model(images))

    @pytest.mark.parametrize("name", [*FEW, *(pytest.param(name, marks=pytest.mark.sweep) for name in THEIRS_ALL)])
    def test_layers_and_groups(self, name):
        """make_network has the parameters of the run's network, and GROUPS tells them apart as its plan does."""
        image = zoo.find(name).input
        for head in ("mlp", "append") if "squeezenet" not in name else ("append",):
            with torch.device("meta"):
                network = with_head(name, image, 7, head, 10)
                mine = made(code_of_run(name, network, image, 7).text())
            values = network.model.state_dict()
            assert [(key, value.shape) for key, value in mine.state_dict().items()] == [
                (key, value.shape) for key, value in values.items()
            ]
            for strategy in SLOWER:
                transfer = TransferConfig(source="digits-bn-cnn-0123456789ab", strategy=strategy)
                plan = plan_of(network, transfer)
                groups = ast.literal_eval(optimizer.groups(plan, network))
                assert len(optimizer.groups(plan, network).splitlines()) <= 8
                found = [[] for _ in groups]
                for key, _ in mine.named_parameters():
                    found[next(place for place, (start, *_) in enumerate(groups) if key.startswith(start))].append(key)
                names = {id(value): key for key, value in network.model.named_parameters()}
                assert found == [[names[id(each)] for each in group.parameters] for group in plan.groups]
                assert [each[1:] for each in groups] == [(group.since, group.factor) for group in plan.groups]

    @pytest.mark.parametrize("head", ["replace", "append"])
    @pytest.mark.parametrize(("name", "weights"), [("googlenet", "GoogLeNet"), ("inception_v3", "Inception_V3")])
    def test_what_torchvisions_weights_do_to_images_stays(self, name, weights, head):
        """GoogLeNet's and Inception's published weights bring ImageNet's normalisation to their own."""
        transfer = {"source": f"torchvision:{weights}_Weights.IMAGENET1K_V1", "strategy": "finetune", "head": head}
        config = parse_config({"data": {"name": "shapes"}, "model": {"name": name}, "transfer": transfer})
        image = zoo.find(name).input
        with torch.device("meta"):
            network = bare(config, image, 7, {"fc.weight": torch.empty(1000, 2)})
            mine = made(code_of_run(name, network, image, 7).text())
        assert mine.get_submodule(network.body).transform_input is True
