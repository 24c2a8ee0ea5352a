"""The section that puts networks side by side, through AppTest."""

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.helpers import checked, figure, widget


def section(name: str, image: tuple, classes: int) -> None:
    from cvcore.ui.architectures import compare
    from cvcore.ui.frame import errors_as_lines

    with errors_as_lines():
        compare.show(name, tuple(image), classes)


@pytest.fixture
def opened():
    def open_section(name: str, image=(1, 28, 28), classes=10, **query) -> AppTest:
        app = AppTest.from_function(section, args=(name, image, classes), default_timeout=120)
        for key, value in query.items():
            app.query_params[key] = value
        return checked(app.run())

    return open_section


def table(app: AppTest, column: str):
    return next(each.value for each in app.dataframe if column in each.value.columns)


def test_a_first_look_has_a_partner(opened):
    app = opened("perceptron")
    assert widget(app.multiselect, "Compare with").value == ["mlp"]
    totals = table(app, "quantity").set_index("quantity")
    assert totals.loc["Parameters"].tolist() == ["7.85 k", "79.5 k", "+71.7 k  ×10.1"]
    sums = table(app, "params").iloc[-1]
    assert (sums["stage"], sums["params"]) == ("all", "+71.7 k")


def test_a_link_opens_its_networks(opened):
    app = opened("mlp", **{"with": ["perceptron", "two-conv"], "against": "two-conv", "match": "order"})
    assert widget(app.multiselect, "Compare with").value == ["perceptron", "two-conv"]
    assert [trace["name"].split()[0] for trace in figure(app, 0)["data"][1:]] == ["mlp", "perceptron", "two-conv"]
    assert any("Lower lane: two-conv" in each.value.replace("\\", "") for each in app.caption)


def test_the_number_of_classes_counts(opened):
    for classes in (10, 20):  # one after the other: what is kept of the first must not answer for the second
        sums = table(opened("perceptron", classes=classes), "params").iloc[-1]
        # 784·100 + 100 and 101 for each class, less 785 for each class
        assert sums["params"] == {10: "+71.7 k", 20: "+64.8 k"}[classes]


def test_who_does_not_fit_is_told_in_a_line(opened):
    app = opened("mlp", **{"with": ["lenet-cifar", "perceptron"]})
    assert len(app.warning) == 1 and "lenet-cifar does not fit" in app.warning[0].value.replace("\\", "")
    assert "value1" in table(app, "quantity") and "value2" not in table(app, "quantity")


def test_an_unknown_name_in_the_address_does_no_harm(opened):
    app = opened("mlp", **{"with": "no-such-net"})
    assert not app.error
    assert "quantity" in table(app, "quantity")


def test_speed_is_measured_on_request(opened):
    app = opened("mlp")
    assert not any("threads" in each.value or "thread," in each.value for each in app.caption)
    widget(app.toggle, "Measure on this CPU").set_value(True)
    checked(app.run())
    rows = table(app, "median")
    assert rows["network"].tolist() == ["mlp", "perceptron"]
    assert (rows["runs"] >= 3).all() and (rows["median"] > 0).all()
    assert any("random weights" in each.value and "thread" in each.value for each in app.caption)
