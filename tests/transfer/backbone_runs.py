"""What tests of transfer share: the bundled backbone, and training a run."""

from cvcore.config import RunConfig
from cvcore.training.check import checked
from cvcore.training.job import execute
from cvcore.training.queue import Queue
from cvcore.training.run import Run
from cvcore.training.runs import RunStore

GLYPHS = "glyphs-bn-cnn-c1b0746d7738"


def trained(store: RunStore, wanted: RunConfig) -> Run:
    """The finished run."""
    run, _ = Queue(store).submit(checked(wanted, store))
    execute(store, run)
    found = store.find(run.run_id)
    assert found.status == "done", found.end
    return found
