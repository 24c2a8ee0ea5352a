"""Presets against the transforms that torchvision's own weights carry."""

import pytest
import torch
from PIL import Image
from sklearn.datasets import load_sample_image
from torchvision import models
from torchvision.transforms._presets import ImageClassification

from cvcore.data.transforms import pipeline as transforms
from cvcore.data.transforms import presets
from cvcore.data.transforms.remarks import remarks
from cvcore.data.transforms.steps import is_random
from cvcore.errors import ConfigError


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    return Image.fromarray(load_sample_image("flower.jpg"))  # 640 px wide, 427 high


def all_weights():
    return [weights for name in models.list_models(module=models) for weights in models.get_model_weights(name)]


def test_all_weights_of_all_classifiers_are_there():
    names = presets.weight_names()
    assert len(names) == len(set(names)) == len(all_weights()) > 100
    assert {"ResNet50_Weights.IMAGENET1K_V2", "VGG16_Weights.IMAGENET1K_FEATURES"} <= set(names)


@pytest.mark.parametrize("upright", [False, True])
def test_every_weights_pipeline_gives_what_its_own_transform_gives(photo, upright):
    image = photo.crop((100, 0, 350, 427)) if upright else photo
    done = {}
    for weights in all_weights():
        theirs = weights.transforms()
        assert isinstance(theirs, ImageClassification)
        if repr(theirs) not in done:  # many weights share one transform
            done[repr(theirs)] = theirs(image)
        pipeline = presets.from_weights(f"{type(weights).__name__}.{weights.name}")
        found = transforms.run(pipeline, image, 0)
        # a float32 near 1 has steps of 1.2e-7; a division by 1/255, of one set of weights, makes 3e-5 of that
        tolerance = max(1e-6, 1.2e-7 / min(theirs.std))
        assert (found.tensor - done[repr(theirs)]).abs().max() < tolerance, weights
    assert len(done) > 20


def test_weights_without_antialias_are_read_so(monkeypatch):
    class Plain:
        def transforms(self):
            return ImageClassification(crop_size=32, resize_size=40, antialias=False)

    monkeypatch.setattr(models, "get_weight", lambda name: Plain())
    assert presets.from_weights("AlexNet_Weights.IMAGENET1K_V1")[0].values["antialias"] is False


@pytest.mark.parametrize("name", ["ResNet50_Weights.IMAGENET1K_V9", "resnet50", ""])
def test_unknown_names_are_refused_in_one_line(name):
    with pytest.raises(ConfigError) as caught:
        presets.from_weights(name)
    assert "unknown weights" in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(ConfigError):
        presets.preset(name)


def test_presets_by_name():
    assert presets.preset("resnext50").title == "ResNeXt-50 from scratch: square 224×224"
    assert presets.preset("AlexNet_Weights.IMAGENET1K_V1").pipeline == presets.PRESETS["cats-dogs"].pipeline


@pytest.mark.parametrize(
    ("name", "expected"),
    [("mnist", (0, 1)), ("lenet5", (0, 1)), ("cifar10", (-1, 1)), ("hymenoptera-published", (0, 1))],
)
def test_the_range_that_a_tutorial_promises(name, expected):
    image = Image.merge("RGB", [Image.linear_gradient("L")] * 3)  # bytes 0 to 255
    found = transforms.run(presets.preset(name).pipeline, image, 0)
    assert (found.low, found.high) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("size", [(28, 28), (32, 32), (40, 30), (8, 8), (128, 128), (300, 450)])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_start_for_any_images_is_random_and_without_remarks(size, channels):
    pipeline = presets.suggested(size, channels).pipeline
    assert is_random(pipeline)
    assert remarks(pipeline, size, channels) == (
        ["On a grey image saturation and hue change nothing."] if channels == 1 and size[0] >= 128 else []
    )
    image = Image.effect_noise(size[::-1], 60).convert("L" if channels == 1 else "RGB")
    tensor = transforms.run(pipeline, image, 0).tensor
    assert tensor.shape == (channels, *((224, 224) if size[0] >= 128 else size))
    assert not torch.equal(tensor, transforms.run(pipeline, image, 1).tensor)
