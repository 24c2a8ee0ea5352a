"""Features computed once give what the frozen backbone gives in every epoch."""

import numpy as np
import pytest
import torch

from cvcore.config import parse_config
from cvcore.data import catalog
from cvcore.data.store import writable_root
from cvcore.training.check import checked
from cvcore.training.features import trained_network
from cvcore.training.parts import prepared
from cvcore.transfer import cache
from tests.transfer.backbone_runs import GLYPHS, trained

FEW = {"name": "digits", "per_class": 4}


def config(strategy: str, **more):
    return parse_config(
        {
            "data": FEW,
            "model": {"name": "bn-cnn"},
            "train": {"epochs": 4, "batch_size": 10, "selection": "last", **more},
            "transfer": {"source": GLYPHS, "strategy": strategy},
        }
    )


def test_a_head_on_features_learns_what_it_learns_behind_the_frozen_backbone(runs):
    runs = [trained(runs, config(strategy)) for strategy in ("features", "frozen")]
    for cached, computed in zip(*(run.history for run in runs), strict=True):
        assert cached.train_loss == pytest.approx(computed.train_loss, abs=1e-4)
        assert cached.val_acc == computed.val_acc
    (_, first), (_, second) = (trained_network(run) for run in runs)
    for name, value in first.state_dict().items():
        assert torch.allclose(value, second.state_dict()[name], atol=1e-4), name
    assert runs[0].end["test"]["acc"] == runs[1].end["test"]["acc"]
    with np.load(runs[0].path / "predictions.npz") as kept, np.load(runs[1].path / "predictions.npz") as other:
        assert np.array_equal(kept["val_indices"], other["val_indices"])


def test_cached_features_are_what_the_backbone_gives_in_evaluation_mode(runs):
    wanted = checked(config("features"), runs)
    dataset = catalog.open_dataset("digits")
    parts = prepared(wanted, dataset, runs, torch.device("cpu"))
    stored = cache.on_features(parts.network, parts.test)
    parts.model.head = torch.nn.Identity()
    with torch.inference_mode():
        images = next(iter(parts.test))[0][:32]
        given = parts.model.eval()(images)
    assert torch.allclose(torch.from_numpy(np.array(stored.split.images[:32])), given, atol=1e-5)
    assert stored.split.labels.tolist() == dataset.test.labels.tolist()


def test_they_are_computed_once(runs, monkeypatch):
    trained(runs, config("features"))
    monkeypatch.setattr(cache, "_compute", lambda *_: pytest.fail("computed again"))
    run = trained(runs, config("features", seed=0, lr=0.01))
    assert run.told["features"]["done"] == run.told["features"]["images"]


def test_who_stops_it_leaves_nothing_half(runs):
    wanted = checked(config("features", seed=3), runs)
    parts = prepared(wanted, catalog.open_dataset("digits"), runs, torch.device("cpu"))
    parts.model.get_submodule("stage1")[0].weight.data += 1  # another backbone, whose features nobody has

    def stop(done: int) -> None:
        raise KeyboardInterrupt

    before = set((writable_root() / cache.FOLDER).glob("*"))
    with pytest.raises(KeyboardInterrupt):
        cache.on_features(parts.network, parts.test, stop)
    assert set((writable_root() / cache.FOLDER).glob("*")) == before


def test_augmentation_is_refused(runs):
    from cvcore.errors import ConfigError

    with pytest.raises(ConfigError, match="features are computed once, of the images as they are"):
        checked(config("features", augment="shift"), runs)
