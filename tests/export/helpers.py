"""Runs for tests of what is taken away, and a clean Python to run it in."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from cvcore.config import parse_config
from cvcore.export.folder import Export, all_files, write
from cvcore.export.script import MOST_LINES
from cvcore.training.check import checked
from cvcore.training.job import execute
from cvcore.training.queue import Queue
from cvcore.training.run import Run
from cvcore.training.runs import RunStore

ROOT = Path(__file__).resolve().parents[2]


def trained(
    store: RunStore,
    model: str,
    data: str = "digits",
    transfer=None,
    per_class: int = 0,
    normalize: str = "dataset",
    **train,
) -> Run:
    """A finished run of the store."""
    images = {"name": data, "per_class": per_class, "normalize": normalize}
    values = {"data": images, "model": {"name": model}, "train": train}
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


def same_weights(run: Run, folder: Path) -> bool:
    """Whether the script ended with the very numbers that the run kept."""
    mine = torch.load(folder / "repeated.pt", weights_only=True)
    theirs = torch.load(run.path / "best.pt", weights_only=True)
    return list(mine) == list(theirs) and all(torch.equal(mine[name], theirs[name]) for name in mine)


def repeated(store: RunStore, run: Run, folder: Path, monkeypatch) -> str:
    """Writes everything and runs the script in this process; its text."""
    files, _ = all_files(Export(run, store))
    write(files, folder)
    text = (folder / "train.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) < MOST_LINES
    assert "cvcore" not in text
    _imports_from(folder, monkeypatch)
    runpy.run_path(str(folder / "train.py"), run_name="__main__")
    return text


def verified(folder: Path, monkeypatch) -> int:
    """The status with which the folder's own test ends, in this process: to start another takes seconds."""
    _imports_from(folder, monkeypatch)
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(folder / "verify.py"), run_name="__main__")
    return ended.value.code


def _imports_from(folder: Path, monkeypatch) -> None:
    """Let programs of the folder import what lies beside them."""
    monkeypatch.syspath_prepend(folder)
    for name in ("model", "augmentation", "classify"):
        monkeypatch.delitem(sys.modules, name, raising=False)
