import pytest
from PIL import Image

from cvcore.plots.transform_sheet import CAPTION, COLUMNS, GAP, TILE, transform_sheet

RED, BLUE = (200, 0, 0), (0, 0, 200)
LARGE = 2 * TILE + GAP


def sheet(results: int, size: tuple[int, int] = (300, 300), **options) -> Image.Image:
    pictures = [Image.new("RGB", size, BLUE)] * results
    return transform_sheet(Image.new("RGB", (400, 200), RED), "before", pictures, ["after"] * results, **options)


def at(picture: Image.Image, x: int, y: int) -> tuple[int, ...]:
    return picture.getpixel((x, y))


def test_the_original_keeps_its_proportions_and_is_two_tiles_wide():
    found = sheet(8)
    assert at(found, 0, 0) == at(found, LARGE - 1, LARGE // 2 - 1) == (*RED, 255)
    assert at(found, 0, LARGE // 2 + 1)[3] == 0  # 400×200 fills the upper half of its square


@pytest.mark.parametrize(("results", "rows"), [(1, 2), (2, 1), (4, 2), (5, 3), (8, 3), (12, 4)])
def test_results_stand_right_of_it_and_then_below(results, rows):
    found = sheet(results)
    row = TILE + CAPTION + GAP
    if results == 1:
        assert at(found, found.width - 1, LARGE - 1) == (*BLUE, 255)  # as large as the original
        assert found.height == LARGE + CAPTION
        return
    places = [(2, 0), (3, 0), (2, 1), (3, 1), *((column, row) for row in (2, 3) for column in range(4))][:results]
    for column, line in places:
        assert at(found, column * (TILE + GAP) + TILE // 2, line * row + TILE // 2) == (*BLUE, 255)
    assert found.width == COLUMNS * (TILE + GAP) - GAP
    assert found.height == max(rows * row - GAP, LARGE // 2 + CAPTION)


def test_pictures_of_other_proportions_are_not_stretched():
    found = sheet(4, (50, 100))
    left, middle = 2 * (TILE + GAP), 2 * (TILE + GAP) + TILE // 2
    assert at(found, left + TILE // 4 - 2, TILE // 2)[3] == 0
    assert at(found, left + TILE // 4 + 2, TILE // 2) == at(found, middle, TILE - 1) == (*BLUE, 255)


def test_small_images_stay_sharp():
    grey = Image.new("L", (2, 1))
    grey.putpixel((1, 0), 255)
    found = transform_sheet(grey, "", [], []).crop((0, 0, LARGE, LARGE // 2))
    assert set(found.get_flattened_data()) == {(0, 0, 0, 255), (255, 255, 255, 255)}


def test_captions_are_dark_on_light_and_light_on_dark():
    def ink(dark: bool) -> float:
        below = sheet(1, dark=dark).crop((0, LARGE // 2, LARGE, LARGE // 2 + CAPTION))
        drawn = [pixel[0] for pixel in below.get_flattened_data() if pixel[3] == 255]
        return sum(drawn) / len(drawn)

    assert ink(dark=False) < 100 < 200 < ink(dark=True)
