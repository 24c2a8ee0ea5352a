"""Evaluation at test time, against the runs' own stored tests, torchvision's transforms, and sums by hand."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torchvision.transforms import v2

from cvcore import paths
from cvcore.data import catalog
from cvcore.data.stats import normalization
from cvcore.errors import ConfigError, DataError, ModelError, RunError
from cvcore.models import zoo
from cvcore.training.features import trained_network
from cvcore.training.runs import RunStore
from cvcore.transfer import evaluation
from cvcore.transfer.dense import ClassMapMean, dense_form
from cvcore.transfer.evaluation import evaluate
from cvcore.transfer.views import PROTOCOLS, Pictures, box_at, known_protocols, parse_protocols, scaled_over
from tests.cli import run_json

LIMIT = 40


def shipped(model: str):
    """The shipped run of that network."""
    return next(
        run
        for run in RunStore(paths.shipped_runs_dir()).list()
        if run.config.model.name == model and run.config.data.name != "shapes"
    )


def spread(count: int, limit: int = LIMIT) -> np.ndarray:
    """Every so-many-th of `count` images, by hand."""
    return np.array([int(number * count / limit) for number in range(limit)])


class ByHand:
    """A run's network on views that the test makes, one image at a time."""

    def __init__(self, model: str) -> None:
        self.run = shipped(model)
        self.dataset, self.model = trained_network(self.run)
        self.model.eval()
        mean, std = normalization(self.dataset, self.run.config.data.normalize)
        self.normalize = v2.Compose([v2.ToDtype(torch.float32, scale=True), v2.Normalize(list(mean), list(std))])
        self.indices = spread(len(self.dataset.test))
        self.labels = self.dataset.test.labels[self.indices]

    def image(self, index: int) -> torch.Tensor:
        return torch.from_numpy(np.array(self.dataset.test.images[index]))

    @torch.no_grad()
    def probabilities(self, views, network: nn.Module | None = None) -> np.ndarray:
        """[N, K]: softmax of each of `views(image)`, averaged over the views."""
        network = network or self.model
        return np.stack(
            [
                torch.stack([network(self.normalize(view)[None])[0].softmax(0) for view in views(self.image(index))])
                .mean(0)
                .numpy()
                for index in self.indices
            ]
        )

    def check(self, name: str, probabilities: np.ndarray) -> None:
        (result,) = evaluate(self.run, [name], LIMIT).results
        assert result.accuracy == (probabilities.argmax(1) == self.labels).mean()
        assert result.loss == pytest.approx(-np.log(probabilities[np.arange(LIMIT), self.labels]).mean(), rel=1e-4)
        assert result.views == PROTOCOLS[name].views


@pytest.fixture(scope="module")
def lenet(data_folder) -> ByHand:
    return _by_hand("lenet5", data_folder)


@pytest.fixture(scope="module")
def bn_cnn(data_folder) -> ByHand:
    return _by_hand("bn-cnn", data_folder)


def _by_hand(model: str, data_folder) -> ByHand:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CVCORE_DATA", str(data_folder))
        return ByHand(model)


class TestAgainstTheRunItself:
    @pytest.mark.parametrize("model", ["lenet5", "perceptron"])
    def test_single_is_the_stored_test(self, model):
        run = shipped(model)
        found = evaluate(run, ["single"])
        (single,) = found.results
        assert {"acc": single.accuracy, "loss": single.loss} == run.end["test"]
        assert (found.images, single.gain, single.views, single.pixels) == (360, 0, 1, (28,))

    def test_of_a_few_images_too(self, bn_cnn):
        with np.load(bn_cnn.run.path / "predictions.npz") as kept:
            probabilities = kept["test_probabilities"][bn_cnn.indices]
        bn_cnn.check("single", probabilities)

    @pytest.mark.parametrize("fault", ["batch-mean", "batch-sum", "train-as-test"])
    def test_mistakes_made_on_purpose_are_made_again(self, capsys, tmp_path, fault):
        train = ["train", "--data", "digits", "--model", "perceptron", "--epochs", "1", "--faults", fault]
        told = run_json(capsys, *train, "--runs", str(tmp_path))
        (single,) = evaluate(RunStore(tmp_path).find(told["run_id"]), ["single"]).results
        assert {"acc": single.accuracy, "loss": single.loss} == told["test"]


class TestByHand:
    def test_flip(self, lenet):
        lenet.check("flip", lenet.probabilities(lambda image: [image, image.flip(2)]))

    def test_multiscale(self, lenet):
        # 8/7, 12/7 and 16/7 of 28
        views = [v2.Compose([v2.Resize(side, antialias=True), v2.CenterCrop(28)]) for side in (32, 48, 64)]
        lenet.check("multiscale", lenet.probabilities(lambda image: [view(image) for view in views]))

    def test_ten_crops(self, lenet):
        crops = v2.Compose([v2.Resize(32, antialias=True), v2.TenCrop(28)])
        lenet.check("tencrop", lenet.probabilities(crops))

    def test_dense_of_a_network_with_global_pooling_is_the_network_on_whole_images(self, bn_cnn):
        views = [v2.Resize(side, antialias=True) for side in (32, 48, 64)]
        bn_cnn.check("dense", bn_cnn.probabilities(lambda image: [view(image) for view in views]))

    def test_dense_slides(self, lenet):
        """LeNet-5 halves twice, so its window of 28 moves by 4 pixels: the mean score of 2×2, 6×6 and 10×10 crops.

        Padding makes a crop of the image another thing than a crop of its maps; so the maps are cut by hand.
        """
        views = [v2.Resize(side, antialias=True) for side in (32, 48, 64)]
        layers = list(lenet.model.children())
        head = next(place for place, layer in enumerate(layers) if isinstance(layer, nn.Flatten))
        body, head = nn.Sequential(*layers[:head]), nn.Sequential(*layers[head:])

        def slid(image: torch.Tensor) -> torch.Tensor:
            maps = body(image)  # [1, 120, h, w]: each place is what the linear layers read
            return torch.stack([head(place[None, :, None, None]) for place in maps[0].flatten(1).T]).mean(0)

        assert body(torch.zeros(1, 1, 64, 64)).shape[2:] == (10, 10)
        lenet.check("dense", lenet.probabilities(lambda image: [view(image) for view in views], slid))

    def test_dense_and_crops_together(self, lenet):
        found = {each.name: each for each in evaluate(lenet.run, ["dense", "tencrop", "dense+multicrop"], 1).results}
        # of one image the loss is -log p of its class, so the mean of two probabilities can be had from two losses
        both = (np.exp(-found["dense"].loss) + np.exp(-found["tencrop"].loss)) / 2
        assert np.exp(-found["dense+multicrop"].loss) == pytest.approx(both)
        assert found["dense+multicrop"].views == 13
        parts = found["dense"].seconds + found["tencrop"].seconds
        assert found["dense+multicrop"].seconds == pytest.approx(parts)

    def test_gains_are_points_over_single(self, lenet):
        found = {each.name: each for each in evaluate(lenet.run, ["flip", "single"], LIMIT).results}
        assert list(found) == ["flip", "single"]  # as they were asked for
        assert found["flip"].gain == pytest.approx(100 * (found["flip"].accuracy - found["single"].accuracy))


class TestDenseForm:
    @pytest.mark.parametrize(
        ("model", "image"),
        [
            ("lenet5", (1, 28, 28)),
            ("two-conv", (1, 28, 28)),
            ("mlp", (1, 28, 28)),
            ("alexnet", (3, 96, 96)),  # 2×2 maps that pooling repeats to 6×6
            ("bn-cnn", (3, 32, 32)),
            ("resnet18-small", (3, 32, 32)),
        ],
    )
    def test_at_its_own_size_it_is_the_network(self, model, image):
        torch.manual_seed(0)
        network = zoo.build(model, image, 5).eval()
        form = dense_form(network, zoo.find(model), image, (image[0], 2 * image[1], 2 * image[2]))
        images = torch.randn(2, *image)
        with torch.no_grad():
            assert torch.allclose(form(images), network(images), atol=1e-5)
            assert form(torch.randn(1, image[0], 2 * image[1], 2 * image[2] + 8)).shape == (1, 5)
        assert (form is network) == (model in ("bn-cnn", "resnet18-small"))

    @pytest.mark.parametrize(("side", "pooled"), [(6, 3), (5, 3), (2, 3)])
    def test_every_place_is_the_network_on_a_crop(self, side, pooled):
        """With 1×1 convolutions a crop of the maps is a map of the crop. 6 → 3 divides; 5 → 3 and 2 → 3 do not."""
        torch.manual_seed(0)
        text = f"nn.Sequential(nn.Conv2d(2, 4, 1), nn.ReLU(), nn.AdaptiveAvgPool2d({pooled}), nn.Flatten(), "
        text += f"nn.Linear({4 * pooled * pooled}, 8), nn.Tanh(), nn.Linear(8, 3))"
        shape = (2, side, side)
        network = zoo.build(text, shape, 3).eval()
        form = dense_form(network, zoo.find(text), shape, shape)
        image = torch.randn(1, 2, side + 4, side + 6)
        step = side // pooled if side % pooled == 0 else 1  # whole windows of pooling, or every place
        crops = [
            image[:, :, top : top + side, left : left + side] for top in range(0, 5, step) for left in range(0, 7, step)
        ]
        with torch.no_grad():
            assert torch.allclose(form(image), torch.stack([network(crop) for crop in crops]).mean(0), atol=1e-5)
        assert isinstance(form, ClassMapMean)

    def test_what_cannot_slide_says_why(self):
        text = "nn.Sequential(nn.Flatten(), nn.Linear(784, 10), nn.BatchNorm1d(10))"
        with pytest.raises(ModelError, match="BatchNorm1d after Flatten, has no counterpart on maps"):
            dense_form(zoo.build(text, (1, 28, 28), 10), zoo.find(text), (1, 28, 28), (1, 64, 64))

    def test_what_would_take_for_ever_is_not_begun(self):
        with pytest.raises(ModelError, match=r"sliding over 3×512×512 would take 83,521 times the work"):
            # 512 - 224 + 1 = 289 places a side, and 289² = 83,521
            dense_form(zoo.build("perceptron", (3, 224, 224), 2), zoo.find("perceptron"), (3, 224, 224), (3, 512, 512))

    def test_a_network_without_a_dense_form_is_told_and_the_others_are_measured(self, lenet, monkeypatch):
        def refuse(*_):
            raise ModelError("it branches")

        heard = []
        monkeypatch.setattr(evaluation, "dense_form", refuse)
        found = evaluate(lenet.run, ["dense", "flip", "dense+multicrop"], 4, lambda *both: heard.append(both))
        dense, flip, both = found.results
        assert dense.reason == both.reason == "lenet5 cannot slide over larger images: it branches"
        assert (dense.accuracy, dense.loss, dense.gain, dense.views, dense.seconds) == (None,) * 5
        assert flip.accuracy is not None and not flip.reason
        assert heard[-1] == (16, 16)  # single, dense, flip, tencrop on 4 images


class TestViews:
    @pytest.fixture
    def photos(self, tmp_path, monkeypatch):
        """A set of photographs 90×60 and 40×120 (width × height) with 16 pixels a side in its stored form."""
        monkeypatch.setenv("CVCORE_DATA", str(tmp_path / "data"))
        rng = np.random.default_rng(0)
        for name in ("cat", "dog"):
            (tmp_path / "photos" / name).mkdir(parents=True)
            for number in range(10):
                size = (60, 90, 3) if number % 2 else (120, 40, 3)
                pixels = rng.integers(0, 256, size, dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{number}.png")
        return catalog.open_dataset(catalog.resolve(str(tmp_path / "photos")), 16)

    def test_scales_are_the_papers(self):
        assert [box_at(scale, (3, 224, 224)) for scale in (8, 12, 16)] == [(256, 256), (384, 384), (512, 512)]

    @pytest.mark.parametrize("size", [(60, 90), (90, 60), (333, 500), (64, 64), (17, 40)])
    def test_scaled_as_torchvision_scales_the_shorter_side(self, size):
        image = torch.randint(0, 256, (3, *size), dtype=torch.uint8)
        for side in (37, 73):
            assert torch.equal(scaled_over(image, (side, side)), v2.functional.resize(image, [side], antialias=True))

    def test_of_a_long_strip_the_middle_is_used(self):
        assert scaled_over(torch.zeros(1, 10, 1000, dtype=torch.uint8), (20, 20)).shape == (1, 20, 80)

    def test_photographs_keep_their_shape(self, photos):
        pictures = Pictures(photos, "test", np.arange(len(photos.test)))
        sizes = {tuple(pictures.original(place).shape) for place in range(len(pictures))}
        assert sizes <= {(3, 60, 90), (3, 120, 40)}
        for place in range(len(pictures)):
            original = pictures.original(place)
            # as a loader of image files gives it, and the image that was made of it
            stored = v2.functional.center_crop(v2.functional.resize(original, [16], antialias=True), [16, 16])
            assert (stored.int() - pictures.stored(place).int()).abs().max() <= 1
        whole = PROTOCOLS["dense"].look(pictures, 0, PROTOCOLS["dense"].boxes(photos.image_shape))
        # 16 · 8/7, 12/7 and 16/7, rounded; the other side is one and a half times or three times as long
        assert [min(view.shape[1:]) for view in whole] == [18, 27, 37]
        assert [max(view.shape[1:]) for view in whole] in ([27, 40, 55], [54, 81, 111])

    def test_a_file_that_is_gone_is_one_line(self, photos, tmp_path):
        pictures = Pictures(photos, "test", np.arange(1))
        for file in (tmp_path / "photos").rglob("*.png"):
            file.unlink()
        with pytest.raises(DataError, match=r"\.png: cannot be read .*put the file back"):
            pictures.original(0)

    def test_photographs_are_evaluated_in_every_way(self, photos, capsys, tmp_path):
        train = ["train", "--data", photos.name, "--size", "16", "--model", "bn-cnn", "--epochs", "1"]
        told = run_json(capsys, *train, "--batch-size", "8", "--runs", str(tmp_path / "runs"))
        found = evaluate(RunStore(tmp_path / "runs").find(told["run_id"]))
        assert [result.name for result in found.results] == list(PROTOCOLS)
        assert [result.reason for result in found.results] == [""] * 6
        assert found.results[0].accuracy == told["test"]["acc"]


class TestAsking:
    def test_progress_counts_every_pass_once(self, lenet):
        heard = []
        evaluate(lenet.run, ["dense+multicrop", "tencrop"], 10, lambda *both: heard.append(both))
        assert heard[-1] == (30, 30)  # single, dense and tencrop on 10 images each
        assert [done for done, _ in heard] == sorted(done for done, _ in heard)

    def test_whoever_hears_may_stop(self, lenet):
        class Enough(Exception):  # noqa: N818 - no error: somebody has seen enough
            pass

        def stop(done: int, total: int) -> None:
            if done > 10:
                raise Enough

        with pytest.raises(Enough):
            evaluate(lenet.run, ["flip"], 10, stop)

    def test_names(self):
        assert parse_protocols(" flip,single,flip ") == ("flip", "single")
        with pytest.raises(ConfigError, match=r"unknown protocol 'tencrops' \(did you mean tencrop"):
            known_protocols(["tencrops"])
        with pytest.raises(ConfigError, match="given ','; choose some of single, flip"):
            parse_protocols(",")

    def test_limits(self, lenet):
        with pytest.raises(ConfigError, match="limit: given 0, choose 1 or more"):
            evaluate(lenet.run, ["single"], 0)
        assert evaluate(lenet.run, ["single"], 10_000).images == 360

    def test_only_finished_runs(self, store, lenet):
        with pytest.raises(RunError, match="only a finished run can be evaluated"):
            evaluate(store.create(lenet.run.config), ["single"])
