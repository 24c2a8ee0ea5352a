"""The page around the sections: which network, of what size, and that a link brings all of it back."""

import pytest

from cvcore.ui.architectures import explain, typed
from tests.pages.helpers import checked, metrics, widget

PERCEPTRON = "nn.Sequential(nn.Flatten(), nn.Linear(784, 10))"


def numbers_of(app) -> list[int]:
    return [widget(app.number_input, label).value for label in ("Channels", "Height", "Width", "Classes")]


def test_lenet5_is_there_at_once(page):
    app = page("architectures")
    assert metrics(app)["Parameters"] == "61.7 k"
    assert app.dataframe[1].value["params"].sum() == 61706
    assert app.dataframe[1].value["output"].iloc[0].strip() == "6×28×28"


def test_a_torchvision_network(page):
    app = page("architectures", model="torchvision:vgg16")
    assert metrics(app)["Parameters"] == "138 M"
    assert metrics(app)["Mult-adds an image"] == "15.5 G"


def test_another_size_is_kept_in_the_address(page):
    app = page("architectures", model="bn-cnn")
    assert numbers_of(app) == [3, 32, 32, 10]
    assert "input" not in app.query_params
    widget(app.number_input, "Height").set_value(64)
    checked(app.run())
    assert app.query_params["input"] == "3,64,32"
    assert app.dataframe[1].value["output"].iloc[0].strip() == "16×32×16"  # the first layer halves 64×32


def test_a_link_brings_size_and_classes_back(page):
    app = page("architectures", model="bn-cnn", input="3,64,48", classes="7")
    assert numbers_of(app) == [3, 64, 48, 7]


@pytest.mark.parametrize("query", [{"input": "3,64"}, {"input": "a,b,c"}, {"classes": "many"}, {"section": "Nothing"}])
def test_a_link_that_was_written_wrongly_shows_the_network_as_it_is(page, query):
    app = page("architectures", model="bn-cnn", **query)
    assert numbers_of(app) == [3, 32, 32, 10]
    assert not app.error


def test_another_network_has_its_own_size(page):
    app = page("architectures", model="bn-cnn", input="3,64,48")
    widget(app.selectbox, "Network").set_value("lenet5")
    checked(app.run())
    assert numbers_of(app) == [1, 28, 28, 10]
    assert "input" not in app.query_params


def test_a_size_that_does_not_fit_is_one_line(page):
    app = page("architectures")
    widget(app.number_input, "Height").set_value(4)
    app.run()
    assert len(app.error) == 1
    assert "lenet5 does not fit 1×4×28" in app.error[0].value


def test_the_stem_switch_chooses_the_twin_for_small_images(page):
    app = page("architectures", model="resnet18")
    assert metrics(app)["Parameters"] == "11.7 M"
    app = page("architectures", model="resnet18", stem="3×3/1")
    assert numbers_of(app) == [3, 32, 32, 10]
    # 7·7·3·64 weights of the first layer become 3·3·3·64, and the head has 10 classes: 11,689,512 − 7,680 − 507,870
    assert metrics(app)["Parameters"] == "11.2 M"


def test_links_may_name_a_network_in_other_forms(page):
    app = page("architectures", model="resnet18-small")
    assert (app.selectbox[0].value, metrics(app)["Parameters"]) == ("resnet18", "11.2 M")
    assert page("architectures", model="torchvision:vit_b_32").selectbox[0].value == "vit_b_32"
    app = page("architectures", model=PERCEPTRON)
    assert app.selectbox[0].value == "your own"
    assert metrics(app)["Parameters"] == "7.85 k"
    assert not app.error


def test_a_typed_network_is_like_any_other(page):
    app = page("architectures", model="your own", network=PERCEPTRON)
    assert metrics(app)["Parameters"] == "7.85 k"
    assert numbers_of(app) == [1, 28, 28, 10]


def test_the_example_that_stands_in_the_text_area_works(page):
    app = page("architectures", model="your own")
    assert app.text_area[0].value == typed.EXAMPLE
    assert metrics(app)["Parameters"] == "20.5 k"


def test_a_typed_network_that_does_not_fit_says_where(page):
    app = page("architectures", model="your own", network=PERCEPTRON)
    widget(app.number_input, "Height").set_value(20)
    app.run()
    assert len(app.error) == 1
    assert "in_features=560" in app.error[0].value.replace("\\", "")  # 20·28


@pytest.mark.parametrize(
    "section", ["Layers", "Receptive field", "Compare", "Graph", "Inside", "Remarks", "Calculator", "Explain"]
)
@pytest.mark.parametrize("model", ["lenet5", "resnet18-small"])
def test_every_section_shows_something(page, model, section):
    app = page("architectures", model=model, section=section)
    assert not app.error
    drawn = sum(len(app.get(kind)) for kind in ("plotly_chart", "dataframe", "imgs", "graphviz_chart", "markdown"))
    assert drawn > 1


def test_an_explanation_opens_beside_a_section(page):
    app = page("architectures", section="Remarks")
    before = len(app.get("plotly_chart"))
    widget(app.button_group, "Explained").set_value("Softmax")
    checked(app.run())
    assert len(app.get("plotly_chart")) > before
    assert not app.error


@pytest.mark.parametrize("section", explain.BESIDE)
def test_all_cards_of_a_section_can_be_opened_below_it(page, section):
    app = page("architectures", section=section)
    for card in explain.BESIDE[section]:
        widget(app.button_group, "Explained").set_value(card)
        checked(app.run())
        assert not app.error, (section, card)
