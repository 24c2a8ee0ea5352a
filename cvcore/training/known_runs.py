"""Finds the runs of a folder. What is known of those that have ended is kept, in memory and in one file for all: a list
of thousands reads that one, not two files for each."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from cvcore.config import SCHEMA_VERSION
from cvcore.errors import CvcoreError
from cvcore.files import write_atomically
from cvcore.training import events
from cvcore.training.run import Run

FILE = ".known.json"
WORTH_KEEPING = 50  # runs read one by one before the file is written again: each takes about a millisecond

Stamp = tuple[int, ...]  # times and sizes of a run's two files


@dataclass
class _Known:
    """The runs of a folder that have ended, each with its files' stamp; of others it hangs on locks what they are."""

    folder: Path
    shipped: bool
    runs: dict[str, tuple[Stamp, Run]] = field(default_factory=dict)
    unsaved: int = 0

    def find(self) -> list[Run]:
        """All readable runs that are there now."""
        found, ended = [], {}
        for run_id, stamp in _stamps(self.folder):
            known, run = self.runs.get(run_id, ((), None))
            if known != stamp:
                run = Run(self.folder / run_id, self.shipped)
                if not readable(run):
                    continue
                self.unsaved += bool(run.end)
            found.append(run)
            if run.end:
                ended[run_id] = stamp, run
        self.runs = ended
        return found

    def load(self) -> None:
        """Take over what the file knows; nothing, where it cannot be read or another version wrote it."""
        try:
            kept = json.loads((self.folder / FILE).read_text(encoding="utf-8"))
            if kept["schema"] != SCHEMA_VERSION:
                return
            for run_id, (stamp, meta, told) in kept["runs"].items():
                self.runs[run_id] = tuple(stamp), Run.known(self.folder / run_id, self.shipped, meta, told)
        except (OSError, ValueError, TypeError, KeyError):
            self.runs = {}

    def save(self) -> None:
        """Write the file, where enough is new and the folder takes it."""
        if self.unsaved < WORTH_KEEPING or self.shipped:
            return
        runs = {run_id: (stamp, run.meta, run.told) for run_id, (stamp, run) in self.runs.items()}
        text = json.dumps({"schema": SCHEMA_VERSION, "runs": runs})
        with suppress(OSError):  # a folder that is full, or only to be read, is no less a list of runs
            write_atomically(self.folder / FILE, lambda partial: partial.write_text(text, encoding="utf-8"))
        self.unsaved = 0


_folders: dict[tuple[Path, bool], _Known] = {}
_lock = Lock()  # pages of several visitors ask at once


def known_runs(folder: Path, shipped: bool) -> list[Run]:
    """All readable runs in `folder`, in no order; one that has ended is read again only where its files changed."""
    with _lock:
        known = _folders.get((folder, shipped))
        if known is None:
            known = _folders[folder, shipped] = _Known(folder, shipped)
            known.load()
        found = known.find()
        known.save()
    return found


def _stamps(folder: Path) -> Iterator[tuple[str, Stamp]]:
    """Names of the folders that hold a run, with the stamps of their files; of no events the stamp is short."""
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        try:
            meta = os.stat(os.path.join(entry.path, "run.json"))
        except OSError:
            continue
        stamp = meta.st_mtime_ns, meta.st_size
        try:
            told = os.stat(os.path.join(entry.path, events.FILE))
            yield entry.name, (*stamp, told.st_mtime_ns, told.st_size)
        except OSError:
            yield entry.name, stamp


def readable(run: Run) -> bool:
    """Whether everything that a list shows of the run can be read."""
    try:
        shown = (run.config, run.status, run.history, time.localtime(run.when), run.size, run.progress, run.end)
        return len(shown) > 0
    except (CvcoreError, KeyError, TypeError, ValueError, OverflowError, OSError):
        return False
