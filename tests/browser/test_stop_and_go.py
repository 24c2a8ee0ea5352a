"""A run that is cancelled, paused and resumed, in a real browser."""

import re

import pytest

from tests.browser.conftest import SCREENSHOTS

pytestmark = pytest.mark.browser

POINTS = """() => {
    const plot = document.querySelector('.js-plotly-plot');
    return plot && plot.data.length ? Math.max(...plot.data.map(line => line.x.length)) : 0;
}"""


def wait_for_points(page, at_least: int) -> int:
    page.wait_for_function(f"n => ({POINTS})() >= n", arg=at_least)
    return page.evaluate(POINTS)


def test_a_run_is_cancelled_resumed_and_paused_and_nothing_is_lost(open_page, settle):
    page = open_page("/Training?model=lenet5")
    epochs = page.get_by_role("spinbutton", name="Epochs")
    epochs.fill("400")
    epochs.press("Enter")
    page.wait_for_timeout(800)
    settle(page)
    page.get_by_role("button", name="Train", exact=True).click()
    page.get_by_role("button", name="Cancel", exact=True).wait_for()
    wait_for_points(page, 2)
    page.get_by_role("button", name="Cancel", exact=True).click()
    said = page.get_by_text(re.compile(r"was cancelled after \d+ of 400 epochs"))
    said.wait_for()
    done = int(re.search(r"after (\d+) of", said.inner_text()).group(1))
    assert 2 <= done < 400
    assert "Resume continues exactly where it stopped" in said.inner_text()
    page.screenshot(path=SCREENSHOTS / "stopped.png")

    page.get_by_role("button", name="Resume", exact=True).click()
    page.get_by_role("button", name="Pause", exact=True).wait_for()
    wait_for_points(page, done + 2)  # the curve went on from where it was
    page.get_by_role("button", name="Pause", exact=True).click()
    paused = page.get_by_text(re.compile(r"was paused after \d+ of 400 epochs"))
    paused.wait_for()
    assert int(re.search(r"after (\d+) of", paused.inner_text()).group(1)) >= done + 2
