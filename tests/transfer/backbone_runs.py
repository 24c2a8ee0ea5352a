"""What tests of transfer share: the bundled backbone, and training a run."""

from cvcore.config import RunConfig
from cvcore.training.check import checked
from cvcore.training.job import execute
from cvcore.training.queue import Queue
from cvcore.training.run import Run
from cvcore.training.runs import RunStore

GLYPHS = "glyphs-bn-cnn-c1b0746d7738"

# like VGG's A and D, but small: two convolutions and two Linear layers, four and two
TAIL = "nn.Flatten(), nn.Linear(392, 20), nn.ReLU(), nn.Linear(20, 10)"
SHALLOW = (
    "nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), "
    f"nn.Conv2d(4, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), {TAIL})"
)
DEEP = (
    "nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1), "
    "nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), "
    f"nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), {TAIL})"
)


def trained(store: RunStore, wanted: RunConfig) -> Run:
    """The finished run."""
    run, _ = Queue(store).submit(checked(wanted, store))
    execute(store, run)
    found = store.find(run.run_id)
    assert found.status == "done", found.end
    return found
