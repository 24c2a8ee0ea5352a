"""Figures of what runs have learnt: what they draw is what was measured."""

import numpy as np
import pytest

from cvcore.analysis import predictions as said
from cvcore.plots import calibration, confusion, gradcam, histograms

COUNTS = np.array([[8, 2, 0], [0, 5, 5], [0, 0, 0]])
NAMES = ("cat", "dog", "a very long class name")


def cells(counts=COUNTS, names=NAMES, **settings) -> confusion.Cells:
    return confusion.Cells(counts.astype(float), counts, names, **settings)


class TestConfusion:
    def test_counts_stand_in_the_cells_and_zeros_are_left_out(self):
        heat = confusion.confusion_figure(cells()).data[0]
        assert heat.text == (("8", "2", ""), ("", "5", "5"), ("", "", "")) or [list(row) for row in heat.text] == [
            ["8", "2", ""],
            ["", "5", "5"],
            ["", "", ""],
        ]
        assert (heat.zmin, heat.zmax) == (0, 8)

    def test_truth_goes_down_and_prediction_across(self):
        layout = confusion.confusion_figure(cells()).layout
        assert (layout.xaxis.title.text, layout.yaxis.title.text) == ("predicted class", "true class")
        assert layout.yaxis.range[0] > layout.yaxis.range[1]  # the first class on top
        assert list(layout.yaxis.ticktext) == ["cat", "dog", "a very long c…"]

    def test_points_are_the_cells_with_images(self):
        points = confusion.confusion_figure(cells()).data[1]
        pairs = list(zip(points.y, points.x, strict=True))
        assert [(int(row), int(column)) for row, column in pairs] == confusion.clickable_cells(COUNTS)
        assert confusion.clickable_cells(COUNTS) == [(0, 0), (0, 1), (1, 1), (1, 2)]
        assert points.text[1] == "true: cat<br>predicted: dog"
        assert points.customdata[1].tolist() == [2, 2]

    def test_mistakes_only(self):
        heat = confusion.confusion_figure(cells(), mistakes_only=True).data[0]
        assert np.isnan(np.diag(heat.z)).all()
        assert heat.zmax == 5

    def test_the_chosen_cell_is_framed(self):
        shape = confusion.confusion_figure(cells(), chosen=(1, 2)).layout.shapes[-1]
        assert (shape.x0, shape.x1, shape.y0, shape.y1) == (1.5, 2.5, 0.5, 1.5)

    @pytest.mark.parametrize(("classes", "numbers"), [(20, True), (21, False), (200, False)])
    def test_many_classes_carry_no_numbers(self, classes, numbers):
        counts = np.eye(classes, dtype=int)
        figure = confusion.confusion_figure(cells(counts, tuple(map(str, range(classes)))))
        assert bool(figure.data[0].text is not None) == numbers
        assert len(figure.layout.xaxis.tickvals) <= confusion.MOST_TICKS
        assert len(figure.data[1].x) == classes  # not a marker for each of 40,000 cells

    def test_nothing_at_all(self):
        figure = confusion.confusion_figure(cells(np.zeros((2, 2), int), ("a", "b")))
        assert len(figure.data[1].x) == 0
        confusion.confusion_figure(confusion.Cells(np.full((2, 2), np.nan), np.zeros((2, 2), int), ("a", "b"), True))

    @pytest.mark.parametrize("dark", [False, True])
    def test_a_difference_is_centred_at_zero(self, dark):
        values = np.array([[3.0, -1], [0, -2]])
        figure = confusion.difference_figure(confusion.Cells(values, np.ones((2, 2), int), ("a", "b")), dark=dark)
        heat = figure.data[0]
        assert (heat.zmin, heat.zmax) == (-3, 3)
        assert [list(row) for row in heat.text] == [["+3", "−1"], ["", "−2"]]
        assert [place for place, _ in heat.colorscale] == [0, 0.5, 1]

    def test_percent(self):
        values = 100 * said.shares(COUNTS, 1)
        heat = confusion.confusion_figure(confusion.Cells(values, COUNTS, NAMES, percent=True)).data[0]
        assert [list(row) for row in heat.text][:2] == [["80", "20", ""], ["", "50", "50"]]
        assert [list(row) for row in heat.text][2] == ["", "", ""]  # a class without images


class TestScores:
    def test_the_lowest_f1_is_on_top(self):
        scores = said.class_scores(np.array([[8, 2], [0, 10]]))
        _, precision, recall, f1 = confusion.scores_figure(scores, ("a", "b")).data
        # a: precision 8/8, recall 8/10, F1 16/18; b: precision 10/12, recall 1, F1 20/22
        assert list(precision.x) == pytest.approx([100, 1000 / 12])
        assert list(recall.x) == pytest.approx([80, 100])
        assert list(f1.x) == pytest.approx([1600 / 18, 2000 / 22])
        assert list(f1.text) == ["a", "b"]

    def test_two_runs(self):
        figure = confusion.f1_figure(
            [("one", np.array([0.9, 0.5]), "#111111"), ("two", np.array([0.8, 1]), "#222222")], ("a", "b")
        )
        assert list(figure.data[1].x) == pytest.approx([50, 90])
        assert list(figure.data[2].x) == pytest.approx([100, 80])


class TestCalibration:
    def test_points_and_bars(self):
        found = said.Reliability(
            np.linspace(0, 1, 3), np.array([0, 4]), np.array([np.nan, 0.8]), np.array([np.nan, 0.5]), 0
        )
        perfect, points, bars = calibration.calibration_figure([calibration.Curve("a run", found, "#123456")]).data
        assert list(perfect.x) == list(perfect.y) == [0, 100]
        assert (list(points.x), list(points.y)) == ([pytest.approx(80)], [50])
        assert (list(bars.x), list(bars.y)) == ([75], [4])
        assert points.line.color == bars.marker.color == "#123456"

    def test_no_image_in_any_bin(self):
        empty = said.Reliability(np.linspace(0, 1, 3), np.zeros(2, int), np.full(2, np.nan), np.full(2, np.nan), 0)
        calibration.calibration_figure([calibration.Curve("a run", empty, "#123456")])
        calibration.calibration_figure([])


class TestHistograms:
    @pytest.fixture
    def rows(self):
        return histograms.Rows(
            "weights",
            (0, 5),
            np.array([0.0, 1, 2]),
            np.array([[0.25, 0.5], [1.0, 0.0]]),
            np.array([0.25, 0.0]),
            np.array([[-1.0, -0.5, -0.2, 0, 0.2, 0.5, 1], [-2, -1, -0.4, 0, 0.4, 1, 2]]),
        )

    def test_each_epoch_has_its_own_line_and_peak(self, rows):
        figure = histograms.ridges(rows)
        first, second = figure.data
        assert list(first.x) == [0, 0.5, 1.5, 2]
        assert list(first.y) == pytest.approx([0, histograms.OVERLAP / 2, histograms.OVERLAP, 0])
        assert list(second.y) == pytest.approx([-1, histograms.OVERLAP - 1, -1, -1])
        assert list(first.customdata) == pytest.approx([0, 25, 50, 0])
        assert "25 % are exactly 0" in first.hovertemplate and "exactly" not in second.hovertemplate
        assert list(figure.layout.yaxis.ticktext) == ["0", "5"]

    def test_bands(self, rows):
        figure = histograms.bands(rows)
        median = figure.data[-1]
        assert (list(median.x), list(median.y)) == ([0, 5], [0, 0])
        assert list(figure.data[1].y) == pytest.approx([-0.5, -1])
        assert list(figure.data[1].customdata) == pytest.approx([0.5, 1])

    def test_nothing_but_zeros(self):
        rows = histograms.Rows("a", (1,), np.array([0.0, 1]), np.zeros((1, 1)), np.ones(1), np.zeros((1, 7)))
        assert np.isfinite(histograms.ridges(rows).data[0].y.astype(float)).all()


class TestGradCam:
    def test_the_map_lies_over_its_image(self):
        over = np.arange(16, dtype=np.float32).reshape(4, 4)
        figure = gradcam.cam_figure(over, np.zeros((3, 4, 4), np.uint8), opacity=0.5, dark=False)
        heat = figure.data[0]
        assert (heat.zmin, heat.zmax, heat.opacity) == (0, 15, 0.5)
        assert heat.z == pytest.approx(over)
        assert len(figure.layout.images) == 1

    def test_the_likeliest_classes(self):
        figure = gradcam.likeliest_figure(np.array([0.1, 0.6, 0.3]), ("a", "b", "c"), truth=2, count=2)
        bars = figure.data[0]
        assert (list(bars.y), list(bars.x)) == (["c", "b"], pytest.approx([30, 60]))  # drawn from below
        assert bars.marker.color[0] != bars.marker.color[1]
