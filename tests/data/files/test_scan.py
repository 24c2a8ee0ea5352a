"""Scans: every file once, stopped and resumed, nothing lost and nothing changed on the user's disk."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cvcore.data import store
from cvcore.data.files import layout, report, scan
from cvcore.errors import DataError

ROOT = Path(__file__).resolve().parents[3]


class Stopped(BaseException):
    """As a page's script is stopped: not an Exception."""


def make_set(folder: Path, per_class: int = 150, size=lambda number: (32, 32), mode: str = "RGB") -> Path:
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (folder / name).mkdir(parents=True)
        for number in range(per_class):
            width, height = size(number)
            pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
            Image.fromarray(pixels).convert(mode).save(folder / name / f"{number:04}.png", compress_level=1)
    return folder


def listed(folder: Path) -> layout.Listing:
    return layout.list_images(folder, layout.walk(folder))


def scanned(folder: Path, target: Path, size: int = 0, fit: str = "crop", on_progress=scan.ignore):
    target.mkdir(exist_ok=True)
    scan.scan(listed(folder), "mine", target, size, fit, on_progress)
    return store.read(target)


def state(folder: Path) -> dict:
    return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in folder.rglob("*")}


def test_images_arrive_unchanged_in_their_split_with_their_label(tmp_path):
    folder = make_set(tmp_path / "set", 20)
    dataset = scanned(folder, tmp_path / "out")
    for split in ("train", "test"):
        used = report.used(dataset, split)
        assert used["index"].tolist() == list(range(len(used)))
        for path, index in zip(used["path"], used["index"], strict=True):
            theirs = np.asarray(Image.open(folder / path)).transpose(2, 0, 1)
            assert (dataset.split(split).images[index] == theirs).all()
            assert dataset.classes[dataset.split(split).labels[index]] == path.split("/")[0]
    assert len(dataset.train) + len(dataset.test) == 40


def test_one_bad_file_never_hides_the_good_ones_and_nothing_on_disk_changes(tmp_path):
    folder = make_set(tmp_path / "set", 20)
    (folder / "cat" / "0003.png").write_bytes(b"")
    (folder / "dog" / "0005.png").write_bytes((folder / "dog" / "0005.png").read_bytes()[:900])
    (folder / "dog" / "Thumbs.db").write_bytes(b"x")
    before = state(folder)
    dataset = scanned(folder, tmp_path / "out")
    assert state(folder) == before
    files = report.of(dataset).set_index("path")
    assert (files["status"] == report.USED).sum() == 38
    assert files.loc["cat/0003.png", "note"] == "zero bytes"
    assert files.loc["dog/0005.png", "status"] == report.ASIDE
    assert files.loc["dog/Thumbs.db", "status"] == report.IGNORED
    # what stands behind a file that was set aside has moved up by one, in images and labels alike
    used = report.used(dataset, "train")
    last = used.iloc[-1]
    theirs = np.asarray(Image.open(folder / last["path"])).transpose(2, 0, 1)
    assert (dataset.train.images[last["index"]] == theirs).all()


@pytest.mark.parametrize("stops", [[64], [64, 128, 192], [1, 100, 250]])
def test_a_stopped_scan_goes_on_and_gives_the_same(tmp_path, stops):
    folder = make_set(tmp_path / "set")
    whole = scanned(folder, tmp_path / "whole")
    begun = []
    for stop in stops:

        def until(done, total, stop=stop):
            begun.append(done)
            if done >= stop:
                raise Stopped

        with pytest.raises(Stopped):
            scanned(folder, tmp_path / "parts", on_progress=until)
    heard = []
    parts = scanned(folder, tmp_path / "parts", on_progress=lambda done, total: heard.append(done))
    assert heard[0] > max(begun)  # it did not begin again
    assert parts.fingerprint == whole.fingerprint
    assert report.of(parts).equals(report.of(whole))


def test_a_killed_scan_goes_on_and_gives_the_same(tmp_path):
    folder = make_set(tmp_path / "set", 400)
    whole = scanned(folder, tmp_path / "whole")
    script = (
        "import sys, time; from pathlib import Path; from cvcore.data.files import layout, scan\n"
        "root, out = map(Path, sys.argv[1:]); out.mkdir(exist_ok=True)\n"
        "slow = lambda done, total: time.sleep(0.2)\n"
        "scan.scan(layout.list_images(root, layout.walk(root)), 'mine', out, 0, 'crop', slow)"
    )
    out = tmp_path / "killed"
    for kill in range(3):
        process = subprocess.Popen([sys.executable, "-c", script, str(folder), str(out)], cwd=ROOT)
        wanted = 130 * (kill + 1)  # lines of notes
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None:
            if (out / scan.NOTES).is_file() and (out / scan.NOTES).read_bytes().count(b"\n") > wanted:
                break
            time.sleep(0.02)
        process.kill()
        process.wait(20)
    heard = []
    again = scanned(folder, out, on_progress=lambda done, total: heard.append(done))
    assert heard[0] > 64  # of 800: what was done before is not done again
    assert again.fingerprint == whole.fingerprint


@pytest.mark.parametrize("torn", ["notes", "images", "both", "nonsense"])
def test_notes_that_do_not_fit_the_images_are_not_believed(tmp_path, torn):
    folder = make_set(tmp_path / "set")
    whole = scanned(folder, tmp_path / "whole")
    with pytest.raises(Stopped):
        scanned(folder, tmp_path / "out", on_progress=lambda done, total: stop_at(done, 128))
    notes, images = tmp_path / "out" / scan.NOTES, tmp_path / "out" / "train_images.npy"
    if torn in ("notes", "both"):
        notes.write_bytes(notes.read_bytes()[:-7])
    if torn in ("images", "both"):
        os.truncate(images, images.stat().st_size // 2)
    if torn == "nonsense":
        notes.write_text('{"channels": "many"}\n[1]\n')
    assert scanned(folder, tmp_path / "out").fingerprint == whole.fingerprint


def stop_at(done: int, last: int) -> None:
    if done >= last:
        raise Stopped


def test_grey_images_stay_grey_and_one_in_colour_makes_the_set_coloured(tmp_path):
    folder = make_set(tmp_path / "set", 100, mode="L")
    assert scanned(folder, tmp_path / "grey").image_shape == (1, 32, 32)
    odd = listed(folder).paths[1]  # not among the sampled headers: every third or so is
    Image.fromarray(np.full((32, 32, 3), (255, 0, 0), np.uint8)).save(folder / odd)
    dataset = scanned(folder, tmp_path / "colour")
    assert dataset.image_shape == (3, 32, 32)
    assert len(dataset.train) + len(dataset.test) == 200


def test_images_of_many_sizes_come_at_64_pixels_or_as_asked(tmp_path):
    folder = make_set(tmp_path / "set", 5, size=lambda number: (40 + number, 30))
    assert scanned(folder, tmp_path / "a").image_shape == (3, 64, 64)
    assert scanned(folder, tmp_path / "b", size=20, fit="stretch").image_shape == (3, 20, 20)


def test_images_of_one_small_size_keep_it_even_if_not_square(tmp_path):
    folder = make_set(tmp_path / "set", 5, size=lambda number: (40, 30))
    assert scanned(folder, tmp_path / "out").image_shape == (3, 30, 40)


def test_a_set_without_one_usable_image_says_so(tmp_path):
    folder = make_set(tmp_path / "set", 3)
    for path in folder.rglob("*.png"):
        path.write_bytes(b"")
    with pytest.raises(DataError, match=r"6 of 6 files were set aside \(the first: zero bytes\)"):
        scanned(folder, tmp_path / "out")
