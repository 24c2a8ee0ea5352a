"""The remarks section of the Architectures page through Streamlit's AppTest."""

import pytest
from streamlit.testing.v1 import AppTest

from cvcore.analysis.lint import RULES
from tests.pages.helpers import checked, widget

TWICE = "nn.Sequential(nn.Flatten(), nn.Linear(784, 10), nn.Softmax(dim=1))"


def section(name: str, image: tuple[int, int, int], classes: int) -> None:
    """A page with nothing but the section."""
    from cvcore.ui.architectures import remarks

    remarks.show(name, image, classes)


@pytest.fixture
def app():
    def start(name: str, image=(1, 28, 28), classes: int = 10, **query: str) -> AppTest:
        found = AppTest.from_function(section, args=(name, image, classes), default_timeout=60)
        for key, value in query.items():
            found.query_params[key] = value
        return checked(found.run())

    return start


def text(app: AppTest) -> str:
    return "\n".join(each.value for each in app.markdown)


def test_a_mistake_is_named_with_its_layer_reason_and_fix(app):
    found = text(app(TWICE))
    assert "1 mistake]" in found and "0 cautions]" in found
    assert "**Mistake**" in found and "layer `2`" in found
    assert "second one" in found and "leave the Softmax out" in found


def test_a_network_without_fault_says_what_was_checked(app):
    found = text(app("mlp"))
    assert "Nothing to remark on" in found
    assert found.count(":green[:material/check:]") == len(RULES)


def test_the_loss_the_batch_and_the_data_are_asked_for(app):
    found = app("mlp")
    checked(widget(found.number_input, "Classes in the data").set_value(12).run())
    assert "10 outputs for 12 classes" in text(found)
    found = app("bn-cnn", (3, 32, 32))
    assert "batch of 1" not in text(found)
    checked(widget(found.number_input, "Batch size").set_value(1).run())
    assert "batch of 1" in text(found)


def test_the_address_holds_the_questions_and_may_be_wrong(app):
    assert "gets raw logits" in text(app("mlp", train_loss="NLL"))
    assert "Nothing to remark on" in text(app("mlp", train_loss="hinge", train_batch="-3", data_classes="many"))


def test_what_does_not_fit_is_a_finding_and_what_does_not_exist_one_line(app):
    found = app("lenet5", (1, 8, 8))
    assert "does not fit 1×8×8 images" in text(found) and not found.error
    found = app("no-such-net")
    assert len(found.error) == 1 and "unknown model" in found.error[0].value
