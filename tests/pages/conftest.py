"""Opens pages through Streamlit's AppTest, with no worker behind them."""

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.helpers import HOME, PAGES, ROOT, checked


@pytest.fixture(autouse=True)
def no_worker(monkeypatch):
    """Pages queue runs; the tests train them in this process when they want them trained."""
    monkeypatch.setattr("cvcore.ui.runs.ensure_worker", lambda store, number=0: None)
    monkeypatch.setattr("cvcore.training.worker.ensure_worker", lambda store, number=0: None)


@pytest.fixture(autouse=True)
def no_estimates(monkeypatch):
    """Nothing is timed in the background unless a test clicks for it: a thread would outlive the test's folders."""
    monkeypatch.setattr("cvcore.ui.training.preflight.AUTOMATIC", False)


@pytest.fixture
def page(monkeypatch):
    """Opens a page, with query parameters, and checks that nothing unforeseen happened."""
    monkeypatch.chdir(ROOT)

    def open_page(name: str, **query: str) -> AppTest:
        app = AppTest.from_file(HOME, default_timeout=60)
        if PAGES[name]:
            app.switch_page(PAGES[name])
        for key, value in query.items():
            app.query_params[key] = value
        return checked(app.run())

    return open_page
