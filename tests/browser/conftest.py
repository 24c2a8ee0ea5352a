"""A real server and a real browser. Without Chromium these tests skip, but on CI they fail."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCREENSHOTS = ROOT / "screenshots"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="session")
def browser():
    if chromium() is None:
        message = "no Chromium: install it (Debian: apt-get install chromium)"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        if os.environ.get("CI"):
            raise
        pytest.skip("no playwright: pip install -r requirements-dev.txt")
    SCREENSHOTS.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield browser
        browser.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def running_app(folder: Path, data: Path, script: Path = ROOT / "streamlit_app.py") -> Iterator[str]:
    """Address of the app, or of another `script`, with its runs in `folder`.

    Its worker ends by itself soon after the last run.
    """
    port = _free_port()
    environment = {
        **os.environ,
        "CVCORE_DATA": str(data),
        "CVCORE_RUNS": str(folder / "runs"),
        "CVCORE_WORKER_LINGER": "15",
        "PYTHONPATH": str(ROOT),
    }
    options = [f"--server.port={port}", "--server.address=127.0.0.1", "--server.headless=true"]
    command = [sys.executable, "-m", "streamlit", "run", str(script), *options]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        try:
            _wait_until_healthy(f"http://127.0.0.1:{port}", process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(20)


@pytest.fixture(scope="session")
def server(tmp_path_factory, data_folder):
    """Address of the app with empty runs."""
    with running_app(tmp_path_factory.mktemp("server"), data_folder) as address:
        yield address


def _wait_until_healthy(address: str, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=2) as answer:
                if answer.read() == b"ok":
                    return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError("the app did not start: see server.log")


@pytest.fixture
def open_page(browser, server):
    """Opens a path of the app in a window of its own and waits until its script has run."""
    contexts = []

    def open_path(path: str = "/", *, width: int = 1280, height: int = 1000, scheme: str = "light"):
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.goto(server + path)
        settled(page)
        return page

    yield open_path
    for context in contexts:
        context.close()


def settled(page) -> None:
    """Wait until the page has its title, its script rests, and no skeleton is left."""
    page.wait_for_selector("[data-testid=stMain] h1")
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]", state="attached")
    page.wait_for_function("document.querySelectorAll('[data-testid=stSkeleton]').length === 0")


@pytest.fixture
def settle():
    return settled


def place_of(page, area) -> dict[str, float]:
    """Where the area of a plot lies, once it stays there: the plot takes its size and the theme's colours, and is
    taken away and made anew for it."""
    before = None
    for _ in range(120):
        page.wait_for_timeout(500)
        now = area.bounding_box() if area.count() else None
        if now and now == before:
            return now
        before = now
    pytest.fail("the plot never came to rest")
