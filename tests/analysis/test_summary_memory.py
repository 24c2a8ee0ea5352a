"""Memory against a sum by hand, against what autograd really keeps, and against the process's own peak."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torchvision
from torch import nn

from cvcore.analysis import memory
from cvcore.analysis.summary import summarize, summarize_module
from cvcore.models import zoo

ROOT = Path(__file__).resolve().parents[2]
THEIRS = torchvision.models.list_models(module=torchvision.models)
MOST_EXTRA = 60  # MB


def test_vgg16_by_the_arithmetic_of_its_notes():
    summary = summarize("torchvision:vgg16")
    sides = [(64, 224, 2), (128, 112, 2), (256, 56, 3), (512, 28, 3), (512, 14, 3)]
    convolutions = sum(channels * side * side * count for channels, side, count in sides)
    poolings = sum(channels * (side // 2) ** 2 for channels, side, _ in sides) + 512 * 7 * 7  # with the adaptive one
    linear = 4096 + 4096 + 1000
    assert summary.memory.activation_bytes == 4 * (convolutions + poolings + linear)
    assert summary.memory.input_bytes == 4 * 3 * 224 * 224
    assert summary.memory.forward_formula() == "4 bytes × (150,528 + 15,112,168) = 61.1 MB"
    assert summary.memory.forward_formula(32) == "32 images × 4 bytes × (150,528 + 15,112,168) = 1.95 GB"
    assert summary.memory.forward_backward_bytes == 2 * 4 * (150_528 + 15_112_168)
    assert summary.memory.parameter_formula("adam") == "553 MB + 553 MB + 1.11 GB = 2.21 GB"


def test_what_works_in_place_or_is_only_a_view_adds_nothing():
    layers = [nn.Conv2d(1, 2, 3), nn.ReLU(inplace=True), nn.ReLU(), nn.Dropout(), nn.Identity(), nn.Flatten()]
    rows = summarize_module("mine", lambda: nn.Sequential(*layers), (1, 8, 8)).layers
    values = 4 * 2 * 6 * 6
    assert [row.activation_bytes for row in rows] == [values, 0, values, 0, 0, 0]


def test_a_flatten_that_must_copy_is_counted():
    class Turned(nn.Module):
        def __init__(self):
            super().__init__()
            self.flatten = nn.Flatten()

        def forward(self, x):
            return self.flatten(x.transpose(2, 3))  # no longer in the order of memory

    assert summarize_module("mine", Turned, (1, 4, 6)).layers[-1].activation_bytes == 4 * 24


def test_sums_and_concatenations_outside_of_layers_are_counted():
    class Branches(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(2, 2, 3, padding=1)

        def forward(self, x):
            return torch.cat([self.conv(x) + x, x], dim=1)

    own, conv = summarize_module("mine", Branches, (2, 5, 5)).layers
    assert own.type == "(own operations)"
    assert own.activation_bytes == 4 * 25 * (2 + 4)
    assert conv.activation_bytes == 4 * 25 * 2


@pytest.mark.parametrize(
    "name", ["torchvision:googlenet", "torchvision:resnet18", "mobilenet_v2", "densenet121", "lenet5"]
)
def test_kept_for_backward_is_what_autograd_keeps_of_real_numbers(name):
    spec = zoo.find(name)
    # not the smallest size: a 1×1 map has its own short cuts
    shape = spec.input if name == "lenet5" else (3, 96, 96)
    real = zoo.build(name, shape, 10).train()
    weights = {p.untyped_storage().data_ptr() for p in [*real.parameters(), *real.buffers()]}
    kept = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = (storage.nbytes(), tensor)
        return tensor

    images = torch.rand(4, *shape)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        output = real(images)  # noqa: F841
    real_bytes = sum(size for size, _ in kept.values()) / len(images)
    # training mode there, evaluation mode here: BatchNorm's statistics and dropout's masks make the difference
    assert summarize(name, shape, 10).memory.saved_bytes == pytest.approx(real_bytes, rel=0.02)


@pytest.mark.parametrize("name", ["torchvision:resnet18", "densenet121"])
def test_forward_is_near_what_autograd_keeps_where_nothing_is_recomputed(name):
    found = summarize(name).memory
    assert found.forward_bytes == pytest.approx(found.saved_bytes, rel=0.06)


def test_max_pooling_keeps_where_its_maxima_were():
    found = summarize_module("mine", lambda: nn.Sequential(nn.Conv2d(1, 1, 1), nn.MaxPool2d(2)), (1, 8, 8)).memory
    assert found.activation_bytes == 4 * 64 + 4 * 16
    # the convolution keeps its input, the pooling its input and 16 places of 8 bytes; nobody needs the output
    assert found.saved_bytes == 4 * 64 + 4 * 64 + 8 * 16


def test_frozen_layers_keep_nothing_and_need_neither_gradients_nor_state():
    base = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(inplace=True), nn.Flatten())
    base.requires_grad_(False)
    found = summarize_module("mine", lambda: nn.Sequential(base, nn.Linear(256, 2)), (1, 8, 8)).memory
    assert found.saved_bytes == 4 * 256  # what the linear layer reads
    assert found.gradient_bytes == 4 * (2 * 256 + 2)
    assert [found.state_bytes(name) for name in memory.STATES] == [0, found.gradient_bytes, 2 * found.gradient_bytes]
    assert found.weight_bytes == 4 * (4 * 9 + 4 + 2 * 256 + 2)


SCRIPT = """
import json, resource, sys, torch
from cvcore.analysis.summary import summarize

torch.set_num_threads(1)
unit = 1 if sys.platform == "darwin" else 1024

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit

summarize("torchvision:resnet18"), summarize("torchvision:vit_b_32")
for name in sys.argv[1:]:
    before = peak()
    record = summarize("torchvision:" + name).to_json()
    layers = record.pop("layers")
    columns = ("params", "trainable_params", "mult_adds", "activation_bytes")
    sums = {column: sum(layer[column] for layer in layers) for column in columns}
    print(json.dumps({**record, "name": name, "extra": (peak() - before) / 1e6, "sums": sums}))
"""


def measured(names: list[str]) -> list[dict]:
    """The summary of each network in a process of its own, which is warm, with column sums instead of the layers, and
    by how many MB it raised the peak of the process."""
    done = subprocess.run([sys.executable, "-c", SCRIPT, *names], cwd=ROOT, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.skipif(sys.platform == "win32", reason="the resource module is not for Windows")
def test_large_networks_are_summarised_in_little_memory():
    found = measured(["vgg16", "vit_h_14", "regnet_y_128gf"])
    assert [round(record["memory"]["weight_bytes"] / 1e6) for record in found] == [553, 2534, 2579]  # MB
    assert max(record["extra"] for record in found) <= MOST_EXTRA


@pytest.mark.sweep
@pytest.mark.skipif(sys.platform == "win32", reason="the resource module is not for Windows")
def test_every_torchvision_classifier_is_counted_right_and_in_little_memory():
    metas = {name: torchvision.models.get_model_weights(name).DEFAULT.meta for name in THEIRS}
    # by work, so that each may set a new peak
    found = measured(sorted(THEIRS, key=lambda name: metas[name]["_ops"]))
    assert {record["name"] for record in found} == set(THEIRS)
    assert len(found) >= 80
    assert sum(record["extra"] for record in found) <= MOST_EXTRA  # all together, so any of them
    for record in found:
        meta, name = metas[record["name"]], record["name"]
        assert record["params"] == record["sums"]["params"] == meta["num_params"], name
        assert record["trainable_params"] == record["sums"]["trainable_params"] == meta["num_params"], name
        assert record["mult_adds"] == record["sums"]["mult_adds"], name
        assert record["mult_adds"] / 1e9 == pytest.approx(meta["_ops"], rel=0.02), name
        assert record["mult_adds_status"] == "counted", name
        assert record["memory"]["activation_bytes"] == record["sums"]["activation_bytes"], name
        assert record["memory"]["saved_bytes"] > 0, name
