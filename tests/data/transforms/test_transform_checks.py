"""Steps that are refused, pipelines that cannot run, and remarks on those that run but should not."""

import inspect
import random

import pytest
from PIL import Image
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from cvcore.data.transforms import pipeline as transforms
from cvcore.data.transforms.kinds import KINDS, Kind, register
from cvcore.data.transforms.presets import PRESETS, suggested
from cvcore.data.transforms.remarks import remarks
from cvcore.data.transforms.steps import Step, inserted, is_random
from cvcore.data.transforms.trace import ImpossiblePipelineError, resized, trace
from cvcore.errors import ConfigError

TO_TENSOR, NORMALIZE, FLIP = Step("ToTensor"), Step("Normalize"), Step("RandomHorizontalFlip")


def resize(*size: int, **more) -> Step:
    return Step("Resize", {"size": size, **more})


def crop(name: str, *size: int, **more) -> Step:
    return Step(name, {"size": size, **more})


class TestStep:
    @pytest.mark.parametrize(
        ("name", "params", "message"),
        [
            ("Resise", {}, "unknown step 'Resise' (did you mean Resize?)"),
            ("Resize", {"sise": 4}, "unknown parameter of Resize 'sise' (did you mean size?)"),
            ("Resize", {"size": 0}, "Resize size: given (0,), it should be one or two whole numbers, 1 to 1,024"),
            ("Resize", {"size": (1, 2, 3)}, "Resize size: given (1, 2, 3)"),
            ("Resize", {"size": 3.5}, "Resize size: given (3.5,)"),
            ("Resize", {"size": True}, "Resize size: given (True,)"),
            ("Resize", {"size": "12"}, "Resize size: given ('12',)"),
            ("Resize", {"interpolation": "lanczos"}, "it should be bilinear or bicubic or nearest"),
            ("Resize", {"antialias": 1}, "it should be true or false"),
            ("RandomHorizontalFlip", {"p": 1.5}, "given 1.5, it should be a number, 0 to 1"),
            ("RandomHorizontalFlip", {"p": float("nan")}, "given nan"),
            ("ScaleJitter", {"size_range": (512, 256)}, "a lowest and a highest value, 1 to 1,024"),
            ("Normalize", {"std": 0}, "Normalize std: given (0,)"),
            ("Normalize", {"mean": (1, 2)}, "Normalize mean: given (1, 2), it should be one number, or three"),
            ("Normalize", {"mean": ()}, "Normalize mean: given ()"),
            ("RandAugment", {"magnitude": 31}, "a whole number, 0 to 30"),
            ("Grayscale", {"num_output_channels": True}, "it should be 1 or 3"),
        ],
    )
    def test_refuses_in_one_line(self, name, params, message):
        with pytest.raises(ConfigError) as caught:
            Step(name, params)
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_equal_steps_are_equal_however_they_were_written(self):
        assert Step("Resize") == resize(256) == Step("Resize", {"size": 256}) == resize(9).having(size=256)
        assert len({Step("Resize"), resize(256), resize(256, 256)}) == 2

    def test_a_second_kind_of_the_same_name_is_refused(self):
        with pytest.raises(ConfigError, match="registered already"):
            register(Kind("Resize", ""))

    @pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
    def test_what_the_code_leaves_out_is_torchvisions_default(self, kind):
        for param in (param for param in kind.params if param.quiet):
            default = inspect.signature(getattr(v2, kind.name)).parameters[param.name].default
            default = getattr(default, "value", default)  # an enum in some versions
            assert param.default == default or (param.name == "padding" and (param.default, default) == (0, None))

    @pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
    def test_every_control_has_a_label_and_an_explanation(self, kind):
        assert kind.about.endswith(".")
        assert all(param.label and param.about for param in kind.params)

    def test_random_kinds_that_draw_nothing_are_not_random(self):
        still = [
            FLIP.having(p=1),
            Step("RandomRotation", {"degrees": 0}),
            Step("ColorJitter", {"brightness": 0, "contrast": 0, "saturation": 0, "hue": 0}),
            Step("ScaleJitter", {"size_range": (256, 256)}),
            Step("RandAugment", {"num_ops": 0}),
        ]
        assert not is_random(tuple(still))
        assert all(is_random((Step(step.name),)) for step in still)


def test_the_longer_side_is_cut_as_torchvision_cuts_it():
    draw = random.Random(0)
    for _ in range(60):
        height, width, side = draw.randint(1, 300), draw.randint(1, 300), draw.randint(1, 40)
        real = functional.resize(Image.new("L", (width, height)), [side])
        assert resized((height, width), (side,)) == (real.height, real.width)


def test_a_drawn_size_is_told_by_its_ends():
    # 512 · 640 / 427 = 767.4, 256 · 640 / 427 = 383.7
    states = trace((Step("ScaleJitter"), TO_TENSOR), (427, 640), 3)
    assert states[1].text == "3×256..512×383..767"


REFUSED_BY_TORCHVISION_TOO = [
    ((NORMALIZE, TO_TENSOR), (64, 64), 3, "Normalize works on a tensor, and here is still a picture: move it below"),
    ((NORMALIZE,), (64, 64), 3, "add ToTensor before it"),
    ((crop("RandomCrop", 32), TO_TENSOR), (28, 28), 1, "RandomCrop 32×32 px is larger than the image there, 28×28 px"),
    ((crop("RandomCrop", 40, padding=4), TO_TENSOR), (28, 28), 1, "28×28 px with 4 px of padding"),
    ((resize(30), crop("TenCrop", 31), TO_TENSOR), (64, 64), 3, "TenCrop 31×31 px is larger"),
    ((TO_TENSOR, crop("RandomCrop", 28, padding=28, padding_mode="reflect")), (28, 28), 1, "cannot mirror 28 px"),
]


@pytest.mark.parametrize(("pipeline", "size", "channels", "message"), REFUSED_BY_TORCHVISION_TOO)
def test_what_torchvision_refuses_is_refused_in_one_clear_line(pipeline, size, channels, message):
    image = Image.new("L" if channels == 1 else "RGB", size[::-1])
    with pytest.raises(ImpossiblePipelineError) as caught:
        transforms.run(pipeline, image, 0)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises((ValueError, TypeError, RuntimeError)):
        transforms.build(pipeline)(image)


@pytest.mark.parametrize(
    ("pipeline", "size", "channels", "message"),
    [
        ((), (64, 64), 3, "add ToTensor"),
        ((resize(64),), (64, 64), 3, "add ToTensor"),
        ((TO_TENSOR, NORMALIZE), (28, 28), 1, "Normalize has values for 3 channels and the image there has 1"),
        ((TO_TENSOR, NORMALIZE, Step("ColorJitter")), (64, 64), 3, "move ColorJitter above Normalize"),
        ((TO_TENSOR, NORMALIZE, Step("Grayscale")), (64, 64), 3, "move Grayscale above Normalize"),
        ((crop("TenCrop", 20), crop("FiveCrop", 10), TO_TENSOR), (28, 28), 1, "10 crops already"),
        ((resize(1024), TO_TENSOR), (10, 10_000), 3, "at most 16 million"),
        # S may be as small as 200
        ((Step("ScaleJitter", {"size_range": (200, 300)}), crop("RandomCrop", 224)), (300, 300), 3, "at its small"),
    ],
)  # fmt: skip
def test_what_torchvision_would_run_into_nonsense_is_refused_too(pipeline, size, channels, message):
    with pytest.raises(ImpossiblePipelineError) as caught:
        trace(pipeline, size, channels)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_torchvision_makes_three_channels_of_one_without_a_word():
    """Why a three-channel Normalize of a grey image is refused here."""
    assert transforms.build((TO_TENSOR, NORMALIZE))(Image.new("L", (4, 4))).shape == (3, 4, 4)


@pytest.mark.parametrize(
    ("pipeline", "channels"), [((TO_TENSOR, NORMALIZE), 1), ((resize(20),), 3), ((NORMALIZE,), 3), ((), 1)]
)
def test_adding_the_missing_step_mends_the_pipeline(pipeline, channels):
    with pytest.raises(ImpossiblePipelineError) as caught:
        trace(pipeline, (64, 64), channels)
    assert trace(inserted(pipeline, caught.value.missing), (64, 64), channels)


@pytest.mark.parametrize("name", KINDS)
def test_any_step_added_to_a_usual_pipeline_can_run(name):
    usual = (resize(64), TO_TENSOR, NORMALIZE)
    values = {"size": (48,)} if "size" in {param.name for param in KINDS[name].params} else {}
    assert trace(inserted(usual, Step(name, values)), (100, 80), 3)


@pytest.mark.parametrize(
    ("pipeline", "size", "split", "message"),
    [
        ((resize(224), crop("CenterCrop", 224), TO_TENSOR), (300, 300), "train", "ToTensor gives 0..1, not −1..1"),
        # the width shrinks to 224 / 448 = 0.5, the height to 224 / 280 = 0.8: 0.5 / 0.8 = 0.625, 37.5 % narrower
        ((resize(224, 224), TO_TENSOR, NORMALIZE), (280, 448), "train", "everything in it becomes 38 % narrower"),
        ((resize(224, 224), TO_TENSOR, NORMALIZE), (448, 280), "train", "everything in it becomes 38 % flatter"),
        ((resize(244), TO_TENSOR, NORMALIZE), (300, 300), "train", "224 px. A slip of the finger?"),
        ((crop("CenterCrop", 244), TO_TENSOR, NORMALIZE), (300, 300), "train", "224 px. A slip of the finger?"),
        ((FLIP, TO_TENSOR, NORMALIZE), (64, 64), "test", "Random steps (RandomHorizontalFlip) on the test split"),
        ((crop("CenterCrop", 32), TO_TENSOR, NORMALIZE), (28, 28), "train", "torchvision fills the rest with black"),
        ((TO_TENSOR, NORMALIZE, crop("CenterCrop", 32)), (28, 28), "train", "fills the rest with the mean colour"),
        ((resize(224), TO_TENSOR, NORMALIZE), (28, 28), "train", "enlarges 28×28 px by 8: that adds no detail"),
        ((resize(224), TO_TENSOR, NORMALIZE), (280, 448), "train", "this image becomes 224×358 px, others differ"),
        ((TO_TENSOR, NORMALIZE), (280, 448), "train", "The image keeps its size, 280×448 px"),
        ((Step("ScaleJitter"), TO_TENSOR, NORMALIZE), (300, 300), "train", "every image another size"),
        ((crop("RandomCrop", 32), TO_TENSOR, NORMALIZE), (32, 32), "train", "RandomCrop has nothing to choose from"),
        ((TO_TENSOR, NORMALIZE.having(mean=(123.675, 116.28, 103.53))), (32, 32), "train", "Divide it by 255"),
        ((TO_TENSOR, NORMALIZE.having(std=0.003921)), (32, 32), "train", "a span of 255"),
        ((TO_TENSOR, NORMALIZE, NORMALIZE), (32, 32), "train", "Normalize twice"),
        ((TO_TENSOR, TO_TENSOR, NORMALIZE), (32, 32), "train", "second ToTensor changes nothing"),
        ((TO_TENSOR, resize(16), NORMALIZE), (32, 32), "train", "Resize after ToTensor gives slightly other values"),
        ((TO_TENSOR, resize(16, antialias=False), NORMALIZE), (32, 32), "train", "without antialias"),
        ((resize(16, antialias=False), TO_TENSOR, NORMALIZE), (32, 32), "train", "antialias=False changes nothing"),
        ((TO_TENSOR, NORMALIZE, Step("RandomRotation")), (32, 32), "train", "have the mean colour instead of black"),
        ((crop("TenCrop", 24), TO_TENSOR, NORMALIZE), (32, 32), "train", "TenCrop is for testing"),
        ((Step("Grayscale", {"num_output_channels": 1}), TO_TENSOR), (32, 32), "train", "Grayscale leaves one channel"),
    ],
)  # fmt: skip
def test_a_doubtful_pipeline_gets_a_remark(pipeline, size, split, message):
    assert any(message in text for text in remarks(pipeline, size, 3, split))


def test_saturation_means_nothing_to_a_grey_image():
    found = remarks((Step("ColorJitter"), TO_TENSOR, NORMALIZE.having(mean=0.5, std=0.5)), (32, 32), 1)
    assert found == ["On a grey image saturation and hue change nothing."]


@pytest.mark.parametrize(
    ("pipeline", "split"),
    [
        (PRESETS["cats-dogs"].pipeline, "test"),
        (PRESETS["hymenoptera-corrected"].pipeline, "test"),
        (PRESETS["vgg-finetune-train"].pipeline, "train"),
        (PRESETS["vgg-paper-train"].pipeline, "train"),
        (PRESETS["vgg-finetune-validation-corrected"].pipeline, "val"),
        (suggested((300, 400), 3).pipeline, "train"),
    ],
)
def test_a_good_pipeline_gets_none(pipeline, split):
    assert remarks(pipeline, (300, 400), 3, split) == []


def test_remarks_on_what_the_tutorials_published():
    published = remarks(PRESETS["hymenoptera-published"].pipeline, (300, 400))
    assert len(published) == 2  # no crop, no normalisation
    assert "distorts" in remarks(PRESETS["resnext50"].pipeline, (300, 400))[0]
    assert "distorts" in remarks(PRESETS["vgg-finetune-validation"].pipeline, (300, 400), split="val")[0]
