"""Linear probes: what a block gives, against scikit-learn by hand."""

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cvcore.config import parse_config
from cvcore.training.check import checked
from cvcore.training.device import choose_device
from cvcore.training.parts import dataset_of, prepared
from cvcore.transfer.probe import probe
from tests.transfer.backbone_runs import GLYPHS


def test_blocks_are_probed_as_by_hand(runs):
    values = {
        "data": {"name": "digits", "per_class": 5},
        "model": {"name": "bn-cnn"},
        "train": {"selection": "last", "batch_size": 10},
        "transfer": {"source": GLYPHS, "strategy": "features"},
    }
    config = checked(parse_config(values), runs)
    heard = []
    found = {each.block: each for each in probe(config, runs, lambda *told: heard.append(told))}
    assert list(found) == ["pixels", "stage1", "stage2", "stage3"]
    assert [each.features for each in found.values()] == [784, 16, 32, 64]  # 28·28 pixels, then the channels
    assert heard[-1][0] == heard[-1][1]

    digits = dataset_of(config)
    parts = prepared(config, digits, runs, choose_device())
    model = parts.model.eval()
    order = np.linspace(0, parts.train.images - 1, parts.train.images).astype(int)
    places = parts.train.indices[order]
    by_hand = {}
    with torch.inference_mode():
        for name, images in (("train", digits.train.images[places]), ("test", digits.test.images)):
            mean, std = (torch.tensor(each).view(-1, 1, 1) for each in (parts.train.mean, parts.train.std))
            by_hand[name] = model.stage1((torch.from_numpy(images).float() / 255 - mean) / std).mean((2, 3)).numpy()
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
    classifier.fit(by_hand["train"], digits.train.labels[places])
    assert abs(found["stage1"].accuracy - classifier.score(by_hand["test"], digits.test.labels)) < 0.01
