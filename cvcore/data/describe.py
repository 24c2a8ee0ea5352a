"""Everything that is known of an open data set, as plain values: what `data --json` prints and the page shows."""

from collections.abc import Callable
from typing import Any

from cvcore.data import duplicates, own, stats
from cvcore.data.dataset import Dataset
from cvcore.data.files import report


def describe(dataset: Dataset, on_progress: Callable[[float], None] = lambda share: None) -> dict[str, Any]:
    """Counts, sizes, mean and deviation, set-aside and ignored files, and duplicates.

    `mean` and `std` are of the training split at the working size, scale 0..1, population; paths are relative to the
    set's folder, or split/index where images are not files. Duplicates are searched on the first call for a set, while
    `on_progress` hears the share done.
    """
    pixels = stats.pixel_stats(dataset)
    refused = [{"path": member, "reason": f"not unpacked: {why}"} for member, why in own.refused(dataset.name)]
    return {
        "name": dataset.name,
        "classes": list(dataset.classes),
        "splits": {name: _counted(dataset, name) for name in dataset.splits},
        "image": image_size(dataset),
        "input": list(dataset.image_shape),
        "mean": list(pixels.mean),
        "std": list(pixels.std),
        "range": [pixels.low, pixels.high],
        "corrupt": files_with(dataset, report.ASIDE),
        "converted": files_with(dataset, report.USED),
        "ignored": files_with(dataset, report.IGNORED) + refused,
        "duplicates": _duplicates(dataset, on_progress),
        "fingerprint": dataset.fingerprint,
    }


def _counted(dataset: Dataset, split: str) -> dict[str, Any]:
    counts = stats.class_counts(dataset.split(split), len(dataset.classes)).tolist()
    return {"count": sum(counts), "per_class": dict(zip(dataset.classes, counts, strict=True))}


def image_size(dataset: Dataset) -> dict[str, Any]:
    """{"channels", "height", "width"} of the originals in pixels, or {"varied": …} with (lowest, highest) of each."""
    channels, height, width = dataset.image_shape
    files = report.of(dataset)
    if files is None:
        return {"channels": channels, "height": height, "width": width}
    used = files[files["status"] == report.USED]
    low, high = used[["height", "width"]].min(), used[["height", "width"]].max()
    if (low == high).all():
        return {"channels": channels, "height": int(low["height"]), "width": int(low["width"])}
    varied = {side: [int(low[side]), int(high[side])] for side in ("height", "width")}
    return {"varied": {"channels": channels, **varied}}


def files_with(dataset: Dataset, status: str) -> list[dict[str, str]]:
    """[{"path", "reason"}] of the files of that status; of the used ones only those that needed a conversion."""
    files = report.of(dataset)
    if files is None:
        return []
    found = files[(files["status"] == status) & (files["note"] != "")]
    return [{"path": path, "reason": note} for path, note in zip(found["path"], found["note"], strict=True)]


def path_of(dataset: Dataset, split: str, index: int) -> str:
    """The image's file, relative to the set's folder; split/index where images are not files."""
    used = report.used(dataset, split)
    return f"{split}/{index}" if used is None else str(used["path"].iloc[index])


def _duplicates(dataset: Dataset, on_progress: Callable[[float], None]) -> dict[str, list[list[str]]]:
    found: dict[str, list[list[str]]] = {"within": [], "across": []}
    for pair in duplicates.of(dataset, on_progress):
        paths = [path_of(dataset, *pair.first), path_of(dataset, *pair.second)]
        found["across" if pair.across else "within"].append(paths)
    return found
