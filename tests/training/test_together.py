"""Two processes that train one network, as torchrun starts them, against one process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cvcore.training.runs import RunStore

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(sys.platform == "win32", reason="gloo under torchrun is not for Windows")
def test_two_processes_find_the_losses_of_one(tmp_path):
    options = ["-m", "cvcore", "train", "--data", "digits", "--model", "lenet5", "--epochs", "2", "--json"]
    environment = {**os.environ, "CVCORE_DEVICE": "cpu", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    two = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"]
    found = []
    for command, runs in (([sys.executable], "one"), (two, "two")):
        done = subprocess.run(
            [*command, *options, "--runs", str(tmp_path / runs)],
            env=environment, cwd=ROOT, capture_output=True, text=True, timeout=280,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
        found.append(json.loads(done.stdout))  # one object, whoever speaks
    one, two = found
    assert one["run_id"] == two["run_id"]  # how many compute is not in the config
    for first, second in zip(one["history"], two["history"], strict=True):
        for field in ("train_loss", "train_acc", "val_loss", "val_acc"):
            assert second[field] == pytest.approx(first[field], abs=1e-5)
    assert two["test"]["loss"] == pytest.approx(one["test"]["loss"], abs=1e-5)
    (run,) = RunStore(tmp_path / "two").list()
    assert run.meta["processes"] == 2
    assert run.status == "done"
