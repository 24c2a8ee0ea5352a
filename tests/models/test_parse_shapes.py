"""Shapes along a typed network: what is said where they do not fit, and that torch agrees on the CPU."""

import random
from typing import ClassVar

import pytest
import torch
from torch import nn

from cvcore.errors import ModelError
from cvcore.models import typed, zoo
from cvcore.models.parsing import layers as parse_layers
from cvcore.models.parsing import shapes as parse_shapes
from cvcore.models.parsing.parse import LAYERS, parse

GREY = (1, 28, 28)


def refused(text: str, image: tuple[int, ...]) -> str:
    with pytest.raises(ModelError) as caught:
        typed.build(text, image, 10)
    line = str(caught.value)
    assert "\n" not in line and len(line) < 400
    return line


# Each with the image that it is given, what the error must say, and the mended text, which torch must then take.
MISFITS = [
    ("nn.Flatten(), nn.Linear(400, 10)", (1, 24, 24),
     "nn.Linear(400, 10) expects 400 features, gets 576: in_features=576",
     "nn.Flatten(), nn.Linear(576, 10)"),
    ("nn.Conv2d(3, 6, 5)", GREY, "expects 3 channels, gets 1 (of 1×28×28): in_channels=1", "nn.Conv2d(1, 6, 5)"),
    ("nn.Conv2d(1, 6, 5), nn.Conv2d(16, 8, 3)", GREY, "gets 6 (of 6×24×24): in_channels=6",
     "nn.Conv2d(1, 6, 5), nn.Conv2d(6, 8, 3)"),
    ("nn.Conv2d(1, 6, 5), nn.BatchNorm2d(16)", GREY, "expects 16 channels, gets 6 (of 6×24×24): num_features=6",
     "nn.Conv2d(1, 6, 5), nn.BatchNorm2d(6)"),
    ("nn.Conv2d(1, 6, 5), nn.GroupNorm(2, 16)", GREY, "num_channels=6", "nn.Conv2d(1, 6, 5), nn.GroupNorm(2, 6)"),
    ("nn.Conv2d(1, 6, 5), nn.LayerNorm(6)", GREY, "normalized_shape=24", "nn.Conv2d(1, 6, 5), nn.LayerNorm(24)"),
    ("nn.Conv2d(1, 16, 5), nn.Linear(9216, 10)", GREY, "gets 16×24×24: put nn.Flatten() before it",
     "nn.Conv2d(1, 16, 5), nn.Flatten(), nn.Linear(9216, 10)"),
    ("nn.Conv2d(1, 16, 5), nn.Linear(16, 10)", GREY, "put nn.Flatten() before it, and in_features=9216",
     "nn.Conv2d(1, 16, 5), nn.Flatten(), nn.Linear(9216, 10)"),
    ("nn.Flatten(), nn.BatchNorm1d(10)", GREY, "num_features=784", "nn.Flatten(), nn.BatchNorm1d(784)"),
    ("nn.Flatten(), nn.BatchNorm2d(10)", GREY, "use nn.BatchNorm1d(784)", "nn.Flatten(), nn.BatchNorm1d(784)"),
    ("nn.BatchNorm1d(1)", GREY, "use nn.BatchNorm2d(1)", "nn.BatchNorm2d(1)"),
    ("nn.Flatten(), nn.MaxPool2d(2)", GREY, "gets 784 values of a flat image: put it before nn.Flatten()",
     "nn.MaxPool2d(2), nn.Flatten()"),
    ("nn.Conv2d(1, 6, 5)", (1, 4, 9), "has a 5×5 window, gets 1×4×9: kernel_size=(4, 5) at most",
     "nn.Conv2d(1, 6, (4, 5))"),
    ("nn.Conv2d(1, 6, 3, dilation=3, padding=1)", (1, 4, 4),
     "has a 7×7 window (3×3 with dilation 3×3), gets 1×4×4, 6×6 with padding: kernel_size=2",
     "nn.Conv2d(1, 6, 2, dilation=3, padding=1)"),
    ("nn.MaxPool2d(2)", (3, 1, 1), "has a 2×2 window, gets 3×1×1: leave it out", "nn.Identity()"),
    ("nn.PReLU(3)", GREY, "num_parameters=1", "nn.PReLU(1)"),
    ("nn.ReflectionPad2d(30)", GREY, "padding=27 at most", "nn.ReflectionPad2d(27)"),
    ("nn.Conv2d(1, 2, 3, padding=30, padding_mode='reflect')", GREY, "padding=27 at most",
     "nn.Conv2d(1, 2, 3, padding=27, padding_mode='reflect')"),
    ("nn.ConvTranspose2d(1, 2, 3, stride=2, output_padding=2)", GREY, "output_padding=1 at most",
     "nn.ConvTranspose2d(1, 2, 3, stride=2, output_padding=1)"),
    ("nn.Flatten(0)", GREY, "mixes the images of a batch: dimension 0 is the batch, begin with 1", "nn.Flatten(1)"),
    ("nn.Softmax(dim=4)", GREY, "has dimensions 0 to 3: dim=1", "nn.Softmax(dim=1)"),
]  # fmt: skip


@pytest.mark.parametrize(("layers", "image", "problem", "mended"), MISFITS, ids=[row[2][:40] for row in MISFITS])
def test_a_shape_error_names_the_argument_that_mends_it(layers, image, problem, mended):
    line = refused(f"nn.Sequential(\n{layers})", image)
    assert line.startswith("line 2, column ")
    assert problem in line
    eval(f"nn.Sequential({mended})", {"nn": nn}).eval()(torch.rand(2, *image))


def test_the_zoo_points_into_the_text_as_it_was_given():
    text = "torch.nn.Sequential(  # mine\n  Flatten(),\n\n      Linear(400, 10))"
    with pytest.raises(ModelError, match=r"^line 4, column 7: nn\.Linear\(400, 10\) expects 400 features, gets 784"):
        zoo.build(text, GREY, 10)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("nn.Sequential(nn.Conv2d(1000000, 1000000, 1))", "has 1,000,001,000,000 parameters: at most 200,000,000"),
        ("nn.Sequential(nn.Conv2d(1000000000, 1000000000, 1000000000))", "is too large: make it smaller"),
        ("nn.Sequential(" + "nn.Linear(10000, 10000), " * 3 + ")", "has 200,020,000 parameters: at most 200,000,000"),
    ],
)
def test_too_many_parameters_are_refused_before_anything_is_allocated(text, says):
    assert says in refused(text, GREY)


@pytest.mark.parametrize(
    "layer", ["nn.Upsample(scale_factor=100000)", "nn.ZeroPad2d(1000000000)", "nn.Upsample(10000000)"]
)
def test_a_layer_that_blows_an_image_up_is_refused(layer):
    assert "make it smaller" in refused(f"nn.Sequential({layer})", GREY)


class Draw:
    """Random arguments for a layer, often wrong ones."""

    SIZES = (0, 1, 1, 2, 2, 3, 4, 5, 7, 12, 13)
    KNOWN: ClassVar = {
        "mode": ("nearest", "bilinear", "nearest-exact"),
        "approximate": ("none", "tanh"),
        "padding_mode": ("zeros", "reflect", "replicate", "circular"),
        "scale_factor": (2, 0.5, (1, 2), 1.5, None),
        "output_ratio": (0.5, (0.5, 0.7), None),
        "normalized_shape": (12, (12, 12), (4, 12, 12), 4, (4, 10, 9)),
        "unflattened_size": ((2, 2), (4, 1), (-1, 2), (2, -1), (4, 12, 12), (-1, -1)),
        "dim": (0, 1, 2, 3, -1, -2, 4, -4, -5),
        "start_dim": (0, 1, 2, 3, -1, -2, -3, 4, -5),
        "end_dim": (0, 1, 2, 3, -1, -2, -3, 4, -5),
        "divisor_override": (1, 3, None),
    }

    def __init__(self, seed: int):
        self.rng = random.Random(seed)

    def layer(self, kind: str) -> str:
        needed = {name: each.default is each.empty for name, each in parse_layers.signature(kind).items()}
        given = [name for name in needed if needed[name] or self.rng.random() < 0.4]
        return f"nn.{kind}({', '.join(f'{name}={self.value(kind, name)!r}' for name in given)})"

    def value(self, kind: str, name: str):
        choose, annotation = self.rng.choice, parse_layers.signature(kind)[name].annotation
        if name in self.KNOWN:
            return choose(self.KNOWN[name])
        if name == "padding" and kind.endswith("Pad2d"):
            return choose((0, 1, 2, -1, -3, (1, 2, 3, 4), (0, 0, 5, -5), 11, 12, 13, -6, -7))
        if name in ("kernel_size", "stride", "padding", "output_padding", "output_size", "size", "dilation"):
            return choose((choose(self.SIZES), (choose(self.SIZES), choose(self.SIZES))))
        if annotation is bool:
            return False if name == "return_indices" else choose((True, False))
        if annotation is int:
            return choose((1, 2, 3, 4, 4, 4, 8))
        return choose((0, 0.1, 0.5, 1, 2.0))


def check_that_what_passes_without_contents_runs_on_the_cpu(count: int) -> None:
    draw = Draw(seed=11)
    passed = set()
    for number in range(count):
        text = f"nn.Sequential({draw.layer(sorted(LAYERS)[number % len(LAYERS)])})"
        image = draw.rng.choice([(4, 12, 12), (4, 12, 12), (4, 10, 9), (4, 1, 1), (12,), (4,)])
        try:
            out = parse_shapes.send(parse_shapes.make_all(parse(text)), image)[-1].leaves
        except ModelError:
            continue
        with torch.no_grad():
            assert parse_shapes.assemble(parse(text)).eval()(torch.rand(2, *image)).shape == (2, *out), text
        passed.add(parse(text).children[0].kind)
    assert len(passed) > len(LAYERS) * (0.5 if count < 1000 else 0.95)


@pytest.mark.filterwarnings("ignore:Implicit dimension choice")
def test_what_passes_without_contents_runs_on_the_cpu():
    check_that_what_passes_without_contents_runs_on_the_cpu(300)


@pytest.mark.sweep
@pytest.mark.filterwarnings("ignore:Implicit dimension choice")
def test_what_passes_without_contents_runs_on_the_cpu_for_thousands():
    check_that_what_passes_without_contents_runs_on_the_cpu(4000)
