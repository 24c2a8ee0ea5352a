import numpy as np
import pytest

from cvcore.plots import bars, curves, sheet
from cvcore.plots.style import CATEGORIES, colour_of
from cvcore.training.history import Epoch

HISTORY = [Epoch(number, 2 / number, 0.3 * number, 2.2 / number, 0.25 * number, 0.1, 1.0) for number in (1, 2, 3)]


def test_curves_show_what_was_measured_in_the_units_of_the_axis():
    figure = curves.accuracy_curves([curves.Curve("a run", HISTORY, "#123456", best=3)])
    validation, training, ring = figure.data
    assert list(validation.x) == [1, 2, 3]
    assert list(validation.y) == pytest.approx([25, 50, 75])
    assert list(training.y) == pytest.approx([30, 60, 90])
    assert (list(ring.x), list(ring.y)) == ([3], pytest.approx([75]))
    assert validation.line.color == training.line.color == "#123456"
    assert (validation.line.dash, training.line.dash) == ("solid", "dot")
    assert figure.layout.yaxis.title.text == "accuracy (%)"
    assert curves.loss_curves([]).layout.yaxis.title.text == "cross-entropy (nats)"


def test_a_run_that_trains_has_its_whole_axis_and_no_made_up_numbers():
    waiting = curves.accuracy_curves([curves.Curve("new", [], "#000000", planned=40)])
    assert list(waiting.data[0].x) == []
    assert list(waiting.layout.xaxis.range) == [0.5, 40.5]
    assert list(waiting.layout.yaxis.range) == [0, 100]
    growing = curves.accuracy_curves([curves.Curve("new", HISTORY, "#000000", planned=40)])
    assert list(growing.layout.xaxis.range) == [0.5, 40.5]


def test_counts_stack_training_and_test():
    train, test = bars.class_counts(["x", "y"], {"train": [3, 4], "test": [1, 2]}).data
    assert (list(train.y), list(test.y)) == ([3, 4], [1, 2])


def test_categories_are_distinct_and_repeat():
    assert len(set(CATEGORIES)) == len(CATEGORIES) == 6
    assert colour_of(7) == CATEGORIES[1]


class TestSheet:
    def test_images_stand_row_by_row_enlarged_without_blur(self):
        images = np.zeros((3, 1, 4, 4), np.uint8)
        images[1] = 200
        picture = sheet.contact_sheet(images, ["a", "b", "c"], columns=2, tile=8, gap=2)
        assert picture.size == (2 * 10 - 2, 2 * (10 + sheet.CAPTION) - 2)
        assert picture.getpixel((4, 4)) == (0, 0, 0, 255)
        assert {picture.getpixel((x, y)) for x in range(10, 18) for y in range(8)} == {(200, 200, 200, 255)}
        assert picture.getpixel((9, 4))[3] == 0  # the gap shows the page

    def test_colours_keep_their_channels(self):
        image = np.zeros((1, 3, 2, 2), np.uint8)
        image[0, 0] = 255
        assert sheet.contact_sheet(image, ["red"], columns=1, tile=4).getpixel((1, 1)) == (255, 0, 0, 255)

    def test_png_starts_as_png_does(self):
        picture = sheet.contact_sheet(np.zeros((1, 1, 2, 2), np.uint8), ["x"], columns=1)
        assert sheet.as_png(picture).startswith(b"\x89PNG\r\n\x1a\n")
