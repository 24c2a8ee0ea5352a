"""The worker: one process a store that trains what is queued, one run after the other, and lingers for the next."""

import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable

from filelock import Timeout

from cvcore import paths
from cvcore.errors import ConfigError
from cvcore.training.history import Epoch
from cvcore.training.queue import Queue
from cvcore.training.runs import Run, RunStore

log = logging.getLogger(__name__)

POLL = 0.1  # seconds between two looks at the queue


def linger_seconds() -> float:
    """How long an idle worker waits for the next run: CVCORE_WORKER_LINGER, else 600.

    Importing torch again costs seconds, keeping it about 300 MB.
    """
    given = os.environ.get("CVCORE_WORKER_LINGER") or "600"
    try:
        return float(given)
    except ValueError as error:
        raise ConfigError(f"CVCORE_WORKER_LINGER: given {given!r}, it should be a number of seconds") from error


def serve(store: RunStore, *, once: bool = False, linger: float | None = None) -> None:
    """Train queued runs in order until none has come for `linger` seconds (`once`: until the queue is empty).

    Returns at once if the store has a worker already.
    """
    queue = Queue(store)
    linger = linger_seconds() if linger is None else linger
    try:
        lock = queue.worker_lock().acquire(timeout=0)
    except Timeout:
        log.info("another worker serves %s", store.root)
        return
    with lock:
        # these take seconds: before the first run, not in it; the first step of an optimizer would import _dynamo
        import torch._dynamo  # noqa: F401

        from cvcore.training import job  # noqa: F401

        _leave_the_cpu_to_pages()

        idle_since = time.monotonic()
        while True:
            if _train_next(store, queue):
                idle_since = time.monotonic()
            elif once or time.monotonic() - idle_since > linger:
                return
            else:
                time.sleep(POLL)


def _leave_the_cpu_to_pages() -> None:
    """Lower this process's priority; on Windows it was started so."""
    if hasattr(os, "nice"):
        os.nice(10)


def _train_next(store: RunStore, queue: Queue) -> bool:
    """Train the run at the head of the queue; False if there is none."""
    waiting = queue.waiting()
    if not waiting:
        return False
    with queue.training_lock():
        _train_ticket(store, queue, waiting[0])
    return True


def _train_ticket(
    store: RunStore, queue: Queue, run_id: str, on_epoch: Callable[[Epoch], None] = lambda epoch: None
) -> None:
    """Train the run of a ticket and give the ticket back; one whose run has ended or is gone is only given back."""
    from cvcore.training import job

    run = Run(store.root / run_id)
    if run_id in queue.waiting() and (run.path / "run.json").is_file() and run.status in ("queued", "interrupted"):
        job.execute(store, run, on_epoch)
    queue.remove(run_id)


def train_in_turn(
    store: RunStore, run_id: str, on_epoch: Callable[[Epoch], None], on_wait: Callable[[str], None]
) -> Run:
    """Train the queued run `run_id` in this process when its turn comes, and return it as it ended.

    If somebody is before it, `on_wait` hears who, once; a worker is started for those if none is alive. If a worker
    takes our run too, its epochs are told all the same.
    """
    try:
        return _train_in_turn(store, run_id, on_epoch, on_wait)
    except KeyboardInterrupt:
        Queue(store).remove(run_id)  # whoever gives up waiting does not want it trained later either
        raise


def _train_in_turn(
    store: RunStore, run_id: str, on_epoch: Callable[[Epoch], None], on_wait: Callable[[str], None]
) -> Run:
    queue = Queue(store)
    told, waited = 0, False

    def tell(epoch: Epoch) -> None:
        nonlocal told
        told += 1
        on_epoch(epoch)

    while True:
        waiting = queue.waiting()
        if waiting[:1] == [run_id] and _train_here(store, queue, run_id, tell):
            return store.find(run_id)
        run = store.find(run_id)
        for epoch in run.history[told:]:
            tell(epoch)
        if run.ended:
            return run
        if waiting and waiting[0] != run_id:
            ensure_worker(store)
        if run_id in waiting and not waited:
            waited = True
            on_wait(next((each for each in waiting if each != run_id), "another run"))
        time.sleep(POLL)


def _train_here(store: RunStore, queue: Queue, run_id: str, on_epoch: Callable[[Epoch], None]) -> bool:
    """Train the run unless somebody else is training one; whether it was trained."""
    try:
        with queue.training_lock().acquire(timeout=0):
            _train_ticket(store, queue, run_id, on_epoch)
            return True
    except Timeout:
        return False


def is_alive(store: RunStore) -> bool:
    """Whether a worker serves the store."""
    lock = Queue(store).worker_lock()
    try:
        with lock.acquire(timeout=0):
            return False
    except Timeout:
        return True


_last_start: dict[RunStore, float] = {}


def ensure_worker(store: RunStore) -> None:
    """Start a worker for the store unless one is alive or was started seconds ago. It outlives this process."""
    if time.monotonic() - _last_start.get(store, -60.0) < 3 or is_alive(store):
        return
    _last_start[store] = time.monotonic()
    # without --runs the worker sees the shipped runs too, which transfer starts from
    alone = ["--runs", str(store.root)] if store.shipped is None else []
    command = [sys.executable, "-m", "cvcore", "worker", *alone]
    environment = {**os.environ, "PYTHONPATH": _python_path(), "CVCORE_RUNS": str(store.root)}
    with (Queue(store).folder / "worker.log").open("ab") as log_file:
        subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=log_file, stderr=log_file, **_detached()
        )


def _python_path() -> str:
    """PYTHONPATH with the folder that holds cvcore first, for apps that were started from elsewhere."""
    return os.pathsep.join(part for part in (str(paths.PACKAGE.parent), os.environ.get("PYTHONPATH", "")) if part)


def _detached() -> dict:
    """Arguments of Popen for a process that survives the server's Ctrl-C."""
    if sys.platform == "win32":
        flags = (
            subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW | subprocess.BELOW_NORMAL_PRIORITY_CLASS
        )
        return {"creationflags": flags}
    return {"start_new_session": True}
