"""Latency of the networks of runs: which share one, and that the whole network is timed."""

import torch

from cvcore.training.checkpoint import load_weights
from cvcore.transfer import ways
from cvcore.transfer.speed import latency, network_of
from tests.transfer.backbone_runs import GLYPHS, trained


def asked(**transfer) -> ways.Comparison:
    data = ways.usual_data("digits", 1, 0, GLYPHS, "bn-cnn")
    return ways.Comparison(data, "bn-cnn", GLYPHS, {**ways.usual_training(data, 0), "epochs": 1}, transfer)


def test_strategies_with_the_same_head_share_one():
    keys = ways.offered(False)
    assert len({network_of(asked().config(key)) for key in keys}) == 1
    heads = ("replace", "linear", "mlp", "append", "append-softmax")
    assert len({network_of(asked(head=head).config("frozen")) for head in heads}) == 5
    small = asked().on(0, size=16)
    assert network_of(small.config("frozen")) != network_of(asked().config("frozen"))
    assert network_of(asked().on(3, per_class=2).config("frozen")) == network_of(asked().config("frozen"))


def test_the_whole_network_is_timed_as_it_was_trained(runs, monkeypatch):
    """Of cached features only the head learnt; the image passes the backbone all the same."""
    run = trained(runs, asked(head="append").config("features"))
    seen = []
    monkeypatch.setattr(
        "cvcore.transfer.heads.Appended.forward",
        lambda self, images: seen.append((images.shape, self.training)) or self.head(self.body(images)),
    )
    found = latency(run)
    assert len(seen) == found.warm_up + len(found.seconds)
    assert set(seen) == {(torch.Size((1, 1, 28, 28)), False)}
    assert found.name == "Appended" and min(found.seconds) > 0
    assert "body.stage1.conv.weight" in load_weights(run.path / "best.pt")
