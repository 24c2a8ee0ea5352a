import re

import numpy as np
import pytest

from cvcore.analysis import convolution as conv
from cvcore.analysis.kernels import KERNELS, WORKED_IMAGE
from cvcore.plots import channels, filter_text, filters

WORKED = KERNELS["worked-example"].array
EDGE = KERNELS["vertical-edge"].array
BYTES_ALLOWED = 400_000


def told(hover: filter_text.Hover, pixel: int) -> str:
    """What a visitor reads at this pixel (counted row by row), as one line: the numbers put into the template."""
    text = hover.template.replace("<extra></extra>", "").replace("%{text}", hover.texts[pixel])
    text = re.sub(r"%\{customdata\[(\d+)\]\}", lambda found: str(hover.numbers[pixel][int(found[1])]), text)
    return " ".join(re.sub(r"<b>.*?</b>|<br>", " ", text).split())


def conv_hover(image, kernel, bias=0.0, names=("",), **steps) -> filter_text.Hover:
    steps = {"padding": 0, "mode": "zeros", "stride": 1} | steps
    windows, weights = conv.conv_windows(image, kernel, **steps)
    return filter_text.convolution_hover(windows, weights, conv.channel_sums(image, kernel, **steps), bias, names)


def pool_hover(image, size, kind, names=("",), **steps) -> filter_text.Hover:
    steps = {"padding": 0, "stride": size} | steps
    windows = conv.pool_windows(image, size, kind=kind, **steps)
    divisors = conv.pool_divisors(image, size, steps["stride"], steps["padding"], True)
    return filter_text.pooling_hover(windows, kind, divisors, conv.pool(image, size, kind=kind, **steps), names)


def marked(figure):
    """The frame that stands around a window or a pixel."""
    return next(shape for shape in figure.layout.shapes if shape.line.color == filters.MARK)


class TestHover:
    def test_the_worked_example_in_full(self):
        hover = conv_hover(WORKED_IMAGE, WORKED)
        assert told(hover, 0) == "1·2 + 2·0 + 3·1 + 0·0 + 1·1 + 2·2 + 3·1 + 0·0 + 1·2 = 15"
        # the last of the 3×3 output, over 1 2 3, 0 1 2, 3 0 1: the same window again
        assert told(hover, 8) == told(hover, 0)

    def test_what_is_told_adds_up(self):
        image = np.random.default_rng(0).integers(0, 256, (3, 9, 9)).astype(np.uint8)
        hover = conv_hover(image, EDGE, bias=2.0, names=("R", "G", "B"), stride=2, padding=1)
        for pixel in range(25):
            left, right = re.sub(r"[RGB]: ", "", told(hover, pixel)).replace("−", "-").split(" = ")
            assert eval(left.replace("·", "*").replace("bias", "")) == pytest.approx(float(right))

    def test_a_blur_is_told_in_whole_numbers(self):
        # 1·1 + 2·2 + 3·1 + 0·2 + 1·4 + 2·2 + 3·1 + 0·2 + 1·1 = 20, and 20/16 = 1.25
        hover = conv_hover(WORKED_IMAGE, KERNELS["gaussian-3"].array)
        assert told(hover, 0) == "(1·1 + 2·2 + 3·1 + 0·2 + 1·4 + 2·2 + 3·1 + 0·2 + 1·1) / 16 = 1.25"

    def test_pooling(self):
        assert told(pool_hover(WORKED_IMAGE, 2, "max"), 0) == "max(1, 2, 0, 1) = 2"
        assert told(pool_hover(WORKED_IMAGE, 2, "average"), 0) == "(1 + 2 + 0 + 1) / 4 = 1"
        assert told(pool_hover(WORKED_IMAGE, 2, "max", padding=1), 0) == "max(−∞, −∞, −∞, 1) = 1"

    def test_too_many_numbers_leave_the_sums(self):
        image = np.ones((3, 12, 12), np.uint8)
        hover = conv_hover(image, np.ones((5, 5)), names=("R", "G", "B"))
        assert hover.numbers is None
        assert told(hover, 0) == "R 25 + G 25 + B 25 = 75"


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("size", [3, 5, 7])
@pytest.mark.parametrize("kind", ["convolution", "max", "average"])
def test_figures_of_the_largest_image_stay_small(count, size, kind):
    random = np.random.default_rng(0)
    image = random.integers(0, 256, (count, 64, 64)).astype(np.uint8)
    names = ("R", "G", "B")[:count] if count > 1 else ("",)
    steps = {"padding": size // 2, "stride": 1}
    if kind == "convolution":
        kernel = random.normal(size=(size, size))
        values, hover = conv.convolve(image, kernel, **steps)[None], conv_hover(image, kernel, names=names, **steps)
    else:
        values, hover = conv.pool(image, size, kind=kind, **steps), pool_hover(image, size, kind, names, **steps)
    signed = kind == "convolution"
    scale = (-abs(values).max(), abs(values).max()) if signed else (0.0, 255.0)
    figure = filters.output_figure(values, hover, pixel=(0, 0), dark=False, signed=signed, scale=scale)
    assert len(figure.to_json()) <= BYTES_ALLOWED
    assert len(filters.input_figure(conv.pad(image, size // 2), padding=size // 2).to_json()) <= BYTES_ALLOWED / 4


class TestFigures:
    def test_the_window_lies_where_the_arithmetic_says(self):
        figure = filters.input_figure(conv.pad(WORKED_IMAGE, 1), padding=1, window=(-1, 1, 3, 3), high=3.0)
        frame = marked(figure)
        assert (frame.x0, frame.x1, frame.y0, frame.y1) == (0.5, 3.5, -1.5, 1.5)
        cells = figure.data[0]
        assert (cells.x0, cells.y0, cells.z.shape) == (-1, -1, (7, 7))
        assert cells.text[1][1] == "1"  # the image's own corner

    def test_numbers_stand_in_small_grids_only(self):
        assert filters.input_figure(np.zeros((1, 12, 12)), padding=0).data[0].texttemplate == "%{text}"
        assert filters.input_figure(np.zeros((1, 13, 13)), padding=0).data[0].texttemplate is None
        crowded = filters.input_figure(np.full((1, 12, 12), 1234.56), padding=0, high=2000.0)
        assert crowded.data[0].texttemplate is None

    def test_the_padding_of_max_pooling_is_empty(self):
        padded = np.pad(WORKED_IMAGE.astype(float), ((0, 0), (1, 1), (1, 1)), constant_values=np.nan)
        assert filters.input_figure(padded, padding=1).data[0].text[0][0] == ""

    def test_a_kernel_of_fractions_is_shown_whole_with_its_divisor(self):
        figure = filters.kernel_figure(KERNELS["gaussian-3"].array, dark=True)
        assert figure.data[0].z.tolist() == [[1, 2, 1], [2, 4, 2], [1, 2, 1]]
        assert "÷ 16" in figure.layout.title.text

    def test_zero_is_the_middle_of_the_scale(self):
        values = conv.convolve(WORKED_IMAGE, EDGE)[None]
        figure = filters.output_figure(
            values, conv_hover(WORKED_IMAGE, EDGE), pixel=(1, 2), dark=False, signed=True, scale=(-9.0, 9.0)
        )
        cells, targets = figure.data
        assert (cells.zmin, cells.zmax) == (-9, 9)
        assert cells.colorscale[1] == (0.5, filters.SIGNED[False][1])
        assert np.asarray(targets.x).tolist() == [0, 1, 2] * 3
        assert np.asarray(targets.y).tolist() == [0] * 3 + [1] * 3 + [2] * 3
        frame = marked(figure)
        assert (frame.x0, frame.y0) == (1.5, 0.5)

    def test_small_pictures_have_the_colours_of_the_large_one(self):
        drawn = filters.as_bytes(np.array([[[-2.0, 0.0, 2.0]]]), (-2.0, 2.0), signed=True, dark=False)
        colours = ["#" + "".join(f"{value:02X}" for value in drawn[:, 0, column]) for column in range(3)]
        assert tuple(colours) == filters.SIGNED[False]
        grey = filters.as_bytes(np.array([[[-2.0, 0.0, 2.0]]]), (-2.0, 2.0), signed=False, dark=False)
        assert grey.tolist() == [[[0, 128, 255]]]

    def test_channels_and_their_sum(self):
        image = np.random.default_rng(1).integers(0, 256, (3, 8, 8)).astype(np.uint8)
        parts = conv.channel_sums(image, EDGE)
        whole = parts.sum(axis=0, keepdims=True)
        figure = channels.channels_figure(image, parts, whole, ("R", "G", "B"), dark=False, signed=True)
        lower = [trace for trace in figure.data if trace.type == "heatmap" and trace.z.shape == (6, 6)]
        np.testing.assert_allclose(sum(trace.z for trace in lower[:3]), lower[3].z, atol=1e-3)
        assert len({trace.zmax for trace in lower}) == 1  # one scale, so that they can be compared
        assert [each.text for each in figure.layout.annotations if each.text in "+="] == ["+", "+", "="]


def test_a_grid_of_numbers_is_a_table_tinted_by_sign():
    table = filter_text.number_grid(np.array([[-2.0, 0.0], [1.0, -np.inf]]), signed=True)
    assert re.findall(r">([^<>]+)</td>", table) == ["−2", "0", "1", "−∞"]
    assert table.count(filter_text.NEGATIVE) == 2
