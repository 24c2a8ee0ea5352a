"""The section on what runs have learnt, through Streamlit's AppTest."""

import json
import shutil

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

from cvcore import paths
from cvcore.data import catalog
from cvcore.training.runs import RunStore
from tests.pages.helpers import checked, numbers, widget

LENET, PERCEPTRON, GLYPHS = "digits-lenet5", "digits-perceptron", "glyphs-bn-cnn"


def script(ids):
    from cvcore.ui.frame import errors_as_lines
    from cvcore.ui.runs import store
    from cvcore.ui.training import inside

    with errors_as_lines():
        inside.show([store().find(run_id) for run_id in ids])


def run_id(start: str) -> str:
    found = RunStore(paths.runs_dir(), paths.shipped_runs_dir()).list()
    return next(run.run_id for run in found if run.run_id.startswith(start))


def opened(*starts: str, **query: str) -> AppTest:
    app = AppTest.from_function(script, args=([run_id(start) for start in starts],), default_timeout=60)
    for key, value in query.items():
        app.query_params[key] = value
    return checked(app.run())


def charts(app: AppTest, start: str) -> list[dict]:
    found = [each for each in app.get("plotly_chart") if f"-{start}" in each.proto.id or start in each.proto.id]
    return [json.loads(each.proto.spec) for each in found]


def said(app: AppTest) -> str:
    texts = (each.value for each in (*app.markdown, *app.caption, *app.info, *app.error))
    return "\n".join(texts).replace("\\", "")


@pytest.fixture
def with_epochs():
    """A run that kept epochs 0 and 1: no weights at all, and half of the best."""
    source = paths.shipped_runs_dir() / run_id(LENET)
    folder = paths.runs_dir() / source.name
    shutil.copytree(source, folder)
    weights = torch.load(folder / "best.pt", weights_only=True)
    shutil.rmtree(folder / "epochs", ignore_errors=True)
    (folder / "epochs").mkdir()
    for number, factor in ((0, 0.0), (1, 0.5)):
        torch.save({key: value * factor for key, value in weights.items()}, folder / "epochs" / f"{number:04}.pt")
    return folder


class TestGradCam:
    def test_of_two_runs_on_the_same_image(self):
        app = opened(LENET, LENET)  # the same twice is one
        assert len(charts(app, "cam-")) == 1
        with np.load(paths.shipped_runs_dir() / run_id(LENET) / "predictions.npz") as stored:
            shares = stored["test_probabilities"][0]
        bars = charts(app, "likeliest-")[0]["data"][0]
        assert max(numbers(bars["x"])) == pytest.approx(100 * shares.max(), abs=0.01)
        assert bars["y"][-1] == str(shares.argmax())
        assert np.array(numbers(charts(app, "cam-")[0]["data"][0]["z"])).min() >= 0

    def test_a_network_without_maps(self):
        app = opened(LENET, PERCEPTRON)
        assert "has no layer with maps, so no Grad-CAM" in said(app)
        assert len(charts(app, "cam-")) == 1

    def test_a_network_for_other_images(self):
        app = opened(LENET, GLYPHS)
        widget(app.selectbox, "Compare with").select(run_id(GLYPHS))
        checked(app.run())
        shapes = [catalog.open_dataset(name).image_shape for name in ("digits", "glyphs")]
        assert ("takes " in said(app)) == (shapes[0] != shapes[1])
        assert len(charts(app, "cam-")) == (1 if shapes[0] != shapes[1] else 2)

    def test_among_mistakes(self):
        app = opened(LENET, among="mistakes")
        with np.load(paths.shipped_runs_dir() / run_id(LENET) / "predictions.npz") as stored:
            wrong = np.flatnonzero(stored["test_labels"] != stored["test_predictions"])
            order = wrong[np.argsort(-stored["test_probabilities"][wrong].max(1), kind="stable")].tolist()
        at = order.index(0) if 0 in order else -1  # image 0 is shown first, whether it is a mistake or not
        for step in (1, 2):
            next(each for each in app.button if each.key == "image-next").click()
            checked(app.run())
            assert widget(app.number_input, "Image, 0 to 359").value == order[(at + step) % len(order)]

    def test_another_class(self):
        app = opened(LENET, **{"cam-class": "3"})
        assert "Places that speak for **3**" in said(app)


class TestFeatureMaps:
    def test_one_run(self):
        app = opened(LENET, **{"inside-run": "Feature maps", "map-layer": "conv1", "map-channel": "2", "image": "7"})
        model_weights = torch.load(paths.shipped_runs_dir() / run_id(LENET) / "best.pt", weights_only=True)
        digits = catalog.open_dataset("digits")
        pixels = digits.train.images / 255
        image = torch.from_numpy((digits.test.images[7:8] / 255 - pixels.mean()) / pixels.std()).float()
        conv = torch.nn.functional.conv2d(
            image, model_weights["conv1.weight"], model_weights["conv1.bias"], padding="same"
        )
        drawn = numbers(charts(app, "map-")[-1]["data"][0]["z"])
        assert drawn == pytest.approx(conv[0, 2].flatten().tolist(), abs=1e-3)

    def test_two_runs_have_corresponding_layers(self):
        app = opened(LENET, PERCEPTRON, **{"inside-run": "Feature maps", "map-layer": "head"})
        assert said(app).count("head · 10 values") == 2


class TestThroughTheEpochs:
    def test_the_slider_moves_filters_and_maps(self, with_epochs):
        app = opened(LENET, **{"inside-run": "Through the epochs"})
        slider = widget(app.select_slider, "Epoch")
        assert slider.options[:2] == ["0", "1"]
        before = [each.proto.imgs[0].url for each in app.get("image")][-2:]
        slider.set_value("0")
        checked(app.run())
        assert "epoch 0, before training" in said(app)
        after = [each.proto.imgs[0].url for each in app.get("image")][-2:]
        assert before[0] != after[0] and before[1] != after[1]

    def test_a_run_that_kept_none(self):
        app = opened(PERCEPTRON, **{"inside-run": "Through the epochs"})
        kept = (paths.shipped_runs_dir() / run_id(PERCEPTRON) / "epochs").is_dir()
        assert ("kept the weights of its best epoch only" in said(app)) != kept


class TestHistograms:
    def test_three_kinds_of_each_layer(self, with_epochs):
        app = opened(LENET, **{"inside-run": "Histograms"})
        assert len(charts(app, "spread-")) == 6  # conv1 and head: weights, gradients, activations
        assert len(charts(app, "spread-")[0]["data"]) == 3  # epochs
        assert "conv1** weights · zeros 100 % → 0 %" in said(app)

    def test_quantiles_and_other_layers(self, with_epochs):
        app = opened(LENET, **{"inside-run": "Histograms", "spread": "quantiles"})
        widget(app.multiselect, "Layers").set_value(["tanh1"])
        checked(app.run())
        (drawn,) = charts(app, "spread-")  # an activation has no weights
        assert numbers(drawn["data"][-1]["x"]) == [0, 1, pytest.approx(numbers(drawn["data"][-1]["x"])[2])]

    def test_two_runs(self):
        app = opened(LENET, PERCEPTRON, **{"inside-run": "Histograms"})
        assert "has no conv1" in said(app)
        assert len(charts(app, "spread-")) == 6 + 3


class TestWhatIsNotThere:
    def test_an_unfinished_run(self, with_epochs):
        (with_epochs / "events.jsonl").write_text("", encoding="utf-8")
        app = opened(LENET)
        assert "is interrupted" in said(app)
        assert not app.get("plotly_chart")

    def test_weights_that_are_gone(self, with_epochs):
        (with_epochs / "best.pt").unlink()
        assert "best.pt of" in said(opened(LENET))
