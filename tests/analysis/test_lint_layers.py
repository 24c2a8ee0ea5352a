"""The lint's rules on layers, sizes and parameters, each on a network that has the fault and on one that has not."""

import pytest
import torch
from torch import nn

from cvcore.analysis.lint import lint, lint_module
from tests.analysis.lint_findings import DIGITS, found, image_head, only, serious


class Block(nn.Module):
    """A residual block whose shortcut is a projection, or the input itself."""

    def __init__(self, project: bool, stride: int = 1):
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 3, stride, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(8)
        shortcut = nn.Sequential(nn.Conv2d(8, 8, 1, stride, bias=False), nn.BatchNorm2d(8))
        self.shortcut = shortcut if project else nn.Identity()

    def forward(self, x):
        return (self.bn(self.conv(x)) + self.shortcut(x)).relu()


@pytest.mark.parametrize(("project", "stride", "needless"), [(True, 1, True), (False, 1, False), (True, 2, False)])
def test_a_projection_where_shapes_agree(project, stride, needless):
    model = image_head(nn.Conv2d(1, 8, 3), nn.ReLU(), Block(project, stride), channels=8)
    findings = lint_module(model, DIGITS, 10)
    assert ("needless-projection" in found(findings)) == needless
    assert serious(findings) == []


def test_the_tutorials_resnext_projects_on_every_shortcut_and_is_only_noted():
    finding = only(lint("resnext50-tutorial"), "needless-projection")
    assert finding.level == "note"
    assert "12 of 16 shortcuts" in finding.message  # the four that change shape need theirs
    # by hand: 2, 3, 5 and 2 projections of 256, 512, 1,024 and 2,048 channels onto themselves
    by_hand = 2 * 256**2 + 3 * 512**2 + 5 * 1024**2 + 2 * 2048**2
    assert f"{by_hand:,} parameters" in finding.message


def test_biases_before_batch_norm_are_counted_in_one_note():
    finding = only(lint("torchvision:vgg16_bn"), "bias-before-norm")
    assert finding.level == "note" and finding.where == "features.0"
    assert "13 layers" in finding.message
    assert f"{2 * 64 + 2 * 128 + 3 * 256 + 6 * 512:,} parameters" in finding.message
    assert "bias-before-norm" not in found(lint("resnet18"))


def test_share_of_fully_connected_layers():
    finding = only(lint("vgg16"), "large-linear")
    linear = 25088 * 4096 + 4096 + 4096 * 4096 + 4096 + 4096 * 1000 + 1000
    assert f"{100 * linear / 138_357_544:.0f} % of the 138,357,544 parameters" in finding.message
    assert finding.where == "classifier.0"
    assert "large-linear" not in found(lint("mlp"))


def test_dropout_before_batch_norm():
    def model(*layers):
        return nn.Sequential(nn.Flatten(), nn.Linear(784, 50, bias=False), *layers, nn.ReLU(), nn.Linear(50, 10))

    wrong = lint_module(model(nn.Dropout(), nn.BatchNorm1d(50)), DIGITS, 10)
    assert (only(wrong, "dropout-before-norm").level, only(wrong, "dropout-before-norm").where) == ("caution", "3")
    assert "dropout-before-norm" not in found(lint_module(model(nn.BatchNorm1d(50), nn.Dropout()), DIGITS, 10))


def test_idle_parameters_are_those_that_no_gradient_reaches():
    class Forgetful(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.never = nn.Linear(784, 10), nn.Linear(3, 5)
            self.lost = nn.Linear(784, 2)  # runs, but its result goes nowhere

        def forward(self, x):
            self.lost(x.flatten(1))
            return self.used(x.flatten(1))

    model = Forgetful()
    model(torch.rand(2, *DIGITS)).sum().backward()
    idle = sum(p.numel() for p in model.parameters() if p.grad is None)
    finding = only(lint_module(model, DIGITS, 10), "idle-parameters")
    assert f"{idle:,} parameters" in finding.message and "never and lost" in finding.message
    assert "idle-parameters" not in found(lint("vit_b_32"))  # attention uses its projections without calling them


def test_strides_larger_than_windows_skip_pixels():
    model = image_head(nn.Conv2d(1, 32, 2, stride=4), nn.ReLU(), nn.MaxPool2d(2, stride=3))
    findings = [each for each in lint_module(model, DIGITS, 10) if each.rule == "skipped-pixels"]
    assert [(each.level, each.where) for each in findings] == [("note", "0"), ("note", "2")]
    assert "25 %" in findings[0].message and "44 %" in findings[1].message  # 2²/4² and 2²/3²


def test_batch_norm_in_a_batch_of_one():
    assert only(lint("bn-cnn", batch_size=1), "batchnorm-batch-1").level == "caution"
    assert "batchnorm-batch-1" not in found(lint("bn-cnn", batch_size=2))
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(784, 20, bias=False), nn.BatchNorm1d(20), nn.ReLU(), nn.Linear(20, 10)
    )
    finding = only(lint_module(model, DIGITS, 10, batch_size=1), "batchnorm-batch-1")
    assert (finding.level, finding.where) == ("mistake", "2")
    with pytest.raises(ValueError, match="Expected more than 1 value per channel"):  # as the message quotes it
        model.train()(torch.rand(1, *DIGITS))
    assert only(lint_module(model, DIGITS, 10, batch_size=64), "batchnorm-batch-1").level == "note"


def test_the_field_of_the_last_map_against_the_object():
    # two 3×3 convolutions see 5×5 pixels
    model = image_head(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Conv2d(8, 32, 3))
    assert "5×5 pixels" in only(lint_module(model, DIGITS, 10), "small-field").message
    assert "small-field" not in found(lint_module(model, DIGITS, 10, object_side=5))
    # resnet50's 427 pixels, as published for torchvision's, are more than an image of 224 has
    assert "427×427" in only(lint("resnet50"), "past-the-image").message
    assert "past-the-image" not in found(lint("resnet50", (3, 448, 448)))


def test_deep_sigmoids():
    layers = [layer for _ in range(4) for layer in (nn.Linear(784, 784), nn.Sigmoid())]
    finding = only(
        lint_module(nn.Sequential(nn.Flatten(), *layers, nn.Linear(784, 10)), DIGITS, 10), "saturating-activations"
    )
    assert finding.level == "note"
    slope = torch.zeros(1, requires_grad=True)
    torch.sigmoid(slope).backward()
    assert f"{100 * slope.grad.item() ** 4:.2g} %" in finding.message
    assert only(lint("lenet5"), "saturating-activations").where == "tanh1"


def test_layers_that_repeat():
    twice = nn.Sequential(nn.Flatten(), nn.Linear(784, 50), nn.ReLU(), nn.ReLU(), nn.Linear(50, 10))
    assert only(lint_module(twice, DIGITS, 10), "repeated-layer").level == "note"
    log_of_softmax = nn.Sequential(nn.Flatten(), nn.Linear(784, 10), nn.Softmax(1), nn.LogSoftmax(1))
    assert only(lint_module(log_of_softmax, DIGITS, 10, loss="nll"), "repeated-layer").level == "mistake"


@pytest.mark.parametrize(("outputs", "level"), [(7, "mistake"), (12, "caution")])
def test_outputs_that_are_not_the_classes(outputs, level):
    finding = only(lint_module(nn.Sequential(nn.Flatten(), nn.Linear(784, outputs)), DIGITS, 10), "output-classes")
    assert (finding.level, finding.where, finding.fix) == (level, "1", "out_features=10")


@pytest.mark.parametrize(
    ("outputs", "says"),
    [
        (11, "11 outputs for 10 classes: 1 of them is never right and learns to be low."),
        (12, "12 outputs for 10 classes: 2 of them are never right and learn to be low."),
        (1, "1 output for 10 classes: the loss fails at the first label from 1 up."),
    ],
)
def test_counts_are_said_in_good_english(outputs, says):
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, outputs))
    assert only(lint_module(model, DIGITS, 10), "output-classes").message == says


def test_a_map_or_a_tuple_is_no_row_of_logits():
    map_ = only(lint_module(nn.Sequential(nn.Conv2d(1, 10, 3)), DIGITS, 10), "output-classes")
    assert map_.level == "mistake" and "10×26×26" in map_.message

    class Two(nn.Module):
        def forward(self, x):
            return x, x

    assert "tuple" in only(lint_module(Two(), DIGITS, 10), "output-classes").message


@pytest.mark.parametrize(
    ("layers", "where", "fix"),
    [
        ((nn.Flatten(), nn.Linear(400, 10)), "1", "in_features=784"),
        ((nn.Linear(784, 10),), "0", "put nn.Flatten() before it"),
        ((nn.Conv2d(3, 8, 3),), "0", "in_channels=1"),
        ((nn.Conv2d(1, 8, 3), nn.BatchNorm2d(16)), "1", "num_features=8"),
    ],
)
def test_shapes_that_do_not_fit_are_a_finding_with_the_argument_that_mends_them(layers, where, fix):
    finding = only(lint_module(nn.Sequential(*layers), DIGITS, 10), "shapes")
    assert (finding.level, finding.where, finding.fix) == ("mistake", where, fix)


def test_a_typed_network_that_does_not_fit_is_a_finding_beside_the_others():
    text = "nn.Sequential(nn.Conv2d(1, 4, 3), nn.Conv2d(4, 8, 3), nn.Flatten(), nn.Linear(400, 10))"
    findings = lint(text, DIGITS, 10)
    finding = only(findings, "shapes")
    # 28 − 2 − 2 = 24 pixels a side, 8 channels
    assert (finding.where, finding.fix) == ("3", f"in_features={8 * 24 * 24}")
    assert finding.message.startswith("line 1, column ")
    assert "no-nonlinearity" in found(findings)


def test_a_network_of_the_zoo_that_does_not_fit_is_a_finding():
    finding = only(lint("lenet5", (1, 8, 8)), "shapes")
    assert (finding.level, finding.where) == ("mistake", "conv2")
    assert "at least 28×28 pixels" in finding.fix
    assert only(lint("torchvision:resnet18", (1, 64, 64)), "shapes").level == "mistake"


def test_a_network_that_looks_at_values_is_followed_up_to_there():
    class Looking(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = nn.Linear(784, 100), nn.Linear(100, 10)

        def forward(self, x):
            x = self.two(self.one(x.flatten(1)))
            return x if x.sum() > 0 else -x

    findings = lint_module(Looking(), DIGITS, 10)
    assert only(findings, "shapes").level == "note"
    assert found(findings, "mistake") == ["no-nonlinearity"]
