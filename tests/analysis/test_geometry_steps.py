"""The worked formula: what it says is what torch's layer does, and its own arithmetic is right."""

import re

import pytest
import torch
from torch import nn

from cvcore.analysis.geometry.chain import parse
from cvcore.analysis.geometry.steps import steps


def told(text: str, size: int) -> str:
    (layer,) = parse(text)
    named = layer.padding if isinstance(layer.padding, str) else ""
    return " ".join(f"{step.words} {step.formula}" for step in steps(layer.axes[0], size, named))


@pytest.mark.parametrize(
    ("text", "size", "module"),
    [
        ("conv 5 p2", 28, nn.Conv2d(1, 1, 5, padding=2)),
        ("conv 3 s2 p1 d2", 29, nn.Conv2d(1, 1, 3, 2, 1, 2)),
        ("conv 4 same", 9, nn.Conv2d(1, 1, 4, padding="same")),
        ("conv 3 valid", 9, nn.Conv2d(1, 1, 3, padding="valid")),
        ("maxpool 3 s2 ceil", 8, nn.MaxPool2d(3, 2, ceil_mode=True)),
        ("maxpool 2 s3 p1 ceil", 2, nn.MaxPool2d(2, 3, 1, ceil_mode=True)),
        ("convt 3 s2 p1 o1", 7, nn.ConvTranspose2d(1, 1, 3, 2, 1, 1)),
    ],
)
@pytest.mark.filterwarnings("ignore:Using padding='same'")
def test_the_last_number_is_torchs(text, size, module):
    with torch.no_grad():
        expected = module(torch.zeros(1, 1, size, size)).shape[-1]
    numbers = re.findall(r"= (\d+)(?= \\end|$| [A-Z\d])", told(text, size))
    assert int(numbers[-1]) == expected


def test_words_by_hand():
    # (29 − 5 + 2)/2 = 13; the kernel of 3 spans 5
    assert "the kernel spans 5 pixels" in told("conv 3 s2 p1 d2", 29)
    # (10 − 3)/2 = 3.5: the last pixel is left over
    assert "the last 1 pixel is in no window" in told("conv 3 s2", 10)
    # (8 − 3)/2 = 2.5, rounded up: the window at 6, 7, 8 hangs over by one
    assert "hangs over the edge by 1 pixel" in told("maxpool 3 s2 ceil", 8)
    # ⌈(2 − 2 + 2)/3⌉ + 1 = 2, whose second window starts at 2, behind the image
    assert "would start at 2" in told("maxpool 2 s3 p1 ceil", 2)
    assert "1 before and 2 after" in told("conv 4 same", 9)
    assert "windows have 2 to 3 pixels" in told("adaptive 3", 5)  # 0–1, 1–3, 3–4
    assert "every window has 8 pixels" in told("adaptive 7", 56)
