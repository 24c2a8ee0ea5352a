"""The Datasets page through AppTest: pictures, statistics, what is wrong with a set, and one's own images."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cvcore import paths
from cvcore.data import catalog, own
from tests.pages.helpers import button, checked, figure, metrics, numbers, widget


@pytest.fixture
def photos(tmp_path) -> Path:
    """Two classes of small photographs of two sizes, with a copy across splits, an empty file and a text."""
    rng, root = np.random.default_rng(0), tmp_path / "photos"
    for split, count in (("train", 8), ("test", 4)):
        for name in ("cat", "dog"):
            (root / split / name).mkdir(parents=True)
            for number in range(count):
                small = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8))
                size = (60, 40 + 10 * (number % 2))
                small.resize(size, Image.Resampling.BICUBIC).save(root / split / name / f"{number}.png")
    (root / "test" / "dog" / "leak.png").write_bytes((root / "train" / "cat" / "1.png").read_bytes())
    (root / "train" / "cat" / "empty.jpg").write_bytes(b"")
    (root / "train" / "notes.txt").write_text("x")
    return root


@pytest.fixture
def own_data_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("CVCORE_DATA", str(tmp_path / "data"))


@pytest.fixture
def mine(own_data_folder, photos) -> str:
    return catalog.resolve(str(photos))


def test_numbers_of_the_digits(page):
    found = metrics(page("datasets"))
    expected = {"Training images": "1,437", "Test images": "360", "Classes": "10", "Image size (px)": "1×28×28"}
    assert {label: found[label] for label in expected} == expected


def test_counts_in_the_chart_are_those_of_scikit_learn(page):
    from sklearn.datasets import load_digits

    bars = figure(page("datasets", view="Statistics"), 0)["data"]
    total = np.add(*(numbers(bar["y"]) for bar in bars))
    assert total.tolist() == np.bincount(load_digits().target).tolist()


def test_a_class_can_be_chosen(page):
    app = page("datasets")
    widget(app.multiselect, "Classes").select(3)
    checked(app.run())
    assert any("of 146. Click one." in each.value for each in app.caption)  # training images of the digit 3


@pytest.mark.parametrize(("name", "size"), [("glyphs", "1×28×28"), ("shapes", "3×32×32")])
def test_a_link_opens_its_set(page, name, size):
    assert metrics(page("datasets", data=name))["Image size (px)"] == size


def test_what_is_not_there_offers_its_download(page):
    app = page("datasets", data="mnist")
    assert button(app, "Download 12 MB")
    assert "needs a download of 12 MB" in app.info[0].value


@pytest.mark.parametrize("view", ["Images", "Statistics", "Quality", "Transforms", "Filters", "Map", "Damage"])
@pytest.mark.parametrize("data", ["digits", "shapes"])
def test_every_section_opens(page, view, data):
    app = page("datasets", data=data, view=view)
    assert not app.error
    assert metrics(app)["Classes"] == "10"


@pytest.mark.parametrize("order", ["darkest first", "brightest first"])
def test_order_by_brightness(page, order):
    app = page("datasets", split="test")
    widget(app.selectbox, "Order").select(order)
    checked(app.run())
    images = catalog.open_dataset("digits").test.images
    brightness = images.mean(axis=(1, 2, 3))
    wanted = brightness.argmin() if order == "darkest first" else brightness.argmax()
    assert f"test image {wanted}" in " ".join(each.value for each in app.markdown)


def test_a_range_of_brightness(page):
    app = page("datasets")
    widget(app.slider, "Brightness (%)").set_range(0, 25)
    checked(app.run())
    brightness = catalog.open_dataset("digits").train.images.mean(axis=(1, 2, 3)) / 255
    assert any(f"of {(brightness <= 0.25).sum():,}. Click one." in each.value for each in app.caption)


def test_the_large_image_has_the_pixels_of_the_first(page):
    app = page("datasets")
    shown = np.array(numbers(figure(app, 1)["data"][0]["z"])).reshape(28, 28)
    assert (shown == catalog.open_dataset("digits").train.images[0, 0]).all()
    image = catalog.open_dataset("digits").train.images[0]
    assert metrics(app)["Pixel range"] == f"{image.min()}–{image.max()}"


def test_ones_own_folder_shows_files_leaks_and_sizes(page, mine):
    app = page("datasets", data=mine)
    assert metrics(app)["Training images"] == "16"
    assert "60 × 40 px" in " ".join(each.value for each in app.caption)
    app = page("datasets", data=mine, view="Quality")
    found = metrics(app)
    assert (found["Used"], found["Set aside"], found["Ignored"]) == ("25", "1", "1")
    assert (found["Across splits"], found["With two labels"]) == ("1", "1")
    assert "1 image is in two splits" in app.warning[0].value
    files = app.dataframe[0].value.set_index("path")["note"].to_dict()
    assert files["train/cat/empty.jpg"] == "zero bytes"
    app = page("datasets", data=mine, view="Statistics")
    assert any("Width 60 to 60, height 40 to 50 pixels" in each.value for each in app.caption)


def test_a_folder_that_is_gone_says_so_and_can_be_removed(page, mine, photos):
    photos.rename(photos.with_name("moved"))
    app = page("datasets", data=mine)
    assert "is gone" in app.warning[0].value
    button(app, "Remove").click()
    checked(app.run())
    assert mine not in own.sets()


def test_a_working_size_is_kept_in_the_address(page):
    assert metrics(page("datasets", data="digits", size="32"))["Image size (px)"] == "1×32×32"


def test_a_zip_with_refused_files_tells_them(page, own_data_folder, tmp_path, photos):
    packed = tmp_path / "photos.zip"
    with zipfile.ZipFile(packed, "w") as file:
        for path in photos.rglob("*.png"):
            file.write(path, path.relative_to(photos))
        file.writestr("../x.png", b"x")
    name, _ = own.add_zip(packed, "photos.zip", catalog.built_in_names())
    app = page("datasets", data=name)
    assert any("1 file of the zip was not unpacked" in each.label for each in app.expander)
    assert paths.data_dir() in Path(own.sets()[name]["folder"]).parents


def test_all_sets_are_listed_with_state_size_and_licence(page):
    app = page("datasets")
    button(app, "All sets").click()
    table = checked(app.run()).dataframe[0].value.set_index("name")
    assert table.loc["digits", ["state", "classes", "images"]].tolist() == ["bundled", 10, 1797]
    assert table.loc["mnist", ["state", "download"]].tolist() == ["needs download", 11.6]
    assert (table["licence"] != "").all()


def test_order_by_class_and_a_range_of_sizes(page, mine):
    app = page("datasets", data=mine)
    widget(app.selectbox, "Order").select("by class")
    checked(app.run())
    assert catalog.open_dataset(mine).train.labels[0] == 0
    assert any(each.value.startswith("**cat** ·") for each in app.markdown)
    widget(app.slider, "Shorter side (px)").set_range(40, 45)  # every other image is 40 pixels high, the others 50
    checked(app.run())
    assert any("of 8. Click one." in each.value for each in app.caption)
