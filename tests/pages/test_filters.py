"""The filters section through Streamlit's AppTest, on a small set made here."""

import base64
import json
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

from cvcore.data.dataset import Dataset, Split
from cvcore.ui.datasets import filter_images, filters
from cvcore.ui.datasets.filter_controls import AVERAGE, MAX

EDGE = [[-1.0, 0.0, 1.0]] * 3


def made(channels: int = 1, side: int = 10, classes: int = 6) -> Dataset:
    """A set with two images of each class, all different."""
    images = np.random.default_rng(0).integers(0, 256, (2 * classes, channels, side, side)).astype(np.uint8)
    split = Split(images, np.arange(2 * classes) % classes)
    return Dataset("made", tuple(f"class {letter}" for letter in "abcdef"[:classes]), split, split)


def script(dataset, split="train"):
    from cvcore.ui.datasets import filters

    filters.show(dataset, split)


def opened(dataset: Dataset) -> AppTest:
    app = AppTest.from_function(script, args=(dataset,), default_timeout=60).run()
    return checked(app)


def checked(app: AppTest) -> AppTest:
    assert not app.exception
    assert not app.error
    return app


def widget(widgets, label: str):
    return next(each for each in widgets if each.label.startswith(label))


def figure(app: AppTest, key: str) -> dict:
    found = next(each for each in app.get("plotly_chart") if each.proto.id.endswith(key))
    return json.loads(found.proto.spec)


def cells(trace: dict) -> np.ndarray:
    packed = trace["z"]
    shape = [int(size) for size in packed["shape"].split(",")]
    return np.frombuffer(base64.b64decode(packed["bdata"]), packed["dtype"]).reshape(shape)


def texts(app: AppTest) -> str:
    return "\n".join(each.value for each in app.markdown) + "\n".join(each.proto.body for each in app.get("html"))


class TestFirstSight:
    def test_the_vertical_edge_over_five_images_and_one_large(self):
        dataset = made()
        app = opened(dataset)
        assert len(app.get("image")) == 1
        output = cells(figure(app, "filters-output")["data"][0])
        image = torch.from_numpy(dataset.train.images[:1].astype(np.float32))
        expected = torch.nn.functional.conv2d(image, torch.tensor([[EDGE]]))[0, 0].numpy()
        np.testing.assert_allclose(output, expected, atol=1e-3)
        assert "(10 − 3 + 2·0) / 1⌋ + 1 = **8**" in texts(app)

    def test_the_strongest_answer_is_worked_out(self):
        app = opened(made())
        output = cells(figure(app, "filters-output")["data"][0])
        row, column = (widget(app.number_input, f"Output {name}").value for name in ("row", "column"))
        assert abs(output[row, column]) == abs(output).max()
        assert f"= {output[row, column]:.0f}".replace("-", "−") in texts(app)


class TestOperations:
    def test_the_worked_example_shows_fifteen(self):
        app = opened(made())
        widget(app.selectbox, "Kernel").select("worked-example")
        checked(app.run())
        assert "1·2 + 2·0 + 3·1 + 0·0 + 1·1 + 2·2 + 3·1 + 0·0 + 1·2 = 15" in texts(app)
        assert figure(app, "filters-output")["data"][0]["text"][0][0] == "15"
        assert figure(app, "filters-input")["data"][0]["text"][0] == ["1", "2", "3", "0", "1"]
        assert len(app.get("image")) == 0

    @pytest.mark.parametrize(("kind", "torch_pool"), [(MAX, "max_pool2d"), (AVERAGE, "avg_pool2d")])
    def test_pooling_equals_torch(self, kind, torch_pool):
        dataset = made()
        app = opened(dataset)
        widget(app.get("button_group"), "Operation").set_value(kind)
        checked(app.run())
        image = torch.from_numpy(dataset.train.images[0].astype(np.float32))
        expected = getattr(torch.nn.functional, torch_pool)(image, 2)[0].numpy()
        np.testing.assert_allclose(cells(figure(app, "filters-output")["data"][0]), expected, atol=1e-3)
        assert "(10 − 2 + 2·0) / 2⌋ + 1 = **5**" in texts(app)

    def test_padding_and_stride(self):
        dataset = made()
        app = opened(dataset)
        widget(app.number_input, "Padding").set_value(2)
        widget(app.number_input, "Stride").set_value(3)
        app.run()
        widget(app.selectbox, "Padded with").select("reflect")
        widget(app.number_input, "Bias").set_value(7.0)
        checked(app.run())
        layer = torch.nn.Conv2d(1, 1, 3, stride=3, padding=2, padding_mode="reflect")
        with torch.no_grad():
            layer.weight[:] = torch.tensor(EDGE)
            layer.bias[:] = 7
            expected = layer(torch.from_numpy(dataset.train.images[:1].astype(np.float32)))[0, 0].numpy()
        np.testing.assert_allclose(cells(figure(app, "filters-output")["data"][0]), expected, atol=1e-3)

    def test_a_chosen_pixel_stays_and_moves_in_where_the_output_shrinks(self):
        app = opened(made())
        widget(app.number_input, "Output row").set_value(6)
        checked(app.run())
        widget(app.number_input, "Stride").set_value(2)
        checked(app.run())
        assert widget(app.number_input, "Output row").value == 3  # of 0 to 3

    def test_a_window_that_does_not_fit_is_one_line(self):
        app = opened(made(side=4))
        widget(app.selectbox, "Kernel").select("gaussian-7")
        app.run()
        assert not app.exception
        assert [each.value for each in app.error] == [
            "a 7×7 window is larger than the padded image, 4×4\\: choose a smaller one or more padding"
        ]


class TestColour:
    def test_channels_are_summed(self):
        dataset = made(channels=3)
        app = opened(dataset)
        image = torch.from_numpy(dataset.train.images[:1].astype(np.float32))
        expected = torch.nn.functional.conv2d(image, torch.tensor([[EDGE] * 3]))[0, 0].numpy()
        np.testing.assert_allclose(cells(figure(app, "filters-output")["data"][0]), expected, atol=1e-3)
        assert len(figure(app, "filters-channels")["data"]) == 8
        assert "Together: **R " in texts(app)

    def test_each_channel_may_have_its_own_kernel(self):
        app = opened(made(channels=3))
        widget(app.toggle, "Own kernel").set_value(True)
        checked(app.run())
        assert all(figure(app, f"filters-kernel-{name}")["data"] for name in "RGB")


class TestImages:
    def test_five_come_from_the_classes_in_turn(self):
        split = made(classes=2).train  # labels 0 1 0 1
        assert filter_images.examples(split, [0, 1], 0) == [0, 1, 2, 3]
        assert filter_images.examples(split, [1], 1) == [3, 1]
        assert filter_images.examples(made().train, list(range(5)), 0) == [0, 1, 2, 3, 4]
        assert filter_images.examples(split, [5], 0) == []

    def test_large_images_are_made_smaller_or_cropped(self):
        image = np.zeros((3, 128, 256), np.uint8)
        image[:, 32:96, 96:160] = 200
        assert filter_images.small_copy(image, cropped=False).shape == (3, 32, 64)
        cropped = filter_images.small_copy(image, cropped=True)
        assert cropped.shape == (3, 64, 64)
        assert (cropped == 200).all()
        assert filter_images.small_copy(image[:, :64, :64], cropped=False).shape == (3, 64, 64)

    def test_a_smaller_copy_is_announced(self):
        app = opened(made(channels=3, side=100))
        assert any("100×100 px; this is a part or a smaller copy of 64×64 px" in each.value for each in app.caption)

    def test_names_that_repeat_are_numbered(self):
        app = opened(made(classes=2))
        options = widget(app.get("button_group"), "Large").options
        assert [getattr(each, "content", each) for each in options] == [
            "class a 1",
            "class b 1",
            "class a 2",
            "class b 2",
        ]


def test_a_click_fixes_the_pixel_and_a_second_one_changes_nothing(monkeypatch):
    def chosen(*points):
        return SimpleNamespace(selection=SimpleNamespace(points=list(points)))

    state = {"chart": chosen({"x": 4, "y": 2})}
    monkeypatch.setattr(filters.st, "session_state", state)
    filters._clicked("chart", "made")
    state["chart"] = chosen()  # what plotly reports when the pixel is clicked again
    filters._clicked("chart", "made")
    assert (state["filters-row-made"], state["filters-column-made"], state["filters-fixed-made"]) == (2, 4, True)


def test_size_text_tells_height_and_width_apart_where_they_differ():
    assert filters.size_text((28, 28), (5, 5), 2, 1).endswith("⌊(28 − 5 + 2·2) / 1⌋ + 1 = **28**")
    assert filters.size_text((10, 20), (3, 3), 0, 2).endswith("**4** high, ⌊(20 − 3 + 2·0) / 2⌋ + 1 = **9** wide")


def test_the_section_needs_no_torch():
    code = "import sys, cvcore.ui.datasets.filters; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
