"""Who trains next: tickets in a folder, in the order they were drawn, and a slot for each run that may train at once.

Small networks train on one core each, so there are as many slots as cores; a run that uses all cores, or a GPU, waits
in its slot until it holds the others too.
"""

import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from cvcore.config import RunConfig
from cvcore.errors import RunError
from cvcore.training import events
from cvcore.training.run import QUEUE, Run, is_locked
from cvcore.training.runs import RunStore

MOST_SLOTS = 8  # each training process takes about 300 MB
STOPS = {"cancel": "cancelled", "pause": "paused"}  # file in a run's folder that asks for it: status it then has


def asked_to_stop(folder: Path) -> str:
    """Which of STOPS somebody asked of the run in `folder`; "" if none."""
    return next((how for how in STOPS if (folder / how).exists()), "")


def slots() -> int:
    """How many runs may train at once here."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, MOST_SLOTS))


class Slot:
    """A place among those who train at once; given back by `release`."""

    POLL = 0.1  # seconds between two looks at whether the others have ended

    def __init__(self, folder: Path, held: FileLock) -> None:
        self._folder = folder
        self._held = ExitStack()
        self._held.callback(held.release)

    def wait_until_alone(self, should_stop: Callable[[], str]) -> None:
        """Hold every slot. Of several who ask, one comes after the other; who waits holds none.

        Raises trainer.Stopped when `should_stop` says what for.
        """
        from cvcore.training.trainer import Stopped

        self.release()
        locks = [FileLock(self._folder / "alone.lock"), *(_slot_lock(self._folder, each) for each in range(slots()))]
        for lock in locks:
            while True:
                try:
                    lock.acquire(timeout=self.POLL)
                    self._held.callback(lock.release)
                    break
                except Timeout:
                    if how := should_stop():
                        raise Stopped(how) from None

    def release(self) -> None:
        """Let others train."""
        self._held.close()


def _slot_lock(folder: Path, number: int) -> FileLock:
    return FileLock(folder / f"slot-{number}.lock")


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

    def free_slot(self) -> Slot | None:
        """A slot to train in, or None if all are taken."""
        for number in range(slots()):
            lock = _slot_lock(self.folder, number)
            try:
                lock.acquire(timeout=0)
                return Slot(self.folder, lock)
            except Timeout:
                continue
        return None

    def worker_lock(self, number: int = 0) -> FileLock:
        """Held by worker `number` of this store as long as it lives."""
        return FileLock(self.folder / f"worker-{number}.lock")

    def claim_lock(self) -> FileLock:
        """Held from looking who is next until that run is seen to be training, so that no two take the same."""
        return FileLock(self.folder / "claim.lock")

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
            for name in STOPS:
                (run.path / name).unlink(missing_ok=True)
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
        self._stop(run_id, "cancel")

    def pause(self, run_id: str) -> None:
        """As `cancel`, but the run is then paused: it goes on, exactly where it was, when it is submitted again."""
        self._stop(run_id, "pause")

    def _stop(self, run_id: str, how: str) -> None:
        with self._change_lock():
            run = self.store.find(run_id)
            if run.ended:
                raise RunError(f"{run_id} is {run.status}: only a queued or running one can be {STOPS[how]}")
            if is_locked(run.path):
                (run.path / how).touch()
            else:
                self.remove(run_id)
                events.append(run.path, "status", status=STOPS[how])
