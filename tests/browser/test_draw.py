"""A digit drawn with the mouse in a real browser, and what can be taken away."""

import io
import zipfile

import pytest

from cvcore import paths
from cvcore.training.runs import RunStore
from tests.browser.conftest import SCREENSHOTS
from tests.training.strokes import DIGITS

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def run_id():
    """The shipped LeNet-5."""
    runs = RunStore(paths.runs_dir(), paths.shipped_runs_dir()).list()
    return next(run.run_id for run in runs if run.shipped and run.config.model.name == "lenet5")


def drawn(page, strokes, button: str = "left") -> None:
    """The strokes drawn on the sheet with the mouse."""
    sheet = page.locator("svg.paper")
    sheet.wait_for()
    sheet.scroll_into_view_if_needed()
    box = sheet.bounding_box()
    for stroke in strokes:
        places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
        page.mouse.move(*places[0])
        page.mouse.down(button=button)
        for place in places[1:]:
            page.mouse.move(*place, steps=2)
        page.mouse.up(button=button)


def answer(page, digit: int):
    """The heading with the likeliest class, once it is this digit."""
    heading = page.locator("[data-testid=stMain] h4").filter(has_text=f"{digit} ·")
    heading.wait_for()
    return heading


@pytest.mark.parametrize("digit", [3, 5])
def test_a_digit_drawn_with_the_mouse_comes_out_right(open_page, run_id, digit):
    page = open_page(f"/Training?section=Try+it&try=Draw&run={run_id}", height=1400)
    page.get_by_text("Draw a digit with mouse").wait_for()
    drawn(page, DIGITS[digit])
    answer(page, digit)
    page.get_by_text("becomes 28 of 28 pixels").wait_for()
    page.locator(".js-plotly-plot").nth(1).wait_for()
    page.screenshot(path=SCREENSHOTS / f"draw-{digit}.png")


def test_undo_and_clear(open_page, run_id):
    page = open_page(f"/Training?section=Try+it&try=Draw&run={run_id}", height=1400)
    undo, clear = (page.get_by_role("button", name=name, exact=True) for name in ("Undo", "Clear"))
    drawn(page, DIGITS[3])
    answer(page, 3)
    drawn(page, [[(0.1, 0.9), (0.9, 0.9)]])
    assert page.locator("svg.paper path").count() == 2
    undo.click()
    answer(page, 3)
    assert page.locator("svg.paper path").count() == 1
    clear.click()
    page.get_by_text("Draw a digit with mouse").wait_for()
    assert undo.is_disabled() and clear.is_disabled()
    drawn(page, DIGITS[5])  # the keyboard does the same
    answer(page, 5)
    page.locator("svg.paper").focus()
    page.keyboard.press("Control+z")
    page.get_by_text("Draw a digit with mouse").wait_for()


def test_it_is_drawn_with_a_finger_too(browser, server, run_id, settle):
    context = browser.new_context(viewport={"width": 390, "height": 1800}, has_touch=True, color_scheme="dark")
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(f"{server}/Training?section=Try+it&try=Draw&run={run_id}")
    settle(page)
    page.locator("svg.paper").wait_for()
    box = page.locator("svg.paper").bounding_box()
    session = context.new_cdp_session(page)

    def touch(kind: str, *places: tuple[float, float]) -> None:
        points = [{"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]} for x, y in places]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    for stroke in DIGITS[3]:
        touch("touchStart", stroke[0])
        for place in stroke[1:]:
            touch("touchMove", place)
        touch("touchEnd")
    answer(page, 3)
    page.screenshot(path=SCREENSHOTS / "draw-390-dark.png")
    main = page.locator("[data-testid=stMain]")
    assert main.evaluate("main => main.scrollWidth <= main.clientWidth + 1")
    context.close()


def test_the_folder_is_made_when_its_button_is_pressed(open_page, run_id):
    page = open_page(f"/Training?section=Take+away&run={run_id}", height=1600)
    with page.expect_download() as caught:
        page.get_by_role("button", name="The whole folder").click()
    assert caught.value.suggested_filename == f"{run_id}.zip"
    with open(caught.value.path(), "rb") as file, zipfile.ZipFile(io.BytesIO(file.read())) as archive:
        assert archive.testzip() is None
        assert f"{run_id}/verify.py" in archive.namelist()
    with page.expect_download() as caught:
        page.get_by_role("button", name="weights.safetensors").click()
    assert caught.value.suggested_filename == f"{run_id}.safetensors"
    page.screenshot(path=SCREENSHOTS / "take-away.png")
