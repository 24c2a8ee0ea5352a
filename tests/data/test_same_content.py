"""The same images at another place or time are not decoded again, and no set harms another by going."""

import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cvcore import paths
from cvcore.data import catalog, own, stats, store, twins
from cvcore.data.dataset import Dataset
from cvcore.data.files import content, layout, report, scan
from cvcore.data.files.decode import Form
from cvcore.errors import DataError
from tests.data.files.test_scan import ROOT, Stopped, make_set


@pytest.fixture(autouse=True)
def own_data_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("CVCORE_DATA", str(tmp_path / "data"))
    yield
    catalog._opened.cache_clear()


@pytest.fixture
def decoded(monkeypatch) -> list[Path]:
    """The files that were decoded."""
    files = []

    def counted(path, form, decode=scan.decode):
        files.append(path)
        return decode(path, form)

    monkeypatch.setattr(scan, "decode", counted)
    return files


@pytest.fixture
def photos(tmp_path) -> Path:
    """40 images with one that is damaged, and a file that is none."""
    folder = make_set(tmp_path / "photos", 20)
    (folder / "cat" / "0003.png").write_bytes(b"\x89PNG")
    (folder / "notes.txt").write_text("x")
    return folder


def opened(folder: Path, size: int = 0, fit: str = "crop", on_progress=scan.ignore) -> Dataset:
    return catalog.open_dataset(catalog.resolve(str(folder)), size, fit, on_progress)


def stored() -> list[str]:
    return sorted(folder.name for folder in (paths.data_dir() / ".store").iterdir() if folder.is_dir())


def same(first: Dataset, second: Dataset) -> bool:
    """Whether two sets are alike to the last byte of images, labels and report."""
    pairs = [(first.split(name), second.split(name)) for name in ("train", "test")]
    alike = all((a.images == b.images).all() and (a.labels == b.labels).all() for a, b in pairs)
    return alike and first.fingerprint == second.fingerprint and report.of(first).equals(report.of(second))


def test_a_copied_folder_is_not_decoded_again(photos, tmp_path, decoded):
    first = opened(photos)
    assert len(decoded) == 40
    heard = []
    copy = shutil.copytree(photos, tmp_path / "copy")
    second = opened(copy, on_progress=lambda done, total: heard.append((done, total)))
    assert len(decoded) == 40
    assert heard == [(39, 40), (40, 40)]  # the end is told when it is sure to be one
    assert (first.name, second.name) == ("photos", "copy")
    assert same(first, second)
    assert len(stored()) == 2


def test_a_moved_folder_is_not_decoded_again(photos, tmp_path, decoded):
    first = opened(photos)
    assert same(first, opened(photos.rename(tmp_path / "moved")))
    assert len(decoded) == 40


def test_touched_files_are_not_decoded_again_and_their_old_form_goes(photos, decoded):
    first = opened(photos)
    assert len(report.of(first)) == 41
    for path in photos.rglob("*.png"):
        os.utime(path)
    time.sleep(0.1)  # what a walk found holds for a moment
    second = opened(photos)
    assert len(decoded) == 40
    assert same(first, second)
    assert stored() == [second.folder.name] != [first.folder.name]


def test_what_was_measured_comes_along(photos, tmp_path, monkeypatch):
    stats.of(opened(photos))
    copy = opened(shutil.copytree(photos, tmp_path / "copy"))
    monkeypatch.setattr(stats, "_measure", None)
    assert stats.of(copy)["train"].pixels


def test_a_byte_that_changed_in_secret_is_seen(photos, tmp_path, decoded):
    """The same size and the same time of writing: only the time of the entry itself, and the content, tell."""
    (photos / "dog" / "0001.png").unlink()
    pixels = np.zeros((32, 32, 3), np.uint8)
    file = photos / "dog" / "0001.bmp"  # of which a byte is a pixel
    Image.fromarray(pixels).save(file)
    first = opened(photos)
    status = file.stat()
    raw = bytearray(file.read_bytes())
    raw[-1] = 255
    file.write_bytes(raw)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (status.st_size, status.st_mtime_ns)
    copy = shutil.copytree(photos, tmp_path / "copy")
    heard = []
    assert opened(copy, on_progress=lambda done, total: heard.append((done, total))).fingerprint != first.fingerprint
    assert heard == [(39, 40), (40, 40)]  # compared, which is not the end of it; then decoded
    if os.name != "nt":  # Windows keeps no time of change
        time.sleep(0.1)
        assert opened(photos).fingerprint != first.fingerprint


@pytest.mark.parametrize("change", ["rename", "swap", "add", "remove", "move"])
def test_other_names_are_another_content(photos, tmp_path, decoded, change):
    opened(photos)
    copy = shutil.copytree(photos, tmp_path / "copy")
    one, two = copy / "dog" / "0001.png", copy / "dog" / "0002.png"
    if change == "rename":
        one.rename(copy / "dog" / "9999.png")
    elif change == "swap":  # two files of one size, so that only their content tells
        size = max(one.stat().st_size, two.stat().st_size)
        for folder in (photos, copy):
            for name in (one.name, two.name):
                with (folder / "dog" / name).open("ab") as file:
                    file.write(bytes(size - file.tell()))  # decoders stop at the image's end
        time.sleep(0.1)
        opened(photos)
        first = one.read_bytes()
        one.write_bytes(two.read_bytes())
        two.write_bytes(first)
    elif change == "add":
        shutil.copy(one, copy / "dog" / "9999.png")
    elif change == "remove":
        one.unlink()
    else:
        one.rename(copy / "cat" / "9999.png")
    decoded.clear()
    opened(copy)
    assert {path.parent.parent for path in decoded} == {copy}


def test_a_file_that_nobody_loads_costs_nothing_and_is_told(photos, tmp_path, decoded):
    first = opened(photos)
    copy = shutil.copytree(photos, tmp_path / "copy")
    (copy / "cat" / ".DS_Store").write_bytes(b"x")
    second = opened(copy)
    assert len(decoded) == 40
    ignored = [
        files.loc[files["status"] == report.IGNORED, "path"].tolist() for files in map(report.of, (first, second))
    ]
    assert ignored == [["notes.txt"], ["cat/.DS_Store", "notes.txt"]]


@pytest.mark.parametrize("goes", ["photos", "copy"])
def test_one_set_goes_and_the_other_stays(photos, tmp_path, goes):
    opened(photos)
    opened(shutil.copytree(photos, tmp_path / "copy"))
    own.forget(goes)
    catalog._opened.cache_clear()
    (left,) = {"photos", "copy"} - {goes}
    kept = catalog.open_dataset(left)
    assert len(stored()) == 1
    assert kept.fingerprint == store.fingerprint(kept)
    assert len(report.of(kept)) == 41


def test_a_changed_set_leaves_its_twin_as_it_was(photos, tmp_path):
    first = opened(photos)
    copy = shutil.copytree(photos, tmp_path / "copy")
    opened(copy)
    Image.new("RGB", (32, 32)).save(copy / "cat" / "new.png")
    time.sleep(0.1)
    assert opened(copy).fingerprint != first.fingerprint
    catalog._opened.cache_clear()
    again = opened(photos)
    assert again.fingerprint == first.fingerprint == store.fingerprint(again)


def test_each_form_is_decoded_for_itself(photos, tmp_path, decoded):
    opened(photos)
    opened(photos, 16)
    assert len(decoded) == 80
    copy = shutil.copytree(photos, tmp_path / "copy")
    assert opened(copy, 16).image_shape == (3, 16, 16)
    assert len(decoded) == 80
    opened(copy, 16, "stretch")
    assert len(decoded) == 120
    assert opened(copy).image_shape == (3, 32, 32)
    assert len(decoded) == 120


def test_the_size_that_a_set_has_anyway_is_the_same_form(tmp_path, decoded):
    folder = make_set(tmp_path / "set", 5, size=lambda number: (40 + number, 30))
    assert opened(folder).image_shape == opened(folder, 64).image_shape == (3, 64, 64)
    assert len(decoded) == 10
    if os.name != "nt":
        images = [file.stat().st_size for file in next(store.folders()[0].parent.glob("set-*")).iterdir()]
        assert store.bytes_of("set-.*") < 1.5 * sum(images)  # two names, one file


def test_a_zip_that_is_uploaded_twice_is_decoded_once(photos, tmp_path, decoded):
    packed = tmp_path / "pets.zip"
    with zipfile.ZipFile(packed, "w") as file:
        for path in photos.rglob("*.png"):
            file.write(path, path.relative_to(photos))
    names = []
    for _ in range(2):
        with packed.open("rb") as upload:
            names.append(own.add_zip(upload, packed.name)[0])
    first, second = map(catalog.open_dataset, names)
    assert names == ["pets", "pets-2"]
    assert same(first, second)
    assert len(decoded) == 40


def test_without_hard_links_files_are_copied(photos, tmp_path, decoded, monkeypatch):
    def refused(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    assert same(opened(photos), opened(shutil.copytree(photos, tmp_path / "copy")))
    assert len(decoded) == 40


def test_a_full_disk_while_copying_is_told_and_leaves_nothing(photos, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    opened(photos)
    copy = shutil.copytree(photos, tmp_path / "copy")
    monkeypatch.setattr(os, "link", full)
    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(DataError, match=r"cannot store copy-.*: no space left on device; free some space"):
        opened(copy)
    assert len(stored()) == 1


def test_forms_stored_before_there_were_outlines_open_and_are_no_candidates(photos, tmp_path, decoded):
    first = opened(photos)
    file = first.folder / store.META
    meta = json.loads(file.read_text())
    file.write_text(json.dumps({field: meta[field] for field in ("name", "classes", "fingerprint")}))
    catalog._opened.cache_clear()
    assert opened(photos).fingerprint == first.fingerprint
    assert len(decoded) == 40
    assert same(first, opened(shutil.copytree(photos, tmp_path / "copy")))
    assert len(decoded) == 80


@pytest.mark.parametrize("what", ["train_images.npy", "files.parquet", "meta.json"])
def test_a_damaged_form_is_no_candidate(photos, tmp_path, decoded, what):
    first = opened(photos)
    (first.folder / what).write_bytes(b"torn")
    copy = opened(shutil.copytree(photos, tmp_path / "copy"))
    assert len(decoded) == 80
    assert copy.fingerprint == first.fingerprint == store.fingerprint(copy)
    assert len(report.of(copy)) == 41


def test_a_form_that_is_removed_while_it_is_linked_is_not_used(photos, tmp_path, decoded, monkeypatch):
    first = opened(photos)
    copy = shutil.copytree(photos, tmp_path / "copy")

    def removed(file, name, link=twins._link):
        link(file, name)
        (first.folder / store.META).unlink(missing_ok=True)  # as a removal begins

    monkeypatch.setattr(twins, "_link", removed)
    opened(copy)
    assert len(decoded) == 80
    assert not [name for name in stored() if name.startswith(".")]


def test_comparing_can_be_stopped_and_harms_nothing(tmp_path, decoded):
    folder = make_set(tmp_path / "photos", 200)
    first = opened(folder)
    copy = shutil.copytree(folder, tmp_path / "copy")
    heard = []

    def stop(done, total):
        heard.append((done, total))
        raise Stopped

    with pytest.raises(Stopped):
        opened(copy, on_progress=stop)
    assert heard == [(64, 400)]
    assert len(stored()) == 1
    assert same(first, opened(copy))
    assert len(decoded) == 400


def test_a_scan_that_was_stopped_before_gives_way_to_what_another_has_decoded(tmp_path, decoded):
    folder = make_set(tmp_path / "photos", 200)
    copy = shutil.copytree(folder, tmp_path / "copy")

    def stop(done, total):
        raise Stopped

    with pytest.raises(Stopped):
        opened(copy, on_progress=stop)
    first = opened(folder)
    decoded.clear()
    assert same(first, opened(copy))
    assert decoded == []
    assert not [name for name in stored() if name.startswith(".")]


def test_what_a_killed_link_left_is_neither_used_nor_written_through(photos, tmp_path, decoded):
    first = opened(photos)
    copy = shutil.copytree(photos, tmp_path / "copy")
    script = (
        "import os, sys; from cvcore.data import catalog, twins\n"
        "link = twins._link\n"
        "twins._link = lambda file, name: (link(file, name), os._exit(7))\n"
        "catalog.open_dataset(catalog.resolve(sys.argv[1]))"
    )
    assert subprocess.run([sys.executable, "-c", script, str(copy)], cwd=ROOT).returncode == 7
    assert [name for name in stored() if name.endswith(".linked")]
    assert same(first, opened(copy))
    assert not [name for name in stored() if name.startswith(".")]
    own.forget("photos")
    second = catalog.open_dataset("copy")
    assert second.fingerprint == store.fingerprint(second)


def test_the_outline_is_told_without_opening_a_file(photos, tmp_path):
    copy = shutil.copytree(photos, tmp_path / "copy")
    for path in copy.rglob("*.png"):
        path.write_bytes(bytes(path.stat().st_size))
    first, second = (layout.list_images(folder, layout.walk(folder)) for folder in (photos, copy))
    form = Form(3, 32, 32)
    assert content.outline(first, form) == content.outline(second, Form(1, 32, 32))
    assert content.outline(first, form) != content.outline(first, Form(3, 32, 32, "stretch"))
    assert content.content(first) != content.content(second)


def test_the_store_may_be_deleted_while_a_set_is_scanned(tmp_path):
    folder = make_set(tmp_path / "photos", 100)

    def delete(done, total):
        shutil.rmtree(paths.data_dir() / ".store", ignore_errors=True)

    with pytest.raises(DataError, match=r"cannot store photos-.*; if it was deleted meanwhile, try again"):
        opened(folder, on_progress=delete)
    again = opened(folder)
    assert len(again.train) + len(again.test) == 200


def test_the_store_may_be_deleted_while_the_set_is_in_use(photos, decoded):
    first = opened(photos)
    pixels = first.train.images[:].copy()
    shutil.rmtree(paths.data_dir() / ".store")
    again = opened(photos)
    assert again.folder.is_dir()
    assert (again.train.images == pixels).all()
    assert len(report.of(again)) == 41
    assert len(decoded) == 80
