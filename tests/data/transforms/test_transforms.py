"""Pipelines against torchvision's own transforms and hand calculations, on a real photograph."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_sample_image
from torchvision import transforms as v1
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from cvcore.data.transforms import pipeline as transforms
from cvcore.data.transforms.presets import PRESETS, preset
from cvcore.data.transforms.scale_jitter import ScaleJitter
from cvcore.data.transforms.steps import Step
from cvcore.data.transforms.trace import trace
from cvcore.errors import ConfigError

TO_TENSOR = Step("ToTensor")
# every kind of step once, with values that are not its defaults
EVERYTHING = (
    Step("ScaleJitter", {"size_range": (120, 140)}),
    Step("Resize", {"size": 130, "interpolation": "bicubic"}),
    Step("RandomRotation", {"degrees": 20.0, "interpolation": "bilinear"}),
    Step("CenterCrop", {"size": (110, 120)}),
    Step("RandomCrop", {"size": 100, "padding": 5, "padding_mode": "reflect"}),
    Step("RandomResizedCrop", {"size": (90, 80), "scale": (0.2, 0.9), "ratio": (0.5, 2.0), "interpolation": "nearest"}),
    Step("RandomHorizontalFlip", {"p": 0.4}),
    Step("ColorJitter", {"brightness": 0.5, "contrast": 0.1, "saturation": 0.3, "hue": 0.2}),
    Step("RandAugment", {"num_ops": 3, "magnitude": 7}),
    Step("Grayscale", {"num_output_channels": 3}),
    Step("TenCrop", {"size": 64}),
    TO_TENSOR,
    Step("Normalize", {"mean": (0.4, 0.5, 0.6), "std": (0.2, 0.3, 0.4)}),
)


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    return Image.fromarray(load_sample_image("china.jpg"))  # 640 px wide, 427 high


def pipelines():
    yield from ((name, each.pipeline) for name, each in PRESETS.items())
    yield "everything", EVERYTHING
    yield "five crops", (Step("FiveCrop", {"size": (100, 200)}), TO_TENSOR)
    yield "no antialias", (TO_TENSOR, Step("Resize", {"size": 50, "antialias": False}))


@pytest.mark.parametrize("pipeline", [each[1] for each in pipelines()], ids=[each[0] for each in pipelines()])
class TestEveryPipeline:
    def test_the_pasted_code_gives_the_same_tensor(self, pipeline, photo):
        namespace = {}
        exec(transforms.code(pipeline), namespace)
        for seed in (0, 1):
            torch.manual_seed(seed)
            expected = namespace["transform"](photo)
            assert torch.equal(transforms.run(pipeline, photo, seed).tensor, expected)

    def test_built_it_gives_what_run_gives(self, pipeline, photo):
        torch.manual_seed(7)
        assert torch.equal(transforms.build(pipeline)(photo), transforms.run(pipeline, photo, 7).tensor)

    def test_the_traced_shape_is_the_real_one(self, pipeline, photo):
        found = transforms.run(pipeline, photo, 3).shape
        assert trace(pipeline, (427, 640), 3)[-1].text == "×".join(map(str, found))


class TestAgainstTorchvision:
    def test_cats_and_dogs_as_the_older_transforms_have_it(self, photo):
        theirs = v1.Compose(
            [
                v1.Resize(256),
                v1.CenterCrop(224),
                v1.ToTensor(),
                v1.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
            ]
        )
        ours = transforms.run(preset("cats-dogs").pipeline, photo, 0).tensor
        assert (ours - theirs(photo)).abs().max() < 1e-6

    def test_ten_crops_in_torchvisions_order(self, photo):
        small = functional.resize(photo, [256, 256])
        theirs = torch.stack([functional.to_dtype(functional.to_image(crop), torch.float32, scale=True)
                              for crop in functional.ten_crop(small, [224, 224])])  # fmt: skip
        mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        theirs = (theirs - mean[:, None, None]) / std[:, None, None]
        ours = transforms.run(preset("vgg-finetune-validation").pipeline, photo, 0)
        assert ours.shape == (10, 3, 224, 224)
        assert (ours.tensor - theirs).abs().max() < 1e-6
        assert len(ours.pictures) == 10


class TestResult:
    def test_numbers_by_hand(self):
        # bytes 0, 51, 102, 255 are 0, 0.2, 0.4, 1; less 0.5, over 0.5: −1, −0.6, −0.2, 1; their mean is −0.2,
        # their distances from it 0.8, 0.4, 0, 1.2, so the variance (0.64 + 0.16 + 0 + 1.44) / 4 = 0.56
        image = Image.fromarray(np.array([[0, 51], [102, 255]], np.uint8))
        result = transforms.run((TO_TENSOR, Step("Normalize", {"mean": 0.5, "std": 0.5})), image, 0)
        assert torch.allclose(result.tensor, torch.tensor([[[-1.0, -0.6], [-0.2, 1.0]]]))
        assert (result.shape, result.dtype) == ((1, 2, 2), "float32")
        assert (result.low, result.high) == pytest.approx((-1, 1))
        assert result.mean == pytest.approx((-0.2,))
        assert result.std == pytest.approx((0.56**0.5,))

    def test_mean_and_deviation_are_per_channel(self, photo):
        result = transforms.run((TO_TENSOR,), photo, 0)
        pixels = np.asarray(photo, np.float64) / 255
        assert result.mean == pytest.approx(pixels.mean((0, 1)), abs=1e-5)
        assert result.std == pytest.approx(pixels.std((0, 1)), abs=1e-5)

    @pytest.mark.parametrize("mode", ["RGB", "L"])
    @pytest.mark.parametrize(
        "normalizing",
        [
            [],
            [Step("Normalize", {"mean": 0.5, "std": 0.5})],
            [Step("Normalize", {"mean": 0.2, "std": 0.1}), Step("Normalize", {"mean": -1, "std": 3})],
        ],
    )
    def test_undoing_normalize_gives_the_picture_back_to_the_bit(self, photo, mode, normalizing):
        image = photo.convert(mode)
        result = transforms.run((Step("CenterCrop", {"size": (100, 150)}), TO_TENSOR, *normalizing), image, 0)
        expected = functional.center_crop(image, [100, 150])
        assert np.array_equal(np.asarray(result.pictures[0]), np.asarray(expected))
        assert result.pictures[0].mode == mode
        assert result.clipped == 0

    def test_each_channel_is_undone_with_its_own_values(self, photo):
        pipeline = (TO_TENSOR, Step("Normalize", {"mean": (0.1, 0.5, 0.9), "std": (0.1, 1.0, 2.0)}))
        assert np.array_equal(np.asarray(transforms.run(pipeline, photo, 0).pictures[0]), np.asarray(photo))

    def test_values_beyond_white_are_clipped_and_counted(self):
        # bicubic interpolation swings over at an edge; on a tensor nothing holds it back, on a picture bytes do
        edge = Image.fromarray(np.repeat(np.array([[0, 255]], np.uint8), 8, 1).repeat(4, 0))
        enlarge = Step("Resize", {"size": (16, 64), "interpolation": "bicubic"})
        normalize = Step("Normalize", {"mean": 0.5, "std": 0.5})
        late = transforms.run((TO_TENSOR, normalize, enlarge), edge, 0)
        raw = functional.resize(torch.from_numpy(np.array(edge))[None] / 255, [16, 64], v2.InterpolationMode.BICUBIC)
        assert late.clipped == pytest.approx(((raw < -1e-4) | (raw > 1 + 1e-4)).float().mean().item())
        assert late.clipped > 0.05
        assert late.pictures[0].getextrema() == (0, 255)
        assert transforms.run((enlarge, TO_TENSOR, normalize), edge, 0).clipped == 0

    def test_other_modes_become_colour(self):
        assert transforms.run((TO_TENSOR,), Image.new("RGBA", (4, 4), (255, 0, 0, 9)), 0).mean == (1, 0, 0)
        assert transforms.run((TO_TENSOR,), Image.new("P", (4, 4)), 0).shape == (3, 4, 4)


class TestRandomness:
    def test_a_seed_gives_the_same_and_another_gives_another(self, photo):
        pipeline = preset("vgg-paper-train").pipeline
        first, again, other = (transforms.run(pipeline, photo, seed).tensor for seed in (5, 5, 6))
        assert torch.equal(first, again)
        assert not torch.equal(first, other)

    def test_torchs_own_generator_is_left_alone(self, photo):
        torch.manual_seed(123)
        before = torch.get_rng_state()
        transforms.run(EVERYTHING, photo, 0)
        assert torch.equal(torch.get_rng_state(), before)

    def test_also_where_torchvision_fails_and_that_is_one_line(self, photo, monkeypatch):
        def refusing(image):
            torch.rand(1)
            raise RuntimeError("no such size\nC++ stack …")

        monkeypatch.setattr(transforms, "build", lambda pipeline: refusing)
        torch.manual_seed(123)
        before = torch.get_rng_state()
        with pytest.raises(ConfigError) as caught:
            transforms.run((TO_TENSOR,), photo, 0)
        assert str(caught.value) == "torchvision refuses this pipeline: no such size; change or remove a step"
        assert torch.equal(torch.get_rng_state(), before)

    def test_visitors_at_once_do_not_disturb_each_other(self, photo):
        pipeline = preset("vgg-finetune-train").pipeline
        expected = [transforms.run(pipeline, photo, seed).tensor for seed in range(8)]
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda seed: transforms.run(pipeline, photo, seed).tensor, range(8)))
        assert all(torch.equal(*pair) for pair in zip(expected, found, strict=True))

    def test_scale_jitter_draws_every_side_equally_often(self):
        torch.manual_seed(0)
        jitter = ScaleJitter(256, 260)
        drawn = [jitter.make_params([])["side"] for _ in range(5000)]
        counts = np.bincount(drawn)[256:]
        # 5 sides, 1,000 draws each expected, standard deviation √(5000 · 0.2 · 0.8) = 28: five of them on either side
        assert len(counts) == 5
        assert np.abs(counts - 1000).max() < 5 * 28

    def test_scale_jitter_fixes_the_shorter_side(self, photo):
        pipeline = (Step("ScaleJitter", {"size_range": (50, 60)}), TO_TENSOR)
        shapes = {transforms.run(pipeline, photo, seed).shape for seed in range(30)}
        assert {shape[1] for shape in shapes} <= set(range(50, 61))
        assert all(shape[2] == int(shape[1] * 640 / 427) for shape in shapes)
        assert len(shapes) > 5


def test_code_imports_only_what_it_uses():
    assert transforms.code((Step("CenterCrop"),)).startswith("from torchvision.transforms import v2\n\ntransform = ")
    assert transforms.code((TO_TENSOR,)).startswith("import torch\nfrom torchvision.transforms import v2\n")


def test_torch_is_not_imported_before_it_is_needed():
    modules = ("pipeline", "presets", "remarks", "trace", "steps")
    program = f"import sys; from cvcore.data.transforms import {', '.join(modules)}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
