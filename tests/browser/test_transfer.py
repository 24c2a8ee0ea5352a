"""Ways to reuse a network, compared in a real browser."""

import pytest

from tests.browser.conftest import SCREENSHOTS

pytestmark = pytest.mark.browser

CURVES = """() => [...document.querySelectorAll('.js-plotly-plot')].map(
    plot => plot.data.filter(line => line.name && line.x.length >= 5).map(line => line.name))"""
TITLES = ["From scratch", "Cached features", "Fine-tuned"]


def fill(page, label: str, value: str) -> None:
    page.get_by_role("spinbutton", name=label).fill(value)
    page.keyboard.press("Enter")


def test_three_strategies_side_by_side(open_page, settle):
    page = open_page("/Transfer_Learning?target=digits", height=1800)
    fill(page, "Images a class", "10")
    page.get_by_text("These 100 labelled images").wait_for()
    fill(page, "Epochs", "5")
    settle(page)
    page.get_by_role("button", name="Train all").click()
    page.wait_for_function(
        f"titles => ({CURVES})().some(names => titles.every(title => names.includes(title)))", arg=TITLES
    )
    page.get_by_text("Accuracy on the test images").wait_for()
    page.locator("[data-testid=stDataFrame]").wait_for()
    page.wait_for_timeout(1000)
    page.screenshot(path=SCREENSHOTS / "transfer-results.png")

    page.get_by_role("radio", name="Is it really frozen?").or_(
        page.get_by_role("button", name="Is it really frozen?")
    ).first.click()
    page.get_by_text("change of the weights").wait_for()
    told = page.locator(".js-plotly-plot").first.evaluate("plot => plot.data.map(line => [line.name, line.customdata])")
    moved = dict(told)
    assert list(moved) == TITLES
    assert moved["Cached features"][:-1] == ["not at all"] * 3
    assert "not at all" not in moved["Fine-tuned"]
    page.screenshot(path=SCREENSHOTS / "transfer-frozen.png")
