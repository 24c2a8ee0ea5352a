"""What a first visitor does, in a real browser: look, read, train, come back."""

import os

import pytest

from tests.browser.conftest import SCREENSHOTS, running_app

pytestmark = pytest.mark.browser

DATA = ["Statistics", "Quality", "Map", "Transforms", "Filters", "Damage"]
NETWORK = ["Receptive field", "Compare", "Graph", "Inside", "Remarks", "Calculator", "Explain"]
PAGES = [
    "",
    "Datasets",
    *(f"Datasets?view={name}" for name in DATA),
    "Architectures",
    "Training",
    "Transfer_Learning",
]
RUN = ["Compare", "Published", "Try it", "Take away"]  # the others: test_understand.py
SECTIONS = [
    *(f"Architectures?section={name.replace(' ', '+')}" for name in NETWORK),
    *(f"Training?section={name.replace(' ', '+')}" for name in RUN),
]
SCREENS = [(1280, "light"), (390, "dark")]
SCREENS += [] if os.environ.get("CI") else [(1280, "dark"), (390, "light")]  # CI has no time for all
# name, points and colour of each line in the first plot
LINES = """() => {
    const plot = document.querySelector('.js-plotly-plot');
    return plot ? plot.data.map(line => [line.name || '', line.x.length]) : [];
}"""


def wait_for_points(page, label: str, at_least: int) -> None:
    page.wait_for_function(
        f"([label, n]) => ({LINES})().some(([name, x]) => name.includes(label) && x >= n)", arg=[label, at_least]
    )


def choose(page, label: str, option: str) -> None:
    page.get_by_role("combobox", name=label).click()
    page.get_by_role("option", name=option, exact=True).click()


def side_link(page, name: str):
    return page.locator("[data-testid=stSidebar]").get_by_role("link", name=name)


def test_the_journey(open_page, settle):
    page = open_page()
    problems = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    assert page.get_by_role("heading", name="A workbench for image classifiers").is_visible()

    side_link(page, "Datasets").click()
    page.get_by_role("heading", name="Datasets").wait_for()
    settle(page)
    sheet = page.locator(".js-plotly-plot image").first
    sheet.wait_for()
    assert sheet.evaluate("image => image.getBBox().width") > 300  # pixels: a picture, not an empty frame
    assert page.get_by_text("1,437").first.is_visible()

    side_link(page, "Architectures").click()
    page.get_by_role("heading", name="Architectures").wait_for()
    page.get_by_text("61,706 parameters").first.wait_for()

    side_link(page, "Training").click()
    page.get_by_role("heading", name="Training").wait_for()
    settle(page)
    choose(page, "Network", "perceptron")
    page.wait_for_timeout(500)
    page.get_by_role("button", name="Train", exact=True).click()
    label = "perceptron · digits · adam 0.002"
    wait_for_points(page, label, 1)
    wait_for_points(page, label, 10)
    page.get_by_text("Test accuracy (%)").first.wait_for()
    page.screenshot(path=SCREENSHOTS / "journey-trained.png")

    page.reload()
    settle(page)
    wait_for_points(page, label, 10)
    assert "run=digits-perceptron-" in page.url

    choose(page, "Network", "perceptron")  # a reload starts with a fresh form
    page.wait_for_timeout(500)
    page.get_by_role("button", name="Train", exact=True).click()
    page.get_by_text("Cached: these settings were trained on").wait_for()
    wait_for_points(page, label, 10)
    assert problems == []


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_every_page_fits_its_screen(open_page, settle, server, width, scheme):
    page = open_page(width=width, height=1600, scheme=scheme)
    # the many sections of one page are looked at wide and light, and narrow and dark
    sections = SECTIONS if (width == 1280) == (scheme == "light") else []
    for path in PAGES + sections:
        page.goto(f"{server}/{path}")
        settle(page)
        page.wait_for_timeout(1000)  # plots fade in
        name = path.replace("?view=", "-").replace("?section=", "-") or "Home"
        page.screenshot(path=SCREENSHOTS / f"{name}-{width}-{scheme}.png")
        main = page.locator("[data-testid=stMain]")
        assert main.evaluate("main => main.scrollWidth <= main.clientWidth + 1"), f"/{path} scrolls sideways"
        assert page.locator("[data-testid=stException], [data-testid=stAlertContentError]").count() == 0


def test_the_first_visitor_of_a_server_gets_an_address_to_share(browser, settle, tmp_path):
    with running_app(tmp_path, tmp_path / "data") as address:  # torch is not loaded yet
        page = browser.new_page()
        page.set_default_timeout(60_000)
        page.goto(f"{address}/Architectures")
        page.get_by_text("Look at").wait_for()
        settle(page)
        for section in ("Remarks", "Layers", "Calculator"):
            page.get_by_text(section, exact=True).first.click()
            page.wait_for_timeout(500)
            settle(page)
        assert "section=Calculator" in page.url
        page.close()


def test_bad_input_is_one_line_and_the_page_stays(open_page):
    page = open_page("/Training?model=lenet-cifar")
    page.get_by_role("button", name="Train", exact=True).click()
    error = page.locator("[data-testid=stAlertContentError]")
    error.wait_for()
    assert "lenet-cifar does not fit 1×28×28" in error.inner_text()
    assert "Traceback" not in page.content()
    assert page.get_by_role("heading", name="All runs").is_visible()
