"""The calculator through Streamlit's AppTest."""

import base64
import json

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.helpers import button, checked, widget


def script():
    from cvcore.ui.architectures import calculator

    calculator.show("lenet5", (1, 28, 28), 10)


def opened(**query: str) -> AppTest:
    app = AppTest.from_function(script, default_timeout=60)
    for key, value in query.items():
        app.query_params[key] = value
    return checked(app.run())


def flow(app: AppTest) -> list[str]:
    """The sizes in bold on their way through the chain."""
    line = next(each.value for each in app.markdown if " → " in each.value and "badge" in each.value)
    return [part.strip("*") for part in line.split() if part.startswith("**")]


def states(app: AppTest, key: str) -> np.ndarray:
    spec = next(each.proto.spec for each in app.get("plotly_chart") if each.proto.id.endswith(key))
    packed = json.loads(spec)["data"][0]["z"]
    shape = [int(size) for size in packed["shape"].split(",")]
    return np.frombuffer(base64.b64decode(packed["bdata"]), packed["dtype"]).reshape(shape)


def test_first_sight_is_worked_out_and_drawn():
    app = opened()
    assert not app.error
    assert flow(app) == ["28×28", "28×28", "14×14"]
    assert "28 - 5 + 2\\cdot2" in app.latex[0].value
    assert states(app, "calculator-input").shape == (32, 32)  # 28 and a padding of 2 on either side


def test_a_link_brings_its_chain_and_bad_ones_get_a_line():
    assert flow(opened(side="32x20", chain="conv 3; adaptive 7")) == ["32×20", "30×18", "7×7"]
    app = opened(chain="conv 3; cnv 4")
    assert "did you mean conv" in app.error[0].value
    assert "for example 28,28" in opened(side="large").error[0].value


def test_a_control_writes_the_chain():
    app = opened()
    widget(app.number_input, "Kernel").set_value(3).run()
    assert app.text_input(key="chain").value == "conv 3 p2; maxpool 2"
    assert flow(checked(app)) == ["28×28", "30×30", "15×15"]
    app.selectbox(key="calculator-mode").set_value("same").run()
    assert app.text_input(key="chain").value == "conv 3 same; maxpool 2"
    widget(app.number_input, "Stride").set_value(2).run()  # which 'same' does not take
    assert app.text_input(key="chain").value == "conv 3 same; maxpool 2"
    assert "works with stride 1 only" in checked(app).warning[0].value


def test_layers_are_added_moved_and_removed():
    app = opened(chain="conv 5; maxpool 2")
    button(app, "Add").click().run()
    assert app.text_input(key="chain").value == "conv 5; conv 3 p1; maxpool 2"
    button(app, "Later").click().run()
    assert app.text_input(key="chain").value == "conv 5; maxpool 2; conv 3 p1"
    button(app, "Remove").click().run()
    assert app.text_input(key="chain").value == "conv 5; maxpool 2"
    app.selectbox(key="calculator-kind").set_value("avgpool").run()
    assert app.text_input(key="chain").value == "conv 5; avgpool 2"
    assert not checked(app).error


def test_a_layer_that_does_not_fit_is_told_and_the_rest_kept():
    app = opened(side="14", chain="conv 5; maxpool 2; conv 7; conv 3")
    assert "Layer 3, conv 7" in app.error[0].value
    assert flow(app) == ["14×14", "10×10", "5×5"]
    assert len(app.dataframe[0].value) == 4


def test_stepping_moves_the_window():
    app = opened(side="5", chain="conv 3")
    before = states(app, "calculator-input")
    button(app, "Next").click().run()
    after = states(app, "calculator-input")
    assert (np.roll(before, 1, axis=1) == after).all()  # one to the right
    app.slider(key="step").set_value(9).run()
    assert "rows **2–4** and columns **2–4**" in "".join(each.value for each in app.markdown)


@pytest.mark.parametrize(
    "text", ["convt 4 s2 p1", "adaptive 3x5", "maxpool 3 s2 ceil", "avgpool 2", "conv 3x5 d2 p1x2"]
)
@pytest.mark.parametrize("side", ["9x11", "224"])
def test_every_kind_is_shown(text, side):
    app = opened(side=side, chain=text)
    assert not app.error
    assert app.get("plotly_chart")
    assert app.latex


def test_backwards():
    app = opened(question="What takes me there")
    assert app.dataframe[0].value["layer"].tolist() == ["conv 5 p2"]
    button(app, "What takes 224 to 7?").click().run()
    assert checked(app).dataframe[0].value["layer"][0] == "conv 32 s32"
    button(app, "Open 5 layers of stride 2").click().run()
    assert flow(checked(app)) == [f"{side}×{side}" for side in (224, 112, 56, 28, 14, 7)]


def test_no_answer_says_what_comes_near():
    app = opened(question="What takes me there", **{"any-kernel": "4", "any-padding": "1"})
    assert "What comes out is 27" in app.info[0].value
