"""The sections of the Transfer page, on runs that are trained here."""

import pytest

from tests.pages.helpers import button, checked, figure, numbers, train_queued, widget


@pytest.fixture
def trained(page):
    """The page with three strategies on ten digits, trained for a few epochs."""
    app = page("transfer")
    widget(app.number_input, "Images a class").set_value(1)
    widget(app.number_input, "Epochs").set_value(3)
    app.run()
    button(app, "Train all").click()
    checked(app.run())
    train_queued()
    return checked(app.run())


def section(app, name):
    app.query_params["section"] = name
    widget(app.pills, "Look at").set_value(name)
    return checked(app.run())


def test_the_table_tells_what_each_strategy_costs(trained):
    table = trained.dataframe[0].value.set_index("strategy")
    # 64·10 weights and 10 biases of the head; 70,330 by the sum over all layers, 4 bytes each
    assert table["trainable"].to_dict() == {"From scratch": 70_330, "Cached features": 650, "Fine-tuned": 70_330}
    assert table["size"].round(3).tolist() == [0.281] * 3
    assert table["status"].tolist() == ["done"] * 3
    assert table.loc["Cached features", "features"] > 0


def test_only_the_head_of_a_frozen_backbone_moves(trained):
    app = section(trained, "Is it really frozen?")
    lines = {line["name"]: line for line in figure(app, 0)["data"]}
    assert list(lines) == ["From scratch", "Cached features", "Fine-tuned"]
    assert lines["Cached features"]["customdata"][:3] == ["not at all"] * 3
    assert lines["Cached features"]["customdata"][3] != "not at all"
    assert "not at all" not in lines["Fine-tuned"]["customdata"]
    button(app, "Check the cached features").click()
    checked(app.run())
    assert any("they are the same" in each.value for each in app.markdown)


def test_how_many_images(trained):
    app = section(trained, "How many images?")
    widget(app.number_input, "Seeds").set_value(2)
    widget(app.pills, "Images a class").set_value([1, 2])
    checked(app.run())
    button(app, "Train 9 runs").click()  # 3 strategies, 2 amounts, 2 seeds; three of the twelve are there
    checked(app.run())
    train_queued()
    checked(app.run())
    lines = [line for line in figure(app, 0)["data"] if line.get("name")]
    assert [line["name"] for line in lines] == ["From scratch", "Cached features", "Fine-tuned"]
    assert all(numbers(line["x"]) == [1, 2] for line in lines)
    assert all(0 <= value <= 100 for line in lines for value in numbers(line["y"]))
    assert not [each for each in app.button if each.label.startswith("Train 9")]


def test_what_is_gained_at_test_time(trained):
    app = section(trained, "At test time")
    widget(app.number_input, "Test images").set_value(40)
    checked(app.run())
    button(app, "Measure").click()
    checked(app.run())
    table = app.dataframe[0].value.set_index("protocol")
    assert table["views"].to_dict() == {"Once": 1, "Mirrored, too": 2, "Three scales": 3, "Ten crops": 10}
    assert table.loc["Once", "gain"] == 0
    assert table.loc["Ten crops", "px"] == "32"  # 8/7 of 28 pixels
    app.run()
    assert not [each for each in app.button if each.label == "Measure"]


def test_which_layers(page):
    app = section(page("transfer"), "Which layers?")
    button(app, "Probe the layers").click()
    checked(app.run())
    lines = {line["name"]: line for line in figure(app, 0)["data"]}
    assert list(lines) == ["learnt weights", "random weights"]
    assert lines["learnt weights"]["x"] == ["pixels", "stage1", "stage2", "stage3"]
    learnt, random = (numbers(line["y"]) for line in lines.values())
    assert learnt[0] == random[0]  # pixels are the same for both
    assert learnt[-1] > random[-1] + 5  # points: what was learnt on printed characters helps


def test_a_backbone_for_colours_is_not_offered_grey_images(page):
    app = page("transfer")
    backbone = widget(app.selectbox, "Backbone")
    assert widget(app.selectbox, "Data set").options[0] == "digits"
    backbone.set_value(next(each for each in backbone.options if "shapes" in each))
    checked(app.run())
    assert any("no other set of images with 3 channels is here" in each.value for each in app.error)


def test_no_strategy_says_so(page):
    app = page("transfer")
    widget(app.pills, "Strategies").set_value([])
    checked(app.run())
    assert any("Choose at least one strategy" in each.value for each in app.info)
