"""Drawn windows against the gradient of torch's own layers."""

import numpy as np
import pytest
import torch
from torch import nn

from cvcore.analysis.geometry.chain import parse
from cvcore.plots import windows
from cvcore.plots.windows import CELL, COVERED, COVERED_PADDING, OUTSIDE, PADDING


def gradient(module: nn.Module, size, position) -> np.ndarray:
    """Input cells [H, W] that the output at `position` depends on, all weights being 1."""
    for weight in module.parameters():
        nn.init.ones_(weight)
    images = torch.ones(1, 1, *size, requires_grad=True)
    module(images)[(0, 0, *position)].backward()
    return images.grad[0, 0].numpy() != 0


def inside(cells: windows.Cells, size) -> np.ndarray:
    """The part of the drawing that is the image itself."""
    return cells.states[-cells.top :, -cells.left :][: size[0], : size[1]]


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize(
    ("text", "module"),
    [
        ("conv 3 p1", nn.Conv2d(1, 1, 3, padding=1, bias=False)),
        ("conv 3x2 s2x1 p1x0 d2x1", nn.Conv2d(1, 1, (3, 2), (2, 1), (1, 0), (2, 1), bias=False)),
        ("conv 4 same", nn.Conv2d(1, 1, 4, padding="same", bias=False)),
        ("avgpool 3 s2 ceil", nn.AvgPool2d(3, 2, ceil_mode=True)),
        ("adaptive 3x5", nn.AdaptiveAvgPool2d((3, 5))),
    ],
)
def test_drawn_windows_are_what_the_gradient_reaches(text, module):
    (layer,), size = parse(text), (8, 7)
    rows, columns = layer.output(size)
    for position in [(row, column) for row in range(rows) for column in range(columns)]:
        cells = windows.input_cells(layer, size, position)
        assert ((inside(cells, size) == COVERED) == gradient(module, size, position)).all()
        drawn = windows.output_cells(layer, size, position)
        assert np.argwhere(drawn.states == COVERED).tolist() == [list(position)]


def test_a_transposed_convolution_writes_where_torch_does():
    (layer,), size = parse("convt 3x4 s2 p1 d1x2 o1x0"), (4, 5)
    module = nn.ConvTranspose2d(1, 1, (3, 4), 2, 1, (1, 0), bias=False, dilation=(1, 2))
    nn.init.ones_(module.weight)
    for position in [(row, column) for row in range(4) for column in range(5)]:
        pixels = torch.zeros(1, 1, *size)
        pixels[(0, 0, *position)] = 1
        written = module(pixels)[0, 0].detach().numpy() != 0
        cells = windows.output_cells(layer, size, position)
        assert ((inside(cells, written.shape) == COVERED) == written).all()


def test_padding_by_hand():
    (layer,) = parse("conv 3 p1")
    cells = windows.input_cells(layer, (2, 2), (0, 0))
    # the window stands on the padded corner: 5 of its 9 cells are padding
    expected = [
        [COVERED_PADDING, COVERED_PADDING, COVERED_PADDING, PADDING],
        [COVERED_PADDING, COVERED, COVERED, PADDING],
        [COVERED_PADDING, COVERED, COVERED, PADDING],
        [PADDING, PADDING, PADDING, PADDING],
    ]
    assert cells.states.tolist() == expected
    assert (cells.top, cells.left) == (-1, -1)


def test_a_window_of_ceil_mode_hangs_over_the_edge():
    (layer,) = parse("maxpool 2 ceil")
    cells = windows.input_cells(layer, (3, 2), (1, 0))
    assert cells.states.tolist() == [[CELL, CELL], [CELL, CELL], [COVERED, COVERED], [COVERED_PADDING] * 2]
    assert OUTSIDE not in cells.states


def test_the_frame_lies_around_the_window():
    (layer,) = parse("conv 3 s2")
    figure = windows.grid_figure(windows.input_cells(layer, (7, 7), (1, 2)), dark=False, title="Input", name="input")
    frame = figure.layout.shapes[0]
    assert (frame.x0, frame.x1, frame.y0, frame.y1) == (3.5, 6.5, 1.5, 4.5)  # rows 2–4, columns 4–6


@pytest.mark.parametrize("text", ["conv 7 s2 p3", "maxpool 2", "convt 4 s2 p1", "adaptive 7", "conv 64 s64", "conv 1"])
def test_large_images_are_drawn_along_one_axis(text):
    (layer,) = parse(text)
    axis = layer.axes[0]
    for position in (0, axis.steps(224) // 2, axis.steps(224) - 1):
        figure = windows.strip_figure(axis, 224, position, dark=True, title="")
        upper = figure.data[0]
        window = axis.window(224, position)
        drawn = [
            x for x, colour in zip(upper.x, upper.marker.color, strict=True) if colour in windows.COLOURS[True][3:]
        ]
        assert drawn == window
        assert len(figure.to_json()) < 60_000
