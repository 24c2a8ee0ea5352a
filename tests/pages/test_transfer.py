"""The sections of the Transfer page, on runs that are trained here."""

import io
import json

import numpy as np
import pytest
import torch

from cvcore import paths
from cvcore.config import parse_config
from cvcore.data import catalog
from cvcore.models import zoo
from cvcore.training.runs import RunStore
from cvcore.transfer import weight_files
from cvcore.transfer.start import fit_of
from tests.pages.helpers import button, checked, figure, numbers, train_queued, widget
from tests.transfer.backbone_runs import DEEP, SHALLOW
from tests.transfer.backbone_runs import trained as trained_run


@pytest.fixture
def trained(page):
    """The page with three strategies on ten digits, trained for a few epochs."""
    app = page("transfer")
    widget(app.number_input, "Images a class").set_value(1)
    widget(app.number_input, "Epochs").set_value(3)
    app.run()
    button(app, "Train all").click()
    checked(app.run())
    train_queued()
    return checked(app.run())


def section(app, name):
    app.query_params["section"] = name
    widget(app.pills, "Look at").set_value(name)
    return checked(app.run())


def test_the_table_tells_what_each_strategy_costs(trained):
    table = trained.dataframe[0].value.set_index("strategy")
    # 64·10 weights and 10 biases of the head; 70,330 by the sum over all layers, 4 bytes each
    assert table["trainable"].to_dict() == {"From scratch": 70_330, "Cached features": 650, "Fine-tuned": 70_330}
    assert table["size"].round(3).tolist() == [0.281] * 3
    assert table["status"].tolist() == ["done"] * 3
    assert table.loc["Cached features", "features"] > 0
    assert table["latency"].nunique() == 1  # one network, measured once
    assert 0 < table["latency"].iloc[0] < 1000


def test_only_the_head_of_a_frozen_backbone_moves(trained):
    app = section(trained, "Is it really frozen?")
    lines = {line["name"]: line for line in figure(app, 0)["data"]}
    assert list(lines) == ["From scratch", "Cached features", "Fine-tuned"]
    assert lines["Cached features"]["customdata"][:3] == ["not at all"] * 3
    assert lines["Cached features"]["customdata"][3] != "not at all"
    assert "not at all" not in lines["Fine-tuned"]["customdata"]
    button(app, "Check the cached features").click()
    checked(app.run())
    assert any("they are the same" in each.value for each in app.markdown)


class TestWhereTheyLook:
    def stored(self, title: str) -> np.ndarray:
        """The probabilities [N, K] that the strategy's run wrote down when it ended."""
        kind = {"From scratch": None, "Cached features": "features", "Fine-tuned": "finetune"}[title]
        run = next(
            each
            for each in RunStore(paths.runs_dir()).list()
            if (each.config.transfer.strategy if each.config.transfer else None) == kind
        )
        with np.load(run.path / "predictions.npz") as arrays:
            return arrays["test_probabilities"]

    def told(self, app) -> list[str]:
        """What is written under the maps, in their order."""
        return [each.value for each in app.markdown if "material/" in each.value and ":small[" in each.value]

    def test_a_map_of_each_with_what_it_predicts(self, trained):
        app = section(trained, "Where do they look?")
        titles = ["From scratch", "Cached features", "Fine-tuned"]
        assert [json.loads(each.proto.spec)["data"][0]["type"] for each in app.get("plotly_chart")] == ["heatmap"] * 3
        truth = catalog.open_dataset("digits").test.labels
        for index in (0, 1):
            for title, line in zip(titles, self.told(app), strict=True):
                said = self.stored(title)[index].argmax()
                assert f"**{said}**" in line
                assert ("green" in line) == (said == truth[index])
            button(app, "Next").click()
            checked(app.run())
        assert widget(app.number_input, "Image, 0 to 359").value == 2
        button(app, "Random").click()
        checked(app.run())
        assert len(self.told(app)) == 3

    def test_of_one_class_where_the_head_is_behind_the_old_one(self, page):
        app = page("transfer", section="Where do they look?")
        widget(app.number_input, "Images a class").set_value(1)
        widget(app.number_input, "Epochs").set_value(1)
        widget(app.selectbox, "Head").set_value("append")
        widget(app.pills, "Strategies").set_value(["features", "frozen"])
        checked(app.run())
        button(app, "Train all").click()
        checked(app.run())
        train_queued()
        checked(app.run())
        widget(app.selectbox, "Class").set_value("3")
        checked(app.run())
        # both began with the same head, and their backbone is the same: so is what they look at
        first, second = (numbers(figure(app, place)["data"][0]["z"]) for place in (0, 1))
        assert first == pytest.approx(second, abs=1e-3 * max(first))
        assert max(first) > 0


def test_how_many_images(trained):
    app = section(trained, "How many images?")
    widget(app.number_input, "Seeds").set_value(2)
    widget(app.pills, "Images a class").set_value([1, 2])
    checked(app.run())
    button(app, "Train 9 runs").click()  # 3 strategies, 2 amounts, 2 seeds; three of the twelve are there
    checked(app.run())
    train_queued()
    checked(app.run())
    lines = [line for line in figure(app, 0)["data"] if line.get("name")]
    assert [line["name"] for line in lines] == ["From scratch", "Cached features", "Fine-tuned"]
    assert all(numbers(line["x"]) == [1, 2] for line in lines)
    assert all(0 <= value <= 100 for line in lines for value in numbers(line["y"]))
    assert not [each for each in app.button if each.label.startswith("Train 9")]


def test_how_large(trained):
    app = section(trained, "How many images?")
    widget(app.segmented_control, "Accuracy against").set_value("image size")
    widget(app.number_input, "Seeds").set_value(1)
    checked(app.run())
    sizes = widget(app.pills, "Image size (pixels)")
    assert sizes.options == ["16", "24", "28", "32", "48"]
    sizes.set_value([16, 28])
    checked(app.run())
    button(app, "Train 3 runs").click()  # 3 strategies, 2 sizes; those on their own 28 pixels are there
    checked(app.run())
    train_queued()
    checked(app.run())
    drawn = figure(app, 0)
    lines = [line for line in drawn["data"] if line.get("name")]
    assert all(numbers(line["x"]) == [16, 28] for line in lines)
    assert drawn["layout"]["xaxis"]["title"]["text"] == "side of the images (pixels)"
    assert sorted(run.config.data.size for run in RunStore(paths.runs_dir()).list()) == [0, 0, 0, 16, 16, 16]


def test_a_network_for_one_size_says_so(page):
    lenet = next(run for run in RunStore(paths.shipped_runs_dir()).list() if run.config.model.name == "lenet5")
    app = page("transfer", section="How many images?", **{"against-what": "image size"})
    widget(app.selectbox, "Backbone").set_value(lenet.run_id)
    checked(app.run())
    assert widget(app.pills, "Image size (pixels)").options == ["28"]
    told = [each.value for each in app.caption if each.value.startswith("Without")]
    assert [each.split(":")[0] for each in told] == ["Without 16, 24 pixels", "Without 32, 48 pixels"]
    assert "only 2×2 pixels reach it" in told[0]  # conv1 keeps 16, halved 8, conv2 leaves 4, halved 2
    assert "weights hang on the size" in told[1]


def test_what_is_gained_at_test_time(trained):
    app = section(trained, "At test time")
    widget(app.number_input, "Test images").set_value(40)
    checked(app.run())
    button(app, "Measure").click()
    checked(app.run())
    table = app.dataframe[0].value.set_index("protocol")
    assert table["views"].to_dict() == {"Once": 1, "Mirrored, too": 2, "Three scales": 3, "Ten crops": 10}
    assert table.loc["Once", "gain"] == 0
    assert table.loc["Ten crops", "px"] == "32"  # 8/7 of 28 pixels
    app.run()
    assert not [each for each in app.button if each.label == "Measure"]


def test_a_comparison_is_stopped_and_goes_on(page):
    app = page("transfer")
    widget(app.number_input, "Images a class").set_value(1)
    widget(app.number_input, "Epochs").set_value(3)
    app.run()
    assert not [each for each in app.button if each.label == "Stop all"]
    button(app, "Train all").click()
    checked(app.run())
    button(app, "Stop all").click()
    checked(app.run())
    assert app.dataframe[0].value["status"].tolist() == ["paused"] * 3
    train_queued()  # nothing waits
    assert checked(app.run()).dataframe[0].value["status"].tolist() == ["paused"] * 3
    button(app, "Train all").click()
    checked(app.run())
    train_queued()
    assert checked(app.run()).dataframe[0].value["status"].tolist() == ["done"] * 3


def test_what_they_will_take_is_told_before(page):
    app = page("transfer")
    widget(app.number_input, "Images a class").set_value(1)
    app.run()
    button(app, "Estimate time").click()
    checked(app.run())
    (told,) = [each.value for each in app.caption if each.value.startswith("About ")]
    assert all(f"{name} " in told for name in ("From scratch", "Cached features", "Fine-tuned"))
    assert not [each for each in app.button if each.label == "Estimate time"]


def test_which_layers(page):
    app = section(page("transfer"), "Which layers?")
    button(app, "Probe the layers").click()
    checked(app.run())
    lines = {line["name"]: line for line in figure(app, 0)["data"]}
    assert list(lines) == ["learnt weights", "random weights"]
    assert lines["learnt weights"]["x"] == ["pixels", "stage1", "stage2", "stage3"]
    learnt, random = (numbers(line["y"]) for line in lines.values())
    assert learnt[0] == random[0]  # pixels are the same for both
    assert learnt[-1] > random[-1] + 5  # points: what was learnt on printed characters helps


def test_a_backbone_for_colours_is_not_offered_grey_images(page):
    app = page("transfer")
    backbone = widget(app.selectbox, "Backbone")
    assert widget(app.selectbox, "Data set").options[0] == "digits"
    shapes = next(run for run in RunStore(paths.shipped_runs_dir()).list() if run.config.data.name == "shapes")
    backbone.set_value(shapes.run_id)
    checked(app.run())
    assert any("no other set of images with 3 channels is here" in each.value for each in app.error)


class TestBackbones:
    @pytest.fixture(autouse=True)
    def hub(self, monkeypatch, tmp_path):
        """An empty folder where torch keeps weights."""
        monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
        folder = tmp_path / "torch" / "hub" / "checkpoints"
        folder.mkdir(parents=True)
        return folder

    def test_weights_on_the_disk_can_be_chosen(self, page, hub):
        (hub / "mobilenet_v2-b0353104.pth").write_bytes(b"")
        app = page("transfer")
        backbone = widget(app.selectbox, "Backbone")
        assert backbone.options[-1] == "mobilenet_v2 · IMAGENET1K_V1"
        backbone.set_value("torchvision:MobileNet_V2_Weights.IMAGENET1K_V1")
        checked(app.run())
        assert widget(app.selectbox, "Data set").options == ["shapes"]  # the only set here with three channels

    def test_a_file_that_was_brought_can_be_chosen(self, page, monkeypatch, tmp_path):
        monkeypatch.setenv("CVCORE_DATA", str(tmp_path / "data"))
        torch.manual_seed(0)
        buffer = io.BytesIO()
        torch.save(zoo.build("bn-cnn", (1, 28, 28), 36).state_dict(), buffer)
        brought = weight_files.read(buffer.getvalue(), "mine.pth")
        assert fit_of(brought.state, "bn-cnn").fits
        assert not fit_of(brought.state, "lenet5").fits
        key = weight_files.keep(brought, "mine.pth", "bn-cnn")
        app = page("transfer")
        backbone = widget(app.selectbox, "Backbone")
        assert backbone.options[-1] == "mine.pth · bn-cnn"
        backbone.set_value(key)
        widget(app.number_input, "Epochs").set_value(1)
        checked(app.run())
        button(app, "Train all").click()
        checked(app.run())
        assert not app.error
        train_queued()
        checked(app.run())
        assert app.dataframe[0].value["status"].tolist() == ["done"] * 3

    def test_more_can_be_added(self, page):
        app = page("transfer")
        button(app, "Add weights").click()
        checked(app.run())
        assert widget(app.selectbox, "Weights").value == "torchvision:MobileNet_V2_Weights.IMAGENET1K_V1"
        assert button(app, "Download 14 MB")
        assert any("top-1 71.9%" in each.value for each in app.caption)  # as torchvision publishes it


def test_a_deeper_network_begins_with_layers_of_the_backbone(page, store, monkeypatch):
    source = trained_run(
        store, parse_config({"data": {"name": "digits"}, "model": {"name": SHALLOW}, "train": {"epochs": 1}})
    )
    monkeypatch.setattr("cvcore.models.zoo.deeper", lambda name: [DEEP] if name == SHALLOW else [])
    app = page("transfer")
    assert widget(app.selectbox, "Network").disabled  # bn-cnn has no family
    widget(app.selectbox, "Backbone").set_value(source.run_id)
    checked(app.run())
    assert "Deepened" not in widget(app.pills, "Strategies").options
    widget(app.selectbox, "Network").set_value(DEEP)
    widget(app.number_input, "Epochs").set_value(2)
    checked(app.run())
    assert widget(app.pills, "Strategies").options == ["From scratch", "Deepened"]
    assert widget(app.selectbox, "Data set").options[0] == "digits"  # that of the backbone, too
    button(app, "Train all").click()
    checked(app.run())
    train_queued()
    checked(app.run())
    assert app.dataframe[0].value["status"].tolist() == ["done"] * 2
    told = "Deepened: 2 of 4 convolutions and 2 of 2 Linear layers"
    assert any(each.value.startswith(told) for each in app.caption)
    moved = {line["name"]: line for line in figure(section(app, "Is it really frozen?"), 0)["data"]}
    assert "not at all" not in moved["Deepened"]["customdata"]


def test_no_strategy_says_so(page):
    app = page("transfer")
    widget(app.pills, "Strategies").set_value([])
    checked(app.run())
    assert any("Choose at least one strategy" in each.value for each in app.info)
