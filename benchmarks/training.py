"""The engine against the loop that tutorials write, and against the least that the same network can take.

    CVCORE_DATA=DIR python -m benchmarks.training [tutorial] [limit] [seeds]

DIR holds MNIST in torchvision's layout. Side by side in one process (seeds: alternating processes), one thread,
in turns; medians and their ratios. Without words all three are measured.

tutorial  datasets.MNIST, ToTensor, a DataLoader without workers, and the loop around it, training epoch only
limit     a bare loop over normalised tensors in memory; the engine with progress, events and checkpoints on disk
seeds     the command line with three seeds against one
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

from cvcore import paths
from cvcore.config import TrainConfig
from cvcore.data import catalog
from cvcore.data.stats import normalization
from cvcore.models import zoo
from cvcore.training.batches import Batches
from cvcore.training.kept_epochs import EpochKeeper
from cvcore.training.optim import make_optimizer
from cvcore.training.teller import Teller
from cvcore.training.trainer import Trainer

CPU = torch.device("cpu")
# network, batch size, how many times as fast as the tutorial's loop it should be
TUTORIAL = (("perceptron", 64, 6.0), ("one-conv", 128, 2.0), ("two-conv", 128, 1.4), ("lenet5", 16, 1.2))
LIMIT = (("perceptron", 64, 1.10), ("lenet5", 16, 1.03))


def in_turns(rounds: int, *work: Callable[[], object]) -> list[float]:
    """Median seconds of each piece of work, done one after the other so that all meet the same machine."""
    taken: list[list[float]] = [[] for _ in work]
    for turn in range(rounds + 1):
        for place, each in enumerate(work):
            started = time.perf_counter()
            each()
            if turn:  # the first round warms up
                taken[place].append(time.perf_counter() - started)
    return [statistics.median(each) for each in taken]


def engine_epoch(
    name: str, batch_size: int, folder: Path, device: torch.device = CPU, images: int = 0
) -> tuple[Callable[[], object], Batches]:
    """One more training epoch of the engine as in a run, with events and checkpoints in `folder`; and its batches.

    Of all the images that there are; or of so many, some of them repeated.
    """
    mnist = catalog.open_dataset("mnist")
    mean, std = normalization(mnist, "dataset")
    config = TrainConfig(batch_size=batch_size, epochs=1000, selection="last")
    order = torch.Generator().manual_seed(0)
    chosen = np.arange(images or len(mnist.train)) % len(mnist.train)
    batches = Batches(mnist.train, chosen, batch_size, mean, std, device, order)
    least = Batches(mnist.test, np.arange(2), 2, mean, std, device)  # the other loops evaluate nothing
    teller = Teller(folder, config.epochs, len(batches), lambda epoch: None)
    callbacks = teller.callbacks(EpochKeeper(folder, config.epochs))
    trainer = Trainer(zoo.build(name, mnist.image_shape, 10).to(device), batches, least, config, callbacks)
    return lambda: trainer._one_epoch(len(trainer.history) + 1), batches


def tutorial_epoch(name: str, batch_size: int) -> Callable[[], object]:
    """One more epoch of the loop as "Introduction to computer vision with PyTorch" writes it, with Adam's defaults."""
    images = datasets.MNIST(paths.data_dir(), train=True, transform=transforms.ToTensor())
    loader = DataLoader(images, batch_size=batch_size)
    model = zoo.build(name, (1, 28, 28), 10)
    optimizer, loss_of = torch.optim.Adam(model.parameters()), nn.CrossEntropyLoss()

    def epoch() -> tuple[float, float]:
        model.train()
        total, correct, count = 0.0, 0, 0
        for features, labels in loader:
            optimizer.zero_grad()
            out = model(features)
            loss = loss_of(out, labels)
            loss.backward()
            optimizer.step()
            total += loss
            correct += (torch.max(out, 1)[1] == labels).sum()
            count += len(labels)
        return total.item() / count, correct.item() / count

    return epoch


def bare_epoch(name: str, batches: Batches, batch_size: int) -> Callable[[], object]:
    """One more epoch of nothing but steps, on the same normalised tensors."""
    images, labels = batches._ready, batches._labels
    model = zoo.build(name, (1, 28, 28), 10).to(batches.device)
    optimizer = make_optimizer(model.parameters(), TrainConfig())

    def epoch() -> None:
        model.train()
        for chosen in torch.randperm(len(images)).to(batches.device).split(batch_size):
            loss = nn.functional.cross_entropy(model(images[chosen]), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return epoch


def tutorial(folder: Path) -> None:
    for name, batch_size, wanted in TUTORIAL:
        ours, _ = engine_epoch(name, batch_size, folder)
        engine, theirs = in_turns(5, ours, tutorial_epoch(name, batch_size))
        print(f"{name}, batch {batch_size}: tutorial {theirs:.3f} s, engine {engine:.3f} s an epoch: "
              f"{theirs / engine:.1f} times as fast (wanted {wanted})", flush=True)  # fmt: skip


def limit(folder: Path) -> None:
    for name, batch_size, wanted in LIMIT:
        ours, batches = engine_epoch(name, batch_size, folder)
        ours()  # fills the tensors that both read
        engine, bare = in_turns(15 if name == "perceptron" else 7, ours, bare_epoch(name, batches, batch_size))
        print(f"{name}, batch {batch_size}: bare {bare:.4f} s, engine {engine:.4f} s an epoch: "
              f"{engine / bare:.3f} times its time (wanted at most {wanted})", flush=True)  # fmt: skip


def _command(seeds: int, folder: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "cvcore", "train", "--data", "mnist", "--model", "two-conv", "--batch-size", "128",
         "--epochs", "10", "--fresh", "--seeds", str(seeds), "--runs", str(folder), "--json"],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip


def seeds(folder: Path) -> None:
    one, three = in_turns(5, lambda: _command(1, folder / "one"), lambda: _command(3, folder / "three"))
    print(f"two-conv, 10 epochs: 1 seed {one:.1f} s, 3 seeds {three:.1f} s: {three / one:.2f} times (wanted 2.7)")


def main() -> None:
    torch.set_num_threads(1)
    parts = {"tutorial": tutorial, "limit": limit, "seeds": seeds}
    with tempfile.TemporaryDirectory() as name:
        for word in sys.argv[1:] or parts:
            parts[word](Path(name))


if __name__ == "__main__":
    main()
