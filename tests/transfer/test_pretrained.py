"""Networks that know ImageNet, against torchvision's own path from a picture to probabilities."""

import io
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image

from cvcore.errors import DataError, ModelError
from cvcore.plots.named import Line, cut, named_picture
from cvcore.transfer import pretrained, weight_files
from cvcore.transfer.class_names import read_names
from tests.cli import refused, run_json

FILE = "mobilenet_v2-b0353104.pth"
KEY = "torchvision:MobileNet_V2_Weights.IMAGENET1K_V1"
WEIGHTS = torchvision.models.MobileNet_V2_Weights.IMAGENET1K_V1


@pytest.fixture(scope="module")
def state():
    """A MobileNetV2 in torchvision's own format that prefers some classes: random, with a bias."""
    torch.manual_seed(0)
    found = torchvision.models.mobilenet_v2(weights=None).state_dict()
    return {**found, "classifier.1.bias": 2 * torch.randn(1000)}


@pytest.fixture
def hub(monkeypatch, tmp_path, state):
    """torch's folder of downloaded weights, with that network's in it."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    torch.save(state, folder / FILE)
    return folder


@pytest.fixture
def photo(tmp_path):
    """A file with a picture that is wider than high."""
    noise = np.random.default_rng(0).integers(0, 256, (30, 45, 3), dtype=np.uint8)
    file = tmp_path / "photo.png"
    Image.fromarray(noise).resize((450, 300)).save(file)
    return file


def theirs(state, picture: Image.Image) -> torch.Tensor:
    """The probabilities that torchvision's own network gives after the weights' own transform."""
    model = torchvision.models.mobilenet_v2(weights=None).eval()
    model.load_state_dict(state)
    with torch.inference_mode():
        return model(WEIGHTS.transforms()(picture)[None]).softmax(1)[0]


class TestLook:
    def test_as_torchvision_does(self, hub, state, photo):
        network, picture = pretrained.load(KEY), Image.open(photo)
        sight = network.look(picture)
        values, labels = theirs(state, picture).topk(5)
        assert [each.label for each in sight.top] == labels.tolist()
        assert [each.probability for each in sight.top] == pytest.approx(values.tolist(), abs=1e-6)
        assert [each.name for each in sight.top] == [WEIGHTS.meta["categories"][label] for label in labels]
        assert np.array_equal(sight.tensor, WEIGHTS.transforms()(picture).numpy())
        assert network.params == 3_504_872  # as torchvision's meta says
        assert len(sight.seconds) == pretrained.TIMED and 0 < min(sight.seconds) <= sight.median

    def test_the_part_that_is_seen(self, hub, photo):
        # 450 × 300: the shorter side becomes 256, of which 224 are kept: 300 · 224/256 = 262.5 pixels of the picture,
        # 262.5/300 = 0.875 of its height and 262.5/450 = 0.58333 of its width
        left, top, right, bottom = pretrained.load(KEY).look(Image.open(photo)).box
        assert (right - left, bottom - top) == pytest.approx((0.583333, 0.875), abs=1e-5)
        assert (left + right, top + bottom) == pytest.approx((1, 1))

    def test_grey_pictures_and_small_ones(self, hub):
        sight = pretrained.load(KEY).look(Image.new("L", (20, 9), 128))
        assert sight.tensor.shape == (3, 224, 224) and len(sight.top) == 5

    @pytest.mark.parametrize("size", [(60_000, 1), (1, 5_000), (1, 1)])
    def test_a_line_of_pixels_is_not_scaled_up_to_billions(self, hub, size):
        sight = pretrained.load(KEY).look(Image.new("RGB", size, "red"))
        assert sight.tensor.shape == (3, 224, 224)

    def test_a_network_by_its_name_takes_the_weights_that_are_here(self, hub):
        assert pretrained.load("mobilenet_v2").key == KEY  # V2 is recommended, and not here

    def test_a_file_of_ones_own(self, hub, state, photo, monkeypatch, tmp_path):
        monkeypatch.setenv("CVCORE_DATA", str(tmp_path / "data"))
        buffer = io.BytesIO()
        torch.save(state, buffer)
        key = weight_files.keep(weight_files.read(buffer.getvalue(), "mine.pth"), "mine.pth", "mobilenet_v2")
        sight = pretrained.load(key).look(Image.open(photo))
        assert [each.label for each in sight.top] == theirs(state, Image.open(photo)).topk(5).indices.tolist()

    def test_a_file_with_other_classes(self, hub, monkeypatch, tmp_path):
        monkeypatch.setenv("CVCORE_DATA", str(tmp_path / "data"))
        buffer = io.BytesIO()
        torch.save(torchvision.models.mobilenet_v2(weights=None, num_classes=7).state_dict(), buffer)
        key = weight_files.keep(weight_files.read(buffer.getvalue(), "seven.pth"), "seven.pth", "mobilenet_v2")
        with pytest.raises(ModelError, match=r"seven.pth gives 7 classes, ImageNet has 1,000"):
            pretrained.load(key)

    def test_weights_that_name_nothing(self, hub):
        with pytest.raises(ModelError, match="publishes no weights of lenet5"):
            pretrained.load("lenet5")
        with pytest.raises(ModelError, match="are not on disk: download them"):
            pretrained.load("vgg16")


class TestNames:
    @pytest.mark.parametrize(
        "content",
        ["猫\n狗\n鱼\n", '["猫", "狗", "鱼"]', '{"1": "狗", "0": "猫", "2": ["n01", "鱼"]}', "\ufeff猫\r\n狗\r\n鱼"],
    )
    def test_a_line_each_or_json(self, content):
        assert read_names(content.encode(), "names", 3) == ("猫", "狗", "鱼")

    @pytest.mark.parametrize(
        ("content", "cause"),
        [
            (b"a\nb", "it holds 2;"),
            (b"a\n\nc", "that of class 1 is empty"),
            (b"\xff\xfea", "no text in UTF-8"),
            (b"[1, 2", "begins as JSON and is none"),
            (b"[" * 100_000, "begins as JSON and is none"),
            (b"[1, 2, 3]", "some of its names are no texts"),
            (b'{"a": "b"}', "its keys are not the numbers 0 to 2"),
            (b"a" * 1_000_001, "at most 1,000,000 are read"),
        ],
    )
    def test_anything_else_is_one_line(self, content, cause):
        with pytest.raises(DataError, match="does not name the 3 classes: ") as told:
            read_names(content, "names.txt", 3)
        assert cause in str(told.value) and "\n" not in str(told.value)

    def test_signs_that_cannot_be_seen_are_left_out(self):
        assert read_names("a\u202eb\nc\x07\nd  e".encode(), "names", 3) == ("ab", "c", "d e")


class TestPicture:
    def test_names_and_numbers_are_drawn(self):
        lines = [Line("tabby <cat> & co", "虎斑猫", 0.5), Line("eel", "", 0.0001)]
        svg = ElementTree.fromstring(named_picture(Image.new("RGB", (600, 400)), lines, (0.1, 0, 0.9, 1)))
        texts = [each.text for each in svg.iter("{http://www.w3.org/2000/svg}text")]
        assert texts == ["tabby <cat> & co · 虎斑猫", "50.0%", "eel", "< 0.1%"]
        assert (svg.get("width"), svg.get("height")) == ("640", "427")

    def test_names_stand_below_a_picture_that_they_would_hide(self):
        svg = ElementTree.fromstring(named_picture(Image.new("L", (640, 100)), [Line("a", "", 0.5)] * 5))
        assert float(svg.get("height")) == 100 + 5 * 32 + 14

    def test_whatever_a_class_is_called(self):
        for box in (None, (0.0, 0.0, 1.0, 1.0)):
            svg = named_picture(Image.new("RGB", (5_000, 3)), [Line("a\x01b\ufffe\ud800<\n&", "", 0.5)], box)
            root = ElementTree.fromstring(svg)
            assert next(root.iter("{http://www.w3.org/2000/svg}text")).text == "ab< &"
            assert all(float(each.get("height")) >= 0 for each in root.iter("{http://www.w3.org/2000/svg}rect"))

    def test_wide_signs_need_more_room(self):
        assert cut("虎" * 40, 19 * 20) == "虎" * 19 + "…"
        assert cut("short", 200) == "short"


class TestCommand:
    def test_json(self, hub, state, photo, tmp_path, capsys):
        (tmp_path / "zh.txt").write_text("\n".join(f"名{number}" for number in range(1000)), encoding="utf-8")
        told = run_json(
            capsys, "predict", "mobilenet_v2", str(photo), "--names", str(tmp_path / "zh.txt"), "--draw",
            str(tmp_path / "drawn"),
        )  # fmt: skip
        assert told["weights"] == KEY and told["refused"] == []
        (row,) = told["predictions"]
        labels = theirs(state, Image.open(photo)).topk(5).indices.tolist()
        assert [(each["label"], each["second_name"]) for each in row["top"]] == [(k, f"名{k}") for k in labels]
        drawn = ElementTree.parse(row["drawn"])
        assert f"名{labels[0]}" in "".join(drawn.getroot().itertext())
        assert row["seconds"] > 0

    def test_a_recipe_that_trains_nothing(self, hub, photo, capsys):
        assert "weights --download torchvision:VGG16_Weights.IMAGENET1K_V1" in refused(
            capsys, "predict", "--recipe", "vgg16-imagenet-top5", str(photo)
        )

    def test_pictures_are_asked_for(self, capsys):
        assert "given no picture for vgg16" in refused(capsys, "predict", "vgg16")

    def test_pictures_of_one_name_are_drawn_into_files_of_their_own(self, hub, photo, tmp_path, capsys):
        (tmp_path / "a").mkdir()
        other = tmp_path / "a" / "photo.jpg"
        Image.open(photo).save(other)
        told = run_json(capsys, "predict", "mobilenet_v2", str(photo), str(other), "--draw", str(tmp_path / "drawn"))
        drawn = {row["drawn"] for row in told["predictions"]}
        assert drawn == {str(path) for path in (tmp_path / "drawn").iterdir()} and len(drawn) == 2

    def test_a_name_that_is_neither_run_nor_network(self, capsys):
        assert "unknown run or network 'vgg61' (did you mean vgg" in refused(capsys, "predict", "vgg61", "a.jpg")

    def test_names_that_are_too_few(self, hub, photo, tmp_path, capsys):
        (tmp_path / "few.txt").write_text("one\ntwo")
        told = refused(capsys, "predict", "mobilenet_v2", str(photo), "--names", str(tmp_path / "few.txt"))
        assert "few.txt does not name the 1,000 classes: it holds 2;" in told
