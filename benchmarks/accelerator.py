"""LeNet-5 on 60,000 images on a GPU: seconds an epoch, how busy the device is, how often somebody waits for it.

    CVCORE_DATA=DIR python -m benchmarks.accelerator

DIR holds MNIST in torchvision's layout; a part of it is repeated up to 60,000 images. The engine, with progress, events
and checkpoints as in a run, and a bare loop over tensors on the device, in turns; medians of 5 epochs of training.
"""

import tempfile
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.training import bare_epoch, engine_epoch, in_turns
from cvcore.training.device import choose_device

BATCH = 128
IMAGES = 60_000


def busy(epoch: Callable[[], object]) -> tuple[float, float]:
    """(seconds, fraction of them in which the device computed or copied) of one epoch, from the profiler's record."""
    with profile(activities=[ProfilerActivity.CUDA]) as record:
        epoch()
        torch.cuda.synchronize()
    spans = sorted((each.time_range.start, each.time_range.end) for each in record.events() if each.device_index >= 0)
    computed, until = 0.0, spans[0][0]
    for start, end in spans:  # what runs side by side counts once
        computed += max(0.0, end - max(start, until))
        until = max(until, end)
    whole = until - spans[0][0]
    return whole / 1e6, computed / whole


def waits(epoch: Callable[[], object]) -> Counter[str]:
    """How often the host waits for the device within an epoch, as PyTorch counts it, by the module that asked."""
    torch.cuda.set_sync_debug_mode("warn")
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        epoch()
    torch.cuda.set_sync_debug_mode("default")
    waited = [each for each in heard if "called a synchronizing" in str(each.message)]
    return Counter(f"{Path(each.filename).stem}:{each.lineno}" for each in waited)


def main() -> None:
    device = choose_device()
    if device.type != "cuda":
        raise SystemExit(f"this measures a CUDA device, and {device} was chosen")
    print(torch.cuda.get_device_name(device), "· PyTorch", torch.__version__)
    with tempfile.TemporaryDirectory() as folder:
        engine, batches = engine_epoch("lenet5", BATCH, Path(folder), device, IMAGES)
        bare = bare_epoch("lenet5", batches, BATCH)
        ours, theirs = in_turns(5, engine, bare)
        seconds, share = busy(engine)
        print(f"lenet5, {IMAGES:,} images, batch {BATCH}: {ours:.3f} s an epoch, {IMAGES / ours:,.0f} images/s; "
              f"a bare loop {theirs:.3f} s: {ours / theirs:.2f} times its time")  # fmt: skip
        print(f"busy {100 * share:.0f} % of an epoch of {seconds:.3f} s under the profiler")
        print("waits for the device in an epoch:", ", ".join(f"{place} {n}" for place, n in waits(engine).items()))


if __name__ == "__main__":
    main()
