"""Every test has its own runs folder; all share one data folder, so that bundled sets are made once."""

import os
import random
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import cvcore  # noqa: E402, F401 - before torch: it says how OpenMP waits


def pytest_collection_modifyitems(config, items):
    """CI has no time for all of a long sweep: of each test's parameters it takes a twelfth, always the same."""
    if not os.environ.get("CI"):
        return
    sweeps: dict[str, list[pytest.Item]] = {}
    for item in items:
        if item.get_closest_marker("sweep"):
            sweeps.setdefault(item.nodeid.partition("[")[0], []).append(item)
    left_out = set()
    for name, each in sweeps.items():
        kept = min(len(each), max(3, len(each) // 12))
        left_out |= set(random.Random(f"a twelfth of {name}").sample(each, len(each) - kept))
    config.hook.pytest_deselected(items=[item for item in items if item in left_out])
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


@pytest.fixture(autouse=True)
def folders(monkeypatch, tmp_path, data_folder):
    """CVCORE_DATA and CVCORE_RUNS of this test; nothing is ever written to the project's own."""
    monkeypatch.setenv("CVCORE_DATA", str(data_folder))
    monkeypatch.setenv("CVCORE_RUNS", str(tmp_path / "runs"))


@pytest.fixture(autouse=True)
def same_main_module(monkeypatch):
    """AppTest puts the page in the place of the main module; processes that are started later would run it again."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


@pytest.fixture
def store(tmp_path):
    from cvcore.training.runs import RunStore

    return RunStore(tmp_path / "runs")
