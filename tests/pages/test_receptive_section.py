"""The receptive field section by itself: numbers, layers from the address, effect, layers past the image."""

from streamlit.testing.v1 import AppTest

from tests.pages.helpers import checked, metrics, widget


def section(name: str, image: tuple[int, int, int], classes: int) -> None:
    from cvcore.ui.architectures import receptive
    from cvcore.ui.frame import errors_as_lines

    with errors_as_lines():
        receptive.show(name, image, classes)


def opened(name: str, image: tuple[int, int, int], **query: str) -> AppTest:
    app = AppTest.from_function(section, args=(name, image, 10), default_timeout=120)
    for key, value in {"past": "", **query}.items():  # nobody beside it: quick
        app.query_params[key] = value
    return checked(app.run())


def captions(app: AppTest) -> str:
    return "\n".join(each.value for each in app.caption)


def test_the_last_map_comes_first_with_its_numbers_and_its_effect():
    app = opened("bn-cnn", (3, 32, 32))
    assert not app.error
    shown = metrics(app)
    assert (shown["Field (px)"], shown["Stride (px)"], shown["Padding (px)"]) == ("29×29", "4×4", "13×13")
    assert (shown["Output"], shown["Kind"]) == ("8×8", "local")
    # value (4, 4): 4·4 − 13 = 3, to 3 + 29 − 1 = 31
    assert "value (4, 4) of the map sees rows 3 to 31, columns 3 to 31." in captions(app)
    assert "Measured size on a linear copy: 29×29 px, as computed." in captions(app)
    assert len(app.get("plotly_chart")) == 4


def test_a_layer_from_the_address_and_one_that_is_not_there():
    app = opened("bn-cnn", (3, 32, 32), layer="stage1.conv")
    assert metrics(app)["Field (px)"] == "3×3"
    app = opened("bn-cnn", (3, 32, 32), layer="layer4.1.relu")
    assert widget(app.select_slider, "Layer").value == "stage3.block2.relu"


def test_a_global_layer_has_a_frame_and_no_effect():
    app = opened("bn-cnn", (3, 32, 32), layer="pool")
    shown = metrics(app)
    assert (shown["Kind"], shown["Stride (px)"]) == ("global", "–")
    assert "pool: global, through global average pooling." in captions(app)
    assert "no map here" in app.info[0].value


def test_networks_beside_it_are_measured_against_the_image():
    app = opened("bn-cnn", (3, 64, 64), past="vgg11")
    table = app.dataframe[0].value.set_index("network")
    assert (table.loc["bn-cnn", "first"], table.loc["bn-cnn", "past"]) == ("none", 0)
    # VGG-11, convolutions and poolings: 3, 4, 8, 10, 18, 26, 30, 46, 62, and the fourth pooling, 62 + 1 · 8 = 70
    assert (table.loc["vgg11", "first"], table.loc["vgg11", "field"]) == ("features.15", "70×70")


def test_a_network_without_windows_is_told_in_plain_words():
    app = opened("mlp", (1, 28, 28))
    assert not app.error
    assert metrics(app)["Kind"] == "global"


def test_a_large_network_is_measured_on_a_click_only():
    app = opened("resnet18-small", (3, 96, 96))
    assert "Measured size" not in captions(app)
    assert widget(app.toggle, "Measure it, in a few seconds")
