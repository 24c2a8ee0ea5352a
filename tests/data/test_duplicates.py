import io
import itertools
import json
import os
from pathlib import Path

import numpy as np
import pytest
import scipy.fft
from PIL import Image, ImageOps

from cvcore.data import duplicates, neighbours, resemblance
from cvcore.data.dataset import Dataset, Split
from cvcore.data.duplicates import Pair

SHARED = Path(os.environ.get("CVCORE_SHARED_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")
PETS = sorted((SHARED / "PetImages").glob("*/*.jpg")) if SHARED.is_dir() else []


def dataset(train, test=None, val=None, folder=None, fingerprint="print"):
    """A data set of uint8 images [N, C, H, W] with labels 0."""

    def split(images):
        return Split(images, np.zeros(len(images), dtype=np.int64))

    test = train[:0] if test is None else test
    val = None if val is None else split(val)
    return Dataset("set", ("a",), split(train), split(test), val, fingerprint, folder)


def stored(picture, side, mode="RGB", cut="whole pixels"):
    """uint8 [C, side, side] of a PIL image: the shorter side resized, the middle cut out, as stores commonly do."""
    picture = picture.convert(mode)
    if cut == "exactly":  # the crop may begin between two pixels
        picture = ImageOps.fit(picture, (side, side), Image.Resampling.BICUBIC)
    else:  # torchvision's Resize and CenterCrop
        width, height = picture.size
        scale = side / min(width, height)
        size = (side, int(scale * height)) if width < height else (int(scale * width), side)
        picture = picture.resize(size, Image.Resampling.BILINEAR)
        left, top = round((size[0] - side) / 2), round((size[1] - side) / 2)
        picture = picture.crop((left, top, left + side, top + side))
    pixels = np.asarray(picture)
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def saved(picture, quality):
    """The picture after it was written as JPEG and read again."""
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return Image.open(io.BytesIO(file.getvalue())).convert(picture.mode)


def resized(picture, factor, quality=90):
    size = [max(1, int(factor * side)) for side in picture.size]
    return saved(picture.resize(size, Image.Resampling.BICUBIC), quality)


COPIES = {
    "the same bytes": lambda picture: picture,
    "JPEG 60": lambda picture: saved(picture, 60),
    "half": lambda picture: resized(picture, 0.5),
    "three quarters": lambda picture: resized(picture, 0.75),
    "six tenths": lambda picture: resized(picture, 0.6),
    "one and a half": lambda picture: resized(picture, 1.5),
    "half, JPEG 60": lambda picture: resized(picture, 0.5, 60),
}


@pytest.fixture(scope="module")
def photographs():
    """48 cuts of two photographs, 240 pixels and more a side, no two of the same place and size."""
    from sklearn.datasets import load_sample_images

    rng = np.random.default_rng(0)
    cuts = []
    for photograph in load_sample_images().images:  # 427 × 640
        for row, column in itertools.product(range(4), range(6)):
            top, left = 52 * row, 76 * column  # the next begins 52 or 76 pixels on
            height, width = rng.integers(170, 220, size=2)
            cut = Image.fromarray(photograph[top : top + height, left : left + width])
            cuts.append(cut.resize((int(1.5 * cut.width), int(1.5 * cut.height)), Image.Resampling.BICUBIC))
    return cuts


def across(found):
    return {(pair.first[1], pair.second[1]) for pair in found if pair.across}


@pytest.mark.parametrize("cut", ["whole pixels", "exactly"])
@pytest.mark.parametrize("side", [32, 64, 160])
def test_every_copy_of_a_photograph_is_found_and_nothing_else(photographs, side, cut):
    originals = np.stack([stored(picture, side, cut=cut) for picture in photographs])
    names = list(COPIES)
    copies = np.stack(
        [stored(COPIES[names[at % len(names)]](picture), side, cut=cut) for at, picture in enumerate(photographs)]
    )
    found = duplicates.find(dataset(originals, copies))
    assert across(found) == {(at, at) for at in range(len(photographs))}
    assert [pair for pair in found if not pair.across] == []


def test_copies_are_found_in_grey_too(photographs):
    originals, copies = (
        np.stack([stored(each, 64, "L") for each in some])
        for some in (photographs, [saved(p, 60) for p in photographs])
    )
    assert across(duplicates.find(dataset(originals, copies))) == {(at, at) for at in range(len(photographs))}


def test_a_change_of_colour_alone_is_no_copy(photographs):
    images = np.stack([stored(picture, 32) for picture in photographs[:12]])
    swapped = images[:, [2, 1, 0]]  # red and blue
    turned = images[:, :, :, ::-1].copy()
    assert duplicates.find(dataset(images, swapped)) == []
    assert duplicates.find(dataset(images, turned)) == []


@pytest.mark.skipif(not PETS, reason="PetImages is not there")
@pytest.mark.parametrize("name", COPIES)
def test_every_copy_of_a_pet_is_found_and_fewer_than_one_pair_in_a_hundred_is_false(name):
    """The folder has a few real duplicates: what is found without copies is what copies may be found to be like."""
    pictures = []
    for file in PETS[::10]:
        try:
            pictures.append(Image.open(file).convert("RGB"))
        except OSError:  # one is truncated, one is empty
            continue
    originals = np.stack([stored(picture, 64) for picture in pictures])
    copies = np.stack([stored(COPIES[name](picture), 64) for picture in pictures])
    known = {tuple(sorted((pair.first[1], pair.second[1]))) for pair in duplicates.find(dataset(originals))}
    found = across(duplicates.find(dataset(originals, copies)))
    wanted = {(at, at) for at in range(len(pictures))}
    assert len(pictures) > 100
    assert wanted - found == set()
    false = {pair for pair in found - wanted if tuple(sorted(pair)) not in known}
    assert len(false) < 0.01 * len(found)


@pytest.mark.skipif(not PETS, reason="PetImages is not there")
def test_what_is_found_among_the_pets_is_the_same_picture_pixel_by_pixel():
    """Different photographs differ by 34 grey levels and more, as a look at the nearest forty pairs has shown."""
    pictures = []
    for file in PETS:
        try:
            pictures.append(stored(Image.open(file), 64))
        except OSError:
            continue
    found = duplicates.find(dataset(np.stack(pictures)))
    assert len(found) >= 9
    assert max(pair.difference for pair in found) < 33


def test_digits_written_alike_are_not_duplicates():
    from cvcore.data import catalog

    assert duplicates.find(catalog.open_dataset("digits")) == []


def test_splits_are_in_the_order_train_val_test_and_the_earlier_image_is_first(photographs):
    images = np.stack([stored(picture, 32) for picture in photographs[:9]])
    found = duplicates.find(dataset(images[:5], test=images[[8, 0, 5]], val=images[[5, 6, 2]]))
    assert found == [
        Pair(("train", 0), ("test", 1), True, 0.0),
        Pair(("train", 2), ("val", 2), True, 0.0),
        Pair(("val", 0), ("test", 2), True, 0.0),
    ]
    assert [pair.across for pair in found] == [True, True, True]
    within = duplicates.find(dataset(images[[3, 4, 3]]))
    assert within == [Pair(("train", 0), ("train", 2), True, 0.0)]
    assert not within[0].across


def test_the_difference_is_that_of_the_stored_pixels(photographs):
    image = stored(photographs[0], 32)
    other = image.copy()
    other[0, :16] ^= 1  # half of a third of the pixels differ by 1: the root of a sixth
    (pair,) = duplicates.find(dataset(np.stack([image, other])))
    assert not pair.exact
    assert pair.difference == pytest.approx((1 / 6) ** 0.5, abs=1e-6)


@pytest.fixture
def base(photographs):
    return stored(photographs[40], 32).astype(int)


def variants(base, count, spread=2, seed=0):
    """`count` images that differ from `base` and from each other by noise of a few grey levels."""
    noise = np.random.default_rng(seed).normal(0, spread, size=(count, *base.shape))
    return np.clip(np.rint(base + noise), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("count", [2, 8])
def test_of_a_small_group_every_pair_is_listed(base, count):
    wanted = set(itertools.combinations(range(count), 2))
    exact = duplicates.find(dataset(np.repeat(base[None].astype(np.uint8), count, axis=0)))
    near = duplicates.find(dataset(variants(base, count)))
    mixed = duplicates.find(dataset(np.repeat(variants(base, count // 2), 2, axis=0)))
    for found in (exact, near, mixed):
        assert {(pair.first[1], pair.second[1]) for pair in found} == wanted
    assert [pair.exact for pair in exact] == [True] * len(wanted)
    assert [pair.exact for pair in near] == [False] * len(wanted)
    assert [pair.exact for pair in mixed] == [pair.first[1] // 2 == pair.second[1] // 2 for pair in mixed]


@pytest.mark.parametrize("count", [9, 40, 700])
def test_of_a_large_group_each_is_listed_against_the_first(photographs, base, count):
    others = [stored(picture, 32) for picture in photographs[:30]]
    exact = np.repeat(base[None].astype(np.uint8), count, axis=0)
    for group in (exact, variants(base, count)):
        images = np.concatenate([others, group])
        order = np.random.default_rng(1).permutation(len(images))
        members = np.flatnonzero(order >= len(others)).tolist()
        found = duplicates.find(dataset(images[order]))
        assert [(pair.first[1], pair.second[1]) for pair in found] == [(members[0], each) for each in members[1:]]


def test_a_row_of_small_changes_is_listed_pair_by_pair_and_never_as_one_picture(base, photographs):
    """Each image is like the next ones, the last nothing like the first."""
    last = stored(photographs[3], 32)
    steps = np.linspace(0, 1, 60)[:, None, None, None]
    images = np.rint(base * (1 - steps) + last * steps).astype(np.uint8)
    found = duplicates.find(dataset(images))
    assert 30 <= len(found) <= 60
    assert max(pair.second[1] - pair.first[1] for pair in found) < 20
    assert {0, 59} <= {number for pair in found for number in (pair.first[1], pair.second[1])}


def test_images_of_one_colour_are_compared_exactly():
    grey = np.array([10, 11, 200, 10, 12], dtype=np.uint8)
    images = np.broadcast_to(grey[:, None, None, None], (5, 1, 28, 28)).copy()
    assert duplicates.find(dataset(images)) == [Pair(("train", 0), ("train", 3), True, 0.0)]


def test_noise_resembles_nothing():
    rng = np.random.default_rng(0)
    loud = rng.integers(0, 256, size=(300, 3, 32, 32), dtype=np.uint8)
    faint = rng.integers(126, 131, size=(300, 3, 32, 32), dtype=np.uint8)
    assert duplicates.find(dataset(loud, faint)) == []


@pytest.mark.parametrize("spread", [13, 17, 30])
def test_one_picture_under_much_noise_and_its_copies(base, spread):
    """Crowds that look alike from afar: what is alike in them is found, the rest is not."""
    crowd = variants(base, 500, spread)
    copies = np.concatenate([variants(image, 1, 0.7, seed) for seed, image in enumerate(crowd[:20])])
    assert across(duplicates.find(dataset(crowd, copies))) == {(at, at) for at in range(20)}


def test_a_copy_may_be_moved_by_a_pixel(photographs):
    """As a resize does that rounds the longer side, and with it the place of the crop."""
    pictures = [stored(picture, 65) for picture in photographs]
    originals = np.stack([picture[:, :64, :64] for picture in pictures])
    moved = np.stack([picture[:, :64, 1:] for picture in pictures])
    found = duplicates.find(dataset(originals, moved))
    assert across(found) == {(at, at) for at in range(len(pictures))}
    assert max(pair.difference for pair in found) > 15  # pixel by pixel they are far apart


def test_how_far_a_copy_may_be_moved():
    """One wave over the image: so smooth that a move by any share of it could be undone."""
    place = (np.arange(100) + 0.5) / 100

    def wave(move):
        row = 128 + 60 * np.sin(2 * np.pi * (place - move))
        return np.broadcast_to(np.rint(row).astype(np.uint8), (1, 1, 100, 100)).copy()

    original, near, far = (resemblance.coefficients(wave(move)) for move in (0, 0.04, 0.09))
    assert resemblance.alike(original, near).tolist() == [True]
    assert resemblance.alike(original, far).tolist() == [False]


@pytest.mark.parametrize(("spread", "alike"), [(2, True), (13, False), (25, False)])
def test_the_work_on_a_crowd_does_not_grow_as_its_square(base, spread, alike):
    found = resemblance.coefficients(variants(base, 2000, spread))
    looked = []

    def verify(first, second):
        looked.append(len(first))
        return resemblance.alike(found[first], found[second])

    pairs = list(neighbours.near_pairs(resemblance.coarse(found), resemblance.contrast(found), verify))
    assert sum(looked) < 30 * 2000  # of 2 million
    assert bool(sum(map(len, pairs))) == alike


def test_a_moved_copy_is_not_lost_beside_a_large_group(photographs):
    """The group is compared through one of its images; what is only near to it must be seen by that one."""
    larger = stored(photographs[40], 65)
    group = variants(larger[:, :64, :64].astype(int), 120, 1)
    moved = larger[:, :64, 1:]
    difference = np.sqrt(((moved.astype(float) - group) ** 2).mean())
    assert difference > 10
    found = duplicates.find(dataset(group, np.ascontiguousarray(moved)[None]))
    assert [pair.second for pair in found if pair.across] == [("test", 0)]
    assert len(found) == 120


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 5, 9), (3, 8, 8), (4, 28, 20), (2, 16, 40)])
def test_any_shape(shape):
    images = np.random.default_rng(0).integers(0, 256, size=(6, *shape), dtype=np.uint8)
    images = np.concatenate([images, images[2:3]])
    found = duplicates.find(dataset(images, images[3:4]))
    wanted = {(("train", 2), ("train", 6)), (("train", 3), ("test", 0))}
    assert wanted <= {(pair.first, pair.second) for pair in found if pair.exact}
    if np.prod(shape) > 9:
        assert len(found) == 2


def test_a_set_without_images():
    assert duplicates.find(dataset(np.zeros((0, 3, 32, 32), dtype=np.uint8))) == []


# --- against slow references


def test_coefficients_are_those_of_scipy():
    images = np.random.default_rng(0).integers(0, 256, size=(5, 1, 28, 40), dtype=np.uint8)
    theirs = scipy.fft.dctn(images.astype(float), axes=(2, 3), norm="ortho")[:, :, :16, :16] / np.sqrt(28 * 40)
    assert np.allclose(resemblance.coefficients(images), theirs, atol=1e-3)


def test_brightness_comes_before_colour():
    grey = np.random.default_rng(0).integers(0, 256, size=(2, 1, 32, 32), dtype=np.uint8)
    coloured = resemblance.coefficients(np.repeat(grey, 3, axis=1))
    assert np.allclose(coloured[:, :1], resemblance.coefficients(grey), atol=1e-3)
    assert np.allclose(coloured[:, 1:], 0, atol=1e-3)


def test_the_distance_of_coefficients_is_that_of_smooth_pixels():
    """Images of at most 15 half waves lose nothing; red, green and blue count alike."""
    rng = np.random.default_rng(0)
    waves = np.zeros((2, 3, 32, 32))
    waves[:, :, :6, :6] = rng.normal(0, 60, size=(2, 3, 6, 6))
    smooth = np.clip(scipy.fft.idctn(waves, axes=(2, 3), norm="ortho") + 128, 0, 255)
    images = np.rint(smooth).astype(np.uint8)
    found = resemblance.coefficients(images)
    pixels = np.sqrt(((images[0].astype(float) - images[1]) ** 2).mean())
    assert np.sqrt(((found[0] - found[1]) ** 2).sum()) == pytest.approx(pixels, rel=0.01)
    spread = np.sqrt(images.astype(float).var(axis=(2, 3)).mean(axis=1))
    assert resemblance.contrast(found) == pytest.approx(spread, rel=0.02)


def slow_difference(first, second):
    """In units of the limit, for two uint8 images [C, H, W]: smoothed and moved as `resemblance.alike` describes.

    Slopes are finite differences, and channels as they are: turning them changes no distance.
    """
    low = [scipy.fft.dctn(image.astype(float), axes=(1, 2), norm="ortho") for image in (first, second)]
    channels, height, width = first.shape
    fine = 24 * 11  # the smoothed image, sampled so densely that differences of neighbours are slopes

    def smooth(waves):
        padded = np.zeros((channels, fine, fine))
        padded[:, :16, :16] = waves[:, :16, :16]
        return scipy.fft.idctn(padded, axes=(1, 2), norm="ortho") * fine / np.sqrt(height * width)

    one, two = (smooth(waves) for waves in low)
    contrast = max(np.sqrt(image.var(axis=(1, 2)).mean()) for image in (one, two))
    limit = np.hypot(1.5, (0.1 if channels == 3 else 0.07) * contrast)
    unmoved = np.sqrt(((one - two) ** 2).mean())
    mean = (one + two) / 2
    down, right = (np.gradient(mean, 1 / fine, axis=axis) for axis in (1, 2))
    # the middle of each of 24 × 24 cells, without the outermost two
    middle = np.arange(2, 22) * 11 + 5
    place = (middle + 0.5) / fine - 0.5
    pick = np.ix_(np.arange(channels), middle, middle)
    columns = [right[pick], down[pick], right[pick] * place, down[pick] * place[:, None]]
    columns = np.stack([column.reshape(-1) for column in columns], axis=1)
    difference = (one - two)[pick].reshape(-1)
    move = np.linalg.lstsq(columns, difference)[0].clip(-0.06, 0.06)
    left = difference - columns @ move
    return min(unmoved, np.sqrt((left**2).mean())) / limit


def test_alike_is_what_a_slow_comparison_says(photographs):
    """12 cuts, each with some that are moved by less and by more than the rule allows."""
    images = []
    for picture in photographs[:24:2]:
        for shift in (0, 2, 5, 12, 40):
            images.append(stored(picture.crop((shift, 0, picture.width, picture.height - shift)), 32))
    pairs = [(5 * cut + one, 5 * cut + two) for cut in range(12) for one, two in itertools.combinations(range(5), 2)]
    pairs += [(number, number + 5) for number in range(0, 55, 5)]
    slow = np.array([slow_difference(images[first], images[second]) for first, second in pairs])
    clear = abs(slow - 1) > 0.03  # finite differences are not exact
    first, second = np.array(pairs)[clear].T
    found = resemblance.coefficients(np.stack(images))
    assert resemblance.alike(found[first], found[second]).tolist() == (slow[clear] < 1).tolist()
    assert resemblance.alike(found[second], found[first]).tolist() == (slow[clear] < 1).tolist()
    assert 24 <= (slow[clear] < 1).sum() < 100  # of 131
    assert clear.sum() > 120


def test_the_search_misses_no_pair_that_is_alike():
    """Random smooth images in 40 crowds of any size, against all pairs."""
    rng = np.random.default_rng(3)
    waves = np.zeros((40, 3, 24, 24))
    waves[:, :, :5, :5] = rng.normal(0, 250, size=(40, 3, 5, 5))
    middles = scipy.fft.idctn(waves, axes=(2, 3), norm="ortho") + 128
    crowds = [
        variants(middle, count, 3, seed) for seed, (middle, count) in enumerate(zip(middles, range(1, 41), strict=True))
    ]
    images = np.concatenate(crowds)
    order = rng.permutation(len(images))
    crowd = np.repeat(np.arange(40), [len(each) for each in crowds])[order]
    found = resemblance.coefficients(images[order])

    def verify(first, second):
        return resemblance.alike(found[first], found[second])

    pairs = neighbours.near_pairs(resemblance.coarse(found), resemblance.contrast(found), verify)
    linked = {tuple(sorted(pair)) for some in pairs for pair in some.tolist()}
    assert all(crowd[first] == crowd[second] for first, second in linked)
    for number in range(40):
        members = np.flatnonzero(crowd == number)
        every = set(itertools.combinations(members.tolist(), 2))
        if len(members) <= neighbours.MOST:
            assert every <= linked
        else:  # all hang together through some of them
            assert {each for pair in every & linked for each in pair} == set(members.tolist())


# --- progress, and what is remembered


def test_progress_ascends_to_1_and_may_interrupt(photographs):
    images = np.stack([stored(picture, 32) for picture in photographs])
    told = []
    duplicates.find(dataset(images, images), told.append)
    assert told == sorted(told)
    assert told[-1] == 1
    assert min(told) >= 0

    def stop(share):
        raise InterruptedError("enough")

    with pytest.raises(InterruptedError, match="enough"):
        duplicates.find(dataset(images), stop)


def never(_dataset, _on_progress):
    raise AssertionError("searched again")


@pytest.fixture
def kept(photographs, tmp_path):
    images = np.stack([stored(picture, 32) for picture in photographs[:6]])
    copies = np.stack([images[2], stored(saved(photographs[4], 60), 32)])
    return dataset(images, copies, folder=tmp_path)


def test_what_was_found_is_remembered(kept, monkeypatch):
    first = duplicates.of(kept)
    assert [(pair.first, pair.second, pair.exact) for pair in first] == [
        (("train", 2), ("test", 0), True),
        (("train", 4), ("test", 1), False),
    ]
    monkeypatch.setattr(duplicates, "find", never)
    again = duplicates.of(kept)
    assert [(pair.first, pair.second, pair.exact) for pair in again] == [
        (pair.first, pair.second, pair.exact) for pair in first
    ]
    assert again[1].difference == pytest.approx(first[1].difference, abs=1e-3)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-20],
        lambda text: "",
        lambda text: "[]",
        lambda text: "null",
        lambda text: text.replace('"version": 2', '"version": 1'),
        lambda text: text.replace('"print"', '"another set"'),
        lambda text: text.replace('"train"', '"elsewhere"'),
        lambda text: text.replace('"pairs": [', '"pairs": [["train", 1, "test"],'),
        lambda text: text.replace('"pairs": [', '"pairs": [["train", 1, "test", 99, true, 0.0],'),
        lambda text: text.replace('"pairs": [', '"pairs": [["train", -1, "test", 0, true, 0.0],'),
        lambda text: text.replace('"pairs": [', '"pairs": [["train", "1", "test", 0, true, 0.0],'),
        lambda text: text.replace('"pairs": [', '"pairs": [7,'),
    ],
)
def test_a_damaged_or_foreign_file_is_made_again(kept, change):
    first = duplicates.of(kept)
    file = kept.folder / "duplicates.json"
    right = file.read_text()
    file.write_text(change(right))
    assert file.read_text() != right
    assert duplicates.of(kept) == first
    assert file.read_text() == right


def test_a_file_that_is_no_text_is_made_again(kept):
    first = duplicates.of(kept)
    (kept.folder / "duplicates.json").write_bytes(b"\xff\xfe\x00")
    assert duplicates.of(kept) == first
    assert json.loads((kept.folder / "duplicates.json").read_text())["version"] == duplicates.VERSION


def test_a_folder_that_cannot_be_written_to_is_no_error(kept, tmp_path, photographs):
    missing = Dataset(**{**vars(kept), "folder": tmp_path / "is not there"})
    nowhere = Dataset(**{**vars(kept), "folder": None})
    assert duplicates.of(missing) == duplicates.of(nowhere) == duplicates.of(kept)
