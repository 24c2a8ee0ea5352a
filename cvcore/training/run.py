"""A run on disk: a folder, read by pages and by the command line, written by whoever trains it. No torch here."""

import json
import time
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

from cvcore.config import RunConfig, parse_config
from cvcore.errors import RunError
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

    @classmethod
    def known(cls, path: Path, shipped: bool, meta: dict[str, Any], told: dict[str, dict[str, Any]]) -> "Run":
        """A run of which that much is known without a look into its folder."""
        run = cls(path, shipped)
        run.__dict__.update(meta=meta, told=told)
        return run

    @cached_property
    def config(self) -> RunConfig:
        return parse_config(self.meta["config"])

    @cached_property
    def _events(self) -> list[dict[str, Any]]:
        return events.read(self.path)

    @cached_property
    def told(self) -> dict[str, dict[str, Any]]:
        """The last event of each kind: all that a list of runs needs to know of it."""
        return {event["event"]: event for event in self._events}

    def _last(self, kind: str) -> dict[str, Any]:
        return self.told.get(kind, {})

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
    def epochs_done(self) -> int:
        """How many epochs there are in the history, which need not be read for it."""
        return self._last("epoch").get("epoch", 0)

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
    """Whether somebody trains the run in `folder`. It is asked with every rerun of a page, so it does not wait."""
    file = folder / "run.lock"
    if not file.exists():
        return False
    if fcntl is None:
        return _is_taken(run_lock(folder))
    try:
        with file.open("rb") as looked_at:
            fcntl.flock(looked_at, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: those who look do not meet each other
        return False
    except BlockingIOError:
        return True
    except OSError:  # it is gone
        return False


def _is_taken(lock: FileLock) -> bool:
    """The same where locks cannot be shared: a short patience tells a trainer, who stays, from another look."""
    try:
        with lock.acquire(timeout=0.1, poll_interval=0.02):
            return False
    except Timeout:
        return True
    except OSError:  # a folder we cannot write to: nobody here trains in it
        return False
