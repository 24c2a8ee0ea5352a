import pytest
import torch
from torch import nn

from cvcore.errors import ModelError
from cvcore.models import zoo
from cvcore.transfer.strategies import head_name, reuse

IMAGE = (1, 28, 28)


@pytest.mark.parametrize(
    ("model", "image", "head"),
    [("bn-cnn", IMAGE, "head"), ("lenet5", IMAGE, "head"), ("vgg11", (3, 32, 32), "classifier.6"),
     ("resnet18", (3, 32, 32), "fc"), ("mobilenet_v2", (3, 32, 32), "classifier.1")],
)  # fmt: skip
def test_the_head_is_the_last_linear_layer(model, image, head):
    with torch.device("meta"):
        assert head_name(zoo.build(model, image, 5)) == head


def test_a_network_without_a_linear_layer_is_refused():
    with pytest.raises(ModelError, match="no Linear layer"):
        head_name(nn.Sequential(nn.Conv2d(1, 1, 1)))


def test_features_of_the_reused_network_are_those_of_its_source():
    source, new = zoo.build("bn-cnn", IMAGE, 36).eval(), zoo.build("bn-cnn", IMAGE, 10)
    reused = reuse(new, source.state_dict(), "frozen").eval()
    images = torch.rand(4, *IMAGE)
    for network in (source, reused):
        network.head = nn.Identity()
    assert torch.equal(source(images), reused(images))


def test_frozen_leaves_only_the_head_to_learn():
    source = zoo.build("bn-cnn", IMAGE, 36)
    frozen = reuse(zoo.build("bn-cnn", IMAGE, 10), source.state_dict(), "frozen")
    assert {name for name, p in frozen.named_parameters() if p.requires_grad} == {"head.weight", "head.bias"}
    free = reuse(zoo.build("bn-cnn", IMAGE, 10), source.state_dict(), "finetune")
    assert all(p.requires_grad for p in free.parameters())


def test_weights_of_another_network_are_refused_by_name():
    with pytest.raises(ModelError, match=r"do not fit the network at conv1\.bias \(\[6\]\)"):
        reuse(zoo.build("bn-cnn", IMAGE, 10), zoo.build("lenet5", IMAGE, 10).state_dict(), "finetune")


def test_weights_for_other_channels_are_refused():
    with pytest.raises(ModelError, match=r"stage1\.conv\.weight \(\[16, 1, 3, 3\] and \[16, 3, 3, 3\]\)"):
        reuse(zoo.build("bn-cnn", (3, 32, 32), 10), zoo.build("bn-cnn", IMAGE, 10).state_dict(), "finetune")
