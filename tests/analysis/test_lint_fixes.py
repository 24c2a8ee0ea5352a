"""The lint's fixes: each is what the finding says, and a network that follows it no longer has the finding."""

import pytest
import torch
from torch import nn

from cvcore.analysis.lint import lint, lint_module
from tests.analysis.lint_findings import found, only

HEAD = "nn.Flatten(), nn.Linear(784, 10)"
MNIST = (1, 28, 28)

# rule, where, the network, what its fix says, the network mended so; on digits, with cross-entropy unless it is nll
FIXES = [
    # a row of 28 pixels was taken for an image: 28·28 = 784
    ("output-classes", "0", "nn.Linear(28, 10)", "put nn.Flatten() before layer 0, and in_features=784", HEAD),
    ("output-classes", "0", "nn.Linear(28, 5), nn.ReLU(), nn.Linear(5, 7)",
     "put nn.Flatten() before layer 0, and in_features=784 in it, and out_features=10 in layer 2",
     "nn.Flatten(), nn.Linear(784, 5), nn.ReLU(), nn.Linear(5, 10)"),
    ("output-classes", "1", "nn.Linear(28, 10), nn.Softmax2d()", "end with nn.Flatten() and nn.Linear(280, 10)",
     "nn.Linear(28, 10), nn.Softmax2d(), nn.Flatten(), nn.Linear(280, 10)"),
    ("output-classes", "1", "nn.Conv2d(1, 10, 3), nn.AdaptiveAvgPool2d(1)", "end with nn.Flatten()",
     "nn.Conv2d(1, 10, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()"),
    ("output-classes", "0", "nn.Conv2d(1, 10, 3)", "end with nn.AdaptiveAvgPool2d(1) and nn.Flatten()",
     "nn.Conv2d(1, 10, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()"),
    ("output-classes", "0", "nn.Conv2d(1, 8, 3)",
     "out_channels=10 in layer 0, and end with nn.AdaptiveAvgPool2d(1) and nn.Flatten()",
     "nn.Conv2d(1, 10, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()"),
    ("output-classes", "0", "nn.AvgPool2d(4)", "end with nn.Flatten() and nn.Linear(49, 10)",
     "nn.AvgPool2d(4), nn.Flatten(), nn.Linear(49, 10)"),
    ("output-classes", "1", "nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8)",
     "end with nn.AdaptiveAvgPool2d(1), nn.Flatten() and nn.Linear(8, 10)",
     "nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10)"),
    ("output-classes", "1", "nn.Flatten(), nn.Linear(784, 12)", "out_features=10", HEAD),
    ("output-classes", "", "nn.Flatten(), nn.Linear(784, 12), nn.BatchNorm1d(12)", "end with nn.Linear(12, 10)",
     "nn.Flatten(), nn.Linear(784, 12), nn.BatchNorm1d(12), nn.Linear(12, 10)"),
    ("shapes", "0", "nn.Flatten(0), nn.Linear(784, 10)", "nn.Flatten() without start_dim=0", HEAD),
    ("shapes", "1", "nn.Conv2d(1, 4, 3), nn.Conv2d(32, 64, 3, groups=32), nn.Flatten()", "in_channels=4 and groups=4",
     "nn.Conv2d(1, 4, 3), nn.Conv2d(4, 64, 3, groups=4), nn.Flatten()"),
    ("softmax-dim", "2", f"{HEAD}, nn.Softmin(0)", "dim=1, the axis of the 10 classes", f"{HEAD}, nn.Softmin(1)"),
    ("softmax-before-loss", "2", f"{HEAD}, nn.Softmin(0)",
     "leave the Softmin out of the network; apply it to the logits when you show probabilities", HEAD),
    ("logits-into-nll", "2", f"{HEAD}, nn.Sigmoid()",
     'nn.LogSoftmax(dim=1) instead of Sigmoid; or train with nn.CrossEntropyLoss (loss "cross_entropy")',
     f"{HEAD}, nn.LogSoftmax(dim=1)"),
    ("logits-into-nll", "3", f"{HEAD}, nn.LogSoftmax(1), nn.ReLU()", "leave the ReLU out",
     f"{HEAD}, nn.LogSoftmax(1)"),
    ("bounded-logits", "2", f"{HEAD}, nn.Softplus()", "leave the Softplus out: the loss takes any logits", HEAD),
    ("no-nonlinearity", "3", "nn.Flatten(), nn.Linear(784, 99), nn.LeakyReLU(1.0), nn.Linear(99, 10)",
     "put nn.ReLU() between layers 1 and 3",
     "nn.Flatten(), nn.Linear(784, 99), nn.LeakyReLU(1.0), nn.ReLU(), nn.Linear(99, 10)"),
    ("large-linear", "3", "nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(2704, 10)",
     "nn.AdaptiveAvgPool2d(1) before nn.Flatten(), and in_features=4 in layer 3: one value a channel instead of a map",
     "nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 10)"),
    ("dropout-of-all", "2", "nn.Flatten(), nn.Linear(784, 99), nn.Dropout(1.0), nn.ReLU(), nn.Linear(99, 10)",
     "p=0.5, or leave it out", "nn.Flatten(), nn.Linear(784, 99), nn.Dropout(0.5), nn.ReLU(), nn.Linear(99, 10)"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "where", "layers", "fix", "mended"), FIXES, ids=[row[2][:60] for row in FIXES])
def test_a_network_that_follows_the_fix_no_longer_has_the_finding(rule, where, layers, fix, mended):
    loss = "nll" if "nll" in rule else "cross_entropy"
    finding = only(lint(f"nn.Sequential({layers})", MNIST, 10, loss=loss), rule)
    assert (finding.where, finding.fix) == (where, fix)
    network = f"nn.Sequential({mended})"
    assert rule not in found(lint(network, MNIST, 10, loss=loss))
    eval(network, {"nn": nn}).eval()(torch.rand(2, *MNIST))  # torch takes it too


@pytest.mark.parametrize("layers", ["nn.Flatten(0)", "nn.Linear(28, 10), nn.Flatten(0)"])
def test_a_flatten_that_takes_the_batch_along_is_the_layer_at_fault(layers):
    finding = only(lint(f"nn.Sequential({layers})", MNIST, 10), "shapes")
    assert finding.where == str(layers.count("),"))


class Reshaping(nn.Module):
    """A network whose forward makes rows out of a batch of images by hand, as tutorials do."""

    def __init__(self, rows, features):
        super().__init__()
        self.rows, self.out = rows, nn.Linear(features, 10)

    def forward(self, x):
        return self.out(self.rows(x))


@pytest.mark.parametrize(
    ("rows", "features", "rule"),
    [(torch.flatten, 784, "shapes"), (lambda x: x.view(-1), 784, "shapes"),
     (lambda x: x.view(-1, 196), 196, "output-classes")],
    ids=["flatten", "view(-1)", "view(-1, 196)"],
)  # fmt: skip
def test_rows_that_are_no_images_are_found_where_they_are_made(rows, features, rule):
    finding = only(lint_module(Reshaping(rows, features), MNIST, 10), rule)
    assert (finding.level, finding.where, finding.fix) == ("mistake", "", "flatten from dim 1 on: x.flatten(1)")
    assert rule == "shapes" or "4 rows of logits for each image" in finding.message  # 784 / 196
    mended = lint_module(Reshaping(lambda x: x.flatten(1), 784), MNIST, 10)
    assert found(mended, "mistake") == []


def test_an_image_without_its_batch_breaks_no_rule():
    # Flatten(0, 1) of [N, 1, H, W] is [N, H, W], which a convolution of N channels would take for one image
    assert found(lint_module(nn.Sequential(nn.Flatten(0, 1), nn.Conv2d(5, 4, 3)), MNIST, 10), "mistake")
