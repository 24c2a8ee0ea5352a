"""Cached features against the loop of a tutorial that runs a frozen backbone in every epoch; and their memory.

    python -m benchmarks.features PHOTOGRAPHS [speed] [memory]

PHOTOGRAPHS holds Cat/ and Dog/. MobileNetV2 has random weights in torchvision's own file: none is fetched, and time
does not depend on them.

speed   400 photographs at 224 pixels: a run with the strategy "features" in an empty data folder, everything counted
        (decoding, features, head), against epochs of the tutorial's loop (ImageFolder, PIL, a DataLoader without
        workers, the backbone in training mode); in turns. Then the head against a plain loop without a cache.
memory  25,000 images through AlexNet, 9,216 features each, and a head of one layer, in a process of its own
"""

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import torch
import torchvision
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader
from torchvision import transforms

from cvcore.config import RunConfig, parse_config
from cvcore.data import catalog
from cvcore.training.check import checked
from cvcore.training.checkpoint import load_weights
from cvcore.training.device import choose_device
from cvcore.training.job import execute
from cvcore.training.parts import dataset_of, prepared
from cvcore.training.queue import Queue
from cvcore.training.run import Run
from cvcore.training.runs import RunStore

EACH, ROUNDS, MANY = 200, 5, 25_000
MOBILENET = "torchvision:MobileNet_V2_Weights.IMAGENET1K_V1", "mobilenet_v2-b0353104.pth"
ALEXNET = "torchvision:AlexNet_Weights.IMAGENET1K_V1", "alexnet-owt-7be5be79.pth"


def copied(photographs: Path, place: Path) -> Path:
    """A folder with EACH photographs of both classes to learn from, and one to test on."""
    for kind in ("Cat", "Dog"):
        files = sorted(path for path in (photographs / kind).iterdir() if _is_sound(path))
        for part, some in (("train", files[:EACH]), ("test", files[EACH : EACH + 1])):
            (place / part / kind).mkdir(parents=True)
            for file in some:
                shutil.copy(file, place / part / kind)
    return place


def _is_sound(path: Path) -> bool:
    try:
        Image.open(path).convert("RGB").load()
        return True
    except OSError:
        return False


def config(folder: Path, epochs: int) -> RunConfig:
    """The tutorial's own settings, on cached features."""
    name = catalog.resolve(str(folder))
    values = {
        "data": {"name": name, "size": 224, "fit": "crop-256", "normalize": "imagenet"},
        "model": {"name": "mobilenet_v2"},
        "train": {"lr": 0.01, "batch_size": 32, "epochs": epochs, "selection": "test"},
        "transfer": {"source": MOBILENET[0], "strategy": "features", "head": "linear"},
    }
    return parse_config(values)


def trained(wanted: RunConfig, store: RunStore) -> Run:
    run, _ = Queue(store).submit(checked(wanted, store))
    execute(store, run)
    run = store.find(run.run_id)
    assert run.status == "done", run.end
    return run


def ours(folder: Path, epochs: int, place: Path) -> float:
    """Seconds of a run in an empty data folder, decoding and features included."""
    os.environ["CVCORE_DATA"] = str(place / "data")
    started = time.perf_counter()
    trained(config(folder, epochs), RunStore(place / "runs"))
    taken = time.perf_counter() - started
    shutil.rmtree(place)
    return taken


class Tutorial:
    """The loop of "Introduction to computer vision with PyTorch" for a frozen MobileNetV2."""

    def __init__(self, folder: Path, file: Path) -> None:
        normal = transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
        steps = [transforms.Resize(256), transforms.CenterCrop(224), transforms.ToTensor(), normal]
        images = torchvision.datasets.ImageFolder(str(folder / "train"), transforms.Compose(steps))
        self.loader = DataLoader(images, batch_size=32, shuffle=True)
        self.model = torchvision.models.mobilenet_v2(weights=None)
        self.model.load_state_dict(torch.load(file, weights_only=True))
        for parameter in self.model.parameters():
            parameter.requires_grad = False
        self.model.classifier = nn.Linear(1280, 2)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=0.01)

    def epoch(self) -> float:
        """Seconds of one more."""
        started = time.perf_counter()
        self.model.train()
        total, correct = 0.0, 0
        for images, labels in self.loader:
            self.optimizer.zero_grad()
            out = self.model(images)
            loss = nn.functional.cross_entropy(out, labels)
            loss.backward()
            self.optimizer.step()
            total += loss.item()
            correct += (out.argmax(1) == labels).sum().item()
        return time.perf_counter() - started


def speed(photographs: Path, place: Path) -> None:
    folder = copied(photographs, place / "pictures")
    tutorial = Tutorial(folder, place / "hub" / "checkpoints" / MOBILENET[1])
    taken: dict[str, list[float]] = {"epoch": [], "one": [], "ten": []}
    for turn in range(ROUNDS + 1):
        found = {"epoch": tutorial.epoch(), "one": ours(folder, 1, place / "x"), "ten": ours(folder, 10, place / "x")}
        for name, seconds in found.items() if turn else ():  # the first round warms up
            taken[name].append(seconds)
    epoch, one, ten = (statistics.median(taken[name]) for name in ("epoch", "one", "ten"))
    print(f"1 epoch: tutorial {epoch:.1f} s, cached features {one:.1f} s: {epoch / one:.1f} times as fast (wanted 1.5)")
    print(f"10 epochs: tutorial {10 * epoch:.1f} s (ten times the median of one), cached features {ten:.1f} s: "
          f"{10 * epoch / ten:.1f} times as fast (wanted 8)", flush=True)  # fmt: skip
    print(f"head after 2 epochs against a plain loop without a cache: {difference(folder, place / 'y'):.1e} at most "
          "(wanted 1e-4)", flush=True)  # fmt: skip


def difference(folder: Path, place: Path) -> float:
    """Largest difference of a weight of the head between a run on features and a plain loop over the images, with the
    backbone in evaluation mode."""
    os.environ["CVCORE_DATA"] = str(place / "data")
    store = RunStore(place / "runs")
    run = trained(config(folder, 2), store)
    parts = prepared(run.config, dataset_of(run.config), store, choose_device())
    model = parts.model.eval()
    head = model.get_submodule(parts.network.head)
    optimizer = torch.optim.Adam(head.parameters(), lr=0.01)
    for _ in range(2):
        for images, labels in parts.train:
            loss = nn.functional.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    kept = load_weights(run.path / "last.pt")["model"]
    mine = model.state_dict()
    return max((kept[name] - mine[name]).abs().max().item() for name in mine if parts.network.is_fresh(name))


def memory(place: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.features", "--memory", str(place)]
    print(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip(), flush=True)


def _memory_here(place: Path) -> None:
    """Train in this process and tell its memory. What is mapped from files is the system's: it takes it back."""
    rng = np.random.default_rng(0)
    for number in range(MANY):
        path = place / "many" / "train" / f"class{number % 2}" / f"{number:05}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        small = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8))
        small.resize((64, 64), Image.Resampling.BICUBIC).save(path, compress_level=1)
    os.environ["CVCORE_DATA"] = str(place / "data")
    peak = _watched()
    data = {"name": catalog.resolve(str(place / "many")), "size": 64, "normalize": "imagenet"}
    transfer = {"source": ALEXNET[0], "strategy": "features", "head": "linear"}
    values = {"data": data, "model": {"name": "alexnet"}, "train": {"epochs": 3}, "transfer": transfer}
    run = trained(parse_config(values), RunStore(place / "runs"))
    size = sum(file.stat().st_size for file in (place / "data").rglob("*.npy")) / 1e6
    told, mapped = run.told["features"], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    print(f"{told['images']:,} images: {size:,.0f} MB of features on the disk in {told['seconds']:.0f} s; own memory "
          f"{max(peak):,.0f} MB at most (wanted 1,000), with mapped files {mapped:,.0f} MB")  # fmt: skip


def _watched() -> list[float]:
    """MB of this process's own memory, looked at ten times a second from now on; Linux tells it."""
    found = [0.0]

    def watch() -> None:
        while True:
            lines = Path("/proc/self/status").read_text().splitlines()
            found.append(sum(int(line.split()[1]) for line in lines if line.startswith(("RssAnon", "RssShmem"))) / 1e3)
            time.sleep(0.1)

    threading.Thread(target=watch, daemon=True).start()
    return found


def main() -> None:
    parts = {"speed": lambda place: speed(Path(sys.argv[1]), place), "memory": memory}
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        os.environ["TORCH_HOME"] = name
        (place / "hub" / "checkpoints").mkdir(parents=True)
        torch.manual_seed(0)
        for (_, file), build in ((MOBILENET, torchvision.models.mobilenet_v2), (ALEXNET, torchvision.models.alexnet)):
            torch.save(build(weights=None).state_dict(), place / "hub" / "checkpoints" / file)
        for word in sys.argv[2:] or parts:
            parts[word](place)


if __name__ == "__main__":
    if sys.argv[1] == "--memory":
        _memory_here(Path(sys.argv[2]))
    else:
        main()
