"""What was found out about every file of a set: used as it is, converted, set aside, or ignored."""

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cvcore.data.dataset import Dataset
from cvcore.data.files.layout import Listing, printable
from cvcore.files import write_atomically

if TYPE_CHECKING:
    import pandas as pd

FILE = "files.parquet"
USED, ASIDE, IGNORED = "used", "set aside", "ignored"
COLUMNS = ("path", "class", "split", "index", "width", "height", "status", "note")


def write(folder: Path, listing: Listing, records: list) -> None:
    """Store the report: one row for each file, in the listing's order, then the ignored ones.

    `index` is the image's place in its split, -1 for files that are not used; `note` tells the conversion of a used
    file and the reason of the others; `width` and `height` are pixels of the original.
    """
    import pandas as pd

    used = np.array([record.used for record in records], dtype=bool)
    splits = np.array(listing.splits)
    index = np.full(len(records), -1, dtype=np.int64)
    for split in np.unique(splits):
        chosen = used & (splits == split)
        index[chosen] = np.arange(chosen.sum())
    files = pd.DataFrame(
        {
            "path": [printable(path) for path in listing.paths],
            "class": [listing.classes[label] for label in listing.labels],
            "split": splits,
            "index": index,
            "width": np.array([record.width for record in records], dtype=np.int32),
            "height": np.array([record.height for record in records], dtype=np.int32),
            "status": np.where(used, USED, ASIDE),
            "note": [record.notes if record.used else record.reason for record in records],
        }
    )
    _with_ignored(files, listing).to_parquet(folder / FILE, index=False)


def tell_ignored(folder: Path, listing: Listing) -> bool:
    """Let a stored report tell of the files that `listing` ignores; whether that could be done.

    For a report on the same images at another place or time. The file is replaced: its old content may have two names.
    """
    import pandas as pd

    try:
        files = pd.read_parquet(folder / FILE)
        told = _with_ignored(files[files["status"] != IGNORED], listing)
    except (OSError, ValueError, KeyError):  # damaged
        return False
    if not told.equals(files):
        write_atomically(folder / FILE, lambda partial: told.to_parquet(partial, index=False))
    return True


def _with_ignored(files: "pd.DataFrame", listing: Listing) -> "pd.DataFrame":
    """The rows on image files, then those on the others."""
    import pandas as pd

    blank = {"class": "", "split": "", "index": -1, "width": 0, "height": 0, "status": IGNORED}
    rest = pd.DataFrame([{"path": printable(path), "note": reason, **blank} for path, reason in listing.ignored])
    return pd.concat([files, rest] if len(rest) else [files], ignore_index=True)[list(COLUMNS)]


def of(dataset: Dataset) -> "pd.DataFrame | None":
    """The report with the columns COLUMNS; None for a set that does not come as one file an image."""
    if dataset.folder is None:
        return None
    try:
        return _read(dataset.folder / FILE, dataset.fingerprint)
    except FileNotFoundError:  # not remembered: a store that was deleted is made again
        return None


def as_csv(files: "pd.DataFrame") -> str:
    """The report as CSV; what a file that is not used does not have is left empty."""
    blank = {"index": files["index"] < 0, "width": files["width"] == 0, "height": files["height"] == 0}
    return files.assign(**{name: files[name].astype("Int64").mask(none) for name, none in blank.items()}).to_csv(
        index=False
    )


@lru_cache(maxsize=4)
def _read(path: Path, _fingerprint: str) -> "pd.DataFrame":
    import pandas as pd

    return pd.read_parquet(path)


def used(dataset: Dataset, split: str) -> "pd.DataFrame | None":
    """The rows of a split's images in stored order; None as in `of`."""
    files = of(dataset)
    return None if files is None else files[(files["split"] == split) & (files["status"] == USED)]
