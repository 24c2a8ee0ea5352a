"""Names in the bubble chart, where networks are alike."""

from itertools import combinations

import numpy as np

from cvcore.plots.compare import Point, bubbles

WIDTH, HEIGHT = 300, 290  # pixels of the plot on a narrow screen
# parameters, mult-adds and top-1 as torchvision publishes them
ALIKE = [
    Point("vgg16", 138_357_544, 15_470_314_496, 71.6, "#0072B2"),
    Point("vgg16_bn", 138_365_992, 15_470_314_496, 73.4, "#E69F00"),
    Point("vgg19", 143_667_240, 19_632_062_464, 72.4, "#009E73"),
    Point("vgg13", 133_047_848, 11_308_466_176, 69.9, "#D55E00"),
]


def test_names_of_alike_networks_do_not_overlap():
    figure = bubbles(ALIKE, [("small", 10**6, 10**8, 55.0), ("large", 10**9, 10**12, 90.0)])
    names = figure.layout.annotations
    assert [name.text for name in names] == [f"<b>{point.label}</b>" for point in ALIKE]
    places = np.array([
        (WIDTH * _share(name.x, figure.layout.xaxis.range) + name.ax,
         HEIGHT * (1 - _share(name.y, figure.layout.yaxis.range)) + name.ay)
        for name in names
    ])  # fmt: skip
    for one, two in combinations(range(len(names)), 2):
        across, down = np.abs(places[one] - places[two])
        assert across >= 7 * (len(ALIKE[one].label) + len(ALIKE[two].label)) / 2 or down >= 15


def test_small_bubbles_lie_above_large_ones_and_all_above_the_others():
    figure = bubbles(ALIKE, [("grey", 10**6, 10**8, 55.0)])
    grey, *traces = figure.data
    by_size = sorted(traces, key=lambda trace: trace.marker.size)
    heights = [trace.zorder for trace in by_size]
    assert heights == sorted(heights, reverse=True) and min(heights) > (grey.zorder or 0)


def _share(value: float, ends: tuple[float, float]) -> float:
    return (value - ends[0]) / (ends[1] - ends[0])
