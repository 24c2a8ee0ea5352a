"""Runs on disk: one folder each, read by pages and by the command line, written by whoever trains. No torch here."""

import json
import re
import shutil
import time
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from cvcore import paths
from cvcore.config import RUN_ID_PATTERN, SCHEMA_VERSION, RunConfig, parse_config
from cvcore.errors import CvcoreError, RunError, unknown_name
from cvcore.files import write_json
from cvcore.training import events
from cvcore.training.history import Epoch

Status = Literal["queued", "running", "done", "failed", "cancelled", "paused", "interrupted"]
ENDED = ("done", "failed", "cancelled", "paused", "interrupted")
QUEUE = ".queue"  # folder of a store where runs wait, see training.queue


@dataclass(frozen=True)
class Run:
    """A run's folder as it was when this object was made; ask the store again for news."""

    path: Path
    shipped: bool = False

    @property
    def run_id(self) -> str:
        return self.path.name

    @cached_property
    def meta(self) -> dict[str, Any]:
        """run.json. Raises RunError if it cannot be read."""
        try:
            meta = json.loads((self.path / "run.json").read_text(encoding="utf-8"))
            return {**meta, "created": float(meta["created"]), "config": dict(meta["config"])}
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise RunError(
                f"run.json in {self.path} cannot be read: delete that folder, or restore the file"
            ) from error

    @cached_property
    def config(self) -> RunConfig:
        return parse_config(self.meta["config"])

    @cached_property
    def _events(self) -> list[dict[str, Any]]:
        return events.read(self.path)

    def _last(self, kind: str) -> dict[str, Any]:
        return next((event for event in reversed(self._events) if event["event"] == kind), {})

    @cached_property
    def status(self) -> Status:
        """Derived from the last status event, the lock and the ticket, never guessed."""
        said = self._last("status").get("status", "interrupted")
        if not self._abandoned(said):
            return said
        # it may have moved on since its events were read: a run that ended in between is not an interrupted one
        last = [event["status"] for event in events.read(self.path) if event["event"] == "status"][-1:]
        return "interrupted" if last in ([said], []) else last[0]

    def _abandoned(self, said: Status) -> bool:
        """Whether nobody is there any more to do what the run's last event announced."""
        if said == "queued":
            return not any((self.path.parent / QUEUE).glob(f"[0-9]*-{self.run_id}"))
        return said == "running" and not is_locked(self.path)

    @property
    def ended(self) -> bool:
        return self.status in ENDED

    @cached_property
    def history(self) -> list[Epoch]:
        """Epochs in order. An epoch told twice, before and after an interruption, counts once."""
        names = [field.name for field in fields(Epoch)]
        told = {event["epoch"]: event for event in self._events if event["event"] == "epoch"}
        return [Epoch(**{name: told[number][name] for name in names}) for number in sorted(told)]

    @property
    def progress(self) -> dict[str, Any]:
        """The last batch event: epoch, batch, batches, loss, images_per_s, eta (seconds); {} before the first."""
        return self._last("batch")

    @property
    def size(self) -> dict[str, Any]:
        """params and trainable_params of the network, batches of an epoch; {} before training starts."""
        return self._last("model")

    @property
    def predicted(self) -> dict[str, Any]:
        """What was predicted before it started, as preflight.Preflight tells it; {} where nobody asked."""
        return self._last("preflight")

    @property
    def end(self) -> dict[str, Any]:
        """The event that ended the run: best and test if done, error if failed; {} while it goes on."""
        return self._last("status") if self.status in ("done", "failed", "cancelled", "paused") else {}

    @property
    def when(self) -> float:
        """Seconds since 1970 at which the run last changed its status."""
        return self._last("status").get("time") or self.meta["created"]

    @property
    def date(self) -> str:
        """`when` as local date and time to the minute."""
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(self.when))

    def result(self) -> dict[str, Any]:
        """The run as the command line prints it with --json; "error" is there only if it failed."""
        error = {"error": self.end["error"]} if "error" in self.end else {}
        return {
            "run_id": self.run_id,
            "status": self.status,
            "config": self.config.model_dump(mode="json"),
            "params": self.size.get("params"),
            "history": [asdict(epoch) for epoch in self.history],
            "best": self.end.get("best"),
            "test": self.end.get("test"),
            **error,
        }


def run_lock(folder: Path) -> FileLock:
    """The lock that is held while the run in `folder` trains."""
    return FileLock(folder / "run.lock")


def is_locked(folder: Path) -> bool:
    """Whether somebody trains the run in `folder`.

    Two who look at once may see each other's look; a short patience tells that from a trainer, who stays.
    """
    if not (folder / "run.lock").exists():
        return False
    try:
        with run_lock(folder).acquire(timeout=0.1, poll_interval=0.02):
            return False
    except Timeout:
        return True
    except OSError:  # a folder we cannot write to: nobody here trains in it
        return False


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
        if not _readable(run):
            raise RunError(f"the files of {run_id} cannot be read: delete the folder {run.path}, or restore them")
        return run

    def list(self) -> list[Run]:
        """All readable runs, newest first, shipped ones last; a folder that cannot be read is left out."""
        found: dict[str, Run] = {}
        for folder, shipped in ((self.root, False), (self.shipped, True)):
            for file in folder.glob("*/run.json") if folder else ():
                run = _known(file, shipped)
                if run.run_id not in found and _readable(run):
                    found[run.run_id] = run
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


_over: dict[tuple[Path, bool], tuple[tuple[int, ...], Run]] = {}  # runs that have ended, with their files' stamps


def _known(file: Path, shipped: bool) -> Run:
    """The run whose run.json is `file`; one that has ended is read again only where its files have changed."""
    try:
        stamps = [each.stat() for each in (file, file.with_name(events.FILE))]
        stamp = tuple(value for each in stamps for value in (each.st_mtime_ns, each.st_size))
    except OSError:
        return Run(file.parent, shipped)
    known, run = _over.get((file, shipped), ((), None))
    if run is None or known != stamp:
        run = Run(file.parent, shipped)
        _over.pop((file, shipped), None)
        if _readable(run) and run.end:  # else what it is hangs on locks and tickets too
            _over[file, shipped] = stamp, run
    return run


def _readable(run: Run) -> bool:
    """Whether everything that a list shows of the run can be read."""
    try:
        shown = (run.config, run.status, run.history, time.localtime(run.when), run.size, run.progress, run.end)
        return len(shown) > 0
    except (CvcoreError, KeyError, TypeError, ValueError, OverflowError, OSError):
        return False


def default_store() -> RunStore:
    """The user's runs with the shipped ones behind them."""
    return RunStore(paths.runs_dir(), paths.shipped_runs_dir())
