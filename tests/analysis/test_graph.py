"""Graphs against what the papers draw: depths that gave networks their names, and connections counted by hand."""

import threading
from collections import Counter

import pytest
import torch
import torchvision
from torch import nn

from cvcore.analysis import graph as graphs
from cvcore.analysis.graph import DETAILS, Edge, default_detail, depth, mark_skips, opened, view, with_parents
from cvcore.analysis.graph_trace import graph_of, graph_of_module
from cvcore.errors import ModelError
from cvcore.models import zoo


def traced(name):
    spec = zoo.find(name)
    return graph_of(name, spec.input, spec.default_classes)


def sources(edges, target):
    return [edge.source for edge in edges if edge.target == target]


@pytest.fixture(scope="module")
def resnet18():
    return traced("torchvision:resnet18")


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("lenet5", 5),
        ("torchvision:alexnet", 8),
        ("torchvision:vgg16", 16),
        ("torchvision:vgg19_bn", 19),
        ("torchvision:resnet18", 18),
        ("torchvision:resnet50", 50),
        ("torchvision:densenet121", 121),
        ("googlenet", 22),  # "22 layers deep when counting only layers with parameters", Szegedy et al., section 5
    ],
)
def test_depth_is_the_number_in_the_name(name, layers):
    assert depth(traced(name)) == layers


def test_resnet18_adds_in_eight_blocks_and_five_of_them_skip_unchanged(resnet18):
    adds = [node.name for node in resnet18.nodes if node.type == "add"]
    assert adds == [f"layer{stage}.{block}.add" for stage in (1, 2, 3, 4) for block in (0, 1)]
    edges = mark_skips([node.name for node in resnet18.nodes], resnet18.edges)
    # the first block of stages 2 to 4 halves the map: there the shortcut is a convolution and goes around nothing
    skips = {(edge.source, edge.target) for edge in edges if edge.skip}
    assert skips == {
        ("maxpool", "layer1.0.add"),
        ("layer1.0.relu#2", "layer1.1.add"),
        *((f"layer{stage}.0.relu#2", f"layer{stage}.1.add") for stage in (2, 3, 4)),
    }
    assert sources(edges, "layer2.0.add") == ["layer2.0.bn2", "layer2.0.downsample.1"]


def test_resnet18_has_the_nodes_of_its_paper(resnet18):
    kinds = Counter(node.type for node in resnet18.nodes)
    # 1 + 8·2 convolutions and 3 shortcuts; a ReLU after the first and two in each block
    assert (kinds["Conv2d"], kinds["BatchNorm2d"], kinds["ReLU"], kinds["Linear"]) == (20, 20, 17, 1)
    # a chain of n nodes has n − 1 edges; each of the 8 additions has one more
    assert len(resnet18.edges) == len(resnet18.nodes) - 1 + 8


def test_shapes_on_edges(resnet18):
    shapes = {(edge.source, edge.target): edge.shape for edge in resnet18.edges}
    assert shapes["input", "conv1"] == (3, 224, 224)
    assert shapes["layer4.1.add", "layer4.1.relu#2"] == (512, 7, 7)
    assert shapes["flatten", "fc"] == (512,)


def test_parameters_of_all_nodes_are_the_networks(resnet18):
    assert sum(node.params for node in resnet18.nodes) == 11_689_512  # torchvision's meta["num_params"]


def test_levels_of_detail(resnet18):
    stages, blocks, layers = (view(resnet18, opened(resnet18, detail)) for detail in DETAILS)
    names = [box.name for box in stages.boxes]
    assert names[5:9] == ["layer1", "layer2", "layer3", "layer4"]
    assert names[:5] == ["input", "conv1", "bn1", "relu", "maxpool"]
    closed = [box for box in blocks.boxes if box.layers]
    assert [box.type for box in closed] == ["BasicBlock"] * 8
    assert len(layers.boxes) == len(resnet18.nodes) and len(layers.edges) == len(resnet18.edges)
    assert not any(edge.skip for edge in stages.edges)


def test_a_closed_block_tells_what_is_in_it(resnet18):
    block = next(box for box in view(resnet18, opened(resnet18, "blocks")).boxes if box.name == "layer2.0")
    # two convolutions with BatchNorm, two ReLUs, the addition, and the shortcut's convolution with BatchNorm
    assert (block.layers, block.joins, block.output) == (9, (("add", 1),), (128, 28, 28))
    assert block.params == 9 * 64 * 128 + 9 * 128 * 128 + 64 * 128 + 3 * 2 * 128
    assert block.around == ("layer2",)


def test_one_block_can_be_opened_in_a_closed_network(resnet18):
    shown = view(resnet18, opened(resnet18, "stages") | with_parents(resnet18, ["layer3.1", "no.such"]))
    assert [box.name for box in shown.boxes if box.layers] == ["layer1", "layer2", "layer3.0", "layer4"]
    assert [(edge.source, edge.target) for edge in shown.edges if edge.skip] == [("layer3.0", "layer3.1.add")]
    assert [part.path for part in shown.parts] == ["layer3", "layer3.1"]


@pytest.mark.parametrize(
    ("name", "module"),
    # the first block of ResNet-50 has a convolution in its shortcut, the second has none
    [("torchvision:resnet50", "layer1.1"), ("googlenet", "inception3a"), ("lenet5", None)],
)
def test_the_block_that_is_open_at_first_shows_a_connection(name, module):
    assert graphs.example(traced(name)) == module


def test_dense_connections():
    graph = traced("torchvision:densenet121")
    shown = view(graph, opened(graph, "blocks"))
    block = [f"features.denseblock1.denselayer{number}" for number in range(1, 7)]
    for number, layer in enumerate(block):  # each layer gets what went into the block, and the results of all before it
        assert sources(shown.edges, layer) == ["features.pool0", *block[:number]]
    assert sources(shown.edges, "features.denseblock1.cat") == ["features.pool0", *block]
    # 6 + 12 + 24 + 16 layers concatenate what they get, and four blocks what they give
    assert Counter(node.type for node in graph.nodes)["cat"] == 58 + 4


def test_inverted_residuals_join_where_nothing_changes():
    graph = traced("torchvision:mobilenet_v2")
    # Sandler et al., table 2: of blocks repeated n = 1, 2, 3, 4, 3, 3, 1 times all but the first of each skip
    assert Counter(node.type for node in graph.nodes)["add"] == 0 + 1 + 2 + 3 + 2 + 2 + 0


def test_branches_of_an_inception_block():
    graph = traced("googlenet")
    assert len(sources(graph.edges, "inception3a.cat")) == 4
    feeds = [edge.target for edge in graph.edges if edge.source == "maxpool2"]
    assert len(feeds) == 4  # 1×1, reduced 3×3, reduced 5×5, pooled
    assert not any(edge.skip for edge in mark_skips([node.name for node in graph.nodes], graph.edges))


def test_a_transformer():
    graph = traced("vit_b_16")
    kinds = Counter(node.type for node in graph.nodes)
    # twelve blocks with two residuals each, and the position embedding; the class token is one concatenation
    assert (kinds["MultiheadAttention"], kinds["add"], kinds["cat"]) == (12, 25, 1)
    assert next(node for node in graph.nodes if node.type == "MultiheadAttention").output == (197, 768)


@pytest.mark.parametrize("name", ["swin_t", "shufflenet_v2_x1_0", "efficientnet_b0"])
def test_every_node_is_reached_from_the_input_and_reaches_the_output(name):
    graph = traced(name)
    fed = {edge.target for edge in graph.edges}
    feeding = {edge.source for edge in graph.edges}
    assert {node.name for node in graph.nodes} - fed == {"input"}
    assert {node.name for node in graph.nodes} - feeding == {"output"}
    assert len({node.name for node in graph.nodes}) == len(graph.nodes)


@pytest.mark.sweep
@pytest.mark.parametrize("name", torchvision.models.list_models(module=torchvision.models))
def test_every_torchvision_classifier_is_traced_and_starts_legible(name):
    graph = traced(zoo.THEIRS + name)
    assert graph.traced
    assert graph.nodes[-1].output == (1000,)
    shown = view(graph, opened(graph, default_detail(graph)))
    assert 3 < len(shown.boxes) <= graphs.LEGIBLE


@pytest.mark.parametrize(("name", "detail"), [("lenet5", "layers"), ("torchvision:densenet121", "stages")])
def test_the_first_level_of_detail_goes_by_size(name, detail):
    assert default_detail(traced(name)) == detail


def test_skips_go_around_something():
    edges = [Edge("a", "b"), Edge("b", "c"), Edge("a", "c"), Edge("a", "d"), Edge("c", "d")]
    marked = mark_skips("abcd", edges)
    assert [edge.skip for edge in marked] == [False, False, True, True, False]


class Undecided(nn.Module):
    """Its path depends on the image."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU())
        self.head = nn.Linear(72, 2)

    def forward(self, x):
        for _ in range(len(x)):
            x = self.body(x)
        return self.head(x.flatten(1))


def test_what_cannot_be_traced_is_a_tree():
    graph = graph_of_module("undecided", Undecided, (1, 8, 8))
    assert not graph.traced and "len" in graph.note and depth(graph) is None
    assert {(edge.source, edge.target) for edge in graph.edges} == {
        ("undecided", "body"),
        ("body", "body.0"),
        ("body", "body.1"),
        ("undecided", "head"),
    }
    assert [box.name for box in view(graph, opened(graph, "layers")).boxes] == [node.name for node in graph.nodes]
    assert [box.name for box in view(graph, []).boxes] == ["undecided", "body", "head"]


def test_other_threads_compute_while_a_network_is_traced():
    model, image = torchvision.models.squeezenet1_1(num_classes=3).eval(), torch.zeros(1, 3, 64, 64)
    with torch.no_grad():
        expected = model(image)
    failures, done = [], threading.Event()

    def predict():
        while not done.is_set():
            try:
                with torch.no_grad():
                    assert torch.equal(model(image), expected)
            except Exception as error:
                failures.append(error)

    thread = threading.Thread(target=predict)
    thread.start()
    try:
        for _ in range(3):
            traced("torchvision:resnet18")
    finally:
        done.set()
        thread.join()
    assert failures == []
    assert nn.Module.__call__ is torch.nn.modules.module.Module.__call__


@pytest.mark.parametrize(
    ("name", "shape", "says"),
    [("lenet5", (1, 8, 8), "at least 28×28"), ("resnet99", (3, 64, 64), "unknown model"), ("mlp", (1, 0, 1), "1 to")],
)
def test_impossible_requests_are_one_line(name, shape, says):
    with pytest.raises(ModelError, match=says) as error:
        graph_of(name, shape, 10)
    assert "\n" not in str(error.value)
