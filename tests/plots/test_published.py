"""The figure that puts published accuracies beside a run's."""

from cvcore.plots.published import Beside, published_curves


def test_yours_is_full_and_published_dashed_in_one_colour():
    line = Beside("lenet5", "#0072B2", {1: 0.5, 2: 0.75}, {1: 0.6, 2: 0.7, 3: 0.8})
    figure = published_curves([line], images="test", planned=2)
    yours, published = figure.data
    assert (list(yours.x), list(yours.y), yours.line.dash) == ([1, 2], [50.0, 75.0], "solid")
    assert (list(published.x), published.line.dash) == ([1, 2, 3], "dash")
    assert yours.line.color == published.line.color == "#0072B2"
    assert (yours.name, published.name) == ("yours", "published")
    assert list(figure.layout.xaxis.range) == [0.5, 3.5]  # as long as what was published


def test_several_runs_are_named_and_what_is_not_told_is_not_drawn():
    lines = [Beside("a", "#0072B2", {1: 0.5}, {}), Beside("b", "#E69F00", {}, {50: 0.99})]
    figure = published_curves(lines, images="training", planned=50)
    assert [trace.name for trace in figure.data] == ["a, yours", "b, published"]
    assert figure.layout.yaxis.title.text == "accuracy on training images (%)"
