"""The section of layers through Streamlit's AppTest."""

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.helpers import checked, figure, metrics, numbers, widget


def section(name: str, **query: str) -> AppTest:
    def script(name):
        from cvcore.models import zoo
        from cvcore.ui.architectures import layers

        spec = zoo.find(name)
        layers.show(name, spec.input, spec.default_classes)

    app = AppTest.from_function(script, args=(name,), default_timeout=60)
    for key, value in query.items():
        app.query_params[key] = value
    return checked(app.run())


def test_a_small_network_layer_by_layer():
    app = section("lenet5")
    by_stage, table = (each.value for each in app.dataframe)
    assert table["params"].sum() == by_stage["params"].sum() == 61_706
    assert table["mult_adds"].sum() == by_stage["mult_adds"].sum()
    assert table["activations"].sum() == pytest.approx(1000 * by_stage["activations"].sum())
    first = table.iloc[0]
    assert (first["kernel"], first["stride"], first["padding"]) == ("5×5", "1×1", "2×2")
    assert (first["output"].strip(), first["field"].strip()) == ("6×28×28", "5×5")
    # conv 5, pool 2, conv 5, pool 2: 5, 6, 14, 16, and a 5×5 over it sees 16 + 4·4 = 32
    assert table.set_index("layer")["field"].str.strip().loc[["pool1", "conv2", "conv3"]].tolist() == [
        "6×6",
        "14×14",
        "32×32",
    ]
    assert metrics(app)["Parameters"] == "61.7 k"
    assert len(app.get("plotly_chart")) == 1
    assert sum(numbers(figure(app, 0)["data"][0]["x"])) == pytest.approx(100)


def test_a_deep_network_by_stage_with_its_tree():
    app = section("torchvision:resnet18")
    assert app.dataframe[0].value["stage"].tolist() == ["112×112", "56×56", "28×28", "14×14", "7×7", "vector"]
    assert metrics(app)["Memory, forward"] == "21.3 MB"
    assert figure(app, 1)["data"][0]["type"] == "icicle"
    before = numbers(figure(app, 1)["data"][0]["values"])[0]
    widget(app.get("button_group"), "Size by").set_value("mult-adds")
    checked(app.run())
    after = numbers(figure(app, 1)["data"][0]["values"])[0]
    assert (before, after) == (11_689_512, 1_814_083_944)


def test_a_batch_and_a_frozen_network_change_the_memory():
    app = section("two-conv")
    table = next(each.value for each in app.markdown if each.value.startswith("| What"))
    assert "4 bytes × (784 + " in table
    widget(app.selectbox, "Images a batch").set_value(32)
    app.toggle[0].set_value(True)
    checked(app.run())
    table = next(each.value for each in app.markdown if each.value.startswith("| What"))
    assert "32 images × 4 bytes × (784 + " in table
    # only 320·10 + 10 parameters are trained, and only what they read, 320 values, is kept
    frame = app.dataframe[1].value
    assert (frame["trainable"].sum(), frame["frozen"].sum()) == (3_210, 8_490 - 3_210)
    assert "| Kept for backward, dropout off | 32 × 1.28 kB | **41.0 kB** |" in table


def test_the_address_says_what_is_trained_and_what_is_measured():
    app = section("torchvision:resnet18", **{"layers-frozen": "true", "layers-measure": "memory"})
    assert app.dataframe[1].value["trainable"].sum() == 512 * 1000 + 1000
    assert "activations" in figure(app, 1)["data"][0]["hovertemplate"]
    section("lenet5", **{"layers-batch": "31", "layers-measure": "nonsense"})  # falls back without an error


def test_a_partial_count_says_so(monkeypatch):
    from cvcore.analysis import conventions
    from cvcore.ui.architectures import layers

    known = conventions.Published(1_000_000, 8_490, (1, 28, 28), 10)
    monkeypatch.setattr(conventions, "published", lambda name: known)
    layers.summary_of.clear()
    try:
        app = section("two-conv")
        assert "Mult-adds an image (partial)" in metrics(app)
        assert "more than 2%" in app.warning[0].value.replace("\\", "")
    finally:
        layers.summary_of.clear()


def test_an_image_that_does_not_fit_is_one_line():
    def script():
        from cvcore.ui.architectures import layers

        layers.show("lenet5", (1, 4, 4), 10)

    app = checked(AppTest.from_function(script, default_timeout=60).run())
    assert "lenet5 does not fit 1×4×4" in app.error[0].value
