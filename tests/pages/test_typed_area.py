"""The text area of a network of one's own, through Streamlit's AppTest."""

import pytest
from streamlit.testing.v1 import AppTest

from cvcore.models import typed
from cvcore.ui.architectures.typed import EXAMPLE, pointed
from tests.pages.helpers import checked


def page() -> None:
    import streamlit as st

    from cvcore.ui.architectures import typed

    name = typed.text_area()
    st.text(f"name={name}")
    if name:
        st.text(f"fits={typed.fits(name, (1, 28, 28))}")


@pytest.fixture
def app():
    def start(network: str | None = None) -> AppTest:
        test = AppTest.from_function(page, default_timeout=60)
        if network is not None:
            test.query_params["network"] = network
        return checked(test.run())

    return start


def typing(found: AppTest, text: str) -> AppTest:
    return checked(found.text_area[0].set_value(text).run())


def told(found: AppTest) -> dict[str, str]:
    return dict(each.value.split("=", 1) for each in found.text)


def test_the_example_is_a_network_that_can_be_trained(app):
    typed.check_trainable(EXAMPLE, (1, 28, 28), 10)
    found = app()
    assert told(found) == {"name": typed.canonical(EXAMPLE), "fits": "True"}
    assert not found.error
    assert any(typed.label(EXAMPLE) in each.value for each in found.caption)


def test_an_error_is_pointed_at_and_the_last_good_network_stays(app):
    found = typing(app(), EXAMPLE.replace("MaxPool2d(2),  # 14", "Maxpool(2),  # 14"))
    assert found.error[0].value.startswith(
        "Line 7, column 5\\: nn.Maxpool is not a layer here; did you mean nn.MaxPool2d"
    )
    assert found.code[0].value == "7 │ nn.Maxpool(2),  # 14 → 7\n    ^"
    assert told(found)["name"] == typed.canonical(EXAMPLE)
    assert not typing(found, EXAMPLE).error


def test_a_shape_error_points_into_the_text_as_it_was_typed(app):
    found = typing(app(), EXAMPLE.replace("Linear(1568", "Linear(400"))
    assert found.error[0].value == (
        "Line 9, column 5\\: nn.Linear(400, 10) expects 400 features, gets 1568\\: in\\_features=1568"
    )
    assert found.code[0].value == "9 │ nn.Linear(400, 10),\n    ^"
    assert told(found)["fits"] == "False"


@pytest.mark.parametrize(
    "text", ["", "   ", "resnet18", "nn.Sequential(" * 1000, "nn.Sequential(\x00)", "<script>*_[a](b)"]
)
def test_whatever_the_address_holds_is_one_line(app, text):
    found = app(text)
    assert len(found.error) <= 1
    assert told(found)["name"] in ("None", typed.canonical(EXAMPLE))


def test_the_address_holds_the_network(app):
    found = app("Sequential(Flatten(), Linear(784, 7))")
    assert told(found) == {"name": "nn.Sequential(nn.Flatten(), nn.Linear(784, 7))", "fits": "True"}


def test_a_long_line_is_cut_around_the_place():
    text = "nn.Sequential(" + "nn.ReLU(), " * 30 + "nn.Oops())"
    place = text.index("nn.Oops") + 1
    quoted, mark = pointed(text, 1, place).split("\n")
    assert quoted[mark.index("^") :].startswith("nn.Oops")
    assert len(quoted) < 80
    assert pointed(text, 5, 1) == ""
