"""Images that a network does not take: one line that says what was given, where it fails, and what to do."""

import time

import pytest

from cvcore.errors import ModelError
from cvcore.models import zoo


def one_line(error: pytest.ExceptionInfo) -> str:
    text = str(error.value)
    assert "\n" not in text and len(text) < 400
    return text


def test_misfit_names_image_layer_and_remedy():
    with pytest.raises(ModelError) as error:
        zoo.check_fit("lenet5", (1, 8, 8), 10)
    text = one_line(error)
    assert all(part in text for part in ["lenet5", "1×8×8", "conv2", "at least 28×28"])
    with pytest.raises(ModelError) as error:
        zoo.check_fit("vgg16", (3, 16, 16), 10)
    text = one_line(error)
    assert all(part in text for part in ["vgg16", "3×16×16", "features.30", "at least 32×32"])


@pytest.mark.parametrize(
    ("name", "shape", "classes", "says"),
    [
        ("lenet-cifar", (1, 28, 28), 10, "conv3 .* at least 32×32"),
        ("torchvision:resnet18", (1, 28, 28), 10, "3 channels .*1×28×28"),
        ("vit_b_16", (3, 100, 100), 10, "224×224"),
        ("vit_b_16", (3, 224, 256), 10, "square"),
        ("maxvit_t", (3, 100, 100), 10, "224×224"),
        ("mlp", (1, 0, 28), 10, "1 to 4096"),
        ("mlp", (1, 28, -1), 10, "1 to 4096"),
        ("mlp", (1, 28, 5000), 10, "1 to 4096"),
        ("mlp", (65, 28, 28), 10, "1 to 64"),
        ("mlp", (28, 28), 10, "C,H,W"),
        ("mlp", (1.0, 28, 28), 10, "whole numbers"),
        ("mlp", (1, 28, 28), 0, "classes"),
    ],
)
def test_what_does_not_fit_is_one_line(name, shape, classes, says):
    with pytest.raises(ModelError, match=says) as error:
        zoo.check_fit(name, shape, classes)
    one_line(error)


def test_what_fits_is_silent_and_quick():
    zoo.check_fit("resnet152", (3, 64, 64), 10)  # imports and first uses are not what is measured
    start = time.process_time()  # other work on the machine does not count
    zoo.check_fit("resnet152", (3, 64, 64), 10)
    assert time.process_time() - start < 1  # about 0.3 s on a quiet machine
