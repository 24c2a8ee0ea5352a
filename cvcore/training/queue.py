"""Who trains next: tickets in a folder, in the order they were drawn, and one lock that only one trainer holds."""

import time
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from cvcore.config import RunConfig
from cvcore.errors import RunError
from cvcore.training import events
from cvcore.training.runs import QUEUE, Run, RunStore, is_locked


@dataclass(frozen=True)
class Queue:
    """The queue of a store: files named TIME-RUN_ID in its folder .queue."""

    store: RunStore

    @property
    def folder(self) -> Path:
        folder = self.store.root / QUEUE
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(
                f"cannot write to {self.store.root} ({error.strerror}): choose another runs folder"
            ) from error
        return folder

    def training_lock(self) -> FileLock:
        """Held while anybody trains a run of this store."""
        return FileLock(self.folder / "training.lock")

    def worker_lock(self) -> FileLock:
        """Held by the worker of this store as long as it lives."""
        return FileLock(self.folder / "worker.lock")

    def _change_lock(self) -> FileLock:
        """Held while runs are made, thrown away or taken out of the queue, so that two who ask at once take turns."""
        return FileLock(self.folder / "change.lock")

    def waiting(self) -> list[str]:
        """Run ids in the order they will be trained."""
        return [ticket.name.split("-", 1)[1] for ticket in self._tickets()]

    def _tickets(self) -> list[Path]:
        return sorted(self.folder.glob("[0-9]*-*"))

    def add(self, run: Run) -> None:
        """Draw a ticket for `run`, unless it has one."""
        if run.run_id not in self.waiting():
            (run.path / "cancel").unlink(missing_ok=True)
            events.append(run.path, "status", status="queued")
            (self.folder / f"{time.time_ns():020d}-{run.run_id}").touch()

    def remove(self, run_id: str) -> None:
        """Give back the ticket of a run."""
        for ticket in self._tickets():
            if ticket.name.split("-", 1)[1] == run_id:
                ticket.unlink(missing_ok=True)

    def submit(self, config: RunConfig, *, fresh: bool = False) -> tuple[Run, bool]:
        """The run for a checked `config`, and whether it was trained before (the cache).

        A run that goes on is joined; one that was interrupted or cancelled goes on where it stopped; one that failed,
        and any with `fresh`, begins anew.
        """
        run = self.store.get(config.run_id())
        if run and run.status == "done" and not fresh:
            return run, True
        with self._change_lock():
            run = self.store.get(config.run_id())
            if run and not run.shipped:
                if is_locked(run.path):
                    if fresh:
                        raise RunError(f"{run.run_id} is being trained right now: wait for it, or cancel it first")
                    return run, False
                if fresh or run.status == "failed":
                    self.remove(run.run_id)
                    self.store.delete(run.run_id)
            run = self.store.create(config)
            self.add(run)
            return Run(run.path), False

    def cancel(self, run_id: str) -> None:
        """Stop a run within one batch, or take it out of the queue. Raises RunError if it has ended."""
        with self._change_lock():
            run = self.store.find(run_id)
            if run.ended:
                raise RunError(f"{run_id} is {run.status}: only a queued or running one can be cancelled")
            if is_locked(run.path):
                (run.path / "cancel").touch()
            else:
                self.remove(run_id)
                events.append(run.path, "status", status="cancelled")
