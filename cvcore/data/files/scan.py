"""Looks at every image file of a set once: decodes it into the tensor store, or sets it aside and says why.

Files are decoded by threads (Pillow lets go of Python's lock while it decodes) and written in the listing's order.
What was done is noted after every few files, so that a scan that is stopped, or killed, goes on where it was.
"""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from cvcore.data.files import content, report
from cvcore.data.files.decode import GREY_MODES, ColourFound, Decoded, Form, Unusable, decode, probe
from cvcore.data.files.layout import Listing
from cvcore.data.files.threads import in_order
from cvcore.data.store import SPLITS, Identity, Writer
from cvcore.errors import DataError

CHUNK = 64  # files between two notes, or fewer where their images fill CHUNK_BYTES
CHUNK_BYTES = 16_000_000
SAMPLE = 64  # files whose headers decide whether a set is grey, and of one size
LARGEST_OWN = 96  # pixels: images that all have one size up to this are kept as they are
DEFAULT_SIDE = 64  # pixels a side, of images of many sizes
NOTES = "notes.jsonl"

Progress = Callable[[int, int], None]  # hears files done and files in all


def ignore(done: int, total: int) -> None:
    """A Progress that nobody hears."""


def scan(listing: Listing, name: str, folder: Path, size: int, fit: str, on_progress: Progress = ignore) -> None:
    """Write the images of `listing` into `folder` in the tensor store's form, with a report on every file.

    `size` is the side in pixels, 0 for the images' own if they all have one, else 64. Raises DataError if no image
    can be used; whatever `on_progress` raises stops the scan, which goes on there when it is called again.
    """
    form = _form_noted(folder) or form_of(listing, size, fit)
    try:
        _scan(listing, name, folder, form, on_progress)
    except ColourFound:
        _start_over(folder)
        _scan(listing, name, folder, Form(3, form.height, form.width, fit), on_progress)


def form_of(listing: Listing, size: int, fit: str) -> Form:
    """The form that a set's images are stored in, from the headers of a sample of its files."""
    step = max(1, len(listing) // SAMPLE)
    headers = []
    for path in listing.paths[::step]:
        try:
            headers.append(probe(listing.root / path))
        except Unusable:
            continue
    channels = 1 if headers and all(header.mode in GREY_MODES for header in headers) else 3
    sizes = {(header.height, header.width) for header in headers}
    if size:
        return Form(channels, size, size, fit)
    if len(sizes) == 1 and max(next(iter(sizes))) <= LARGEST_OWN:
        return Form(channels, *sizes.pop(), fit)
    return Form(channels, DEFAULT_SIDE, DEFAULT_SIDE, fit)


def _scan(listing: Listing, name: str, folder: Path, form: Form, on_progress: Progress) -> None:
    notes = _Notes(folder, form, listing)
    try:
        writer = Writer(folder, form.shape, notes.used)
    except OSError:
        notes.file.close()
        raise
    try:
        for start, decoded in _decoded(listing, form, len(notes.records)):
            for split in SPLITS:
                images = [
                    each.image
                    for offset, each in enumerate(decoded)
                    if each.image is not None and listing.splits[start + offset] == split
                ]
                if images:
                    writer.append(split, np.stack(images))
            writer.flush()
            notes.add(decoded)
            on_progress(len(notes.records), len(listing))
        _finish(listing, name, folder, form, writer, notes)
    finally:
        writer.close()
        notes.file.close()


def _decoded(listing: Listing, form: Form, done: int) -> Iterator[tuple[int, list[Decoded]]]:
    """Chunks of decoded files in order, from file `done` on; a few are decoded ahead of who asks."""

    count = max(1, min(CHUNK, CHUNK_BYTES // int(np.prod(form.shape))))

    def chunk(start: int) -> tuple[int, list[Decoded]]:
        return start, [decode(listing.root / path, form) for path in listing.paths[start : start + count]]

    return in_order(chunk, range(done, len(listing), count))


@dataclass(frozen=True)
class _Record:
    """What is noted of a file: whether it is used, its original size, conversions, why it is not used, its content."""

    used: bool
    width: int
    height: int
    notes: str
    reason: str
    content: str = ""  # not in notes of earlier versions


class _Notes:
    """The records of the files done so far, in a file that only grows."""

    def __init__(self, folder: Path, form: Form, listing: Listing) -> None:
        self.records, self.used = _read_notes(folder, form, listing)
        lines = [json.dumps(asdict(form)), *(json.dumps(_values(record)) for record in self.records)]
        (folder / NOTES).write_text("\n".join(lines) + "\n", encoding="utf-8")
        self.file = (folder / NOTES).open("a", encoding="utf-8")

    def add(self, decoded: list[Decoded]) -> None:
        records = [
            _Record(each.image is not None, each.width, each.height, "; ".join(each.notes), each.reason, each.content)
            for each in decoded
        ]
        self.file.writelines(json.dumps(_values(record)) + "\n" for record in records)
        self.file.flush()
        self.records += records


def _values(record: _Record) -> list:
    return [record.used, record.width, record.height, record.notes, record.reason, record.content]


def _form_noted(folder: Path) -> Form | None:
    """The form in which an interrupted scan was writing."""
    try:
        with (folder / NOTES).open(encoding="utf-8") as file:
            return Form(**json.loads(file.readline()))
    except (OSError, ValueError, TypeError):
        return None


def _read_notes(folder: Path, form: Form, listing: Listing) -> tuple[list[_Record], dict[str, int]]:
    """What an interrupted scan had done, and how many images of each split; nothing if that does not add up."""
    records, used = [], dict.fromkeys(SPLITS, 0)
    try:
        lines = (folder / NOTES).read_text(encoding="utf-8").split("\n")[1:-1]  # what follows the last \n is torn
        for line, split in zip(lines[: len(listing)], listing.splits, strict=False):
            record = _Record(*json.loads(line))
            records.append(record)
            used[split] += record.used
        for split in SPLITS:
            present = (folder / f"{split}_images.npy").stat().st_size
            if present < used[split] * int(np.prod(form.shape)):
                raise ValueError(f"{split} is shorter than its notes")
    except (OSError, ValueError, TypeError):
        return [], dict.fromkeys(SPLITS, 0)
    return records, used


def _start_over(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _finish(listing: Listing, name: str, folder: Path, form: Form, writer: Writer, notes: _Notes) -> None:
    used = np.array([record.used for record in notes.records], dtype=bool)
    splits = np.array(listing.splits)
    if not (used & (splits == "train")).any():
        aside = [record.reason for record in notes.records if not record.used]
        raise DataError(
            f"{listing.root} has no image that can be used for training: {len(aside):,} of {len(listing):,} files were "
            f"set aside (the first: {aside[0] if aside else 'none'}); replace them"
        )
    report.write(folder, listing, notes.records)
    labels = {split: listing.labels[used & (splits == split)] for split in SPLITS}
    contents = [record.content for record in notes.records]
    identity = Identity(content.outline(listing, form), content.combined(contents)) if all(contents) else None
    writer.finish(name, listing.classes, labels, identity)
    notes.file.close()
    (folder / NOTES).unlink()
