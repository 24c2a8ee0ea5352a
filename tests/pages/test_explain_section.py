"""The explanations through Streamlit's AppTest, and their numbers against numpy, torch and hand calculations."""

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest
from torch import nn

from cvcore.analysis import explained
from cvcore.analysis.summary import summarize
from cvcore.plots import explain as plots
from cvcore.ui import glossary
from cvcore.ui.architectures.explain import CARDS, GLOSSARY
from tests.pages.helpers import checked


def script(name, image, classes):
    from cvcore.ui.architectures import explain

    explain.show(name, image, classes)


def opened(card: str, name: str = "lenet5", image=(1, 28, 28), **query: str) -> AppTest:
    app = AppTest.from_function(script, args=(name, image, 10), default_timeout=60)
    for key, value in {"card": card, **query}.items():
        app.query_params[key] = value
    return checked(app.run())


def told(app: AppTest) -> str:
    return "\n".join(each.value for each in (*app.markdown, *app.latex, *app.caption))


@pytest.mark.parametrize("card", CARDS)
def test_every_card_has_words_a_formula_and_a_picture(card):
    app = opened(card)
    assert not app.error
    assert app.get("plotly_chart")
    assert app.markdown
    assert app.latex or card in ("Pooling", "1×1 convolution", "The pyramid")


class TestCards:
    def test_softmax_of_the_tutorial(self):
        # e^−1 = 0.368, e^1 = 2.718, e^2 = 7.389, sum 10.475: 0.035, 0.259, 0.705
        app = opened("Softmax")
        assert "0.035, 0.259, 0.705" in told(app)
        app.slider(key="explain-logit-1").set_value(2.0).run()
        # 7.389, 2.718, 7.389: 0.422, 0.155, 0.422
        assert "0.422, 0.155, 0.422" in told(checked(app))

    def test_convolution_window_and_parameters(self):
        app = opened("Convolution")
        app.slider(key="explain-kernel").set_value(5).run()
        app.slider(key="explain-stride").set_value(2).run()
        # ⌊(7 − 5 + 2)/2⌋ + 1 = 3; 16·(3·25 + 1) = 1216
        assert "+ 1 = 3" in told(checked(app))
        assert "1{,}216" in told(app)

    @pytest.mark.parametrize(("stride", "padding", "kernel"), [(3, 0, 5), (1, 2, 1), (3, 0, 1), (2, 2, 5)])
    def test_convolution_takes_all_its_settings(self, stride, padding, kernel):
        app = opened("Convolution")
        for name, value in (("stride", stride), ("padding", padding), ("kernel", kernel)):
            app.slider(key=f"explain-{name}").set_value(value).run()
        assert not checked(app).error

    def test_pooling(self):
        app = opened("Pooling")
        assert "max(1, 3, 4, 6) = 6" in told(app)
        app.get("button_group")[1].set_value("average").run()
        assert "average(1, 3, 4, 6) = 3.5" in told(checked(app))

    def test_stacks(self):
        app = opened("3×3 against 7×7")
        assert "27C^2" in told(app)
        assert "49C^2" in told(app)
        assert "45 % fewer" in told(app)  # 1 − 27/49 = 0.449

    def test_pyramid_of_a_network_without_maps(self):
        assert "no feature maps" in opened("The pyramid", "perceptron").info[0].value

    def test_an_unknown_card_opens_the_first(self):
        assert "0.705" in told(opened("nonsense"))


class TestNumbers:
    def test_softmax_is_torchs(self):
        logits = np.random.default_rng(0).normal(0, 30, (50, 7))
        for row in logits:
            expected = torch.softmax(torch.tensor(row) / 1.7, 0).numpy()
            np.testing.assert_allclose(explained.softmax(row, 1.7), expected, atol=1e-12)

    def test_without_a_non_linearity_the_fit_is_the_straight_line(self):
        x = np.linspace(-3, 3, 101)
        line = np.polyval(np.polyfit(x, explained.curve(x), 1), x)
        for units in (1, 8, 32):
            np.testing.assert_allclose(explained.fitted_curve(x, units, "none"), line, atol=1e-6)

    def test_with_one_it_bends(self):
        x = np.linspace(-3, 3, 101)
        errors = [np.abs(explained.fitted_curve(x, 24, kind) - explained.curve(x)).max() for kind in ("ReLU", "tanh")]
        assert max(errors) < 0.2 < np.abs(explained.fitted_curve(x, 24, "none") - explained.curve(x)).max()

    @pytest.mark.parametrize("layers", [2, 3, 5])
    def test_a_stack_is_counted_in_torchs_layers(self, layers):
        stack = nn.Sequential(*[nn.Conv2d(4, 4, 3, bias=False) for _ in range(layers)])
        side, many, one = explained.stack_against_one(layers, 4)
        single = nn.Conv2d(4, 4, side, bias=False)
        assert many == sum(each.numel() for each in stack.parameters())
        assert one == single.weight.numel()
        pixels = torch.zeros(1, 4, side, side)
        assert stack(pixels).shape == single(pixels).shape  # one value is left of that field

    def test_blocks_by_hand(self):
        found = {block.network: block.weights for block in explained.blocks()}
        assert found == {
            "ResNet-50": 256 * 64 + 9 * 64 * 64 + 64 * 256,  # 69,632
            "ResNeXt-50": 256 * 128 + 9 * 128 * 4 + 128 * 256,  # 70,144
            "DenseNet-121": 256 * 128 + 9 * 128 * 32,
            "MobileNetV2": 64 * 384 + 9 * 384 + 384 * 64,
        }

    def test_memory_of_vgg(self):
        found = explained.memory(summarize("torchvision:vgg16", (3, 224, 224), 1000).layers, (3, 224, 224))
        sides = [(64, 224, 2), (128, 112, 2), (256, 56, 3), (512, 28, 3), (512, 14, 3)]
        convolutions = sum(channels * side * side * count for channels, side, count in sides)
        pools = sum(channels * (side // 2) ** 2 for channels, side, _ in sides)
        adaptive, linear = 512 * 7 * 7, 4096 + 4096 + 1000
        assert found.image == 3 * 224 * 224
        assert found.layers == convolutions + pools + adaptive + linear
        assert found.activations == convolutions + 4 * 4096  # ReLU after each, and two dropouts
        assert round(found.lean / 1e6) == 61
        assert round(found.full / 1e6) == 115

    def test_pyramid_of_lenet(self):
        shapes = explained.pyramid(summarize("lenet5", (1, 28, 28), 10).layers)
        assert shapes == [(6, 28, 28), (6, 14, 14), (16, 10, 10), (16, 5, 5), (120, 1, 1)]
        bars = plots.pyramid(shapes).data[0]
        assert list(bars.y) == [28, 14, 10, 5, 1]
        assert list(bars.base) == [-14, -7, -5, -2.5, -0.5]

    def test_rings_are_the_layers_that_reach_them(self):
        rings = plots.nested_fields(3, dark=False).data[0].z
        assert np.asarray(rings)[3].tolist() == [3, 2, 1, 1, 1, 2, 3]


class TestGlossary:
    def test_it_is_searched(self):
        listed = told(opened(GLOSSARY, term="stride"))
        assert "- **stride**: How many pixels a window moves" in listed
        assert "**epoch**" not in listed
        assert "No term" in opened(GLOSSARY, term="zebra").info[0].value

    def test_terms_are_sentences(self):
        terms = glossary.terms()
        assert len(terms) >= 40
        for name, text in terms.items():
            assert text.endswith("."), name
            assert text[0].isupper(), name
            assert len(text) <= 160, name

    def test_tips(self):
        assert glossary.tip("Learning rate") == "How far each step of the optimizer goes."
        assert glossary.tip("filters") == glossary.tip("filter")
        assert glossary.tip("nothing of the kind") == ""
