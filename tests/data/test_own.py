"""People's own sets: remembered by name, opened like any other, never changed on disk."""

import json
import os
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cvcore import paths
from cvcore.data import catalog, own
from cvcore.data.damage.plan import Damage
from cvcore.errors import DataError


@pytest.fixture(autouse=True)
def own_data_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("CVCORE_DATA", str(tmp_path / "data"))


@pytest.fixture
def photos(tmp_path) -> Path:
    return make_photos(tmp_path / "My Photos")


def make_photos(folder: Path, per_class: int = 10) -> Path:
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(per_class):
            Image.fromarray(rng.integers(0, 256, (20, 20, 3), dtype=np.uint8)).save(folder / name / f"{number}.png")
    return folder


def test_a_folder_becomes_a_set_with_a_name(photos):
    name = catalog.resolve(str(photos))
    assert name == "my-photos"
    assert catalog.resolve(str(photos)) == name  # known already
    assert catalog.resolve(name) == name
    dataset = catalog.open_dataset(name)
    assert dataset.classes == ("cat", "dog")
    assert (len(dataset.train), len(dataset.test)) == (16, 4)
    entry = catalog.entry(name)
    assert (entry.is_own, entry.state, entry.classes, entry.train, entry.image) == (True, "on disk", 2, 16, (3, 20, 20))


def test_a_second_folder_of_the_same_name_gets_a_number(tmp_path, photos):
    other = make_photos(tmp_path / "elsewhere" / "My Photos")
    assert [catalog.resolve(str(photos)), catalog.resolve(str(other))] == ["my-photos", "my-photos-2"]


def test_a_folder_never_takes_the_name_of_a_bundled_set(tmp_path):
    assert catalog.resolve(str(make_photos(tmp_path / "digits"))) == "digits-2"
    with pytest.raises(DataError, match="'digits' is the name of another set"):
        own.add_folder(tmp_path / "digits", "digits", catalog.built_in_names())


def test_a_changed_folder_is_read_again_and_the_old_form_goes(photos):
    first = catalog.open_dataset(catalog.resolve(str(photos)))
    before = first.fingerprint
    Image.new("RGB", (20, 20)).save(photos / "cat" / "new.png")
    again = catalog.open_dataset("my-photos")
    assert again.fingerprint != before
    assert len(again.train) + len(again.test) == 21
    stored = [folder.name for folder in (paths.data_dir() / ".store").iterdir() if folder.is_dir()]
    assert len(stored) == 1


def test_other_sizes_are_other_forms_of_the_same_set(photos):
    name = catalog.resolve(str(photos))
    assert catalog.open_dataset(name).image_shape == (3, 20, 20)
    assert catalog.open_dataset(name, 12).image_shape == (3, 12, 12)
    assert catalog.open_dataset(name).image_shape == (3, 20, 20)
    assert catalog.open_dataset("digits", 14).image_shape == (1, 14, 14)


def test_a_folder_that_is_gone_says_so(photos):
    name = catalog.resolve(str(photos))
    photos.rename(photos.with_name("moved"))
    assert catalog.entry(name).state == "missing"
    with pytest.raises(DataError, match="is gone, where the images were: put it back, or remove my-photos"):
        catalog.open_dataset(name)


def test_forgetting_a_set_leaves_the_images(photos):
    name = catalog.resolve(str(photos))
    catalog.open_dataset(name)
    own.forget(name)
    assert name not in catalog.names()
    assert len(list(photos.rglob("*.png"))) == 20
    assert [folder for folder in (paths.data_dir() / ".store").iterdir() if folder.is_dir()] == []
    with pytest.raises(DataError, match="unknown set of your own 'my-photos'"):
        own.forget(name)


def test_a_zip_is_unpacked_into_the_data_folder_and_forgotten_with_its_copy(tmp_path, photos):
    packed = tmp_path / "Pets.zip"
    with zipfile.ZipFile(packed, "w") as file:
        for path in photos.rglob("*.png"):
            file.write(path, path.relative_to(photos.parent))
        file.writestr("../outside.png", b"x")
        file.writestr("My Photos/notes.txt", b"x")
    name, told = own.add_zip(packed, packed.name, catalog.built_in_names())
    assert (name, told.files, len(told.refused)) == ("pets", 20, 2)
    assert not (tmp_path / "data" / "outside.png").exists()
    assert len(catalog.open_dataset(name).train) == 16
    own.forget(name)
    assert not (paths.data_dir() / "own" / "pets").exists()
    assert packed.exists()


def test_what_a_killed_unpacking_left_is_deleted_after_a_day(tmp_path, photos):
    place = paths.data_dir() / "own"
    old, new = place / ".pets-0123456789ab", place / ".pets-ba9876543210"
    for folder, age in ((old, 100_000), (new, 60)):
        (folder / "cat").mkdir(parents=True)
        os.utime(folder, (time.time() - age,) * 2)
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as file:
        for photo in photos.rglob("*.png"):
            file.write(photo, photo.relative_to(photos))
    own.add_zip(tmp_path / "photos.zip", "photos.zip")
    assert (old.exists(), new.exists()) == (False, True)  # the new one may still be at work


def test_a_zip_without_images_is_refused_and_leaves_nothing(tmp_path):
    packed = tmp_path / "texts.zip"
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("a/notes.txt", b"x")
    with pytest.raises(DataError, match="holds no images"):
        own.add_zip(packed, packed.name)
    assert own.sets() == {}
    assert not (paths.data_dir() / "own" / "texts").exists()


def test_a_damaged_copy_has_a_fingerprint_of_its_own_and_can_be_opened_at_another_size():
    damage = Damage(label_noise=0.2)
    own.add_damaged("digits", damage, "noisy-digits", catalog.built_in_names())
    clean, noisy = catalog.open_dataset("digits"), catalog.open_dataset("noisy-digits")
    assert noisy.fingerprint != clean.fingerprint
    # 20 % of 1,437 labels are 287.4
    assert (noisy.train.labels != clean.train.labels).sum() == 287
    assert catalog.open_dataset("noisy-digits", 14).image_shape == (1, 14, 14)
    assert "20 % of training labels wrong" in catalog.entry("noisy-digits").about


@pytest.mark.parametrize("content", ["", "[]", "{", '{"x": 3}', '{"x": {"folder": 7}}', '{"x": {"base": "digits"}}'])
def test_a_damaged_list_hides_no_bundled_set(content):
    (paths.data_dir() / "own").mkdir(parents=True)
    (paths.data_dir() / "own" / "sets.json").write_text(content)
    assert catalog.names() == catalog.built_in_names()


def test_a_copy_made_by_another_version_says_so():
    (paths.data_dir() / "own").mkdir(parents=True)
    sets = {"old": {"base": "digits", "damage": {"rust": 1}}}
    (paths.data_dir() / "own" / "sets.json").write_text(json.dumps(sets))
    with pytest.raises(DataError, match="old was made by another version"):
        catalog.open_dataset("old")
    assert catalog.entry("old").state == "missing"
    own.forget("old")


def test_a_copy_whose_base_is_gone_says_so_and_can_be_removed(photos):
    name = catalog.resolve(str(photos))
    own.add_damaged(name, Damage(label_noise=0.5), "wrong")
    own.forget(name)
    with pytest.raises(DataError, match="my-photos, of which wrong is a damaged copy, is no longer listed"):
        catalog.open_dataset("wrong")
    own.forget("wrong")


def test_a_folder_wins_over_a_set_of_the_same_name(tmp_path, photos, monkeypatch):
    catalog.resolve(str(photos))
    make_photos(tmp_path / "elsewhere" / "my-photos")
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert catalog.resolve("my-photos") == "my-photos-2"


def test_the_same_zip_is_the_same_set(tmp_path, photos):
    packed = tmp_path / "pets.zip"
    with zipfile.ZipFile(packed, "w") as file:
        for path in photos.rglob("*.png"):
            file.write(path, path.relative_to(photos.parent))
        file.writestr("readme.txt", b"x")
    assert catalog.resolve(str(packed)) == catalog.resolve(str(packed)) == "pets"
    assert own.refused("pets") == [("readme.txt", "not an image")]


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_what_holds_no_classes_is_not_listed(tmp_path, kind):
    (tmp_path / "flat").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "flat" / "one.png")
    given = tmp_path / "flat"
    if kind == "zip":
        given = tmp_path / "flat.zip"
        with zipfile.ZipFile(given, "w") as file:
            file.write(tmp_path / "flat" / "one.png", "one.png")
    with pytest.raises(DataError, match="but no classes"):
        catalog.resolve(str(given))
    assert own.sets() == {}
    assert not (paths.data_dir() / "own" / "flat").exists()


@pytest.mark.parametrize("name", ["", "Ä", "a/b", "../x", "UPPER", "-x", "x" * 62])
def test_names_are_letters_digits_and_hyphens(photos, name):
    with pytest.raises(DataError, match="name: given"):
        own.add_damaged("digits", Damage(blur=1), name)


def test_a_whole_disk_is_no_set():
    with pytest.raises(DataError, match="is a whole disk"):
        own.add_folder(Path("/"))
