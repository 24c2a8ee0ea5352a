"""The command `data` on real and on damaged images: the numbers that the Datasets page shows."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cvcore.cli import main

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("CVCORE_SHARED_DATA") or ROOT.parent / "shared" / "data")


@pytest.fixture(autouse=True)
def own_data_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("CVCORE_DATA", str(tmp_path / "data"))


@pytest.fixture
def folder(tmp_path) -> Path:
    """train/ and val/ with ants and bees: one copy across, one inside, one empty file, one text file."""
    rng, root = np.random.default_rng(0), tmp_path / "my set"
    for split, count in (("train", 8), ("val", 4)):
        for name in ("ants", "bees"):
            (root / split / name).mkdir(parents=True)
            for number in range(count):
                pixels = rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)
                picture = Image.fromarray(pixels).resize((48, 32), Image.Resampling.BICUBIC)
                picture.save(root / split / name / f"{number}.png")
    first = (root / "train" / "ants" / "0.png").read_bytes()
    (root / "train" / "ants" / "copy.png").write_bytes(first)
    (root / "val" / "bees" / "leak.png").write_bytes((root / "train" / "bees" / "1.png").read_bytes())
    (root / "train" / "ants" / "empty.png").write_bytes(b"")
    (root / "train" / "notes.txt").write_text("x")
    return root


def data(capsys, *arguments: str) -> dict:
    assert main(["data", *arguments, "--json"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return json.loads(captured.out)


def test_a_folder_is_the_contract(capsys, folder):
    found = data(capsys, str(folder))
    assert found["name"] == "my-set"
    assert found["splits"] == {
        "train": {"count": 17, "per_class": {"ants": 9, "bees": 8}},
        "test": {"count": 9, "per_class": {"ants": 4, "bees": 5}},
    }
    assert found["image"] == {"channels": 3, "height": 32, "width": 48}
    assert found["corrupt"] == [{"path": "train/ants/empty.png", "reason": "zero bytes"}]
    assert found["ignored"] == [{"path": "train/notes.txt", "reason": ".txt: not a type that image loaders take"}]
    assert found["duplicates"] == {
        "within": [["train/ants/0.png", "train/ants/copy.png"]],
        "across": [["train/bees/1.png", "val/bees/leak.png"]],
    }
    images = [
        np.asarray(Image.open(path)) / 255
        for path in sorted((folder / "train").rglob("*[0-9y].png"))
        if path.stat().st_size
    ]
    assert found["mean"] == pytest.approx(np.mean(images, axis=(0, 1, 2)).tolist(), abs=1e-9)
    assert found["std"] == pytest.approx(np.std(images, axis=(0, 1, 2)).tolist(), abs=1e-9)


def test_a_name_works_as_the_folder_did(capsys, folder):
    assert data(capsys, str(folder)) == data(capsys, "my-set")


def test_sizes_and_report(capsys, folder, tmp_path):
    found = data(capsys, str(folder), "--size", "16", "--report", str(tmp_path / "report.csv"))
    assert found["input"] == [3, 16, 16]
    lines = (tmp_path / "report.csv").read_text().splitlines()
    assert lines[0] == "path,class,split,index,width,height,status,note"
    assert len(lines) == 1 + 27 + 1  # a head, the images (one of them empty), a text


def test_a_set_of_arrays(capsys):
    from sklearn.datasets import load_digits

    found = data(capsys, "digits")
    assert found["image"] == {"channels": 1, "height": 28, "width": 28}
    counts = [
        sum(found["splits"][split]["per_class"][str(digit)] for split in ("train", "test")) for digit in range(10)
    ]
    assert counts == np.bincount(load_digits().target).tolist()
    assert found["corrupt"] == found["ignored"] == []


def test_a_folder_is_trained_on_like_any_set(capsys, folder):
    options = ["--model", "perceptron", "--epochs", "1", "--batch-size", "8", "--json"]
    assert main(["train", "--data", str(folder), *options]) == 0
    assert json.loads(capsys.readouterr().out)["config"]["data"]["name"] == "my-set"


def test_text_for_people_names_what_is_wrong(capsys, folder):
    assert main(["data", str(folder)]) == 0
    told = capsys.readouterr().out
    assert "train/ants/empty.png: zero bytes" in told
    assert "train/bees/1.png = val/bees/leak.png" in told


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere/at/all"], "there is no folder or zip 'nowhere/at/all'"),
        ([""], "unknown data set ''"),
        (["digits", "--size", "0.5"], "size: given '0.5'"),
        (["digits", "--size", "5000"], "size: given '5000'"),
        (["digits", "--fit", "zoom"], "fit: given 'zoom', it should be crop, stretch, or crop-256"),
        (["digits", "--report", "x.csv"], "digits has no report on files"),
    ],
)
def test_bad_input_is_one_line(capsys, arguments, message):
    assert main(["data", *arguments]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1


@pytest.mark.skipif(not (SHARED / "PetImages").is_dir(), reason="the photographs are not here")
def test_real_photographs(capsys):
    found = data(capsys, str(SHARED / "PetImages"))
    assert found["corrupt"] == [
        {"path": "Cat/666.jpg", "reason": "zero bytes"},
        {"path": "Dog/11702.jpg", "reason": "truncated: the end of the file is missing"},
    ]
    assert [each["path"] for each in found["ignored"]] == ["Dog/Thumbs.db"]
    assert sum(split["count"] for split in found["splits"].values()) == 1200


@pytest.mark.skipif(not (SHARED / "MNIST").is_dir(), reason="MNIST is not here")
def test_real_mnist(capsys, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "MNIST").symlink_to(SHARED / "MNIST")
    from cvcore.data import catalog

    # these files are cut from MNIST's own test file, which begins so
    assert catalog.open_dataset("mnist").train.labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert data(capsys, "mnist")["splits"]["train"]["count"] == 8000


def test_a_damaged_copy_can_be_made_and_trained_on(capsys):
    arguments = ["damage", "digits", "--label-noise", "0.2", "--name", "wrong-digits", "--json"]
    assert main(arguments) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["name"], found["base"], found["train"], found["test"]) == ("wrong-digits", "digits", 1437, 360)
    assert data(capsys, "wrong-digits")["fingerprint"] == found["fingerprint"] != data(capsys, "digits")["fingerprint"]
    assert main(["train", "--data", "wrong-digits", "--model", "perceptron", "--epochs", "1", "--json"]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["digits"], "nothing to damage"),
        (["digits", "--blur", "much"], "blur: given 'much'"),
        (["digits", "--label-noise", "2"], "label_noise: given '2'"),
        (["digit", "--blur", "1"], "unknown data set 'digit'"),
        (["digits", "--blur", "1", "--name", "shapes"], "'shapes' is the name of another set already"),
    ],
)
def test_damage_that_cannot_be_done_is_one_line(capsys, arguments, message):
    assert main(["damage", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert main(["datasets"]) == 0
    assert "digits-" not in capsys.readouterr().out


def test_a_set_without_test_images_is_refused_before_training(capsys, tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / "single" / name).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(tmp_path / "single" / name / "1.png")
    options = ["--model", "perceptron", "--epochs", "1", "--batch-size", "1"]
    assert main(["train", "--data", str(tmp_path / "single"), *options]) == 2
    assert "single has no test image that can be used" in capsys.readouterr().err
