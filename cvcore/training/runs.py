"""The runs of a folder: found, made, deleted. No torch here."""

import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from cvcore import paths
from cvcore.config import RUN_ID_PATTERN, SCHEMA_VERSION, RunConfig
from cvcore.errors import RunError, unknown_name
from cvcore.files import write_json
from cvcore.training.known_runs import known_runs, readable
from cvcore.training.run import Run, is_locked


@dataclass(frozen=True)
class RunStore:
    """The runs in the folder `root`, and the read-only ones in `shipped` behind them."""

    root: Path
    shipped: Path | None = None

    def get(self, run_id: str) -> Run | None:
        """The run of that id, the user's own before a shipped one; None if there is none."""
        if not re.fullmatch(RUN_ID_PATTERN, run_id):
            return None
        for folder, shipped in ((self.root, False), (self.shipped, True)):
            if folder and (folder / run_id / "run.json").is_file():
                return Run(folder / run_id, shipped)
        return None

    def find(self, run_id: str) -> Run:
        """As `get`. Raises RunError, with the nearest names, if there is none."""
        run = self.get(run_id)
        if run is None:
            raise RunError(unknown_name("run", run_id, [each.run_id for each in self.list()] or ["(no runs yet)"]))
        if not readable(run):
            raise RunError(f"the files of {run_id} cannot be read: delete the folder {run.path}, or restore them")
        return run

    def list(self) -> list[Run]:
        """All readable runs, newest first, shipped ones last; a folder that cannot be read is left out."""
        found: dict[str, Run] = {}
        for folder, shipped in ((self.root, False), (self.shipped, True)):
            for run in known_runs(folder, shipped) if folder else ():
                found.setdefault(run.run_id, run)
        return sorted(found.values(), key=lambda run: (run.shipped, -run.when))

    def create(self, config: RunConfig) -> Run:
        """An empty run for `config`, or the one that is there. Raises RunError if the folder cannot be written."""
        run = Run(self.root / config.run_id())
        try:
            run.path.mkdir(parents=True, exist_ok=True)
            if not (run.path / "run.json").is_file():
                write_json(
                    run.path / "run.json",
                    {
                        "schema": SCHEMA_VERSION,
                        "run_id": run.run_id,
                        "created": time.time(),
                        "data_fingerprint": config.data.fingerprint,
                        "config": config.model_dump(mode="json"),
                    },
                )
        except OSError as error:
            raise RunError(
                f"cannot write to {self.root} ({error.strerror}): set CVCORE_RUNS to another folder"
            ) from error
        return run

    def delete(self, run_id: str) -> None:
        """Remove a run's folder. Raises RunError if it is unknown, shipped, or being trained."""
        run = self.find(run_id)
        if run.shipped:
            raise RunError(f"{run_id} ships with the app and stays: only runs in {self.root} can be deleted")
        if is_locked(run.path):
            raise RunError(f"{run_id} is being trained: cancel it first")
        try:
            doomed = run.path.with_name(f".deleted-{time.time_ns()}")  # one step, so that nobody meets half a run
            run.path.rename(doomed)
            shutil.rmtree(doomed)
        except OSError as error:
            raise RunError(f"{run.path} cannot be deleted ({error.strerror}): close what uses it") from error


def default_store() -> RunStore:
    """The user's runs with the shipped ones behind them."""
    return RunStore(paths.runs_dir(), paths.shipped_runs_dir())
