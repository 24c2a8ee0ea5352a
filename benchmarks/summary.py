"""How long a summary takes in a warm process, beside one bare forward pass of the same network, and a page's rerun.

    python -m benchmarks.summary [NAME …]

The bare pass builds the network on the meta device and runs it once: what any summary needs at least. The rerun is that
of the page's section of layers, with its cache warm, through Streamlit's AppTest, browser left out.
"""

import resource
import statistics
import sys
import time
from collections.abc import Callable

import torch
from streamlit.testing.v1 import AppTest

from cvcore.analysis.summary import summarize
from cvcore.models import zoo

NAMES = ("lenet5", "vgg16", "torchvision:vgg16", "resnet50", "torchvision:resnet50", "densenet201", "vit_h_14")
REPEATS = 5


def median_of(work: Callable[[], object]) -> float:
    """Median milliseconds of REPEATS runs, after one that does not count."""
    work()
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return 1000 * statistics.median(times)


def bare(name: str) -> None:
    spec = zoo.find(name)
    with torch.device("meta"), torch.no_grad():
        zoo.build(name, spec.input, spec.default_classes).eval()(torch.empty(1, *spec.input))


def rerun(name: str) -> float:
    """Median milliseconds of the section's rerun."""

    def script(name: str) -> None:
        from cvcore.models import zoo
        from cvcore.ui.architectures import layers

        spec = zoo.find(name)
        layers.show(name, spec.input, spec.default_classes)

    app = AppTest.from_function(script, args=(name,), default_timeout=120).run()
    if app.exception:
        raise RuntimeError(f"{name}: the section failed")
    return median_of(app.run)


def peak() -> float:
    """The largest memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def main() -> None:
    torch.set_num_threads(1)
    summarize("resnet18")
    for name in sys.argv[1:] or NAMES:
        before = peak()
        taken = median_of(lambda name=name: summarize(name))
        extra = peak() - before
        least = median_of(lambda name=name: bare(name))
        print(
            f"{name}: summary {taken:.0f} ms, {taken / least:.1f} × a bare pass ({least:.0f} ms), "
            f"{extra:.0f} MB more at its peak; rerun of the section {rerun(name):.0f} ms"
        )


if __name__ == "__main__":
    main()
