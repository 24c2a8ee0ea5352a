from pathlib import Path

import numpy as np
import pytest

from cvcore.data.files import layout
from cvcore.errors import DataError


def make(root: Path, *paths: str) -> Path:
    for path in paths:
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x")
    return root


def listed(root: Path) -> layout.Listing:
    return layout.list_images(root, layout.walk(root))


def by_split(listing: layout.Listing) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for path, split in zip(listing.paths, listing.splits, strict=True):
        found.setdefault(split, []).append(path)
    return found


def many(pattern: str, count: int) -> list[str]:
    return [pattern.format(number) for number in range(count)]


def test_image_endings_are_those_of_torchvision():
    from torchvision.datasets.folder import IMG_EXTENSIONS

    assert set(layout.IMAGE_ENDINGS) == set(IMG_EXTENSIONS)


def test_class_folders_give_the_labels_that_torchvision_gives(tmp_path):
    from torchvision.datasets import ImageFolder

    make(tmp_path, "cat/1.jpg", "cat/deep/2.png", "Dog/1.JPG", "ant/x.webp")
    listing, theirs = listed(tmp_path), ImageFolder(str(tmp_path))
    assert list(listing.classes) == theirs.classes
    ours = {path: int(label) for path, label in zip(listing.paths, listing.labels, strict=True)}
    assert ours == {Path(path).relative_to(tmp_path).as_posix(): label for path, label in theirs.samples}


def test_a_fifth_of_each_class_is_kept_for_testing(tmp_path):
    make(tmp_path, *many("a/{}.jpg", 50), *many("b/{}.jpg", 13), "c/1.jpg")
    listing = listed(tmp_path)
    is_test = np.array(listing.splits) == "test"
    # 0.2 × 50 = 10, 0.2 × 13 = 2.6 → 3; a single image stays with the training images
    assert [int(is_test[listing.labels == label].sum()) for label in range(3)] == [10, 3, 0]


def test_the_split_stays_when_files_are_added_elsewhere(tmp_path):
    make(tmp_path, *many("a/{}.jpg", 40), *many("b/{}.jpg", 40))
    before = dict(zip(listed(tmp_path).paths, listed(tmp_path).splits, strict=True))
    make(tmp_path, *many("b/more{}.jpg", 25), *many("c/{}.jpg", 9), "a/notes.txt")
    after = dict(zip(listed(tmp_path).paths, listed(tmp_path).splits, strict=True))
    assert all(after[path] == split for path, split in before.items() if path.startswith("a/"))


def test_train_and_val_folders_are_the_split(tmp_path):
    make(tmp_path, "train/ants/1.jpg", "train/bees/2.jpg", "val/ants/3.jpg", "val/bees/4.jpg")
    listing = listed(tmp_path)
    assert listing.classes == ("ants", "bees")
    assert by_split(listing) == {
        "train": ["train/ants/1.jpg", "train/bees/2.jpg"],
        "test": ["val/ants/3.jpg", "val/bees/4.jpg"],
    }


def test_train_val_and_test_are_three_splits(tmp_path):
    make(tmp_path, "Train/a/1.jpg", "Train/b/1.jpg", "valid/a/1.jpg", "Test/b/1.jpg")
    assert {split: len(paths) for split, paths in by_split(listed(tmp_path)).items()} == {
        "train": 2,
        "val": 1,
        "test": 1,
    }


def test_names_with_numbers_are_classes(tmp_path):
    make(tmp_path, *many("cat.{}.jpg", 10), *many("dog.{}.jpg", 10), "cover.jpg")
    listing = listed(tmp_path)
    assert listing.classes == ("cat", "dog")
    assert np.bincount(listing.labels).tolist() == [10, 10]
    assert listing.ignored == (("cover.jpg", "belongs to no class"),)


def test_flat_names_inside_a_train_folder(tmp_path):
    make(tmp_path, "train/cat.0.jpg", "train/dog.0.jpg", "test1/1.jpg")
    listing = listed(tmp_path)
    assert listing.classes == ("cat", "dog")
    assert listing.ignored == (("test1/1.jpg", "belongs to no class"),)


@pytest.mark.parametrize("wrapper", ["", "download/", "a b/c/"])
def test_single_folders_around_the_set_mean_nothing(tmp_path, wrapper):
    make(tmp_path, f"{wrapper}PetImages/Cat/1.jpg", f"{wrapper}PetImages/Dog/1.jpg", f"{wrapper}readme.txt")
    assert listed(tmp_path).classes == ("Cat", "Dog")


def test_one_folder_of_images_is_one_class(tmp_path):
    make(tmp_path, "cats/1.jpg", "cats/2.jpg")
    assert listed(tmp_path).classes == ("cats",)


def test_files_that_are_no_images_are_ignored_with_a_reason(tmp_path):
    make(tmp_path, "a/1.jpg", "b/1.jpg", "a/Thumbs.db", "a/x.gif", "b/.DS_Store", "b/noending")
    assert dict(listed(tmp_path).ignored) == {
        "a/Thumbs.db": ".db: not a type that image loaders take",
        "a/x.gif": ".gif: not a type that image loaders take",
        "b/.DS_Store": "hidden file",
        "b/noending": "no ending: not a type that image loaders take",
    }


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([], "holds no images"),
        (["a/readme.txt"], "holds no images \\(1 other files\\)"),
        (["IMG_1.jpg", "IMG_2.jpg"], "2 images but no classes"),
    ],
)
def test_a_folder_without_classes_says_what_to_do(tmp_path, files, message):
    make(tmp_path, *files)
    with pytest.raises(DataError, match=message) as caught:
        listed(tmp_path)
    assert "\n" not in str(caught.value)


def test_what_is_no_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match="is not a folder"):
        layout.walk(tmp_path / "nowhere")


def test_links_in_circles_and_to_nowhere(tmp_path):
    make(tmp_path, "a/1.jpg", "b/1.jpg")
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    (tmp_path / "a" / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    listing = listed(tmp_path)
    assert [path for path in listing.paths if "loop" not in path] == ["a/1.jpg", "b/1.jpg"]
    assert ("a/gone.jpg", "cannot be read") in listing.ignored


def test_the_digest_changes_with_name_size_and_time(tmp_path):
    import os

    make(tmp_path, "a/1.jpg", "b/1.jpg")
    digests = [layout.digest([tmp_path])]
    os.utime(tmp_path / "a/1.jpg", ns=(1, 1))
    digests.append(layout.digest([tmp_path]))
    (tmp_path / "a/1.jpg").write_bytes(b"xy")
    os.utime(tmp_path / "a/1.jpg", ns=(1, 1))
    digests.append(layout.digest([tmp_path]))
    (tmp_path / "b/1.jpg").rename(tmp_path / "b/2.jpg")
    digests.append(layout.digest([tmp_path]))
    assert len(set(digests)) == 4
    assert digests[-1] == layout.digest([tmp_path])


def test_splits_inside_the_classes_are_taken_as_they_are(tmp_path):
    listing = listed(make(tmp_path, "cat/train/1.jpg", "cat/test/2.jpg", "dog/train/3.jpg", "dog/test/4.jpg"))
    assert dict(zip(listing.paths, listing.splits, strict=True)) == {
        "cat/train/1.jpg": "train",
        "cat/test/2.jpg": "test",
        "dog/train/3.jpg": "train",
        "dog/test/4.jpg": "test",
    }


@pytest.mark.parametrize(
    ("files", "classes", "splits"),
    [
        (["test/cat/1.jpg", "test/dog/1.jpg"], "cat dog", "train"),  # a folder that happens to be called test
        (["train/train/cat.1.jpg", "train/train/dog.1.jpg", "test/test/9.jpg"], "cat dog", "train"),
        (["train/train/cat/1.jpg", "train/train/dog/1.jpg"], "cat dog", "train"),
        (
            [
                "training_set/training_set/cats/1.jpg",
                "training_set/training_set/dogs/1.jpg",
                "test_set/test_set/cats/1.jpg",
            ],
            "cats dogs",
            "train test",
        ),
        (["preview.png", "data/cat/1.jpg", "data/dog/1.jpg"], "cat dog", "train"),
        (["airplane/1.jpg", "bus/1.jpg", "train/1.jpg"], "airplane bus train", "train"),
        (["airplane/1.jpg", "bus/1.jpg", "train/1.jpg", "test/1.jpg"], "airplane bus test train", "train"),
        (["cat/train/1.jpg", "cat/test/2.jpg", "dog/train/3.jpg", "dog/test/4.jpg"], "cat dog", "train test"),
    ],
)
def test_folders_as_people_have_them(tmp_path, files, classes, splits):
    listing = listed(make(tmp_path, *files))
    assert listing.classes == tuple(classes.split())
    assert set(listing.splits) == set(splits.split())


def test_test_and_validation_alone_are_no_set(tmp_path):
    make(tmp_path, "val/cat/1.jpg", "val/dog/1.jpg", "test/cat/1.jpg")
    with pytest.raises(DataError, match="has test and val, but no train"):
        listed(tmp_path)


def test_a_class_name_that_is_no_unicode_can_be_shown(tmp_path):
    import os

    for name in (b"caf\xe9", b"bar"):
        os.mkdir(os.path.join(os.fsencode(tmp_path), name))
        with open(os.path.join(os.fsencode(tmp_path), name, b"1.jpg"), "wb") as file:
            file.write(b"x")
    assert listed(tmp_path).classes == ("bar", "caf\\udce9")
