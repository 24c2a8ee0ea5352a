"""Whether a set of files was decoded before, wherever it lay then: the same relative names and the same bytes.

The outline of a set is told without opening a file. Only where the store has a form with the same outline are the files
read and compared, which takes a fraction of the time of decoding them.
"""

import hashlib
from collections.abc import Callable, Iterable
from itertools import chain
from pathlib import Path

from cvcore.data import twins
from cvcore.data.files.decode import Form, content_of
from cvcore.data.files.layout import Listing
from cvcore.data.files.threads import in_order

CHUNK = 64  # files that are read between two reports on how far it is

Progress = Callable[[int, int], None]


def outline(listing: Listing, form: Form) -> str:
    """32 hex digits that hang on names, classes, splits and sizes of the image files and on the form; opens none.

    Times do not count, nor do files that are ignored: a file manager leaves some behind when somebody looks. Channels
    are left out, as a set taken for grey becomes coloured by the bytes of its files.
    """
    sizes = (_size(listing.root / path) for path in listing.paths)
    return _digest(
        chain(
            (f"{form.height} {form.width} {form.fit}", *listing.classes, ""),
            map("{}\0{}\0{}\0{}".format, listing.paths, listing.labels.tolist(), listing.splits, sizes),
        )
    )


def combined(contents: Iterable[str]) -> str:
    """32 hex digits that stand for the content of all the files of a listing, from that of each in the same order."""
    return _digest(contents)


def content(listing: Listing, on_progress: Progress = lambda done, total: None) -> str:
    """As `combined`, of files that are read for it. `on_progress` hears files read and files in all, but not the end.

    What it raises stops the reading.
    """

    def some(start: int) -> list[str]:
        return [content_of(listing.root / path) for path in listing.paths[start : start + CHUNK]]

    found: list[str] = []
    for contents in in_order(some, range(0, len(listing), CHUNK)):
        found += contents
        on_progress(min(len(found), len(listing) - 1), len(listing))  # decoding may have to follow
    return combined(found)


def linked(
    listing: Listing, form: Form, name: str, folder: Path, on_progress: Progress = lambda done, total: None
) -> Path | None:
    """A folder beside `folder` with what the store has of the same files in this form; None if it has nothing.

    Files are read only if a stored form has the same outline; `on_progress` as in `content`, and the end if it is one.
    """
    candidates = twins.with_outline(outline(listing, form))
    if not candidates:
        return None
    source = candidates.get(content(listing, on_progress))
    found = twins.linked(source, folder, name) if source else None
    if found:
        on_progress(len(listing), len(listing))
    return found


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # gone, or a link that leads nowhere: whoever reads it is told
        return -1


def _digest(lines: Iterable[str]) -> str:
    found = hashlib.blake2b(digest_size=16)
    for line in lines:
        found.update(line.encode("utf-8", "surrogateescape") + b"\n")
    return found.hexdigest()
