"""Figures of networks side by side, and the text that graphs are drawn from."""

import re

import numpy as np
import pytest

from cvcore.analysis.compare import compare, diff
from cvcore.analysis.graph import DETAILS, opened, view
from cvcore.analysis.graph_trace import graph_of
from cvcore.analysis.latency import Latency
from cvcore.plots.compare import Point, alignment, bubbles, diameter, latencies
from cvcore.plots.graph import COLOURS, dot, families
from cvcore.plots.style import CATEGORIES


def test_bubbles_are_larger_where_accuracy_is_higher_and_hollow_where_it_is_unknown():
    points = [
        Point("a", 10, 100, 60.0, "#111111"),
        Point("b", 20, 50, 80.0, "#222222"),
        Point("c", 5, 5, None, "#333333"),
    ]
    figure = bubbles(points, [("grey", 1, 1, 70.0)])
    grey, *traces = figure.data
    assert [(trace.x[0], trace.y[0]) for trace in traces] == [(10, 100), (20, 50), (5, 5)]
    assert [trace.marker.color for trace in traces] == ["#111111", "#222222", "#333333"]
    assert traces[0].marker.size < traces[1].marker.size
    assert diameter(60) < grey.marker.size[0] < diameter(80)
    assert [trace.marker.symbol for trace in traces] == ["circle", "circle", "circle-open"]
    assert "accuracy unknown" in traces[2].name and "no published accuracy" in traces[2].customdata[0]
    assert figure.layout.xaxis.type == figure.layout.yaxis.type == "log"


def test_alignment_has_a_cell_for_every_layer():
    first, second = compare(["lenet5", "two-conv"], (1, 28, 28), 10)[0]
    found = diff(first, second)
    heat, *legend = alignment(found).data
    cells = np.array(heat.z, dtype=float)
    upper = sum(np.isfinite(cells[3 * number]).sum() for number in range(len(found.stages)))
    lower = sum(np.isfinite(cells[3 * number + 1]).sum() for number in range(len(found.stages)))
    assert (upper, lower) == (len(first.rows), len(second.rows))
    # both begin with a 5×5 convolution, of 6 and of 10 filters: changed
    assert cells[0, 0] == cells[1, 0] == 1 and heat.text[0][0] == "C"
    assert "6×28×28" in heat.customdata[0][0] and "10×24×24" in heat.customdata[1][0]
    # then tanh, which is removed, and ReLU, which is added
    assert (cells[0, 1], cells[1, 2]) == (3, 2)
    assert np.isnan(cells[1, 1]) and np.isnan(cells[0, 2])
    assert [trace.name.split()[0] for trace in legend] == ["same", "changed", "added", "removed"]


def test_latencies_show_the_quartiles():
    bar = latencies([Latency("x", (1, 8, 8), 1, 1, 2, (0.1, 0.2, 0.3, 0.4, 0.5), 0)], ["x"], ["#0072B2"]).data[0]
    assert bar.x[0] == pytest.approx(300)
    assert (bar.error_x.array[0], bar.error_x.arrayminus[0]) == pytest.approx((100, 100))


@pytest.fixture(scope="module")
def resnet():
    return graph_of("torchvision:resnet18", (3, 224, 224), 1000)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("detail", DETAILS)
def test_dot_has_every_box_and_arrow(resnet, detail, dark):
    shown = view(resnet, opened(resnet, detail))
    text = dot(resnet, shown, dark=dark)
    assert len(re.findall(r"^n\d+ \[label", text, re.MULTILINE)) == len(shown.boxes)
    assert len(re.findall(r"^n\d+ -> n\d+ ", text, re.MULTILINE)) == len(shown.edges)
    assert text.count("penwidth=2") == sum(edge.skip for edge in shown.edges)
    assert text.count("subgraph") == len(shown.parts)
    assert text.count("{") == text.count("}")


def test_dot_tells_shapes_types_and_parameters(resnet):
    text = dot(resnet, view(resnet, opened(resnet, "layers")), direction="LR")
    assert "rankdir=LR" in text
    assert "<b>conv1</b>  Conv2d<br/>64×112×112 · 9.41 k" in text  # 64 filters of 3×7×7
    assert 'label=" 3×224×224 "' in text
    assert CATEGORIES[0] in text and CATEGORIES[3] in text


def test_what_is_typed_cannot_write_dot():
    text = "nn.Sequential(nn.Flatten(), nn.Linear(16, 2))"
    graph = graph_of(text, (1, 4, 4), 2)
    assert "Sequential(" not in dot(graph, view(graph, opened(graph, "layers")))


def test_the_legend_names_what_is_there(resnet):
    stages, layers = (view(resnet, opened(resnet, detail)) for detail in ("stages", "layers"))
    there = ["convolution", "linear", "normalisation", "activation", "pooling"]
    assert families(stages) == [*there, "other", "closed module"]  # other: flatten
    assert families(layers) == [*there, "join", "other"]
    assert len(set(COLOURS.values())) == len(COLOURS)
