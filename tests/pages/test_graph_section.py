"""The section that draws a network as a graph, through AppTest."""

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.helpers import checked, widget


def section(name: str, image: tuple, classes: int) -> None:
    from cvcore.ui.architectures import graph
    from cvcore.ui.frame import errors_as_lines

    with errors_as_lines():
        graph.show(name, tuple(image), classes)


@pytest.fixture
def opened():
    def open_section(name: str, image=(3, 64, 64), classes=10, **query) -> AppTest:
        app = AppTest.from_function(section, args=(name, image, classes), default_timeout=120)
        for key, value in query.items():
            app.query_params[key] = value
        return checked(app.run())

    return open_section


def drawn(app: AppTest) -> str:
    return app.get("graphviz_chart")[0].proto.spec


def test_a_small_network_shows_its_layers(opened):
    app = opened("lenet5", (1, 28, 28))
    text = drawn(app)
    assert "<b>conv2</b>  Conv2d<br/>16×10×10 · 2.42 k" in text
    assert text.count(" -> ") == 13  # a chain of 12 layers, the input and the output


def test_a_link_opens_one_block(opened):
    app = opened("torchvision:resnet50", detail="stages", open="layer1.1")
    assert widget(app.multiselect, "Open besides").value == ["layer1.1"]
    assert drawn(app).count("penwidth=2") == 1  # the shortcut of that block
    assert "<b>layer2</b>  Sequential" in drawn(app)


def test_a_first_look_shows_a_residual_connection(opened):
    app = opened("torchvision:resnet50")
    assert widget(app.multiselect, "Open besides").value == ["layer1.1"]
    assert drawn(app).count("penwidth=2") == 1


def test_detail_can_be_changed(opened):
    app = opened("torchvision:resnet50", detail="stages")
    before = drawn(app).count(" -> ")
    widget(app.get("button_group"), "Detail").set_value("layers")
    checked(app.run())
    assert drawn(app).count(" -> ") > 150 > before


def test_what_is_in_the_address_and_not_in_the_network_does_no_harm(opened):
    app = opened("lenet5", (1, 28, 28), detail="atoms", open="layer9", direction="up")
    assert "digraph" in drawn(app) and not app.error


def test_an_image_that_does_not_fit_is_one_line(opened):
    app = opened("lenet5", (1, 8, 8))
    assert "28×28" in app.error[0].value
