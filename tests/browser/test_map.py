"""The map's canvas in a real browser: the image under the pointer, keys, zoom, neighbours, downloads."""

import xml.etree.ElementTree as ET

import pytest
from PIL import Image

from cvcore.data import catalog
from tests.browser.conftest import SCREENSHOTS, running_app, settled

pytestmark = pytest.mark.browser

SCRIPT = """
import streamlit as st
from cvcore.data import catalog
from cvcore.ui.datasets import map as section

st.set_page_config(layout="wide")
st.title("Map")
st.segmented_control("Charts download as", ["PNG", "SVG"], default="PNG", required=True, key="chart_format")
section.show(catalog.open_dataset("digits"), "test")
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory, data_folder):
    """A server that shows nothing but the map of the digits' test split."""
    folder = tmp_path_factory.mktemp("map")
    (folder / "app.py").write_text(SCRIPT, encoding="utf-8")
    with running_app(folder, data_folder, folder / "app.py") as address:
        yield address


@pytest.fixture
def opened(browser, address):
    """Opens the map in a window of its own; fails if the page's scripts failed."""
    contexts, problems = [], []

    def open_map(width: int = 1280, scheme: str = "light"):
        contexts.append(browser.new_context(viewport={"width": width, "height": 1200}, color_scheme=scheme))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.set_default_timeout(60_000)
        page.goto(address)
        settled(page)
        page.locator("canvas.plane").wait_for()
        page.wait_for_timeout(500)  # the sheet of pictures is decoded
        return page

    yield open_map
    for context in contexts:
        context.close()
    assert problems == []


def inked(page) -> int:
    """Pixels of the canvas on which something is drawn."""
    return page.locator("canvas.plane").evaluate(
        """canvas => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data
            .filter((value, place) => place % 4 === 3 && value > 0).length"""
    )


def test_the_image_under_the_pointer(opened):
    page = opened()
    canvas, card = page.locator("canvas.plane"), page.locator(".card")
    assert not card.is_visible()
    box = canvas.bounding_box()
    for step in range(40):  # from the left edge inwards until a dot is met
        page.mouse.move(box["x"] + 10 * step, box["y"] + box["height"] / 2)
        page.wait_for_timeout(40)
        if card.is_visible():
            break
    assert card.is_visible()
    name, where = card.locator(".name").inner_text().strip(), card.locator(".where").inner_text()
    index = int(where.removeprefix("test image "))
    digits = catalog.open_dataset("digits")
    assert name == str(digits.test.labels[index])
    # the picture in the card is that image: bright where it is bright, give or take what JPEG does
    width, height, values = card.locator("canvas").evaluate(
        """canvas => {
            const {width, height, data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            return [width, height, [...data].filter((value, place) => place % 4 === 0)];
        }"""
    )
    assert (width, height) == (112, 112)  # 28 pixels, four times as large
    for row, column in ((5, 5), (14, 14), (20, 9), (9, 20)):
        expected = int(digits.test.images[index, 0, row, column])
        assert abs(values[(row * 4 + 2) * width + column * 4 + 2] - expected) < 40
    page.mouse.move(box["x"] - 30, box["y"] - 30)
    card.wait_for(state="hidden")


def test_the_keyboard_reaches_images_and_their_neighbours(opened):
    page = opened()
    page.locator("canvas.plane").focus()
    page.keyboard.press("ArrowRight")
    first = page.locator(".card .where").inner_text()
    page.keyboard.press("ArrowRight")
    assert page.locator(".card .where").inner_text() != first
    page.keyboard.press("ArrowUp")
    index = page.locator(".card .where").inner_text().removeprefix("test image ")
    page.keyboard.press("Enter")
    page.get_by_text(f"Image {index}, ").wait_for()
    page.get_by_text("nearest to it").wait_for()
    sheet = page.locator("[data-testid=stImage] img").first
    sheet.wait_for()
    assert sheet.evaluate("image => image.naturalWidth") == 9 * 80 - 8  # the image and eight more


def test_zoom_pictures_and_one_class(opened):
    page = opened()
    whole = inked(page)
    page.get_by_role("button", name="Draw the images").click()
    page.wait_for_timeout(300)
    assert inked(page) > 2 * whole
    page.get_by_role("button", name="Draw the images").click()
    page.get_by_role("button", name="Zoom in").click()
    for _ in range(7):
        page.get_by_role("button", name="Zoom in").click()
    page.wait_for_timeout(300)
    assert inked(page) < whole  # most images are out of sight
    page.get_by_role("button", name="Show the whole map").click()
    page.wait_for_timeout(300)
    assert inked(page) == whole
    chip = page.get_by_role("button", name="7", exact=True)
    chip.click()
    assert chip.get_attribute("aria-pressed") == "true"
    page.wait_for_timeout(300)
    page.screenshot(path=SCREENSHOTS / "map-one-class.png")


def test_downloads_as_they_are_seen(opened, tmp_path):
    page = opened()
    with page.expect_download() as caught:
        page.get_by_role("button", name="Download as PNG").click()
    caught.value.save_as(tmp_path / caught.value.suggested_filename)
    assert caught.value.suggested_filename == "map-digits-test-pca-pixels.png"
    with Image.open(tmp_path / caught.value.suggested_filename) as picture:
        assert picture.width > 1000
        assert len(picture.convert("RGB").getcolors(1 << 24)) > 10

    page.get_by_text("SVG", exact=True).click()
    settled(page)
    with page.expect_download() as caught:
        page.get_by_role("button", name="Download as SVG").click()
    caught.value.save_as(tmp_path / "map.svg")
    root = ET.parse(tmp_path / "map.svg").getroot()
    names = {"s": "http://www.w3.org/2000/svg"}
    dots = root.findall(".//s:svg/s:circle", names) + root.findall(".//s:svg/s:path[@fill]", names)
    assert len(dots) == 360
    texts = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert set("0123456789") <= set(texts)
    assert any("principal component" in text for text in texts)


def test_zoom_stays_when_a_neighbour_is_asked_for(opened):
    page = opened()
    page.get_by_role("button", name="Zoom in").click()
    page.wait_for_timeout(300)
    page.locator("canvas.plane").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.get_by_text("nearest to it").wait_for()
    settled(page)
    page.keyboard.press("Escape")
    page.wait_for_timeout(300)
    zoomed = inked(page)
    page.get_by_role("button", name="Show the whole map").click()
    page.wait_for_timeout(300)
    assert inked(page) != zoomed


def test_tsne_comes_by_itself_while_the_page_stays_alive(opened):
    page = opened()
    page.get_by_text("t-SNE", exact=True).first.click()
    page.get_by_text("keeps near neighbours together").wait_for()
    page.get_by_role("button", name="Back to PCA").wait_for(state="hidden")
    page.screenshot(path=SCREENSHOTS / "map-tsne.png")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_it_fits_its_screen(opened, width, scheme):
    page = opened(width, scheme)
    page.screenshot(path=SCREENSHOTS / f"map-{width}-{scheme}.png")
    main = page.locator("[data-testid=stMain]")
    assert main.evaluate("main => main.scrollWidth <= main.clientWidth + 1")
    assert inked(page) > 1000
    assert page.locator("canvas.plane").evaluate("canvas => canvas.clientWidth") > 300
