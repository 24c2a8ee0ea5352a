"""Fields against what outputs really see: the Jacobian of the network itself, in float64."""

import pytest
import torch
from torch import nn

from cvcore.analysis.receptive_field import fields_of_module
from tests.analysis.seen_pixels import assert_holds, extents, one, seen


@pytest.mark.parametrize(("dim", "size"), [(1, (3, 3)), (2, (9, 3)), (3, (3, 9)), (-1, (3, 9))])
def test_a_gate_made_of_the_other_half_is_seen_too(dim, size):
    """GLU multiplies place i by a sigmoid of place i + 6 of 12: 3 + 6 = 9 pixels along that dimension."""
    net = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.GLU(dim))
    found = one(net, (1, 12, 12))
    assert (found.size, found.status) == (size, "local")
    mask = seen(net)
    inner = max(last - first + 1 for dim in (0, 1) for _, first, last in extents(mask, dim))
    assert inner == max(size)
    for row, column in ((0, 0), (2, 3), (mask.shape[0] - 1, mask.shape[1] - 1)):
        top, left, bottom, right = found.box(row, column)
        outside = mask[row, column].clone()
        outside[max(top, 0) : bottom, max(left, 0) : right] = False
        assert not outside.any()


ONE_AXIS = [
    (nn.AdaptiveAvgPool2d((1, None)), "h", "average pooling", None),
    (nn.AdaptiveAvgPool2d((1, 4)), "h", "average pooling", None),
    (nn.AdaptiveMaxPool2d((None, 1)), "w", "max pooling", None),
    (nn.Softmax(2), "h", "softmax", 3),
    (nn.LogSoftmax(3), "w", "softmax", 3),
    (nn.Softmin(3), "w", "softmax", 3),
    (nn.LayerNorm(12), "w", "layer normalisation", 3),
    (nn.RMSNorm(12), "w", "normalisation by the root mean square", 3),
    (nn.Linear(12, 5), "w", "a linear layer", None),
    (nn.Sequential(nn.Linear(12, 5), nn.Conv2d(4, 4, 1)), "w", "a linear layer", None),
]


@pytest.mark.parametrize(("layer", "axis", "through", "path"), ONE_AXIS, ids=lambda value: str(value)[:24])
def test_what_sees_all_of_one_axis_is_local_along_the_other(layer, axis, through, path):
    net = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), layer)
    found = fields_of_module("typed", net, (1, 12, 12))
    last, place = found.layers[-1], "hw".index(axis)
    over = {"h": "height", "w": "width"}[axis]
    assert (last.status, last.note) == ("global", f"global over the {over}, through {through}")
    whole, kept = (last.size[place], last.stride[place], last.padding[place]), last.size[1 - place]
    # all of the axis; or the convolution's own three pixels beside it
    assert whole == ((12, 0, 0) if path is None else (3, 1, 1))
    mask = seen(net)
    if "Max" not in str(layer):  # a maximum hides what it does not choose
        assert all((first, last) == (0, 11) for _, first, last in extents(mask, place))
    widest = max(last - first + 1 for _, first, last in extents(mask, 1 - place))
    assert widest <= kept and last.output == tuple(mask.shape[:2])
    assert kept == (5 if "4)" in str(layer) else 3)  # twelve to four: three positions each, 3 + 2
    assert found.last_local.name == ("1" if path else "0")


def test_both_axes_one_after_the_other_are_the_whole_image():
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Softmax(2), nn.Softmax(3))
    found = fields_of_module("typed", net, (1, 8, 8)).layers
    assert [layer.note for layer in found] == ["", "global over the height, through softmax", "global, through softmax"]
    assert found[-1].size == (3, 3) and seen(net, (1, 8, 8)).all()


def test_a_linear_layer_over_columns_of_an_image_is_not_flatten():
    linear = nn.Linear(28, 16)
    found = one(linear, (1, 28, 28))
    assert fields_of_module("typed", linear, (1, 28, 28)).last_local is None
    assert (found.size, found.stride, found.output) == ((1, 28), (1, 0), (28, 16))
    assert found.note == "global over the width, through a linear layer"
    assert found.box(4, 9) == (4, 0, 5, 28)


def test_normalisation_by_the_root_mean_square_keeps_its_local_path():
    net = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.RMSNorm([4, 8, 8]), nn.Conv2d(4, 4, 3, padding=1))
    found = fields_of_module("typed", net, (1, 8, 8))
    last = found.layers[-1]
    assert (last.status, last.note) == ("global", "global, through normalisation by the root mean square")
    assert (last.size, found.last_local.name) == ((5, 5), "2")
    assert seen(net, (1, 8, 8)).all()


ENLARGING = [
    ([nn.Conv2d(1, 4, 3), nn.Upsample(scale_factor=2)], 1),
    ([nn.Conv2d(1, 4, 3, padding=1), nn.Upsample(scale_factor=3), nn.Conv2d(4, 4, 3)], 1),
    ([nn.Conv2d(1, 4, 3), nn.Upsample(scale_factor=2, mode="bilinear"), nn.Conv2d(4, 4, 3)], 1),
    ([nn.Conv2d(1, 4, 3), nn.Upsample(scale_factor=3, mode="bilinear")], 1),
    ([nn.Conv2d(1, 4, 3, 2, 1), nn.ConvTranspose2d(4, 4, 3, 2, 1, 1), nn.Conv2d(4, 4, 3)], 1),
    ([nn.Conv2d(1, 4, 2, 2), nn.ConvTranspose2d(4, 4, 4, 2, 1)], 2),
    ([nn.Conv2d(1, 8, 3), nn.PixelShuffle(2), nn.AvgPool2d(3, 2)], 1),
    ([nn.AdaptiveAvgPool2d(5)], 1),
    ([nn.AdaptiveAvgPool2d(8), nn.Conv2d(1, 1, 3)], 1),
    ([nn.AdaptiveAvgPool2d(20)], 2),
    ([nn.AvgPool2d(12), nn.AdaptiveAvgPool2d(3)], 0),
]


@pytest.mark.parametrize(("layers", "slack"), ENLARGING, ids=str)
def test_fractional_strides_hold_all_that_is_seen(layers, slack):
    """`slack`: by how many pixels the field, which is one size for all outputs, may exceed the largest."""
    net = nn.Sequential(*layers)
    found = one(net, (1, 12, 12))
    assert_holds(found, seen(net), slack)
    assert "at most" in found.note or not slack


def test_sizes_of_uneven_windows_are_rounded_up():
    """18 to 4: windows 0–4, 4–8, 9–13, 13–17; two neighbours see 9 or 10 pixels (4–13)."""
    net = nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.AvgPool2d(2, 1))
    found = one(net, (1, 18, 18))
    mask = seen(net, (1, 18, 18))
    assert max(last - first + 1 for _, first, last in extents(mask, 0)) == 10
    assert found.size == (10, 10)
    assert_holds(found, mask)


def test_rows_that_a_view_rearranged_are_not_those_of_the_image():
    """24×24 seen as 12×48: row i holds the image's rows 2i and 2i + 1 one after the other."""
    views = [nn.Flatten(2), nn.Unflatten(2, (12, 48)), nn.Flatten(2), nn.Unflatten(2, (24, 24))]
    net = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), *views)
    found = fields_of_module("typed", net, (1, 24, 24))
    rearranged, back = found.layers[2], found.layers[4]
    assert (rearranged.output, rearranged.status, rearranged.size) == ((12, 48), "unavailable", None)
    assert "rearranged" in rearranged.note
    assert (back.output, back.status, back.size) == ((24, 24), "local", (3, 3))
    image = torch.arange(24 * 24.0).view(1, 1, 24, 24)
    assert image.flatten(2).unflatten(2, (12, 48))[0, 0, 3].tolist() == image[0, 0, 6:8].flatten().tolist()
