"""Downloads over a bad line: resumed where they stopped, checked, and given their name only when they are right."""

import errno
import hashlib
import math
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from cvcore.data.download.mirror import mirrored
from cvcore.data.download.stream import LineError, stream
from cvcore.errors import DataError
from cvcore.files import reason_of

_TRIES = 3  # in a row, each of which brings less than _GAIN
_GAIN = 1 << 20  # bytes
_PAUSE = 0.5  # seconds before the second try, twice that before the third
_TICK = 0.1  # seconds between two reports
_DISK_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}  # Windows knows no quota


@dataclass(frozen=True)
class Remote:
    """A file to download: its address, where it belongs below the data folder, and how to tell that it is right.

    `md5` and `sha256` are in hexadecimal, the latter all of it or its first digits; `size` is in bytes; each may be
    left out. `others` are further addresses of the same file, asked in turn when `url` fails.
    """

    url: str
    path: str
    md5: str = ""
    sha256: str = ""
    size: int = 0
    others: tuple[str, ...] = ()


def fetch(
    remotes: Sequence[Remote],
    root: Path,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    *,
    name: str = "",
    instead: str = "the bundled sets work without it",
) -> list[Path]:
    """Paths of `remotes` below `root`, each downloaded unless it is there and right already.

    A file grows as `NAME.part`, and the next call goes on with that. `on_progress` hears (bytes done, bytes in all)
    over all files about ten times a second, also while the line is silent and while a file is checked; a file whose
    size nobody has told yet counts with what has come of it. It may raise, which stops the download. `name` is what
    error messages call the whole, `instead` what they say still works. Raises DataError that names the address, the
    cause and where a file fetched by hand belongs; ConfigError if CVCORE_MIRROR is no address.
    """
    addresses = [[mirrored(url) for url in (remote.url, *remote.others)] for remote in remotes]
    tally = _Tally(remotes, root, on_progress)
    tally.tell()
    found = [_fetch_one(*each, root, tally, name, instead) for each in zip(remotes, addresses, strict=True)]
    tally.tell(at_once=True)
    return found


def what_is_wrong(path: Path, remote: Remote, tick: Callable[[], None] = lambda: None) -> str:
    """Why the file at `path` is not the one that `remote` describes, in a few words; empty if it is.

    `tick` is called after each piece that is read.
    """
    digests = {kind: hashlib.new(kind, usedforsecurity=False) for kind in ("md5", "sha256") if getattr(remote, kind)}
    if not digests:
        size = path.stat().st_size
        return "" if remote.size in (0, size) else f"it has {size:,} bytes and should have {remote.size:,}"
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            for digest in digests.values():
                digest.update(piece)
            tick()
    for kind, digest in digests.items():
        told = getattr(remote, kind)
        found = digest.hexdigest()[: len(told)] if kind == "sha256" else digest.hexdigest()
        if found != told.lower():
            begins = "is" if len(found) == 2 * digest.digest_size else "begins with"
            return f"not the right file: its {kind.upper()} {begins} {found}, not {told}"
    return ""


class _Tally:
    """Bytes done and in all over several files, told to the caller at most once in each _TICK seconds."""

    def __init__(self, remotes: Sequence[Remote], root: Path, hear: Callable[[int, int], None]) -> None:
        self.sizes = {remote.path: remote.size for remote in remotes}
        self.done = {path: _size(root / path) or _size(_part(root / path)) for path in self.sizes}
        self.raised: Exception | None = None  # by the caller, not by us
        self._hear = hear
        self._told = -math.inf

    def count(self, path: str, done: int, size: int = 0) -> None:
        """Set the bytes done of one file, and its size where that is known better now."""
        self.done[path] = done
        self.sizes[path] = size or self.sizes[path]
        self.tell()

    def tell(self, at_once: bool = False) -> None:
        """Tell the caller, unless he heard a moment ago."""
        if time.monotonic() - self._told < _TICK and not at_once:
            return
        self._told = time.monotonic()
        total = sum(max(self.sizes[path], done) for path, done in self.done.items())
        try:
            self._hear(sum(self.done.values()), max(total, 1))
        except Exception as error:
            self.raised = error
            raise

    def pause(self, seconds: float) -> None:
        """Wait, telling the caller meanwhile."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(_TICK, left))
            self.tell()


def _fetch_one(remote: Remote, addresses: list[str], root: Path, tally: _Tally, name: str, instead: str) -> Path:
    """Path of `remote` below `root`, where it is right."""
    target = root / remote.path
    try:
        if not _is_right(target, remote, tally):
            target.parent.mkdir(parents=True, exist_ok=True)
            with _alone(target, remote, tally):
                if not _is_right(target, remote, tally):  # nobody else has fetched it while we waited
                    _bring(remote, addresses, target, tally)
    except LineError as error:
        raise DataError(_failed(str(error), target, name, instead)) from error
    except OSError as error:
        if error is tally.raised:
            raise
        causes = f"{addresses[0]} ({_disk_trouble(error, target)})"
        raise DataError(_failed(causes, target, name, instead)) from error
    size = _size(target)
    tally.count(remote.path, size, size)
    return target


def _is_right(target: Path, remote: Remote, tally: _Tally) -> bool:
    return target.is_file() and not what_is_wrong(target, remote, tally.tell)


@contextmanager
def _alone(target: Path, remote: Remote, tally: _Tally) -> Iterator[None]:
    """Keep other processes and threads from fetching `target`; while one of them does, tell how far it is."""
    lock = FileLock(target.with_name(f".{target.name}.lock"))
    while True:
        try:
            lock.acquire(timeout=_TICK)
            break
        except Timeout:
            tally.count(remote.path, _size(_part(target)))
    try:
        yield
    finally:
        lock.release()


def _bring(remote: Remote, addresses: list[str], target: Path, tally: _Tally) -> None:
    """Download `target` from the first of `addresses` that gives it. Raises LineError that names them all."""
    failures = []
    for url in addresses:
        try:
            _complete(url, remote, _part(target), tally)
        except LineError as error:
            failures.append(f"{url} ({error})")
        else:
            _part(target).replace(target)
            return
    raise LineError(" or ".join(failures))


def _complete(url: str, remote: Remote, part: Path, tally: _Tally) -> None:
    """Download what `part` lacks and check it; a wrong one is removed, and begun anew if it was not all from now."""
    while True:
        resumed = _size(part) > 0
        if not (remote.size and _size(part) == remote.size):
            _pull_stubbornly(url, remote, part, tally)
        wrong = what_is_wrong(part, remote, tally.tell)
        if not wrong:
            return
        part.unlink()
        if not resumed:
            raise LineError(wrong)


def _pull_stubbornly(url: str, remote: Remote, part: Path, tally: _Tally) -> None:
    """Download what `part` lacks, going on after a failure that may pass. Raises LineError after _TRIES in vain."""
    tries = 0
    while True:
        before = _size(part)
        try:
            return _pull(url, remote, part, tally)
        except LineError as error:
            tries = 1 if _size(part) - before >= _GAIN else tries + 1
            if not error.again or tries >= _TRIES:
                raise
        tally.pause(_PAUSE * 2 ** (tries - 1))


def _pull(url: str, remote: Remote, part: Path, tally: _Tally) -> None:
    """Download what `part` lacks in one go, or all of it if the server cannot go on from there."""
    have = _size(part)
    with closing(stream(url, have, tally.tell, _TICK)) as pieces:
        head = next(pieces)
        if head.first not in (0, have):
            part.unlink(missing_ok=True)  # another file than the one it was begun from
            raise LineError("the server cannot go on with what is there", again=True)
        if head.size - head.first > shutil.disk_usage(part.parent).free:
            raise OSError(errno.ENOSPC, f"{(head.size - head.first) / 1e6:,.0f} MB are still to come")
        done = head.first
        with part.open("ab" if head.first else "wb") as file:
            for piece in pieces:
                file.write(piece)
                done += len(piece)
                tally.count(remote.path, done, head.size)


def _part(target: Path) -> Path:
    return target.with_name(target.name + ".part")


def _size(path: Path) -> int:
    """Bytes in the file at `path`, 0 if there is none."""
    return path.stat().st_size if path.is_file() else 0


def _disk_trouble(error: OSError, target: Path) -> str:
    if error.errno in _DISK_FULL:
        return f"the disk with {target.parent} is full: {error.strerror}; free some space, what has come is kept"
    return f"cannot write to {target.parent}: {reason_of(error)}"


def _failed(causes: str, target: Path, name: str, instead: str) -> str:
    """The one line for a failure: what, from where and why, and what to do."""
    kept = "try again to go on where it stopped, " if _size(_part(target)) else ""
    mirror = "mend CVCORE_MIRROR" if os.environ.get("CVCORE_MIRROR") else "set CVCORE_MIRROR to the address of a mirror"
    return (
        f"{name or target.name} could not be downloaded from {causes}; {kept}fetch it by hand into {target}, "
        f"or {mirror}; {instead}"
    )
