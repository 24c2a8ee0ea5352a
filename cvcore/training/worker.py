"""Workers: processes that train what is queued, one run after the other each, and linger for the next."""

import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from filelock import Timeout

from cvcore import paths
from cvcore.errors import ConfigError
from cvcore.training.history import Epoch
from cvcore.training.queue import Queue, slots
from cvcore.training.run import Run
from cvcore.training.runs import RunStore

log = logging.getLogger(__name__)

POLL = 0.1  # seconds between two looks at the queue
HELPER_LINGER = 15  # seconds that a further worker waits for another run


def linger_seconds() -> float:
    """How long an idle worker waits for the next run: CVCORE_WORKER_LINGER, else 600.

    Importing torch again costs seconds, keeping it about 300 MB.
    """
    given = os.environ.get("CVCORE_WORKER_LINGER") or "600"
    try:
        return float(given)
    except ValueError as error:
        raise ConfigError(f"CVCORE_WORKER_LINGER: given {given!r}, it should be a number of seconds") from error


def serve(store: RunStore, *, once: bool = False, linger: float | None = None, number: int = 0) -> None:
    """Train queued runs in order until none has come for `linger` seconds (`once`: until the queue is empty).

    Returns at once if the store has a worker of that number already. Worker 0 starts others while several runs wait
    and there are slots to train them in.
    """
    queue = Queue(store)
    linger = linger_seconds() if linger is None else linger
    try:
        lock = queue.worker_lock(number).acquire(timeout=0)
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
            if number == 0:
                call_help(store, len(queue.waiting()) - 1)
            if _train_next(store, queue):
                idle_since = time.monotonic()
            elif (once and not queue.waiting()) or time.monotonic() - idle_since > linger:
                return
            else:
                time.sleep(POLL)


def _leave_the_cpu_to_pages() -> None:
    """Lower this process's priority; on Windows it was started so."""
    if hasattr(os, "nice"):
        os.nice(10)


def _train_next(store: RunStore, queue: Queue) -> bool:
    """Train the run at the head of the queue; False if there is none, or no slot to train it in."""
    waiting = queue.waiting()
    return bool(waiting) and _train_ticket(store, queue, waiting[0])


def _train_ticket(
    store: RunStore, queue: Queue, run_id: str, on_epoch: Callable[[Epoch], None] = lambda epoch: None
) -> bool:
    """Train the run at the head of the queue, if that is still `run_id` and there is a slot; whether it was trained.

    The ticket of a run that has ended or is gone is only given back.
    """
    from cvcore.training import job

    slot = queue.free_slot()
    if slot is None:
        return False
    claim = queue.claim_lock()
    try:
        with claim.acquire():
            if queue.waiting()[:1] != [run_id]:
                return False
            run = Run(store.root / run_id)
            if (run.path / "run.json").is_file() and run.status in ("queued", "interrupted"):
                job.execute(store, run, on_epoch, slot=slot, on_start=lambda: claim.release(force=True))
            queue.remove(run_id)
            return True
    finally:
        slot.release()


def train_all(
    store: RunStore,
    run_ids: Sequence[str],
    on_epoch: Callable[[Run, Epoch], None],
    on_wait: Callable[[str], None] = lambda other: None,
) -> None:
    """Train the queued runs in this process when their turn comes; returns when all have ended.

    Others that wait are trained by further workers, where there are slots. If somebody is before the runs, `on_wait`
    hears who, once; a worker is started for those if none is alive. Epochs of those of our runs that a worker trains
    are told all the same.
    """
    try:
        _train_all(store, list(run_ids), on_epoch, on_wait)
    except KeyboardInterrupt:
        for run_id in run_ids:
            Queue(store).remove(run_id)  # whoever gives up waiting does not want it trained later either
        raise


def _train_all(
    store: RunStore, run_ids: list[str], on_epoch: Callable[[Run, Epoch], None], on_wait: Callable[[str], None]
) -> None:
    queue = Queue(store)
    told = dict.fromkeys(run_ids, 0)
    waited = False
    call_help(store, len(run_ids) - 1)

    def tell(run: Run, epoch: Epoch) -> None:
        told[run.run_id] += 1
        on_epoch(run, epoch)

    while True:
        waiting = queue.waiting()
        head = waiting[0] if waiting else ""
        if head in told:
            mine = store.find(head)
            if _train_ticket(store, queue, head, lambda epoch, run=mine: tell(run, epoch)):
                told[head] = len(store.find(head).history)  # one that goes on began with epochs that were told before
                continue
        runs = [store.find(run_id) for run_id in run_ids]
        for run in runs:
            for epoch in run.history[told[run.run_id] :]:
                tell(run, epoch)
        if all(run.ended for run in runs):
            return
        if head and head not in told:
            ensure_worker(store)
        if not waited and (held_up := [run_id for run_id in run_ids if run_id in waiting]):
            waited = True
            on_wait(next((each for each in waiting if each not in held_up), "another run"))
        time.sleep(POLL)


def is_alive(store: RunStore, number: int = 0) -> bool:
    """Whether worker `number` serves the store."""
    lock = Queue(store).worker_lock(number)
    try:
        with lock.acquire(timeout=0):
            return False
    except Timeout:
        return True


def call_help(store: RunStore, waiting: int) -> None:
    """Start further workers for so many runs that wait, as far as slots are free; they end when none waits."""
    free = Queue(store).free_slot() if waiting > 0 else None
    if free is None:
        return
    free.release()
    for number in range(1, min(waiting + 1, slots())):
        ensure_worker(store, number)


_last_start: dict[tuple[RunStore, int], float] = {}


def ensure_worker(store: RunStore, number: int = 0) -> None:
    """Start worker `number` for the store unless it is alive or was started seconds ago. It outlives this process."""
    if time.monotonic() - _last_start.get((store, number), -60.0) < 3 or is_alive(store, number):
        return
    _last_start[store, number] = time.monotonic()
    # without --runs the worker sees the shipped runs too, which transfer starts from
    alone = ["--runs", str(store.root)] if store.shipped is None else []
    helper = ["--number", str(number), "--linger", str(HELPER_LINGER)] if number else []
    command = [sys.executable, "-m", "cvcore", "worker", *alone, *helper]
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
