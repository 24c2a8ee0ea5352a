"""What the pictures of receptive fields draw where."""

import numpy as np
import pytest

from cvcore.analysis.field.limits import dead_layers, resnet50_field
from cvcore.analysis.receptive_field import Field, fields
from cvcore.plots import field as plots

IMAGE = np.zeros((3, 32, 32), np.uint8)
CONV = Field("conv", "Conv2d", (16, 16), (7, 7), (2, 2), (3, 3), "local")


def rectangles(figure):
    return [shape for shape in figure.layout.shapes if shape.type == "rect"]


def corners(shape):
    return shape.y0, shape.x0, shape.y1, shape.x1


def test_the_box_stands_where_the_arithmetic_says():
    # output (8, 8) sees pixels 8·2 − 3 = 13 to 13 + 7 − 1 = 19; edges lie half a pixel before and after
    figure = plots.box_on_image(IMAGE, CONV, (8, 8))
    box, beside = rectangles(figure)[-1], rectangles(figure)[1]
    assert corners(box) == (12.5, 12.5, 19.5, 19.5)
    assert corners(beside) == (12.5, 14.5, 19.5, 21.5)  # one stride of 2 px to the right
    assert figure.layout.yaxis.range[0] > figure.layout.yaxis.range[1]  # row 0 is at the top


def test_a_box_that_leaves_the_image_is_shown_whole():
    wide = Field("late", "Conv2d", (2, 2), (99, 99), (16, 16), (40, 40), "local")
    figure = plots.box_on_image(IMAGE, wide, (1, 1))
    # rows 16 − 40 = −24 to −24 + 99 − 1 = 74
    assert corners(rectangles(figure)[-1]) == (-24.5, -24.5, 74.5, 74.5)
    low, high = figure.layout.xaxis.range
    assert low < -24.5
    assert high > 74.5
    assert len(rectangles(figure)) == 2  # padding and box: there is no output further right
    assert figure.layout.shapes[1].path.endswith("M -0.5,-0.5 L 31.5,-0.5 L 31.5,31.5 L -0.5,31.5 Z")  # all is seen


def test_grey_images_and_small_ones_cover_their_own_pixels():
    figure = plots.whole_image(np.zeros((1, 8, 8), np.uint8))
    picture = figure.data[0]
    dots = 48  # 8 pixels, each drawn with 48 dots, so that the browser does not blur them
    assert picture.dx == pytest.approx(1 / dots)
    assert picture.x0 - picture.dx / 2 == pytest.approx(-0.5)
    assert corners(rectangles(figure)[0]) == (-0.5, -0.5, 7.5, 7.5)


def test_the_heat_map_has_circle_and_box():
    share = np.full((10, 10), 0.01)
    figure = plots.effect(share, (4.5, 5.5), 3.0, (0, 0, 10, 10))
    circle = next(shape for shape in figure.layout.shapes if shape.type == "circle")
    assert corners(circle) == (1.5, 2.5, 7.5, 8.5)
    assert (np.asarray(figure.data[0].z) == 255).all()


def test_fields_over_depth_skip_layers_without_one():
    layers = fields("lenet5").layers
    figure = plots.over_depth(layers, (28, 28), 3)
    assert list(figure.data[0].y) == [5, 5, 6, 14, 14, 16, 32, 32]  # by hand: 5, +1, +4·2, +1·2, +4·4
    assert (list(figure.data[1].x), list(figure.data[1].y)) == ([4], [14])
    assert [shape.y0 for shape in figure.layout.shapes] == [28]


def test_height_and_width_have_lines_of_their_own_where_they_differ():
    tall = Field("conv", "Conv2d", (16, 16), (7, 3), (1, 1), (3, 1), "local")
    figure = plots.over_depth([tall], (32, 64), 0)
    assert [(trace.name, list(trace.y)) for trace in figure.data[:2]] == [("height", [7]), ("width", [3])]
    assert [shape.y0 for shape in figure.layout.shapes] == [32, 64]


def test_dead_layers_and_their_chart():
    # LeNet-5 on 28 pixels: conv3 sees 16 + 4·4 = 32; bn-cnn's last block 21 + 2·4 = 29, the MLP has no windows
    found = dead_layers(["lenet5", "bn-cnn", "mlp", "alexnet"], (1, 28, 28), 10)
    lenet, small, dense, alexnet = found
    assert [lenet.layers[place].name for place in lenet.past] == ["conv3", "tanh3"]
    assert (small.first.name, small.first.size) == ("stage3.block2.conv", (29, 29))
    assert (dense.past, dense.with_field, dense.largest) == ((), (), None)
    assert "does not fit 1×28×28" in alexnet.reason
    figure = plots.limits(found, (28, 28))
    circles = [trace for trace in figure.data if trace.mode == "markers"]
    assert [trace.y[0] for trace in circles] == [32, 29]
    assert {trace.name for trace in figure.data if trace.showlegend} == {"lenet5", "bn-cnn"}
    assert plots.limits([dense], (28, 28)).data == ()


def test_two_placements_of_resnet50s_strides():
    # 427 is what torchvision's layers give, 483 what is published for TF-Slim's (Distill, 2019)
    assert resnet50_field("torchvision")[-1].size == fields("torchvision:resnet50").last_local.size[0] == 427
    assert resnet50_field("tf-slim")[-1].size == resnet50_field("paper")[-1].size == 483
    with pytest.raises(ValueError, match="choose torchvision, tf-slim or paper"):
        resnet50_field("keras")
