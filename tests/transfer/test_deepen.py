"""A deeper network that begins with layers of a shallower one, against the paper and by hand."""

import pytest
import torch

from cvcore.config import parse_config
from cvcore.errors import ConfigError, ModelError
from cvcore.models import zoo
from cvcore.training.check import checked
from cvcore.training.checkpoint import load_weights
from cvcore.training.preflight import costs
from cvcore.transfer import weight_files
from cvcore.transfer.deepen import deepen
from cvcore.transfer.drift import drift
from cvcore.transfer.heads import Headed, with_head
from cvcore.transfer.start import copied, started
from tests.cli import refused, run_json
from tests.transfer.backbone_runs import DEEP, GLYPHS, SHALLOW, trained

FEW = {"name": "digits", "per_class": 2}
BRIEF = {"epochs": 2, "batch_size": 10, "lr": 0.003, "selection": "last"}
NAMES = ("theirs", "ours")


@pytest.fixture
def source(runs):
    """A run of the shallow network, on all digits."""
    return trained(runs, parse_config({"data": {"name": "digits"}, "model": {"name": SHALLOW}, "train": {"epochs": 1}}))


def deep_config(source: str, network: str = DEEP, data: dict | None = None, **transfer):
    values = {"data": data or FEW, "model": {"name": network}, "train": BRIEF}
    return parse_config({**values, "transfer": {"source": source, "strategy": "deepen", **transfer}})


def on_meta(name: str, classes: int = 1000) -> Headed:
    with torch.device("meta"):
        return with_head(name, zoo.find(name).input, classes, "replace")


class TestWhatFits:
    def test_of_the_papers_a_and_d(self):
        """Table 1 by hand: A is 64 M 128 M 256 256 …, D is 64 64 M 128 128 M 256 256 256 …; D's convolutions are the
        layers 0 2 5 7 10 12 14 … of its features, A's 0 3 6 8 …."""
        found = deepen(on_meta("vgg16", 10), on_meta("vgg11").model.state_dict(), NAMES, same_classes=False)
        assert found.layers == {
            "features.0": "features.0",  # conv1_1
            "features.5": "features.3",  # conv2_1: the first of D's from 64 to 128 channels
            "features.10": "features.6",  # conv3_1
            "features.12": "features.8",  # conv3_2: A's second of 256
            "classifier.3": "classifier.3",
            "classifier.0": "classifier.0",
        }
        assert str(found) == "4 of 13 convolutions and 2 of 3 Linear layers"

    def test_the_last_layer_too_where_the_classes_are_the_same(self):
        found = deepen(on_meta("vgg16"), on_meta("vgg11").model.state_dict(), NAMES, same_classes=True)
        assert found.layers["classifier.6"] == "classifier.6"
        assert (found.convolutions, found.linear) == ((4, 13), (3, 3))

    def test_batch_normalisation_goes_with_its_convolution(self):
        found = deepen(on_meta("vgg19_bn", 10), on_meta("vgg11_bn").model.state_dict(), NAMES, same_classes=False)
        # with BatchNorm A's convolutions are 0 4 8 11, E's 0 3 7 10 14 17 …
        assert found.layers["features.1"] == "features.1"
        assert found.layers["features.8"] == "features.5"
        assert found.layers["features.15"] == "features.9"
        assert found.layers["features.18"] == "features.12"

    def test_of_residual_networks(self):
        found = deepen(on_meta("resnet34", 10), on_meta("resnet18").model.state_dict(), NAMES, same_classes=False)
        names = ["conv1", "layer1.0.conv1", "layer1.0.conv2", "layer1.1.conv1"]
        assert [name for name in found.layers if "conv" in name] == names
        assert all(found.layers[name.replace("conv", "bn")] == name.replace("conv", "bn") for name in names)
        assert found.linear == (0, 1)

    def test_the_values_are_the_sources_and_the_rest_stays(self):
        torch.manual_seed(0)
        weights = zoo.build(SHALLOW, (1, 28, 28), 10).state_dict()
        network = with_head(DEEP, (1, 28, 28), 10, "replace")
        before = {name: value.clone() for name, value in network.model.state_dict().items()}
        deepen(network, weights, NAMES, same_classes=False)
        after = network.model.state_dict()
        # by place: convolution, BatchNorm, and of SHALLOW 4 to DEEP 6; its Linear 8 is 13; nothing else
        expected = {"0": "0", "1": "1", "6": "4", "13": "8"}
        for name, value in after.items():
            layer, part = name.split(".")
            wanted = weights[f"{expected[layer]}.{part}"] if layer in expected else before[name]
            assert torch.equal(value, wanted), name

    @pytest.mark.parametrize(
        ("theirs", "ours", "told"),
        [
            ("vgg16", "vgg11", "theirs has 16 convolutions and Linear layers, and ours 11: choose a deeper network"),
            ("vgg11", "vgg11", "theirs has 11 convolutions and Linear layers, and ours 11"),
            ("lenet5", "vgg11", "no layer of theirs has the shape of one of ours"),
        ],
    )
    def test_what_is_not_deeper_or_has_nothing_alike_is_refused(self, theirs, ours, told):
        with pytest.raises(ModelError, match=told):
            deepen(on_meta(ours), on_meta(theirs).model.state_dict(), NAMES, same_classes=False)


class TestRuns:
    def test_it_begins_with_the_sources_layers_and_all_of_it_learns(self, runs, source):
        config = checked(deep_config(source.run_id), runs)
        network, plan = started(config, (1, 28, 28), 10, runs)
        first, weights = network.model.state_dict(), load_weights(source.path / "best.pt")
        assert torch.equal(first["6.weight"], weights["4.weight"])
        assert torch.equal(first["15.weight"], weights["10.weight"])  # the head: both are on digits
        (group,) = plan.groups
        assert (len(group.parameters), group.factor) == (len(list(network.model.parameters())), 1.0)
        assert str(copied(config, runs)) == "2 of 4 convolutions and 2 of 2 Linear layers"
        assert costs(config, runs).trainable_params == sum(each.numel() for each in network.model.parameters())

    def test_how_far_it_moved_is_told_from_there(self, runs, source):
        run = trained(runs, deep_config(source.run_id))
        before = load_weights(source.path / "best.pt")["4.weight"]
        after = load_weights(run.path / "best.pt")["6.weight"]
        moved = {each.block: each for each in drift(run, runs)}
        assert moved["6"].largest > 0
        weights = ("weight", "bias")
        both = [load_weights(each.path / "best.pt") for each in (source, run)]
        by_hand = max((both[1][f"6.{part}"] - both[0][f"4.{part}"]).abs().max().item() for part in weights)
        assert moved["6"].largest == pytest.approx(by_hand)
        assert not torch.equal(before, after)

    def test_on_other_classes_the_head_is_fresh(self, runs, source):
        glyphs = DEEP.replace("nn.Linear(20, 10)", "nn.Linear(20, 36)")
        config = deep_config(source.run_id, glyphs, {"name": "glyphs", "per_class": 1})
        assert copied(config, runs).linear == (1, 2)

    def test_from_a_file(self, runs, source, monkeypatch, tmp_path):
        monkeypatch.setenv("CVCORE_DATA", str(tmp_path / "data"))
        key = weight_files.keep(weight_files.read(source.path / "best.pt", "mine.pt"), "mine.pt", SHALLOW)
        # whose classes they are nobody knows: the head is fresh
        assert copied(deep_config(key), runs).linear == (1, 2)

    def test_from_torchvision(self, runs, monkeypatch):
        with torch.device("meta"):
            state = zoo.build("torchvision:vgg11", (3, 224, 224), 1000).state_dict()
        monkeypatch.setattr("cvcore.transfer.published.load", lambda weights: state)
        config = deep_config("torchvision:VGG11_Weights.IMAGENET1K_V1", "vgg16", {"name": "shapes", "size": 32})
        assert str(copied(checked(config, runs), runs)) == "4 of 13 convolutions and 2 of 3 Linear layers"

    def test_a_network_of_its_own_head_only(self):
        with pytest.raises(ConfigError, match=r"head: it belongs to features or .*; the strategy is 'deepen'"):
            deep_config(GLYPHS, head="mlp")

    def test_the_other_strategies_say_what_to_do(self, runs, source):
        config = deep_config(source.run_id)
        other = config.model_copy(update={"transfer": config.transfer.model_copy(update={"strategy": "finetune"})})
        with pytest.raises(ConfigError, match=r"trained 'typed-.*'; choose that, or the strategy deepen for a deeper"):
            checked(other, runs)


def test_the_command(capsys, runs, source):
    arguments = ("transfer", "--data", "digits", "--per-class", "2", "--backbone", DEEP, "--weights", source.run_id)
    told = run_json(capsys, *arguments, "--epochs", "2", "--strategies", "scratch,deepen")
    scratch, deeper = told["results"]
    assert scratch["copied"] is None
    assert deeper["copied"]["text"] == "2 of 4 convolutions and 2 of 2 Linear layers"
    assert deeper["copied"]["layers"]["6"] == "4"
    assert scratch["params"] == deeper["params"] == deeper["trainable_params"]
    assert "or the strategy deepen for a deeper network" in refused(capsys, *arguments, "--strategies", "frozen")
