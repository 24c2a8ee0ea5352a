"""How long a folder of many small files takes: first scan, that of a copy, later opens, measurements; and the memory.

    python -m benchmarks.folders [FILES]

Makes FILES (default 100,000) images of 32×32 pixels in ten classes in a temporary folder, half PNG and half JPEG. Every
step runs in a process of its own, as a visitor's first click does. A scan is also set against a plain loop that only
decodes the same files with torchvision's ImageFolder.
"""

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

SIDE, CLASSES, OPENS = 32, 10, 5


def make_files(folder: Path, files: int) -> None:
    rng = np.random.default_rng(0)
    for label in range(CLASSES):
        (folder / f"class{label}").mkdir(parents=True)
    for number in range(files):
        small = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8))
        ending = "png" if number % 2 else "jpg"
        path = folder / f"class{number % CLASSES}" / f"{number:06}.{ending}"
        small.resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(path)


def step(name: str, folder: Path) -> None:
    """Run one step in this process and tell seconds and peak memory in MB."""
    from cvcore.data import catalog, duplicates, stats

    set_name = catalog.resolve(str(folder))
    if name == "ImageFolder":
        from torchvision.datasets import ImageFolder

        dataset = ImageFolder(str(folder))
        started = time.perf_counter()
        for index in range(len(dataset)):
            np.asarray(dataset[index][0])
    elif name == "open":
        started = time.perf_counter()
        catalog.open_dataset(set_name)
    else:
        dataset = catalog.open_dataset(set_name) if name != "scan" else None
        started = time.perf_counter()
        work = {"scan": lambda: catalog.open_dataset(set_name), "statistics": lambda: stats.of(dataset)}
        work.get(name, lambda: duplicates.of(dataset))()
    print(time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000)


def told(name: str, folder: Path) -> tuple[float, float]:
    """(seconds, MB) of a step in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.folders", "--step", name, str(folder)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return float(answer[0]), float(answer[1])


def main() -> None:
    files = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "pictures"
        os.environ["CVCORE_DATA"] = str(Path(place) / "data")
        make_files(folder, files)
        for name in ("ImageFolder", "scan", "statistics", "duplicates"):
            seconds, memory = told(name, folder)
            print(f"{files:,} files, {name}: {seconds:.1f} s, {memory:.0f} MB at most")
        copy = shutil.copytree(folder, Path(place) / "copy")
        seconds, memory = told("scan", copy)
        print(f"{files:,} files, scan of a copy: {seconds:.1f} s, {memory:.0f} MB at most")
        opens = [told("open", folder) for _ in range(OPENS)]
        seconds, memory = statistics.median(each[0] for each in opens), max(each[1] for each in opens)
        print(f"{files:,} files, opened again: {seconds:.2f} s (median of {OPENS}), {memory:.0f} MB at most")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--step"]:
        step(sys.argv[2], Path(sys.argv[3]))
    else:
        main()
