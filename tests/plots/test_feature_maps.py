"""Pictures of maps and filters: colours of known values, places of known channels."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from cvcore.analysis.inside.groups import Grouped, reach
from cvcore.plots import feature_maps as plots
from cvcore.plots import inside_steps as steps
from cvcore.plots.filters import SIGNED

BYTES_ALLOWED = 700_000


def rgb(text: str) -> list[int]:
    return [int(text[start : start + 2], 16) for start in (1, 3, 5)]


def drawn(figure) -> np.ndarray:
    """The picture behind a figure, uint8 [H, W, 4]."""
    content = figure.layout.images[0].source.partition(",")[2]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(content))).convert("RGBA"))


class TestColours:
    @pytest.mark.parametrize("dark", [False, True])
    def test_signed_values_have_the_colours_of_their_sign(self, dark):
        found = plots.colours(np.array([[[-2.0, 0.0, 2.0, 9.0]]]), 2.0, signed=True, dark=dark)[0, :, 0].T
        below, zero, above = map(rgb, SIGNED[dark])
        assert found[0].tolist() == below and found[2].tolist() == above and found[3].tolist() == above
        assert np.abs(found[1].astype(int) - zero).max() <= 2  # 256 colours have no exact middle

    def test_others_are_viridis(self):
        found = plots.colours(np.array([[[0.0, 1.0]]]), 1.0, signed=False, dark=False)[0, :, 0].T
        assert found.tolist() == [[68, 1, 84], [253, 231, 37]]  # matplotlib's first and last colour

    def test_a_limit_of_each_map(self):
        maps = np.array([[[0.0, 1.0]], [[0.0, 8.0]]])
        found = plots.colours(maps, np.array([1.0, 8.0]), signed=False, dark=False)
        assert np.array_equal(found[0], found[1])
        assert not np.array_equal(*plots.colours(maps, 8.0, signed=False, dark=False))

    def test_what_is_no_number_is_grey(self):
        found = plots.colours(np.array([[[np.nan, np.inf]]]), 1.0, signed=True, dark=False)
        assert np.unique(found).tolist() == [128]


class TestFilterPictures:
    def test_zero_is_the_middle_grey(self):
        cells = plots.filter_pictures(np.array([[[[-2.0, 0.0, 2.0]]]]), 2.0)
        assert cells.tolist() == [[[[0, 128, 255]]]]

    def test_three_channels_are_one_colour_picture(self):
        weights = np.zeros((5, 3, 2, 2))
        weights[:, 0] = 1
        cells = plots.filter_pictures(weights, 1.0)
        assert cells.shape == (5, 3, 2, 2) and cells[0, :, 0, 0].tolist() == [255, 128, 128]

    def test_other_channels_stand_side_by_side(self):
        weights = np.arange(2 * 4).reshape(2, 4, 1, 1) / 7
        assert plots.filter_pictures(weights, 1.0).shape == (8, 1, 1, 1)


class TestSheet:
    def test_each_point_lies_on_its_picture(self):
        pictures = np.zeros((6, 3, 4, 4), dtype=np.uint8)
        pictures[:, 0] = np.arange(40, 100, 10)[:, None, None]
        figure = plots.channel_sheet(pictures, [f"channel {index}" for index in range(6)], chosen=4)
        sheet, place = drawn(figure), figure.layout.images[0]
        scale = sheet.shape[1] / place.sizex
        points = figure.data[0]
        reds = [sheet[int(y * scale), int(x * scale), 0] for x, y in zip(points.x, points.y, strict=True)]
        assert reds == [40, 50, 60, 70, 80, 90]
        box = figure.layout.shapes[-1]
        assert box.x0 < points.x[4] < box.x1 and box.y0 < points.y[4] < box.y1

    @pytest.mark.parametrize(("count", "side"), [(64, 112), (512, 14), (2048, 7), (2048, 1)])
    def test_a_large_layer_is_one_picture_of_bounded_size(self, count, side):
        pictures = np.random.default_rng(0).integers(0, 256, (count, 3, side, side)).astype(np.uint8)
        figure = plots.channel_sheet(pictures, ["x"] * count)
        assert len(figure.data) == 1 and len(figure.layout.images) == 1
        assert figure.layout.height <= plots.SHEET + 60
        # noise, which a PNG cannot compress, at up to 1200 × 1200 pixels of 3 bytes
        assert len(figure.layout.images[0].source) < 1200 * 1200 * 3 * 1.5

    def test_long_maps_keep_their_proportions(self):
        found = np.asarray(plots.mosaic(np.full((1, 3, 2, 8), 9, dtype=np.uint8), 1, 16, 0))
        rows, columns = np.nonzero(found[..., 3])
        assert np.ptp(columns) + 1 == 4 * (np.ptp(rows) + 1)


class TestMapOverImage:
    def test_the_map_covers_the_image(self):
        values = np.arange(12.0).reshape(3, 4)
        figure = plots.map_over_image(
            values, np.zeros((3, 24, 40), dtype=np.uint8), opacity=0.5, limit=11, signed=False, dark=False
        )
        cells, image = figure.data[0], figure.layout.images[0]
        # cells of 8 × 10 pixels: their outer edges are those of the image, half a pixel beyond its first and last
        assert (cells.y0 - cells.dy / 2, cells.y0 + 2.5 * cells.dy) == (-0.5, 23.5)
        assert (cells.x0 - cells.dx / 2, cells.x0 + 3.5 * cells.dx) == (-0.5, 39.5)
        assert (image.x, image.y, image.sizex, image.sizey) == (-0.5, -0.5, 40, 24)
        assert cells.opacity == 0.5 and cells.customdata[1, 2].tolist() == [1, 2]

    def test_a_large_one_is_small_enough_to_send(self):
        values = np.random.default_rng(0).standard_normal((224, 224))
        image = np.full((3, 224, 224), 90, dtype=np.uint8)
        figure = plots.map_over_image(values, image, opacity=1, limit=1, signed=True, dark=True)
        assert len(figure.to_json()) < BYTES_ALLOWED

    def test_a_vector_marks_the_chosen_value(self):
        bars = plots.values_figure(np.array([1.0, -2, 3]), 1, ["a", "b", "c"]).data[0]
        assert list(bars.x) == ["a", "b", "c"] and len(set(bars.marker.color[[0, 2]])) == 1
        assert bars.marker.color[1] != bars.marker.color[0]


class TestSteps:
    def test_all_maps_have_one_scale(self):
        maps = [np.ones((4, 4)), np.ones((2, 2)), np.zeros((2, 2))]
        figure = steps.step_figure(maps, ["a", "b", "c"], limit=3, signed=True, dark=False)
        assert {(trace.zmin, trace.zmax) for trace in figure.data} == {(-3, 3)}
        assert [text.text for text in figure.layout.annotations] == ["a", "b", "c"]

    def test_shares_of_the_histogram(self):
        edges = np.array([0.0, 1, 2])
        figure = steps.step_histogram(edges, [np.array([3, 5]), np.array([2, 2])], ["before", "after"])
        assert figure.data[0].y.tolist() == [37.5, 62.5, 62.5]  # 3 and 5 of 8; the last is drawn to its end
        assert figure.data[1].y.tolist() == [50, 50, 50]

    def test_a_peak_makes_the_axis_logarithmic_and_no_bin_disappears(self):
        figure = steps.step_histogram(np.array([0.0, 1, 2]), [np.array([1, 99]), np.array([100, 0])], ["a", "b"])
        assert figure.layout.yaxis.type == "log"
        assert all((trace.y > 0).all() for trace in figure.data)


class TestReach:
    @pytest.mark.parametrize("layer", [Grouped("a", 4, 8, 12, (3, 3)), Grouped("b", 6, 6, 6, (3, 3))])
    def test_the_blocks_are_the_matrix(self, layer):
        blocks = steps.reach_figure(layer, 0).data[0]
        filled = np.zeros((layer.outputs, layer.inputs), dtype=bool)
        for group in range(layer.groups):  # each polygon: four corners, the first again, a gap
            x, y = blocks.x[6 * group : 6 * group + 5], blocks.y[6 * group : 6 * group + 5]
            columns, rows = (np.arange(np.ceil(each.min()), each.max()).astype(int) for each in (x, y))
            filled[np.ix_(rows, columns)] = True
        assert np.array_equal(filled, reach(layer))

    def test_the_chosen_row_is_marked_where_it_reads(self):
        mark = steps.reach_figure(Grouped("a", 4, 8, 12, (3, 3)), 7).layout.shapes[0]
        # group 2 of 4 has the outputs 6, 7, 8 and reads the inputs 4 and 5
        assert (mark.x0, mark.x1, mark.y0, mark.y1) == (3.5, 5.5, 6.5, 7.5)
