"""The section on what happens inside a network, through Streamlit's AppTest."""

import io
import json
import re

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from streamlit.testing.v1 import AppTest

from cvcore import paths
from cvcore.data import catalog
from cvcore.errors import CvcoreError, DataError
from cvcore.models import zoo
from cvcore.ui import uploads
from cvcore.ui.architectures import inside_images, inside_weights
from cvcore.ui.architectures.inside_weights import Weights
from tests.pages.helpers import checked, numbers, widget

DIGITS = "digits-lenet5-d5bfe282d590"


def script(name, image, classes):
    from cvcore.ui.architectures import inside

    inside.show(name, image, classes)


def opened(name: str, image: tuple[int, int, int] = (1, 28, 28), classes: int = 10, **query: str) -> AppTest:
    app = AppTest.from_function(script, args=(name, image, classes), default_timeout=60)
    for key, value in query.items():
        app.query_params[key] = value
    return checked(app.run())


def figure(app: AppTest, key: str) -> dict:
    found = next(each for each in app.get("plotly_chart") if each.proto.id.endswith(key))
    return json.loads(found.proto.spec)


def views(app: AppTest) -> list[str]:
    return widget(app.get("button_group"), "Show").options


def said(app: AppTest) -> str:
    return "\n".join(each.value for each in (*app.markdown, *app.caption))


class TestFeatureMaps:
    def test_a_shipped_run_is_what_a_visitor_sees_first(self):
        app = opened("lenet5")
        assert widget(app.selectbox, "Weights").value == DIGITS
        assert {each.label: each.value for each in app.metric}["Maps (channels × px)"] == "6×28×28"
        assert len(figure(app, "inside-sheet-tanh1-6")["data"][0]["x"]) > 0

    def test_the_last_layer_says_what_training_stored(self):
        app = opened("lenet5", layer="head", index="3")
        logits = np.array(numbers(figure(app, "inside-values")["data"][0]["y"]))
        shares = np.exp(logits - logits.max())
        with np.load(paths.shipped_runs_dir() / DIGITS / "predictions.npz") as stored:
            assert shares / shares.sum() == pytest.approx(stored["test_probabilities"][3], abs=1e-4)

    def test_a_map_is_that_of_the_network(self):
        app = opened("two-conv", layer="conv2", channel="4", index="7")
        torch.manual_seed(0)
        model = zoo.build("two-conv", (1, 28, 28), 10).eval()
        image = torch.from_numpy(np.array(catalog.open_dataset("digits").test.images[7:8])).float() / 255
        with torch.no_grad():
            expected = model.conv2(model.pool1(model.relu1(model.conv1(image))))[0, 4].flatten().tolist()
        assert numbers(figure(app, "inside-map")["data"][0]["z"]) == pytest.approx(expected, abs=1e-5)

    def test_what_does_not_fit_the_network_is_passed_over(self):
        app = opened("two-conv", layer="layer4.1.bn2", channel="900", inside="Groups", weights="none", index="-1")
        assert widget(app.selectbox, "Layer").value == "relu1"
        assert widget(app.get("button_group"), "Show").value == "Feature maps"

    def test_another_network_keeps_nothing_of_the_layer(self):
        app = opened("two-conv", layer="conv2", channel="19")
        widget(app.selectbox, "Layer").select("conv1")  # it has ten channels
        checked(app.run())
        assert "**Channel" in said(app)


class TestOtherViews:
    def test_views_that_a_network_has(self):
        assert views(opened("two-conv")) == ["Feature maps", "Filters", "One step", "Fully convolutional"]
        with_groups = opened("mobilenet_v2", (3, 32, 32), inside="Groups")
        assert views(with_groups) == ["Feature maps", "Filters", "One step", "Groups"]
        assert "reads input channel 0" in said(with_groups)

    def test_filters_of_a_perceptron_are_its_templates(self):
        app = opened("perceptron", inside="Filters")
        assert {each.label: each.value for each in app.metric}["Weights of each"] == "1×28×28"
        weights = torch.load(paths.shipped_runs_dir() / "digits-perceptron-a7502988f9e0" / "best.pt", weights_only=True)
        shown = numbers(figure(app, "inside-weights")["data"][0]["z"])
        assert shown == pytest.approx(weights["head.weight"][0].tolist())

    def test_batchnorm_with_its_numbers(self):
        app = opened("bn-cnn", (3, 32, 32), inside="One step", layer="stage1.bn", channel="2", weights="untrained")
        table = app.dataframe[0].value
        torch.manual_seed(0)
        model = zoo.build("bn-cnn", (3, 32, 32), 10).eval()
        images = torch.from_numpy(np.array(catalog.open_dataset("shapes").test.images[:32])).float() / 255
        with torch.no_grad():
            entering = model.stage1.conv(images)[:, 2]
        assert table["mean"].tolist()[:2] == pytest.approx([entering.mean().item(), 0], abs=1e-5)
        assert table["variance"].tolist()[:2] == pytest.approx([entering.var(correction=0).item(), 1], abs=1e-5)
        assert "32 images, 8,192 values a channel" in said(app)

    def test_the_nearest_step_of_a_kind(self):
        app = opened("two-conv", inside="One step", layer="conv2")
        assert "Shown is the nearest step of the chosen kind, **relu2**" in said(app)
        widget(app.get("button_group"), "Nearest step").set_value("Pooling")
        checked(app.run())
        assert "**pool1**" in said(app)

    def test_fully_convolutional(self):
        app = opened("two-conv", inside="Fully convolutional")
        table = app.dataframe[0].value
        # 28 → 24 → 12 → 8 → 4: a 4×4 window; 32 leaves 5×5 and so 2×2 places, 56 leaves 11×11 and 8×8 places
        assert table["map"].tolist() == ["1×1", "2×2", "8×8"]
        assert table["direct"].tolist()[1:] == ["breaks", "breaks"]
        assert table["difference"].tolist()[0] < 1e-5
        assert "20·4·4 = 320 values" in said(app) and "20·11·11 = 2,420" in said(app)

    def test_a_large_network_waits_for_a_click(self):
        app = opened("torchvision:vgg16", (3, 224, 224), 1000, inside="Fully convolutional")
        assert [each.label for each in app.toggle] == ["Build 553 MB of weights"]  # 138,357,544 × 4 bytes
        assert not app.get("plotly_chart")

    def test_an_image_that_does_not_fit_is_one_line(self):
        with pytest.raises(CvcoreError, match="lenet5 does not fit"):
            inside_weights.anatomy_of(Weights("lenet5", (1, 4, 4), 10))


class TestPublishedWeights:
    @pytest.fixture
    def hub(self, monkeypatch, tmp_path):
        """torch's folder of downloaded weights, with MobileNetV2 in it, made here."""
        monkeypatch.setenv("TORCH_HOME", str(tmp_path))
        torch.manual_seed(5)
        entry = torchvision.models.MobileNet_V2_Weights.IMAGENET1K_V1
        file = tmp_path / "hub" / "checkpoints" / entry.url.rpartition("/")[2]
        file.parent.mkdir(parents=True)
        torch.save(torchvision.models.mobilenet_v2().state_dict(), file)
        return file

    @pytest.mark.parametrize("name", ["mobilenet_v2", "torchvision:mobilenet_v2"])
    def test_those_that_are_here_are_offered_and_loaded(self, hub, name):
        app = opened(name, (3, 64, 64), inside="Filters", weights="IMAGENET1K_V1")
        assert widget(app.selectbox, "Weights").options == ["untrained", "IMAGENET1K_V1"]
        expected = torch.load(hub)["features.0.0.weight"][0, 1].flatten().tolist()
        assert numbers(figure(app, "inside-weights")["data"][1]["z"]) == pytest.approx(expected)

    def test_a_damaged_file_is_one_line(self, hub):
        inside_weights._kept.clear()
        hub.write_bytes(b"not a file of torch")
        app = opened("mobilenet_v2", (3, 64, 64), weights="IMAGENET1K_V1", layer="features.0.0", channel="1")
        assert "does not hold the weights" in re.sub(r"\\", "", app.error[0].value)


class TestUpload:
    def decoded(self, content: bytes, name: str = "a.png") -> Image.Image:
        return uploads.given(name, content).picture

    def test_an_image_is_brought_to_the_network(self):
        buffer = io.BytesIO()
        Image.new("RGB", (3000, 1500), (255, 0, 51)).save(buffer, "PNG")
        subject = inside_images.Subject("key", "mine", upload=self.decoded(buffer.getvalue()))
        assert subject.upload.size == (1024, 512)
        values = inside_images.tensor(subject, Weights("x", (3, 20, 30), 2, mean=(0.5,) * 3, std=(0.5, 0.5, 0.1)))
        assert values.shape == (1, 3, 20, 30)
        assert values[0, :, 4, 4].tolist() == pytest.approx([1, -1, -3])  # (51 / 255 − 0.5) / 0.1 = −3
        grey = inside_images.tensor(subject, Weights("x", (1, 8, 8), 2))
        assert grey.flatten().tolist() == pytest.approx([82 / 255] * 64)  # 0.299·255 + 0.114·51 = 82.06

    @pytest.mark.parametrize("content", [b"", b"plain text", b"\x89PNG\r\n\x1a\n" + bytes(40)])
    def test_what_is_no_image_is_one_line(self, content):
        with pytest.raises(DataError, match=r"a\.png cannot be used"):
            self.decoded(content)

    def test_a_small_file_with_too_many_pixels(self):
        buffer = io.BytesIO()
        Image.new("1", (20_000, 20_000)).save(buffer, "PNG")
        with pytest.raises(DataError, match="more than 64 million"):
            self.decoded(buffer.getvalue())
