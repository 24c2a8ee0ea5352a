"""Networks side by side: totals that others publish, and diffs that can be done by hand."""

import json

import pytest
from torchvision.models import get_model_weights

from cvcore.analysis import align
from cvcore.analysis.align import Pair, Stage, match_layers, match_stages
from cvcore.analysis.compare import COSTS, change, compare, diff, network, published_points, to_json
from cvcore.analysis.summary import Layer, summarize
from cvcore.errors import ConfigError, ModelError

IMAGE = (3, 224, 224)


@pytest.fixture(scope="module")
def resnets():
    return compare(["torchvision:resnet18", "torchvision:resnet34"], IMAGE, 1000)[0]


def test_totals_are_the_published_ones(resnets):
    for each, name, depth, field in zip(resnets, ("resnet18", "resnet34"), (18, 34), (435, 899), strict=True):
        meta = get_model_weights(name).DEFAULT.meta
        assert each.params == meta["num_params"]
        assert each.top1 == meta["_metrics"]["ImageNet-1K"]["acc@1"]
        assert each.depth == depth
        # fields: Araujo et al., 2019, table 1 have 435 for ResNet-18; three more blocks of two 3×3 convolutions in
        # stage 3 or 4 add up to 899: 435 + 2·2·(4 + 8·2 + 16·4 + 32) = 435 + 464
        assert each.field == (field, field)


def test_resnet34_is_resnet18_with_eight_more_blocks(resnets):
    found = diff(*resnets)
    counts = {stage.key: [stage.count(state) for state in ("same", "changed", "removed")] for stage in found.stages}
    assert all(rest == [0, 0] for _, *rest in counts.values())
    # 3−2, 4−2, 6−2, 3−2 blocks more, of two convolutions, two BatchNorms and two ReLUs; they add in place
    assert [stage.count("added") for stage in found.stages] == [0, 6, 12, 24, 6, 0]
    assert [stage.key for stage in found.stages] == ["1/2", "1/4", "1/8", "1/16", "1/32", "vectors"]
    # a block of 64 channels: two 3×3 convolutions and two BatchNorms
    assert found.stages[1].delta[0] == 2 * (9 * 64 * 64 + 2 * 64)


@pytest.mark.parametrize(
    ("first", "second", "image"),
    [
        ("lenet5", "two-conv", (1, 28, 28)),
        ("vgg11", "alexnet", IMAGE),
        ("mobilenet_v3_small", "swin_t", (3, 96, 64)),
        ("squeezenet1_1", "vit_b_32", IMAGE),
        ("googlenet", "inception_v3", (3, 299, 299)),  # one with layers that do not run
    ],
)
def test_stages_add_up_to_the_totals(first, second, image):
    one, two = (network(name, image, 10) for name in (first, second))
    summaries = [summarize(name, image, 10) for name in (first, second)]
    for found in (diff(one, two, by="resolution"), diff(one, two, by="order")):
        for place, key in enumerate(COSTS):
            totals = [sum(getattr(layer, key) for layer in each.layers) for each in summaries]
            assert sum(stage.delta[place] for stage in found.stages) == totals[1] - totals[0]
        for side, each in (("first", one), ("second", two)):
            places = [getattr(pair, side) for stage in found.stages for pair in stage.pairs]
            assert sorted(place for place in places if place is not None) == list(range(len(each.rows)))


def test_batch_norm_is_what_is_added():
    found = diff(*compare(["torchvision:vgg11", "torchvision:vgg11_bn"], IMAGE, 1000)[0])
    added = [found.second.rows[pair.second] for stage in found.stages for pair in stage.pairs if pair.state == "added"]
    assert [row.type for row in added] == ["BatchNorm2d"] * 8
    assert sum(row.params for row in added) == 132_868_840 - 132_863_336  # torchvision's meta["num_params"]
    assert {pair.state for stage in found.stages for pair in stage.pairs} == {"same", "added"}


def test_groups_are_a_change():
    found = diff(*compare(["torchvision:resnet50", "torchvision:resnext50_32x4d"], IMAGE, 1000)[0])
    changed = [pair for stage in found.stages for pair in stage.pairs if pair.state == "changed"]
    kinds = {found.first.rows[pair.first].type for pair in changed}
    assert kinds >= {"Conv2d", "BatchNorm2d"} and "Linear" not in kinds
    assert not any(stage.count("added") or stage.count("removed") for stage in found.stages)


def row(kind, kernel=None, params=0, output=(8, 4, 4)):
    return Layer("", kind, output, params, 0, kernel=kernel, stride=kernel and (1, 1))


def test_layers_are_lined_up():
    three, five = (3, 3), (5, 5)
    first = [row("Conv2d", three, 1), row("ReLU"), row("Conv2d", three, 2), row("MaxPool2d", (2, 2))]
    second = [
        row("Conv2d", three, 1),
        row("BatchNorm2d"),
        row("ReLU"),
        row("Conv2d", five, 2),
        row("AvgPool2d", (2, 2)),
    ]
    assert match_layers(first, second, (range(4), range(5))) == [
        Pair("same", 0, 0),
        Pair("added", None, 1),
        Pair("same", 1, 2),
        Pair("changed", 2, 3),  # another kernel
        Pair("removed", 3, None),
        Pair("added", None, 4),
    ]


def test_stages_by_hand():
    layers = summarize("lenet5", (1, 28, 28), 10).layers
    # 28 → conv, tanh; 14 → pool; 10 → conv, tanh (more than a quarter of 28); 5 → pool; then vectors
    assert [(stage.key, stage.size, len(stage.positions)) for stage in align.stages(layers, (1, 28, 28))] == [
        ("1/1", (28, 28), 2),
        ("1/2", (14, 14), 3),
        ("1/4", (5, 5), 1),
        ("vectors", None, 6),
    ]


def test_stages_without_a_common_resolution_go_by_order():
    one = [Stage("1/1", (8, 8), (0,)), Stage("1/2", (4, 4), (1,)), Stage("vectors", None, (2,))]
    two = [Stage("1/4", (2, 2), (0,)), Stage("vectors", None, (1,))]
    assert match_stages(one, two) == [(one[0], two[0]), (one[1], None), (one[2], two[1])]
    shared = [Stage("1/2", (4, 4), (0,)), Stage("1/4", (2, 2), (1,))]
    assert match_stages(one, shared) == [(one[0], None), (one[1], shared[0]), (None, shared[1]), (one[2], None)]
    assert match_stages(one, shared, by="order")[0] == (one[0], shared[0])


def test_a_typed_network_stands_beside_others():
    text = "nn.Sequential(nn.Flatten(), nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 10))"
    (mlp, typed), refused = compare(["mlp", text], (1, 28, 28), 10)
    assert refused == {} and typed.params == mlp.params == 79_510
    assert {pair.state for stage in diff(mlp, typed).stages for pair in stage.pairs} == {"same"}


def test_who_does_not_take_the_image_is_refused_alone():
    networks, refused = compare(["lenet5", "squeezenet1_1", "mlp"], (1, 28, 28), 10)
    assert [each.name for each in networks] == ["lenet5", "mlp"]
    assert list(refused) == ["squeezenet1_1"] and "3 channels" in refused["squeezenet1_1"]


def test_wrong_questions():
    with pytest.raises(ConfigError, match="2 to 4 different networks, got 1"):
        compare(["mlp"], (1, 28, 28), 10)
    with pytest.raises(ConfigError, match="2 to 4 different networks"):
        compare(["mlp", "mlp"], (1, 28, 28), 10)
    with pytest.raises(ModelError, match="unknown model"):
        compare(["mlp", "no-such-net"], (1, 28, 28), 10)
    with pytest.raises(ModelError, match="at least 28×28"):
        compare(["lenet5", "mlp"], (1, 8, 8), 10)


def test_change():
    assert change(200, 50) == (-150, 0.25)
    assert change(0, 3) == (3, None)
    assert change(None, 3) is None and change(3, None) is None


def test_json():
    names = ["perceptron", "mlp", "lenet-cifar"]
    networks, refused = compare(names, (1, 28, 28), 10)
    record = json.loads(json.dumps(to_json(networks, refused, 10), allow_nan=False))
    assert (record["input"], record["classes"]) == ([1, 28, 28], 10)
    first, second = record["models"]
    assert (first["name"], first["params"], first["top1"]) == ("perceptron", 7_850, None)
    assert second["difference"]["params"] == 79_510 - 7_850
    assert second["ratio"]["params"] == pytest.approx(79_510 / 7_850, rel=1e-6)
    assert record["refused"][0]["name"] == "lenet-cifar"
    assert sum(stage["delta"]["params"] for stage in record["diffs"][0]["stages"]) == 79_510 - 7_850


def test_published_points_are_torchvisions():
    points = {name: rest for name, *rest in published_points()}
    assert points["vgg16"] == [138_357_544, 15_470_000_000, 71.592]
    assert len(points) == 80
