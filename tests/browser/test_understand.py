"""Understanding runs in a real browser: two compared, a cell of their matrix opened, a slider through epochs."""

import shutil
from urllib.parse import urlencode

import numpy as np
import pytest

from cvcore import paths
from cvcore.training.runs import RunStore
from tests.browser.conftest import SCREENSHOTS, place_of, running_app, settled

pytestmark = pytest.mark.browser


def shipped(start: str) -> str:
    return next(run.run_id for run in RunStore(paths.shipped_runs_dir()).list() if run.run_id.startswith(start))


@pytest.fixture(scope="module")
def address(tmp_path_factory, data_folder):
    """A server with a LeNet-5 that kept two epochs: at first all its weights were half."""
    import torch

    folder = tmp_path_factory.mktemp("understand")
    run = folder / "runs" / shipped("digits-lenet5")
    shutil.copytree(paths.shipped_runs_dir() / run.name, run)
    weights = torch.load(run / "best.pt", weights_only=True)
    (run / "epochs").mkdir(exist_ok=True)
    for number, factor in ((0, 0.5), (1, 1.0)):
        torch.save({name: value * factor for name, value in weights.items()}, run / "epochs" / f"{number:04}.pt")
    with running_app(folder, data_folder) as address:
        yield address


@pytest.fixture
def opened(browser, address):
    """Opens a section of the Training page for these runs; fails if the page's scripts failed."""
    contexts, problems = [], []

    def open_section(section: str, *starts: str, width: int = 1280, scheme: str = "light", **query: str):
        contexts.append(browser.new_context(viewport={"width": width, "height": 1600}, color_scheme=scheme))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.set_default_timeout(90_000)
        runs = [("run", shipped(start)) for start in starts]
        page.goto(f"{address}/Training?{urlencode([('section', section), *runs, *query.items()])}")
        settled(page)
        return page

    yield open_section
    for context in contexts:
        context.close()
    assert problems == []


def click_cell(page, row: int, column: int, classes: int = 10) -> None:
    """Click a cell of the matrix, as a person does."""
    box = place_of(page, page.locator(".js-plotly-plot .nsewdrag").first)
    x, y = box["x"] + box["width"] * (column + 0.5) / classes, box["y"] + box["height"] * (row + 0.5) / classes
    page.mouse.move(x - 3, y)
    page.mouse.move(x, y, steps=4)
    page.wait_for_timeout(300)
    page.mouse.click(x, y)


def test_compares_two_runs_and_opens_a_confusion_cell(opened):
    page = opened("Predictions", "digits-lenet5", "digits-perceptron")
    page.get_by_text("difference", exact=True).wait_for()
    counts = {}
    for start in ("digits-lenet5", "digits-perceptron"):
        with np.load(paths.shipped_runs_dir() / shipped(start) / "predictions.npz") as stored:
            is_four = stored["test_labels"] == 4
            counts[start] = (is_four & (stored["test_predictions"] == 4)).sum(), is_four.sum()
    click_cell(page, 4, 4)
    for hits, images in counts.values():
        page.get_by_text(f"4 recognised: {hits} of {images} test images").first.wait_for()
    settled(page)
    assert "truth=4" in page.url and "guess=4" in page.url
    sheets = page.locator("[data-testid=stImage] img")
    assert sheets.count() == 2  # one of each run
    assert sheets.first.evaluate("image => image.naturalWidth") == 6 * 88 - 8
    page.screenshot(path=SCREENSHOTS / "understand-two-runs.png")
    page.reload()
    settled(page)
    page.get_by_text(f"4 recognised: {counts['digits-lenet5'][0]} of").first.wait_for()


def test_the_keyboard_opens_a_cell(opened):
    page = opened("Predictions", "digits-lenet5")
    truth = page.get_by_role("combobox", name="True class")
    truth.focus()
    truth.fill("6")
    page.keyboard.press("Enter")
    settled(page)
    guess = page.get_by_role("combobox", name="Predicted class")
    guess.focus()
    guess.fill("6")
    page.keyboard.press("Enter")
    page.get_by_text("6 recognised").wait_for()
    page.locator("[data-testid=stImage] img").first.wait_for()


def test_the_slider_moves_filters_and_maps(opened):
    page = opened("Inside", "digits-lenet5", **{"inside-run": "Through the epochs"})
    images = page.locator("[data-testid=stImage] img[alt*='after epoch']")
    images.nth(1).wait_for()
    before = [images.nth(place).get_attribute("src") for place in range(2)]
    page.get_by_role("slider", name="Epoch").focus()
    page.keyboard.press("Home")
    page.get_by_text("epoch 0, before training").wait_for()
    settled(page)
    after = [images.nth(place).get_attribute("src") for place in range(2)]
    assert before[0] != after[0] and before[1] != after[1]


@pytest.mark.parametrize(
    ("section", "view", "width", "scheme"),
    [
        ("Predictions", "Confusion", 1280, "light"),
        ("Predictions", "Mistakes", 390, "dark"),
        ("Inside", "Grad-CAM", 390, "dark"),
        ("Inside", "Histograms", 1280, "light"),
    ],
)
def test_it_fits_its_screen(opened, section, view, width, scheme):
    key = "predictions" if section == "Predictions" else "inside-run"
    starts = ("digits-lenet5", "digits-perceptron")
    page = opened(section, *starts, width=width, scheme=scheme, **{key: view})
    page.locator(".js-plotly-plot, [data-testid=stImage]").first.wait_for()
    page.wait_for_timeout(500)
    page.screenshot(path=SCREENSHOTS / f"understand-{view.lower()}-{width}-{scheme}.png")
    main = page.locator("[data-testid=stMain]")
    assert main.evaluate("main => main.scrollWidth <= main.clientWidth + 1")
    assert page.locator("[data-testid=stAlertContentError]").count() == 0
