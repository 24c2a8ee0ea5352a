"""Where data and runs live. Two environment variables decide; folders are created when first written to."""

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def data_dir() -> Path:
    """Folder of the data sets: CVCORE_DATA, or ./data; laid out as torchvision lays it out."""
    return Path(os.environ.get("CVCORE_DATA") or "data").resolve()


def runs_dir() -> Path:
    """Folder of the runs: CVCORE_RUNS, or ./runs."""
    return Path(os.environ.get("CVCORE_RUNS") or "runs").resolve()


def shipped_runs_dir() -> Path:
    """Read-only folder of the trained runs that come with the package."""
    return PACKAGE / "shipped"
