"""Runs for tests of what is taken away, and a clean Python to run it in."""

import os
import subprocess
import sys
from pathlib import Path

from cvcore.config import parse_config
from cvcore.training.check import checked
from cvcore.training.job import execute
from cvcore.training.queue import Queue
from cvcore.training.run import Run
from cvcore.training.runs import RunStore

ROOT = Path(__file__).resolve().parents[2]


def trained(store: RunStore, model: str, data: str = "digits", transfer=None, per_class: int = 0, **train) -> Run:
    """A finished run of the store."""
    values = {"data": {"name": data, "per_class": per_class}, "model": {"name": model}, "train": train}
    run, _ = Queue(store).submit(checked(parse_config({**values, "transfer": transfer}), store))
    execute(store, run)
    run = store.find(run.run_id)
    assert run.status == "done", run.end
    return run


def clean_python(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Python in `folder`, where nothing of cvcore can be imported."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("CVCORE", "PYTHON"))}
    inside = {"cwd": folder, "env": environment, "capture_output": True, "text": True, "encoding": "utf-8"}
    probe = subprocess.run([sys.executable, "-c", "import cvcore"], **inside)
    assert "No module named 'cvcore'" in probe.stderr
    return subprocess.run([sys.executable, *arguments], **inside, timeout=200)
