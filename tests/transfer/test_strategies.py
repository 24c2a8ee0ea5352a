"""Ways to reuse weights: heads, what learns when, and at what rate."""

import pytest
import torch
import torchvision
from torch import nn

from cvcore.config import TrainConfig, TransferConfig
from cvcore.errors import ModelError
from cvcore.models import zoo
from cvcore.training.loop import train_mode
from cvcore.training.optim import Schedule, make_optimizer
from cvcore.transfer.heads import head_name, with_head
from cvcore.transfer.strategies import blocks, load_body, plan_of

IMAGE = (1, 28, 28)
PHOTO = (3, 64, 64)
THEIRS = torchvision.models.list_models(module=torchvision.models)
KINDS = ("features", "frozen", "finetune", "discriminative", "warmup-finetune", "gradual")


def transfer(strategy: str, **more) -> TransferConfig:
    return TransferConfig(source="digits-bn-cnn-0123456789ab", strategy=strategy, **more)


@pytest.mark.parametrize(
    ("model", "image", "head"),
    [("bn-cnn", IMAGE, "head"), ("lenet5", IMAGE, "head"), ("vgg11", (3, 32, 32), "classifier.6"),
     ("resnet18", (3, 32, 32), "fc"), ("mobilenet_v2", (3, 32, 32), "classifier.1")],
)  # fmt: skip
def test_the_head_is_the_last_linear_layer(model, image, head):
    with torch.device("meta"):
        assert head_name(zoo.build(model, image, 5)) == head


@pytest.mark.sweep
@pytest.mark.parametrize("name", THEIRS)
def test_the_head_of_every_torchvision_classifier_gives_the_classes(name):
    spec = zoo.find(f"torchvision:{name}")
    with torch.device("meta"):
        model = zoo.build(spec.name, spec.input, 1000)
        head = model.get_submodule(head_name(model))
    assert (head.out_features if isinstance(head, nn.Linear) else head.out_channels) == 1000


def test_a_network_without_a_layer_to_replace_is_refused():
    with pytest.raises(ModelError, match="no Linear layer or convolution"):
        head_name(nn.Sequential(nn.ReLU()))


class TestHeads:
    """A network of 10 classes with 36 outputs before, or torchvision's own counts by hand."""

    def test_replaced_it_has_the_classes(self):
        network = with_head("bn-cnn", IMAGE, 10, "replace")
        assert network.head == "head"
        assert network.model.head.out_features == 10

    @pytest.mark.parametrize(
        ("name", "learning"),
        # one Linear from 25,088 = 512·7·7 features, and from 1,280, to two classes, as the tutorial's own counts say
        [("vgg16", 50_178), ("mobilenet_v2", 2_562)],
    )
    def test_one_linear_in_place_of_the_whole_classifier(self, name, learning):
        with torch.device("meta"):
            network = with_head(name, (3, 224, 224), 2, "linear")
            assert network.model(torch.empty(2, 3, 224, 224)).shape == (2, 2)
        assert network.head == "classifier"
        assert sum(p.numel() for n, p in network.model.named_parameters() if network.is_fresh(n)) == learning
        if name == "vgg16":
            assert sum(p.numel() for p in network.model.parameters()) == 14_764_866  # as published

    def test_two_layers_in_place_of_the_last(self):
        network = with_head("resnet18", PHOTO, 3, "mlp")
        assert [type(each) for each in network.model.fc] == [nn.Linear, nn.ReLU, nn.Linear]
        assert network.model(torch.zeros(2, *PHOTO)).shape == (2, 3)

    @pytest.mark.parametrize("head", ["append", "append-softmax"])
    def test_a_layer_behind_the_old_head(self, head):
        network = with_head("resnet18", PHOTO, 2, head, outputs=1000)
        outputs = network.model(torch.zeros(2, *PHOTO))
        assert outputs.shape == (2, 2)
        assert (head == "append-softmax") == torch.allclose(outputs.sum(1), torch.ones(2))
        assert network.model.body.fc.out_features == 1000
        assert sum(p.numel() for n, p in network.model.named_parameters() if network.is_fresh(n)) == 2_002

    def test_one_in_place_of_a_convolution_is_refused(self):
        with pytest.raises(ModelError, match="ends in a convolution; choose replace or append"):
            with_head("torchvision:squeezenet1_1", PHOTO, 2, "mlp")


class TestWeights:
    def test_features_are_those_of_the_source(self):
        source, network = zoo.build("bn-cnn", IMAGE, 36).eval(), with_head("bn-cnn", IMAGE, 10, "replace")
        load_body(network, source.state_dict(), "mine")
        reused, images = network.model.eval(), torch.rand(4, *IMAGE)
        for each in (source, reused):
            each.head = nn.Identity()
        assert torch.equal(source(images), reused(images))

    def test_behind_an_old_head_all_of_it_is_the_sources(self):
        source, network = zoo.build("bn-cnn", IMAGE, 36).eval(), with_head("bn-cnn", IMAGE, 10, "append", 36)
        load_body(network, source.state_dict(), "mine")
        images = torch.rand(4, *IMAGE)
        assert torch.equal(network.model.eval()(images), network.model.head(source(images)))

    @pytest.mark.parametrize(
        ("name", "image", "told"),
        [
            ("lenet5", IMAGE, r"missing: 6 in stage1, 12 in stage2, .*; not in the network: 2 in conv1"),
            ("bn-cnn", (3, 28, 28), r"stage1\.conv\.weight is 16×3×3×3 and the network's 16×1×3×3"),
        ],
    )
    def test_of_another_network_they_are_refused_and_nothing_changes(self, name, image, told):
        network = with_head("bn-cnn", IMAGE, 10, "replace")
        before = {key: value.clone() for key, value in network.model.state_dict().items()}
        with pytest.raises(ModelError, match=told):
            load_body(network, zoo.build(name, image, 10).state_dict(), "mine")
        assert all(torch.equal(before[key], value) for key, value in network.model.state_dict().items())


class TestPlans:
    @pytest.mark.parametrize(
        "name", ["bn-cnn", "resnet18", "mobilenet_v2", "vgg11", "densenet121", "torchvision:vit_b_16"]
    )
    @pytest.mark.parametrize("head", ["replace", "append"])
    def test_every_parameter_is_in_exactly_one_block(self, name, head):
        image = zoo.find(name).input
        with torch.device("meta"):
            network = with_head(name, image, 2, head, outputs=1000)
            grouped = [id(p) for _, each in blocks(network) for p in each]
            grouped += [id(p) for n, p in network.model.named_parameters() if network.is_fresh(n)]
            assert sorted(grouped) == sorted(id(p) for p in network.model.parameters())
            assert len(blocks(network)) >= 3
            for strategy in KINDS:
                plan_of(network, transfer(strategy))

    @pytest.mark.parametrize("strategy", ["features", "frozen"])
    def test_frozen_only_the_head_learns(self, strategy):
        network = with_head("bn-cnn", IMAGE, 10, "replace")
        plan_of(network, transfer(strategy))
        assert {n for n, p in network.model.named_parameters() if p.requires_grad} == {"head.weight", "head.bias"}

    def test_finetuned_everything_learns_alike(self):
        network = with_head("bn-cnn", IMAGE, 10, "replace")
        (group,) = plan_of(network, transfer("finetune")).groups
        assert len(group.parameters) == len(list(network.model.parameters()))

    def rates(self, strategy: str, epochs: int, schedule: str = "constant", **more) -> list[dict[str, float]]:
        """The rate of each parameter that learns, by epoch, with an optimizer at 0.1 that makes a step in each."""
        network = with_head("bn-cnn", IMAGE, 10, "replace")
        config = TrainConfig(optimizer="sgd", lr=0.1, schedule=schedule, epochs=epochs, **more.pop("train", {}))
        plan = plan_of(network, transfer(strategy, **more))
        optimizer = make_optimizer(plan.for_optimizer(0.1), config)
        changes = Schedule(optimizer, config, 1)
        names = {id(p): n for n, p in network.model.named_parameters()}
        found = []
        for epoch in range(1, epochs + 1):
            plan.begin(epoch, optimizer)
            plan.begin(epoch, optimizer)  # once more, as when a run goes on: no difference
            told = {names[id(p)]: g["lr"] for g in optimizer.param_groups for p in g["params"] if p.requires_grad}
            found.append(told)
            optimizer.step()
            changes.after_epoch(1.0)
        return found

    def test_discriminative_the_backbone_is_ten_times_slower(self):
        (told,) = self.rates("discriminative", 1)
        assert told["head.weight"] == pytest.approx(0.1)
        assert {round(rate, 12) for name, rate in told.items() if not name.startswith("head")} == {0.01}

    def test_after_a_warm_up_everything_learns_more_slowly(self):
        told = self.rates("warmup-finetune", 4, unfreeze=2, factor=0.01)
        assert [set(each) == {"head.weight", "head.bias"} for each in told] == [True, True, False, False]
        assert [each["head.bias"] for each in told] == pytest.approx([0.1, 0.1, 0.001, 0.001])
        assert told[3]["stage1.conv.weight"] == pytest.approx(0.001)

    def test_a_schedule_goes_on_from_the_lower_rate(self):
        told = self.rates("warmup-finetune", 4, "step", unfreeze=2, factor=0.1, train={"step_size": 1, "gamma": 0.5})
        # 0.1 · 1, 0.5, then lowered to a tenth: 0.25 · 0.1, 0.125 · 0.1
        assert [each["head.bias"] for each in told] == pytest.approx([0.1, 0.05, 0.0025, 0.00125])

    def test_gradually_blocks_join_from_the_top(self):
        told = self.rates("gradual", 5, unfreeze=2)
        joined = [sorted({name.split(".")[0] for name in each}) for each in told]
        names = sorted(name for name, _ in blocks(with_head("bn-cnn", IMAGE, 10, "replace")))
        assert joined[0] == joined[1] == ["head"]
        assert joined[2] == joined[3] == ["head", names[-1]]
        assert joined[4] == ["head", *names[-2:]]
        assert {round(rate, 12) for name, rate in told[4].items() if not name.startswith("head")} == {0.01}

    def test_statistics_move_only_where_they_are_asked_to(self):
        network = with_head("bn-cnn", IMAGE, 10, "replace")
        for statistics, moving in (("frozen", False), ("moving", True)):
            plan = plan_of(network, transfer("frozen", statistics=statistics))
            train_mode(network.model, frozen_too=plan.moving)
            norm = next(each for each in network.model.modules() if isinstance(each, nn.BatchNorm2d))
            assert norm.training == moving


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"strategy": "frozen", "factor": 0.5}, "factor: it belongs to discriminative or warmup-finetune or gradual"),
        ({"strategy": "discriminative", "unfreeze": 2}, "unfreeze: it belongs to warmup-finetune or gradual"),
        ({"strategy": "finetune", "statistics": "moving"}, "statistics: it belongs to frozen"),
    ],
)
def test_settings_of_another_strategy_are_refused(values, told):
    with pytest.raises(ValueError, match=told):
        transfer(**values)
