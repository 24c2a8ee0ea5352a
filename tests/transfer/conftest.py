"""What tests of transfer share."""

import pytest

from cvcore import paths
from cvcore.training.runs import RunStore


@pytest.fixture
def runs(store):
    """The user's runs with the shipped ones behind them."""
    return RunStore(store.root, paths.shipped_runs_dir())
