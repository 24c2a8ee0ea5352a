"""Predictions made in the background, for pages that must not wait. No torch here until something is asked."""

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from cvcore.config import RunConfig, TrainConfig
from cvcore.errors import CvcoreError
from cvcore.training import events
from cvcore.training.run import Run
from cvcore.training.runs import RunStore

if TYPE_CHECKING:
    from cvcore.training.preflight import Preflight

log = logging.getLogger(__name__)

SETTLE = 0.6  # seconds in which somebody may ask for something else before the work begins
MOST = 256  # predictions kept
MEMORY_LIMIT = 2e9  # bytes that a page's server takes for a measurement


def same_work(config: RunConfig) -> str:
    """The part of `config` on which costs hang, as text: rates, seeds and the number of epochs make no difference."""
    plain = TrainConfig()
    fields = ("lr", "epochs", "seed", "schedule", "warmup", "patience", "step_size", "milestones", "gamma")
    train = config.train.model_copy(update={name: getattr(plain, name) for name in fields})
    return config.with_data("").model_copy(update={"train": train}).canonical()


class Estimates:
    """What runs will take: one thread for each that is asked for, one prediction at a time.

    Each visitor waits for one at a time: whoever asks for another, or no longer waits, gives up the one before.
    """

    def __init__(self) -> None:
        self._found: dict[str, Preflight | str] = {}
        self._wanted: dict[str, str] = {}  # by visitor

    def get(self, config: RunConfig) -> "Preflight | str | None":
        """The prediction, or in one line why there is none, or None as long as nobody knows."""
        found = self._found.get(same_work(config))
        return found if found is None or isinstance(found, str) else found.for_epochs(config.train.epochs)

    def is_waited_for(self, visitor: str, config: RunConfig) -> bool:
        """Whether the visitor waits for this one."""
        return self._wanted.get(visitor) == same_work(config)

    def ask(self, visitor: str, config: RunConfig, store: RunStore) -> threading.Thread | None:
        """Begin to predict, unless that is known or on its way: the thread that does."""
        key = same_work(config)
        if key in self._found or self._wanted.get(visitor) == key:
            return None
        self._wanted[visitor] = key
        thread = threading.Thread(target=self._work, args=(visitor, key, config, store), name="preflight", daemon=True)
        thread.start()
        return thread

    def predict(self, config: RunConfig, store: RunStore) -> "Preflight | str | None":
        """As `get`, found out now where nobody knows; the caller waits for about two seconds."""
        key = same_work(config)
        if key not in self._found and (found := _predicted(config, store, lambda: True)) is not None:
            self._found[key] = found
        return self.get(config)

    def give_up(self, visitor: str) -> None:
        """The visitor no longer waits: what is being timed stops within a batch."""
        self._wanted.pop(visitor, None)

    def keep(self, run: Run, config: RunConfig) -> None:
        """Write the prediction into the folder of a run that was queued, if there is one and none was written yet."""
        found = self.get(config)
        if found is None or isinstance(found, str) or found.seconds_in_all is None or run.predicted:
            return
        events.append(run.path, "preflight", **found.to_json())

    def _work(self, visitor: str, key: str, config: RunConfig, store: RunStore) -> None:
        def is_wanted() -> bool:
            return self._wanted.get(visitor) == key

        time.sleep(SETTLE)
        if is_wanted():
            found = _predicted(config, store, is_wanted)
            if found is not None:
                self._found[key] = found
        while len(self._found) > MOST:
            self._found.pop(next(iter(self._found)), None)
        if is_wanted():
            self.give_up(visitor)


def _predicted(config: RunConfig, store: RunStore, is_wanted: Callable[[], bool]) -> "Preflight | str | None":
    """The prediction, or why there is none; None if it was given up."""
    from cvcore.training.preflight import Abandoned, preflight

    try:
        return preflight(config, store, memory_limit=MEMORY_LIMIT, is_wanted=is_wanted)
    except Abandoned:
        return None
    except CvcoreError as error:
        return str(error)
    except Exception:  # nobody waits in this thread: the page says that there is no prediction
        log.exception("a prediction failed")
        return "the time could not be predicted; the server's log says why"


estimates = Estimates()
