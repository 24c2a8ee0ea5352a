"""What enters the head, against hand calculations, the network's own logits, and predictions stored by training."""

import shutil

import numpy as np
import pytest
import torch
from torch import nn

from cvcore import paths
from cvcore.data import catalog
from cvcore.data.stats import normalization
from cvcore.errors import RunError
from cvcore.training.checkpoint import load_weights
from cvcore.training.features import features, head_inputs, trained_network
from cvcore.training.run import Run
from cvcore.training.runs import RunStore

DIGITS = "digits-lenet5-d5bfe282d590"
PERCEPTRON = "digits-perceptron-a7502988f9e0"
GLYPHS = "glyphs-bn-cnn-c1b0746d7738"


def shipped(name: str) -> Run:
    return RunStore(paths.runs_dir(), paths.shipped_runs_dir()).find(name)


@pytest.fixture
def own_copy(tmp_path):
    """A run of the user's own that can be damaged."""
    shutil.copytree(paths.shipped_runs_dir() / PERCEPTRON, tmp_path / "own" / PERCEPTRON)
    return tmp_path / "own" / PERCEPTRON


def test_a_network_by_hand():
    # (1, −2) → ReLU(1·1 − 2·3, 1·2 + 2·1, 1) = ReLU(−5, 4, 1) = (0, 4, 1), and that enters the last layer
    model = nn.Sequential(nn.Flatten(), nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2))
    with torch.no_grad():
        model[1].weight.copy_(torch.tensor([[1.0, 3], [2, -1], [0, 0]]))
        model[1].bias.copy_(torch.tensor([0.0, 0, 1]))
    with head_inputs(model) as caught:
        model(torch.tensor([[[1.0, -2]]]))
    assert caught[0].tolist() == [[0, 4, 1]]


def test_the_hook_is_given_back():
    model = nn.Sequential(nn.Linear(2, 2))
    with pytest.raises(ZeroDivisionError), head_inputs(model):
        raise ZeroDivisionError
    assert not model[0]._forward_pre_hooks


def test_a_network_without_a_linear_layer_is_refused():
    with pytest.raises(RunError, match="no Linear layer"), head_inputs(nn.Sequential(nn.Conv2d(1, 1, 1))):
        pass


def test_those_of_a_perceptron_are_the_normalised_pixels():
    digits = catalog.open_dataset("digits")
    pixels = digits.train.images.reshape(len(digits.train), -1) / 255
    by_hand = (pixels - pixels.mean()) / pixels.std()  # one channel: over all pixels of the training images
    found = features(shipped(PERCEPTRON), digits.train.images)
    assert found.dtype == np.float32
    assert found == pytest.approx(by_hand, abs=1e-4)


@pytest.mark.parametrize(("name", "width"), [(DIGITS, 84), (GLYPHS, 64)])
def test_the_head_makes_of_them_what_training_stored(name, width):
    run = shipped(name)
    images = catalog.open_dataset(run.config.data.name).test.images
    found = features(run, images)
    assert found.shape == (len(images), width)
    weights = load_weights(run.path / "best.pt")
    logits = found @ weights["head.weight"].numpy().T + weights["head.bias"].numpy()
    shares = np.exp(logits - logits.max(1, keepdims=True))
    with np.load(run.path / "predictions.npz") as stored:
        assert shares / shares.sum(1, keepdims=True) == pytest.approx(stored["test_probabilities"], abs=1e-4)


def test_the_head_makes_logits_of_them():
    run, digits = shipped(DIGITS), catalog.open_dataset("digits")
    _, model = trained_network(run)
    mean, std = normalization(digits, run.config.data.normalize)
    batch = (torch.tensor(digits.test.images[:7]) / 255 - mean[0]) / std[0]
    with torch.inference_mode():
        expected = model.eval()(batch)
        found = model.head(torch.from_numpy(features(run, digits.test.images[:7])))
    assert torch.allclose(found, expected, atol=1e-4)


def test_chosen_images_in_their_order_with_progress():
    digits, heard = catalog.open_dataset("digits"), []
    run, chosen = shipped(DIGITS), np.array([1200, 3, 700])
    everything = features(run, digits.train.images, on_progress=heard.append)
    assert heard == pytest.approx([1 / 3, 2 / 3, 1])  # 1,437 images in batches of 512
    assert features(run, digits.train.images, chosen) == pytest.approx(everything[chosen], abs=1e-5)
    assert features(run, digits.train.images, np.arange(0)).shape == (0, 84)


def test_photographs_come_in_smaller_batches(monkeypatch):
    monkeypatch.setattr("cvcore.training.batches.EVALUATED_VALUES", 10 * 784 + 1)
    heard = []
    features(shipped(PERCEPTRON), catalog.open_dataset("digits").train.images[:25], on_progress=heard.append)
    assert heard == pytest.approx([1 / 3, 2 / 3, 1])  # 10, 10 and 5 images


def test_images_of_another_set_of_the_same_size():
    glyphs = catalog.open_dataset("glyphs")
    assert features(shipped(DIGITS), glyphs.test.images[:5]).shape == (5, 84)


def test_another_size_where_the_network_takes_any():
    images = np.zeros((3, 1, 40, 36), np.uint8)
    assert features(shipped(GLYPHS), images).shape == (3, 64)


@pytest.mark.parametrize(("name", "shape"), [(DIGITS, (1, 32, 32)), (GLYPHS, (3, 28, 28)), (GLYPHS, (1, 4, 4))])
def test_images_that_do_not_fit_are_refused_in_one_line(name, shape):
    with pytest.raises(RunError, match=f"takes 1×28×28 images, given {'×'.join(map(str, shape))}: choose") as caught:
        features(shipped(name), np.zeros((2, *shape), np.uint8))
    assert "\n" not in str(caught.value)


def test_a_run_that_is_not_finished_is_refused(own_copy):
    events = own_copy / "events.jsonl"
    lines = events.read_text(encoding="utf-8").splitlines(keepends=True)
    events.write_text("".join(line for line in lines if '"done"' not in line), encoding="utf-8")
    with pytest.raises(RunError, match="is interrupted: only a finished run has features"):
        features(Run(own_copy), np.zeros((1, 1, 28, 28), np.uint8))


def test_weights_that_are_damaged_or_of_another_network_are_refused(own_copy):
    shutil.copy(paths.shipped_runs_dir() / DIGITS / "best.pt", own_copy / "best.pt")
    with pytest.raises(RunError, match="does not hold the weights of perceptron"):
        features(Run(own_copy), np.zeros((1, 1, 28, 28), np.uint8))
    (own_copy / "best.pt").write_bytes(b"not weights")
    with pytest.raises(RunError, match=r"best\.pt .* is damaged"):
        features(Run(own_copy), np.zeros((1, 1, 28, 28), np.uint8))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [('"name": "digits"', '"name": "no-such-set"', "needs the images it was trained on.*no-such-set"),
     ('"fingerprint": "', '"fingerprint": "0', "the images of digits have changed since")],
)  # fmt: skip
def test_a_data_set_that_is_gone_or_has_changed_is_named(own_copy, old, new, message):
    file = own_copy / "run.json"
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(RunError, match=message):
        features(Run(own_copy), np.zeros((1, 1, 28, 28), np.uint8))
