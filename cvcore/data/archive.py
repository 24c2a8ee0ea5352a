"""Unpacks the images of a zip that nobody vouches for: uploads and downloads.

A zip may name files outside of the folder it is unpacked to, carry links, lie about sizes, or blow up to petabytes.
What is wrong with the archive as a whole is a DataError; what is wrong with one member leaves that one out and is
reported. What the archive says of itself is checked before anything is written, and sizes again while it is.
"""

import errno
import os
import re
import secrets
import shutil
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from cvcore.data.members import Names, Refused, Wanted, megabytes, shown, sorted_out
from cvcore.errors import DataError
from cvcore.files import reason_of

CHUNK = 2**20  # bytes unpacked at a time
TICKS = 500  # times that progress is told at most
ENCRYPTED = 0x1 | 0x40 | 0x2000  # flags of a member: its data, with strong encryption, its description
LOCAL_HEADER = 30  # bytes before a member's data, at least
DAY = 86_400  # seconds
ABANDONED = re.compile(r"^\..+-[0-9a-f]{12}$")  # the name of a folder while it is unpacked to, see _beside
ENTRY = b"PK\x01\x02"  # begins a member's entry in the directory
# the file system will not have the name, or takes it for another's
NAME_ERRORS = {errno.ENAMETOOLONG, errno.EINVAL, errno.ENOENT, errno.EILSEQ, errno.EEXIST, errno.ENOTDIR}


@dataclass(frozen=True)
class Limits:
    """What an archive may ask for; sizes in bytes, unpacked, of the images in it.

    `ratio` is unpacked to packed over all of them, and holds where they are more than `bytes_a_file`: one image of one
    colour shrinks to a thousandth, but thousands of such are a bomb. `free_space` is what must stay free on the disk.
    """

    members: int = 500_000
    bytes_in_all: int = 50_000_000_000
    bytes_a_file: int = 256_000_000
    ratio: int = 200
    free_space: int = 200_000_000


@dataclass(frozen=True)
class Report:
    """How many images were unpacked, and each file that was not: (its name as it can be shown, the reason)."""

    files: int
    refused: tuple[tuple[str, str], ...]


def unpack(
    zip: Path | BinaryIO,
    folder: Path,
    on_progress: Callable[[float], None] = lambda share: None,
    limits: Limits | None = None,
) -> Report:
    """Unpack the images of `zip` into the new folder `folder`; what was done, and what was refused.

    Images keep their names and sub-folders, and get plain permissions. They are unpacked beside `folder`, which gets
    its name when all is done: whatever fails, nothing is left. Nothing is written outside of the parent of `folder`.
    `on_progress` hears the share done, 0..1, and may raise to interrupt. `limits` are those of Limits() if left out.

    Raises DataError if `folder` exists, or if the zip is none, damaged in its directory, encrypted, above a limit, made
    of members that overlap, or too large for the disk.
    """
    limits = limits or Limits()
    folder = Path(os.path.abspath(folder))
    if os.path.lexists(folder):
        raise DataError(f"{folder} exists already: choose another name, or move it away")
    given = getattr(zip, "name", None)
    name = shown(Path(given).name) if isinstance(given, str) else "the zip"
    with _opened(zip, name, limits) as archive:
        _check_layout(archive, name)
        wanted, refused = sorted_out(archive.infolist(), limits.bytes_a_file)
        with _beside(folder, name) as partial:
            with _disk_trouble(name, folder):
                free = shutil.disk_usage(partial).free
            _check_sizes([info for info, _ in wanted], free, name, limits)
            damaged = _write(archive, wanted, partial, name, on_progress)
    return Report(len(wanted) - len(damaged), (*refused, *damaged))


@contextmanager
def _opened(zip: Path | BinaryIO, name: str, limits: Limits) -> Iterator[zipfile.ZipFile]:
    """The archive with its directory read. Raises DataError if that cannot be done, or is too long."""
    try:
        file = open(zip, "rb") if isinstance(zip, str | os.PathLike) else zip  # noqa: SIM115 - closed below
    except OSError as error:
        raise DataError(f"{name} cannot be read ({reason_of(error)}): choose a zip file") from error
    bounded = _Bounded(file, limits.members)
    try:
        archive = zipfile.ZipFile(bounded)
        bounded.most = None
    except Refused as error:
        raise DataError(f"{name} has {error}: split it into several") from error
    except Exception as error:  # of damaged files zipfile lets struct.error, UnicodeDecodeError … through
        raise DataError(f"{name} is not a zip, or its directory is damaged: make it again") from error
    else:
        with archive:
            yield archive
    finally:
        if file is not zip:
            file.close()


class _Bounded:
    """A file that will not have a directory of more than `most` members read from it: each takes memory in zipfile."""

    def __init__(self, file: BinaryIO, most: int | None) -> None:
        self.file, self.most = file, most
        self.seek, self.tell = file.seek, file.tell

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self.file.read(size)
        if self.most is not None and data.count(ENTRY) > self.most:
            raise Refused(f"more than {self.most:,} files")
        return data


def _check_layout(archive: zipfile.ZipFile, name: str) -> None:
    """Raise DataError if members are encrypted, or share bytes.

    Overlapping members are how a small zip unpacks to petabytes (Fifield, A better zip bomb, 2019).
    """
    members = sorted(archive.infolist(), key=lambda info: info.header_offset)
    if any(info.flag_bits & ENCRYPTED for info in members):
        raise DataError(f"{name} is encrypted: make it again without a password")
    ends = [info.header_offset + LOCAL_HEADER + info.compress_size for info in members]
    starts = [info.header_offset for info in members[1:]] + [archive.start_dir]
    if any(end > start for end, start in zip(ends, starts, strict=False)):
        raise DataError(f"{name} has files that overlap, as only damaged or harmful zips have: make it again")


def _check_sizes(wanted: list[zipfile.ZipInfo], free: int, name: str, limits: Limits) -> None:
    """Raise DataError if what the members say they unpack to is too much."""
    total, packed = (sum(getattr(info, size) for info in wanted) for size in ("file_size", "compress_size"))
    if total > limits.bytes_in_all:
        raise DataError(
            f"{name} would unpack to {megabytes(total)}, more than {megabytes(limits.bytes_in_all)}: "
            "split it, or unpack it yourself and give the folder"
        )
    if total > limits.bytes_a_file and total > limits.ratio * packed:
        raise DataError(
            f"{name} would unpack to {total / max(1, packed):,.0f} times its size, more than {limits.ratio} times, as "
            "harmful zips do: unpack it yourself if you trust it, and give the folder"
        )
    if total + limits.free_space > free:
        raise DataError(
            f"{name} would unpack to {megabytes(total)}, but {megabytes(free)} are free, of which "
            f"{megabytes(limits.free_space)} must stay free: free some space"
        )


def clear_abandoned(parent: Path) -> None:
    """Delete what unpacking left in `parent` when its process was killed: hidden folders untouched for a day."""
    for folder in parent.glob(".*"):
        if ABANDONED.match(folder.name) and folder.is_dir() and time.time() - folder.stat().st_mtime > DAY:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _beside(folder: Path, name: str) -> Iterator[Path]:
    """A new folder beside `folder` that gets its name at the end; gone if that is not reached."""
    partial = folder.with_name(f".{folder.name}-{secrets.token_hex(6)}")
    try:
        with _disk_trouble(name, folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
            partial.mkdir()
        yield partial
        with _disk_trouble(name, folder):
            if os.path.lexists(folder):  # an empty folder would be replaced
                raise FileExistsError(errno.EEXIST, "it has appeared meanwhile")
            partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def _disk_trouble(name: str, folder: Path) -> Iterator[None]:
    """OSError becomes DataError."""
    try:
        yield
    except OSError as error:
        raise DataError(f"{name} cannot be unpacked to {folder}: {reason_of(error)}") from error


def _write(
    archive: zipfile.ZipFile, wanted: Wanted, folder: Path, name: str, on_progress: Callable[[float], None]
) -> Names:
    """Write the members below `folder`; those that turned out to be damaged, with the reason, left nothing."""
    total, done, told = sum(info.file_size for info, _ in wanted) + len(wanted), 0, 0
    damaged = []
    on_progress(0.0)
    for info, path in wanted:
        try:
            with _disk_trouble(name, folder.parent):
                _copy(archive, info, folder / path)
        except Refused as reason:
            damaged.append((shown(info.orig_filename), str(reason)))
        done += info.file_size + 1
        if (done - told) * TICKS >= total:
            told = done
            on_progress(min(done, total - 1) / total)
    on_progress(1.0)
    return damaged


def _copy(archive: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path) -> None:
    """Write a member to the new file `target`. Raises Refused, or OSError if the disk fails."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # never through a link nor over a file: what is there already cannot be opened
        file = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o644)
    except OSError as error:
        if error.errno in NAME_ERRORS:
            raise Refused("its name is not allowed on this system") from error
        raise
    written = 0
    try:
        with open(file, "wb") as out:
            for piece in _pieces(archive, info):
                written += len(piece)
                if written > info.file_size:
                    break
                out.write(piece)
        if written != info.file_size:
            raise Refused("damaged: its size is not what the archive says")
    except Refused:
        target.unlink()
        raise


def _pieces(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    """The member's bytes. Raises Refused if they cannot be had, or their checksum is wrong."""
    try:
        with archive.open(info) as source:
            while piece := source.read(CHUNK):
                yield piece
    except Exception as error:  # zipfile lets zlib.error, struct.error, OverflowError … of damaged members through
        raise Refused("damaged: wrong checksum" if "CRC" in str(error) else "damaged: cannot be unpacked") from error
