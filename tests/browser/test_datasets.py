"""The Datasets page in a real browser: click an image, stop a scan, add a zip, save a chart."""

import csv
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cvcore.data import catalog
from tests.browser.conftest import SCREENSHOTS, place_of, running_app, settled

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """A data folder of its own, so that sets that are added here show nowhere else."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def address(tmp_path_factory, data):
    with running_app(tmp_path_factory.mktemp("server"), data) as address:
        yield address


@pytest.fixture
def page(browser, address):
    """A page in a window of its own; fails if the browser reports an error."""
    context = browser.new_context(viewport={"width": 1280, "height": 1200}, accept_downloads=True)
    page, problems = context.new_page(), []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.set_default_timeout(60_000)
    page.goto(f"{address}/Datasets")
    settled(page)
    yield page
    context.close()
    assert problems == []


def photos(files: int, side: int = 24) -> dict[str, bytes]:
    """Images by path, in two classes."""
    rng, found = np.random.default_rng(0), {}
    for number in range(files):
        buffer = io.BytesIO()
        Image.fromarray(rng.integers(0, 256, (side, side, 3), dtype=np.uint8)).save(buffer, "PNG", compress_level=1)
        found[f"{('cat', 'dog')[number % 2]}/{number:05}.png"] = buffer.getvalue()
    return found


def downloaded(page, button) -> Path:
    """What a click on a download button fetches. While the page is still being drawn, a first click may go nowhere."""
    from playwright.sync_api import TimeoutError as TookTooLong

    button.wait_for()
    settled(page)
    try:
        with page.expect_download(timeout=20_000) as download:
            button.click()
    except TookTooLong:
        with page.expect_download() as download:
            button.click()
    return Path(download.value.path())


def chosen_image(page) -> str:
    return page.get_by_text("train image", exact=False).first.inner_text()


def test_a_clicked_image_is_shown_large(page):
    assert "train image 0" in chosen_image(page)
    sheet = page.locator(".st-key-sheet-digits-train .nsewdrag, [class*=st-key-sheet-digits] .nsewdrag").first
    box = place_of(page, sheet)
    # the picture is 6 tiles of 64 + 8 pixels wide, less the last gap: the third tile of the second row is image 8
    scale = box["width"] / (6 * 72 - 8 + 8)
    sheet.click(position={"x": (2 * 72 + 32) * scale, "y": (87 + 32) * scale})
    label = catalog.open_dataset("digits").train.labels[8]
    page.get_by_text("train image 8").wait_for()
    assert chosen_image(page).startswith(str(label))
    page.screenshot(path=SCREENSHOTS / "datasets-clicked.png")


def test_a_chart_is_saved_as_png_and_as_svg(page, address):
    page.goto(f"{address}/Datasets?view=Statistics")
    settled(page)
    for kind, begins in (("PNG", b"\x89PNG"), ("SVG", b"<svg")):
        page.locator("[data-testid=stSidebar]").get_by_text(kind, exact=True).click()
        settled(page)
        page.wait_for_timeout(500)
        page.locator(".js-plotly-plot").first.hover()
        with page.expect_download() as download:
            page.locator(".js-plotly-plot .modebar-btn").first.click()
        assert download.value.suggested_filename == f"counts.{kind.lower()}"
        assert Path(download.value.path()).read_bytes().startswith(begins)


def test_a_folder_is_scanned_stopped_and_gone_on_with(page, tmp_path):
    folder = tmp_path / "many"
    for path, raw in photos(6000, side=64).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(raw)
    page.get_by_role("button", name="Add your images").click()
    field = page.get_by_role("textbox", name="Folder on this machine")
    field.fill(str(folder))
    field.press("Enter")
    page.get_by_role("button", name="Add the folder").click()
    main = page.locator("[data-testid=stMain]")
    main.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_text("Reading many is stopped. What was read is kept.").wait_for()
    page.screenshot(path=SCREENSHOTS / "datasets-stopped.png")
    main.get_by_role("button", name="Go on").click()
    page.get_by_text("Images 1 to 42 of 4,800").wait_for()


def test_a_zip_is_uploaded_reported_on_and_removed(page, address):
    files = {**photos(30), "cat/empty.png": b"", "cat/notes.txt": b"x", "../out.png": photos(1)["cat/00000.png"]}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        for path, raw in files.items():
            file.writestr(path, raw)
    page.get_by_role("button", name="Add your images").click()
    page.locator("input[type=file]").set_input_files(
        {"name": "My pets.zip", "mimeType": "application/zip", "buffer": packed.getvalue()}
    )
    page.get_by_role("button", name="Unpack the zip").click()
    page.get_by_text("2 files of the zip were not unpacked").wait_for()
    assert "data=my-pets" in page.url
    page.goto(f"{address}/Datasets?data=my-pets&view=Quality")
    settled(page)
    report = downloaded(page, page.get_by_role("button", name="Report on every file"))
    rows = {row["path"]: row for row in csv.DictReader(report.read_text().splitlines())}
    assert (rows["cat/empty.png"]["status"], rows["cat/empty.png"]["note"]) == ("set aside", "zero bytes")
    page.get_by_role("button", name="Remove", exact=False).first.click()
    page.get_by_role("button", name="Remove", exact=True).last.click()
    page.get_by_text("my-pets is off the list").wait_for()
    page.get_by_text("Handwritten digits").first.wait_for()
    assert "my-pets" not in page.url


def test_a_link_takes_the_set_along_wherever_the_visit_began(page, address):
    page.goto(f"{address}/Datasets?data=shapes&view=Statistics")
    settled(page)
    page.get_by_role("button", name="Train on this set").click()
    page.get_by_role("heading", name="Training", exact=True).wait_for()
    settled(page)
    assert page.get_by_role("combobox", name="Data set").input_value() == "shapes"
    assert "data=shapes" in page.url
