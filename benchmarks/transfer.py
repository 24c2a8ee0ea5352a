"""Does a bundled backbone help? Fine-tuned against from scratch on a few handwritten digits, measured fairly.

    python -m benchmarks.transfer [IMAGES_A_CLASS ...] [--seeds N]

Both sides have the same images, epochs and three learning rates to choose the best mean of; ten seeds, each with other
images, first weights and order. Default: 2 images a class.
"""

import argparse
import statistics
import tempfile
from pathlib import Path

from cvcore import paths
from cvcore.training.check import checked
from cvcore.training.queue import Queue
from cvcore.training.runs import RunStore
from cvcore.training.worker import train_all
from cvcore.transfer import ways

RATES = (0.001, 0.003, 0.01)
SIDES = ("scratch", "features", "finetune")


def accuracies(store: RunStore, weights: str, per_class: int, seeds: int) -> dict[tuple[str, float], list[float]]:
    """Test accuracies of every seed, by strategy and learning rate."""
    source = ways.resolved(weights, ways.BACKBONE, store)
    wanted = {}
    for seed in range(seeds):
        data = ways.usual_data("digits", per_class, seed, source, ways.BACKBONE)
        for rate in RATES:
            train = {**ways.usual_training(data, seed), "lr": rate}
            asked = ways.Comparison(data, ways.BACKBONE, source, train)
            for side in SIDES:
                run, _ = Queue(store).submit(checked(asked.config(side), store))
                wanted[run.run_id] = side, rate
    train_all(store, list(wanted), on_epoch=lambda run, epoch: None)
    found: dict[tuple[str, float], list[float]] = {}
    for run_id, point in wanted.items():
        found.setdefault(point, []).append(store.find(run_id).end["test"]["acc"])
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("amounts", nargs="*", type=int, default=[2])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--weights", default="glyphs")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # helping workers end a little later
        store = RunStore(Path(folder), paths.shipped_runs_dir())
        for amount in options.amounts:
            found = accuracies(store, options.weights, amount, options.seeds)
            told = []
            for side in SIDES:
                rate = max(RATES, key=lambda rate: statistics.mean(found[side, rate]))
                mean, spread = statistics.mean(found[side, rate]), statistics.stdev(found[side, rate])
                told.append(f"{side} {100 * mean:.1f} ± {100 * spread:.1f} % (lr {rate:g})")
            print(f"{options.weights}, {amount} images a class: {', '.join(told)}", flush=True)


if __name__ == "__main__":
    main()
