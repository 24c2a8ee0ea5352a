"""Seconds from a click on Train to the first point of the curve, in a real browser.

    python -m benchmarks.click_to_curve

First with no worker: the page has just opened, which starts one. Then with an idle worker. Needs Chromium, as the
browser tests do.
"""

import statistics
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from cvcore.training.runs import RunStore
from cvcore.training.worker import is_alive
from tests.browser.conftest import FLAGS, chromium, running_app, settled

COLD, WARM = ("perceptron", "mlp", "two-conv"), ("lenet5", "one-conv", "bn-cnn")
# the first plot shows a line of the run whose id ends so, with one point or more
HAS_POINT = """end => {
    const plot = document.querySelector('.js-plotly-plot');
    return plot && plot.data.some(line => (line.name || '').endsWith(end) && line.x.length >= 1);
}"""


def click_and_wait(page, address: str, store: RunStore, network: str) -> float:
    """Seconds from the click until the curve of `network` on digits has a point."""
    page.goto(f"{address}/Training?model={network}")
    settled(page)
    before = {run.run_id for run in store.list()}
    started = time.perf_counter()
    page.get_by_role("button", name="Train", exact=True).click()
    while not (new := {run.run_id for run in store.list()} - before):
        time.sleep(0.01)
    run_id = new.pop()
    page.wait_for_function(HAS_POINT, arg=run_id[-4:])
    taken = time.perf_counter() - started
    while not store.find(run_id).ended:
        time.sleep(0.2)
    return round(taken, 2)


def main() -> None:
    cold, warm = [], []
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        store = RunStore(folder / "runs")
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        page = browser.new_page()
        page.set_default_timeout(60_000)
        with running_app(folder, folder / "data") as address:
            page.goto(f"{address}/Architectures")  # waits until the server has loaded torch
            page.get_by_text("Sums: 61,706 parameters").wait_for()
            for cold_network, warm_network in zip(COLD, WARM, strict=True):
                while is_alive(store):
                    time.sleep(0.5)
                cold.append(click_and_wait(page, address, store, cold_network))
                warm.append(click_and_wait(page, address, store, warm_network))
            while is_alive(store):
                time.sleep(0.5)
        browser.close()
    print(f"no worker: {statistics.median(cold)} s, median of {cold}")
    print(f"idle worker: {statistics.median(warm)} s, median of {warm}")


if __name__ == "__main__":
    main()
