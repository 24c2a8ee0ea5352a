"""Predict with ImageNet on the Transfer page, with random weights in torchvision's own format."""

import pytest
import torch
import torchvision
from PIL import Image

from cvcore.ui.transfer import predict
from tests.pages.helpers import button, checked, figure, metrics, widget

V1 = "mobilenet_v2 · IMAGENET1K_V1"


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """An empty folder where torch keeps weights."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def opened(hub, page):
    def opened():
        app = page("transfer")
        widget(app.segmented_control, "What to do").set_value(predict.DO)
        return checked(app.run())

    return opened


def test_what_is_not_here_is_offered(opened):
    app = opened()
    network = widget(app.selectbox, "Network")
    assert network.options[network.index] == V1  # 14 MB
    assert button(app, "Download 14 MB")
    assert len(network.options) > 80  # every classifier of torchvision
    assert not app.metric


def test_two_networks_look_at_the_same_picture(opened, hub):
    torch.manual_seed(0)
    state = torchvision.models.mobilenet_v2(weights=None).state_dict()
    torch.save({**state, "classifier.1.bias": torch.randn(1000)}, hub / "mobilenet_v2-b0353104.pth")
    app = opened()
    assert metrics(app)["Parameters"] == "3.50 M" and metrics(app)["Top-1 (%)"] == "71.9"
    assert int(metrics(app)["Forward pass (ms)"]) > 0
    assert figure(app, 0)["data"][0]["type"] == "image"  # what it was given
    first = str(app.get("image")[0].proto)
    button(app, "Next").click()
    checked(app.run())
    assert str(app.get("image")[0].proto) != first
    torch.save(state, hub / "mobilenet_v2-7ebf99e0.pth")
    other = widget(app.selectbox, "Beside it")
    assert V1 not in other.options
    other.set_value("torchvision:MobileNet_V2_Weights.IMAGENET1K_V2")
    checked(app.run())
    assert len(app.get("image")) == 2 and len(app.metric) == 6
    assert not app.get("plotly_chart")  # the picture that was given is shown beside a single network only


def test_a_file_of_names_and_a_picture_of_ones_own(opened, hub, tmp_path):
    torch.save(torchvision.models.mobilenet_v2(weights=None).state_dict(), hub / "mobilenet_v2-b0353104.pth")
    app = opened()
    widget(app.segmented_control, "Picture from").set_value("Upload")
    checked(app.run())
    assert not app.metric
    assert any("Choose a picture" in each.value for each in app.info)
    Image.new("RGB", (60, 40), "red").save(tmp_path / "red.png")
    widget(app.file_uploader, "Image file").set_value(("red.png", (tmp_path / "red.png").read_bytes(), "image/png"))
    checked(app.run())
    assert len(app.get("image")) == 1
    names = "\n".join(f"nombre {number}" for number in range(1000))
    widget(app.file_uploader, "Names in another language").set_value(("es.txt", names.encode(), "text/plain"))
    checked(app.run())
    assert len(app.get("image")) == 1
    widget(app.file_uploader, "Names in another language").set_value(("es.txt", b"uno", "text/plain"))
    checked(app.run())
    assert any("it holds 1;" in each.value for each in app.error)


def test_home_leads_a_recipe_that_trains_nothing_here(hub, page):
    app = page("home")
    button(app, "VGG-16 names a photograph").click()
    checked(app.run())
    assert app.title[0].value == "Transfer learning"
    network = widget(app.selectbox, "Network")
    assert network.options[network.index] == "vgg16 · IMAGENET1K_V1"
    assert button(app, "Download 553 MB")
