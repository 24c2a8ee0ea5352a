"""What a run has learnt: stored predictions, kept epochs, Grad-CAM, histograms, against calculations by hand."""

import shutil

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from cvcore import paths
from cvcore.analysis.inside.activations import find_step, trace_steps
from cvcore.analysis.predictions import confusion
from cvcore.data import catalog
from cvcore.data.dataset import Dataset
from cvcore.errors import ModelError, RunError
from cvcore.models import zoo
from cvcore.training.insight import histograms, stored, through
from cvcore.training.insight.gradcam import grad_cam, last_place, places
from cvcore.training.insight.replay import Replay, epochs_to_see
from cvcore.training.kept_epochs import kept_epochs
from cvcore.training.run import Run
from cvcore.training.runs import RunStore

DIGITS = "digits-lenet5-d5bfe282d590"
PERCEPTRON = "digits-perceptron-a7502988f9e0"


def shipped(start: str) -> Run:
    return next(run for run in RunStore(paths.shipped_runs_dir()).list() if run.run_id.startswith(start))


@pytest.fixture
def lenet() -> Run:
    return shipped("digits-lenet5")


@pytest.fixture
def plain(tmp_path, lenet) -> Run:
    """A run that kept no epochs."""
    folder = tmp_path / "plain" / lenet.run_id
    shutil.copytree(lenet.path, folder, ignore=shutil.ignore_patterns("epochs"))
    return Run(folder)


@pytest.fixture
def own(tmp_path, lenet):
    """A run of the user's own that kept two epochs: in the first all weights are half, in the second twice the best."""
    folder = tmp_path / "runs" / lenet.run_id
    shutil.copytree(lenet.path, folder, ignore=shutil.ignore_patterns("epochs"))
    (folder / "epochs").mkdir()
    weights = torch.load(folder / "best.pt", weights_only=True)
    for number, factor in ((1, 0.5), (3, 2.0)):
        torch.save({key: value * factor for key, value in weights.items()}, folder / "epochs" / f"{number:04}.pt")
    return Run(folder)


class TestStored:
    def test_the_matrix_adds_up_to_the_accuracy_that_training_told(self, lenet):
        found = stored.stored_predictions(lenet, "test").predictions
        matrix = confusion(found)
        assert matrix.sum() == len(found) == len(catalog.open_dataset("digits").test)
        assert np.trace(matrix) / len(found) == pytest.approx(lenet.end["test"]["acc"])
        assert found.confidence.min() > 0.1  # the largest of ten shares

    @pytest.mark.parametrize("settings", [{}, {"selection": "test"}, {"faults": "train-as-test"}])
    def test_the_network_says_of_just_these_images_what_was_stored(self, store, settings):
        from tests.test_promises import train

        run = train(store, "digits", "perceptron", epochs=1, **settings)
        digits = catalog.open_dataset("digits")
        replay = Replay(run)
        for split in stored.splits_of(run):
            found = stored.stored_predictions(run, split)
            name, indices = stored.images_of(run, digits, split, found)
            with replay.at() as model, torch.no_grad():
                shares = model(replay.tensor(digits.split(name).images[indices])).softmax(1)
            assert shares.max(1).values.numpy() == pytest.approx(found.predictions.confidence, abs=1e-5)
        assert name == ("test" if "selection" in settings else "train")

    def test_other_images_are_never_shown_for_them(self, lenet):
        digits = catalog.open_dataset("digits")
        found = stored.stored_predictions(lenet, "test")
        turned = stored.Stored(found.predictions, np.arange(len(digits.test))[::-1])
        with pytest.raises(RunError, match="can no longer be told"):
            stored.images_of(lenet, digits, "test", turned)
        with pytest.raises(RunError, match="can no longer be told"):
            stored.images_of(lenet, digits, "test", stored.Stored(found.predictions, np.arange(360) + 1))
        changed = Dataset("digits", digits.classes, digits.train, digits.test, fingerprint="another")
        with pytest.raises(RunError, match="have changed since"):
            stored.images_of(lenet, changed, "test", found)

    def test_validation_images_of_an_earlier_version(self, lenet):
        digits = catalog.open_dataset("digits")
        found = stored.Stored(stored.stored_predictions(lenet, "val").predictions, None)
        with pytest.raises(RunError, match="did not write down which images"):
            stored.images_of(lenet, digits, "val", found)
        found = stored.Stored(stored.stored_predictions(lenet, "test").predictions, None)
        name, indices = stored.images_of(lenet, digits, "test", found)
        assert (name, indices.tolist()) == ("test", list(range(len(digits.test))))

    def test_a_split_of_its_own_for_validation(self, lenet):
        digits = catalog.open_dataset("digits")
        both = Dataset("digits", digits.classes, digits.train, digits.test, digits.test, digits.fingerprint)
        found = stored.Stored(stored.stored_predictions(lenet, "test").predictions, None)
        assert stored.images_of(lenet, both, "val", found)[0] == "val"

    @pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no zip", None])
    def test_a_damaged_or_missing_file_is_one_line(self, own, content):
        (own.path / stored.FILE).unlink()
        if content is not None:
            (own.path / stored.FILE).write_bytes(content)
        with pytest.raises(RunError, match="damaged" if content is not None else "missing") as caught:
            stored.stored_predictions(own, "test")
        assert "\n" not in str(caught.value)


class TestReplay:
    def test_runs_without_kept_epochs_have_their_best(self, plain):
        assert kept_epochs(plain) == {}
        assert list(epochs_to_see(plain)) == [plain.end["best"]["epoch"]]

    def test_any_epoch_and_back_again(self, own):
        best = own.end["best"]["epoch"]
        (own.path / "epochs" / "notes.txt").write_text("not an epoch", encoding="utf-8")
        (own.path / "epochs" / "0004.pt.partial").write_bytes(b"half")
        replay = Replay(own)
        assert replay.epochs == (1, 3, best)
        assert (replay.upto(2), replay.upto(3), replay.upto(0)) == (1, 3, 1)
        expected = torch.load(own.path / "best.pt", weights_only=True)["conv1.weight"]
        for epoch, factor in ((1, 0.5), (best, 1), (3, 2), (None, 1)):
            with replay.at(epoch) as model:
                assert torch.equal(model.conv1.weight, factor * expected)
                assert not model.training

    def test_what_was_not_kept_or_does_not_fit_is_one_line(self, own):
        replay = Replay(own)
        with pytest.raises(RunError, match="was not kept"), replay.at(2):
            pass
        torch.save({"other": torch.zeros(1)}, own.path / "epochs" / "0001.pt")
        with pytest.raises(RunError, match=r"0001\.pt .* does not hold its weights"), replay.at(1):
            pass
        with replay.at() as model:  # the best is loaded anew
            assert torch.equal(model.conv1.weight, torch.load(own.path / "best.pt", weights_only=True)["conv1.weight"])

    def test_images_are_normalised_as_in_training(self, lenet):
        digits = catalog.open_dataset("digits")
        pixels = digits.train.images / 255
        expected = (digits.test.images[:2] / 255 - pixels.mean()) / pixels.std()
        assert Replay(lenet).tensor(np.array(digits.test.images[:2])).numpy() == pytest.approx(expected, abs=1e-4)


class TestGradCam:
    def network(self, inplace: bool = False) -> nn.Sequential:
        torch.manual_seed(1)
        return nn.Sequential(
            nn.Conv2d(1, 5, 3), nn.ReLU(inplace), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 3)
        )

    @pytest.mark.parametrize("inplace", [False, True])
    def test_behind_global_pooling_it_is_cam(self, inplace):
        # section 3.1 of the paper: there the weights are those of the last layer, over the number of places
        model = self.network(inplace)
        image = torch.randn(1, 1, 8, 10)
        place = last_place(trace_steps(model, (1, 8, 10)))
        assert (place.key, place.shape) == ("1", (5, 6, 8))
        found = grad_cam(model, image, place, 2)
        with torch.no_grad():
            maps = torch.relu(model[0](image))[0]
            cam = torch.relu((model[4].weight[2][:, None, None] * maps).sum(0)) / 48
            logits = model(image)[0]
        assert found.values == pytest.approx(cam.numpy(), abs=1e-6)
        assert found.over_image.shape == (8, 10)
        stretched = F.interpolate(cam[None, None], (8, 10), mode="bilinear")[0, 0]
        assert found.over_image == pytest.approx(stretched.numpy(), abs=1e-6)
        assert found.probabilities == pytest.approx(logits.softmax(0).numpy(), abs=1e-6)

    def test_the_predicted_class_unless_told(self):
        model = self.network()
        image = torch.randn(1, 1, 8, 8)
        found = grad_cam(model, image, last_place(trace_steps(model, (1, 8, 8))))
        assert found.target == model(image).argmax()

    def test_nothing_that_speaks_for_a_class(self):
        model = self.network()
        with torch.no_grad():
            model[4].weight.copy_(-model[4].weight.abs())
        assert grad_cam(model, torch.randn(1, 1, 8, 8), places(trace_steps(model, (1, 8, 8)))[1]).is_empty

    def test_the_model_is_left_as_it_was(self):
        model = self.network().train().requires_grad_(False)
        grad_cam(model, torch.randn(1, 1, 8, 8), places(trace_steps(model, (1, 8, 8)))[0])
        assert model.training and model[4].weight.grad is None
        assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())

    def test_where_branches_meet_and_where_a_module_runs_again(self):
        def steps(name: str, image=(3, 96, 96)):
            with torch.device("meta"):
                return trace_steps(zoo.build(name, image, 10), image)

        assert last_place(steps("torchvision:googlenet")).key == "into avgpool"  # four branches, put together
        relu = last_place(steps("torchvision:resnet18"))  # one ReLU runs twice in a block: the second time is meant
        assert (relu.key, relu.module, relu.entering) == ("layer4.1.relu#2", "avgpool", True)
        assert last_place(steps("lenet5", (1, 28, 28))).shape == (16, 10, 10)  # before it is pooled
        for name in ("perceptron", "torchvision:vit_b_16"):
            image = (3, 224, 224)
            found = places(steps(name, image))
            assert found == () or [place.shape for place in found] == [(768, 14, 14)]

    def test_no_maps_no_cam(self):
        with pytest.raises(ModelError, match="has none"):
            last_place(trace_steps(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), (1, 2, 2)))


class TestHistograms:
    def test_values_of_a_layer_by_hand(self):
        # x = (1, 2) → W = [[1, 0], [0, −1]] → (1, −2) → ReLU (1, 0); cross-entropy of class 0: softmax (e, 1) / (e + 1)
        model = nn.Sequential(nn.Flatten(), nn.Linear(2, 2, bias=False), nn.ReLU(inplace=True))
        with torch.no_grad():
            model[1].weight.copy_(torch.tensor([[1.0, 0], [0, -1]]))
        steps = trace_steps(model, (1, 1, 2))
        assert histograms.layers_with_values(model, steps) == ("1", "2")
        found = histograms.values_of(model, steps[1:], torch.tensor([[[[1.0, 2]]]]), torch.tensor([0]))
        assert found["1"]["weights"].tolist() == [1, 0, 0, -1]
        assert found["1"]["activations"].tolist() == [1, -2]  # though the ReLU works in place
        miss = 1 / (np.e + 1)  # the share of class 1; the gradient of the first logit is share − 1 = −miss
        assert found["1"]["gradients"].tolist() == pytest.approx([-miss, -2 * miss, 0, 0])
        assert found["2"]["activations"].tolist() == [1, 0]
        assert list(found["2"]) == ["activations"]
        assert model[1].weight.requires_grad and not model[1]._forward_hooks

    def test_spreads_by_hand(self):
        values = {1: np.array([-1, 0, 0, 1], np.float32), 2: np.array([np.nan, 3, 1, 1], np.float32)}
        found = histograms.series("conv", "weights", values)
        one, two = found.spreads
        assert (one.zeros, one.broken, two.zeros, two.broken) == (0.5, 0, 0, 0.25)
        assert one.quantiles[[0, 3, 6]].tolist() == [-1, 0, 1]
        assert two.quantiles[[0, 3, 6]].tolist() == [1, 1, 3]
        assert found.edges[[0, -1]].tolist() == pytest.approx([-1, 3], abs=0.01)
        assert two.counts.sum() <= 3  # the outermost values may lie beyond the bins

    def test_nothing_but_zeros_or_nan(self):
        found = histograms.series("conv", "gradients", {1: np.zeros(4, np.float32), 2: np.full(3, np.nan, np.float32)})
        assert [spread.counts.sum() for spread in found.spreads] == [0, 0]
        assert np.isnan(found.spreads[1].quantiles).all()

    def test_a_sample_of_many_values(self):
        assert len(histograms.sample(torch.zeros(histograms.SAMPLE * 3 + 1))) <= histograms.SAMPLE
        assert histograms.sample(torch.arange(5)).tolist() == [0, 1, 2, 3, 4]

    def test_of_a_run_over_its_epochs(self, own):
        replay = Replay(own)
        step = find_step(replay.steps, "conv1")
        told = []
        found = histograms.measure(
            replay, [step], histograms.fixed_images(replay), lambda done, total: told.append((done, total))
        )
        assert [(each.layer, each.kind) for each in found] == [("conv1", kind) for kind in histograms.KINDS]
        assert told == [(0, 3), (1, 3), (2, 3)]
        first, twice, best = found[0].spreads
        assert first.quantiles == pytest.approx(best.quantiles / 2, rel=1e-5)
        assert twice.quantiles == pytest.approx(best.quantiles * 2, rel=1e-5)

    def test_gradients_are_those_of_the_loss(self, plain):
        replay = Replay(plain)
        indices = histograms.fixed_images(replay)
        (gradients,) = (
            each
            for each in histograms.measure(replay, [find_step(replay.steps, "head")], indices)
            if each.kind == "gradients"
        )
        digits = catalog.open_dataset("digits")
        model = zoo.build("lenet5", (1, 28, 28), 10).eval()
        model.load_state_dict(torch.load(plain.path / "best.pt", weights_only=True))
        chosen = np.sort(indices)
        F.cross_entropy(
            model(replay.tensor(digits.train.images[chosen])), torch.from_numpy(digits.train.labels[chosen])
        ).backward()
        expected = np.quantile(model.head.weight.grad.numpy(), histograms.QUANTILES)
        assert gradients.spreads[0].quantiles == pytest.approx(expected, abs=1e-6)


class TestThroughEpochs:
    def test_filters_and_maps_follow_the_weights(self, own):
        replay = Replay(own)
        filters = through.filters_through(replay)
        best = replay.best
        assert filters[1].weights == pytest.approx(filters[best].weights / 2)
        assert filters[1].weights.shape == (6, 1, 5, 5)
        image = catalog.open_dataset("digits").test.images[0]
        maps = through.maps_through(replay, image, find_step(replay.steps, "conv1"))
        assert sorted(maps.channels.tolist()) == list(range(6))
        # weights and biases are half, so all that leaves the first layer is
        assert maps.by_epoch[1] == pytest.approx(maps.by_epoch[best] / 2, abs=1e-5)

    def test_large_maps_are_fewer(self, own, monkeypatch):
        monkeypatch.setattr(through, "MOST_VALUES", 3 * 28 * 28 * 2.5)
        replay = Replay(own)
        image = catalog.open_dataset("digits").test.images[0]
        assert len(through.maps_through(replay, image, find_step(replay.steps, "conv1")).channels) == 2

    def test_filters_of_a_perceptron_are_templates(self):
        replay = Replay(shipped("digits-perceptron"))
        assert through.filters_through(replay)[replay.best].weights.shape == (10, 1, 28, 28)


def test_an_unfinished_run_is_one_line(tmp_path):
    folder = tmp_path / "runs" / DIGITS
    shutil.copytree(shipped("digits-lenet5").path, folder)
    (folder / "events.jsonl").write_text("", encoding="utf-8")
    for what in (lambda: Replay(Run(folder)), lambda: stored.stored_predictions(Run(folder), "test")):
        with pytest.raises(RunError, match="is interrupted"):
            what()


def test_no_torch_for_predictions():
    import subprocess
    import sys

    code = "import sys, cvcore.training.insight.stored, cvcore.plots.confusion; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
