"""The lint's rules on the end of a network: softmaxes, what the loss receives, dropout."""

import pytest
import torch
import torchvision
from torch import nn
from torch.nn import functional

from cvcore.analysis.lint import lint, lint_module
from tests.analysis.lint_findings import DIGITS, found, only, serious


class DenseOverTheBatch(nn.Module):
    """The tutorial's network with a hidden layer, as it is printed there: its softmax runs over the batch."""

    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(784, 100)
        self.out = nn.Linear(100, 10)

    def forward(self, x):
        x = functional.relu(self.hidden(x.view(-1, 784)))
        return functional.log_softmax(self.out(x), dim=0)


@pytest.mark.parametrize("loss", ["nll", "cross_entropy"])
def test_a_softmax_over_the_batch_is_a_mistake(loss):
    layers = [nn.Flatten(), nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 10), nn.LogSoftmax(0)]
    for model, where in ((DenseOverTheBatch(), ""), (nn.Sequential(*layers), "4")):
        finding = only(lint_module(model, DIGITS, 10, loss=loss), "softmax-dim")
        assert (finding.level, finding.where) == ("mistake", where)
        assert finding.fix.startswith("dim=1")
        columns = model(torch.rand(5, *DIGITS)).exp().sum(dim=0)  # what it says: over images, not over classes
        assert torch.allclose(columns, torch.ones(10))


def test_the_same_as_typed_text():
    text = "nn.Sequential(nn.Flatten(), nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 10), nn.LogSoftmax(dim={}))"
    assert found(lint(text.format(0), loss="nll"), "mistake") == ["softmax-dim"]
    assert lint(text.format(1), loss="nll") == ()


@pytest.mark.filterwarnings("ignore:Implicit dimension")
def test_a_softmax_without_dim_is_a_caution_where_the_guess_is_right():
    # PyTorch's own answer for two axes is that of dim=1, for three that of dim=0
    rows, blocks = torch.rand(4, 3), torch.rand(4, 3, 2)
    assert torch.equal(functional.softmax(rows), functional.softmax(rows, 1))
    assert torch.equal(functional.softmax(blocks), functional.softmax(blocks, 0))
    flat = lint_module(nn.Sequential(nn.Flatten(), nn.Linear(784, 10), nn.LogSoftmax()), DIGITS, 10, loss="nll")
    assert (only(flat, "softmax-dim").level, only(flat, "softmax-dim").fix) == ("caution", "dim=1")
    tokens = nn.Sequential(nn.Flatten(2), nn.Softmax(), nn.Flatten(), nn.Linear(784, 10))
    assert only(lint_module(tokens, DIGITS, 10), "softmax-dim").level == "mistake"


def test_softmax_before_cross_entropy_is_a_mistake_with_the_loss_it_cannot_go_below():
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10), nn.Softmax(dim=1))
    finding = only(lint_module(model, DIGITS, 10), "softmax-before-loss")
    assert (finding.level, finding.where) == ("mistake", "2")
    # the best it can do, by PyTorch: all of the first softmax on the right class
    lowest = functional.cross_entropy(torch.eye(10)[:1], torch.tensor([0])).item()
    assert f"{lowest:.2f}" in finding.message
    assert f"{100 * torch.eye(10)[0].softmax(0)[0]:.1f} %" in finding.message


def test_an_alexnet_with_two_classes_and_a_softmax_appended():
    def build():
        alexnet = torchvision.models.alexnet(weights=None)
        return nn.Sequential(alexnet, nn.Linear(1000, 2), nn.Softmax(dim=1))

    findings = lint_module(build, (3, 224, 224), 2)
    assert "softmax-before-loss" in found(findings, "mistake")
    assert "0.classifier.6" in only(findings, "no-nonlinearity").message + only(findings, "no-nonlinearity").fix


@pytest.mark.parametrize(
    ("last", "loss", "rule", "level"),
    [
        (nn.LogSoftmax(dim=1), "cross_entropy", "softmax-before-loss", "note"),
        (nn.LogSoftmax(dim=1), "nll", None, None),
        (nn.Identity(), "nll", "logits-into-nll", "mistake"),
        (nn.Softmax(dim=1), "nll", "logits-into-nll", "mistake"),
        (nn.Sigmoid(), "cross_entropy", "bounded-logits", "mistake"),
        (nn.Tanh(), "cross_entropy", "bounded-logits", "mistake"),
        (nn.ReLU(), "cross_entropy", "bounded-logits", "caution"),
        (nn.Hardsigmoid(), "cross_entropy", "bounded-logits", "mistake"),
        (nn.Hardtanh(), "cross_entropy", "bounded-logits", "mistake"),
        (nn.Hardtanh(-20, 20), "cross_entropy", "bounded-logits", "caution"),
        (nn.Softsign(), "cross_entropy", "bounded-logits", "mistake"),
        (nn.Softplus(), "cross_entropy", "bounded-logits", "caution"),
        (nn.LogSigmoid(), "cross_entropy", "bounded-logits", "caution"),
        (nn.Softmin(dim=1), "cross_entropy", "softmax-before-loss", "mistake"),
        (nn.Softmin(dim=1), "nll", "logits-into-nll", "mistake"),
        (nn.LeakyReLU(0.1), "cross_entropy", None, None),
        (nn.Dropout(0.5), "cross_entropy", "dropout-on-output", "caution"),
        (nn.Identity(), "cross_entropy", None, None),
    ],
)
def test_what_the_loss_receives(last, loss, rule, level):
    findings = lint_module(nn.Sequential(nn.Flatten(), nn.Linear(784, 10), last), DIGITS, 10, loss=loss)
    assert [(finding.rule, finding.level) for finding in findings] == ([(rule, level)] if rule else [])


def test_log_softmax_before_cross_entropy_is_harmless_as_the_note_says():
    logits, labels = torch.randn(6, 10), torch.arange(6)
    twice = functional.cross_entropy(logits.log_softmax(1), labels)
    assert torch.allclose(twice, functional.cross_entropy(logits, labels))


def test_softmin_is_a_softmax_to_both_rules():
    rows = torch.rand(4, 10)
    assert torch.equal(nn.Softmin(1)(rows), (-rows).softmax(1))
    findings = lint("nn.Sequential(nn.Flatten(), nn.Linear(784, 10), nn.Softmin(dim=0))")
    assert found(findings, "mistake") == ["softmax-dim", "softmax-before-loss"]
    assert "Softmin over dim 0" in only(findings, "softmax-dim").message
    assert "this Softmin, the softmax of −x, is a second one" in only(findings, "softmax-before-loss").message
    log_of_softmin = "nn.Sequential(nn.Flatten(), nn.Linear(784, 10), nn.Softmin(1), nn.LogSoftmax(1))"
    assert only(lint(log_of_softmin, loss="nll"), "repeated-layer").fix == "leave the Softmin out"

    class Functional(nn.Module):
        def forward(self, x):
            return functional.softmin(x.flatten(1), dim=0)

    assert "softmax-dim" in found(lint_module(Functional(), DIGITS, 784), "mistake")


@pytest.mark.parametrize(("loss", "rule"), [("nll", "logits-into-nll"), ("cross_entropy", "bounded-logits")])
def test_a_relu_after_log_softmax_is_said_to_make_everything_0(loss, rule):
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10), nn.LogSoftmax(1), nn.ReLU())
    assert model(torch.rand(5, *DIGITS)).abs().max() == 0
    finding = only(lint_module(model, DIGITS, 10, loss=loss), rule)
    assert finding.level == "mistake"
    assert "makes every output 0" in finding.message and "raw logits" not in finding.message


@pytest.mark.parametrize(
    ("last", "worst"), [(nn.Softplus(), -100.0), (nn.LogSigmoid(), 100.0)], ids=["Softplus", "LogSigmoid"]
)
def test_one_sided_endings_pass_no_gradient_on_the_side_that_is_said(last, worst):
    message = only(
        lint_module(nn.Sequential(nn.Flatten(), nn.Linear(784, 10), last), DIGITS, 10), "bounded-logits"
    ).message
    value = torch.tensor(worst, requires_grad=True)
    last(value).backward()
    assert value.grad < 1e-40
    values = last(torch.linspace(-9, 9, 50))
    assert ("above 0" if (values > 0).all() else "below 0") in message and len(set(values.sign().tolist())) == 1
    assert ("the lower the value" if worst < 0 else "the higher the value") in message


@pytest.mark.parametrize(
    ("last", "low"),
    [
        (nn.Sigmoid(), 0.0),
        (nn.Tanh(), -1.0),
        (nn.Hardsigmoid(), 0.0),
        (nn.Hardtanh(-2, 1), -2.0),
        (nn.Softsign(), -1.0),
    ],
)
def test_the_lowest_loss_of_bounded_logits_is_torchs(last, low):
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 7), last)
    best = torch.full((1, 7), low)
    assert last(torch.tensor(-1e9)).item() == pytest.approx(low)
    best[0, 3] = 1
    lowest = functional.cross_entropy(best, torch.tensor([3])).item()
    assert f"{lowest:.2f}" in only(lint_module(model, DIGITS, 7), "bounded-logits").message


@pytest.mark.parametrize(
    "layer", [nn.Dropout(1.0), nn.Dropout2d(1.0), nn.Sequential(nn.Dropout(1))], ids=["Dropout", "Dropout2d", "inside"]
)
def test_a_dropout_of_everything_is_a_mistake(layer):
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), layer, nn.Flatten(), nn.Linear(2028, 10)).train()
    assert model[2](torch.ones(2, 3, 4, 4)).abs().max() == 0
    finding = only(lint_module(model, DIGITS, 10), "dropout-of-all")
    assert finding.level == "mistake" and finding.where.startswith("2")
    assert "dropout-of-all" not in found(lint_module(nn.Sequential(nn.Flatten(), nn.Dropout(0.9)), DIGITS, 784))


def test_a_softmax_over_an_axis_of_one_s_own_is_no_mistake():
    class Selective(nn.Module):
        """Two branches, weighed against each other for every channel, as in selective kernel networks."""

        def __init__(self):
            super().__init__()
            self.small, self.large = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(1, 8, 5, padding=2)
            self.head = nn.Linear(8, 10)

        def forward(self, x):
            both = torch.stack([self.small(x).relu(), self.large(x).relu()])  # [2, N, C, H, W]
            weights = both.mean((3, 4)).softmax(0)
            return self.head((both * weights[..., None, None]).sum(0).mean((2, 3)))

    assert serious(lint_module(Selective(), DIGITS, 10)) == []
