"""What an address sends, read in the background, so that whoever waits can report, or be stopped, meanwhile."""

import http.client
import queue
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import NamedTuple
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

_SILENCE = 10.0  # seconds without a byte after which a connection counts as broken
_PIECE = 1 << 18  # bytes
_WAITING = 16  # pieces
_PASSING = {408, 425, 429, 500, 502, 503, 504}  # HTTP errors that may be gone in a moment


class Head(NamedTuple):
    """What comes before the bytes: the place in the file of the first one (-1: not as asked), and the file's size.

    The size is 0 where the server does not tell it.
    """

    first: int
    size: int


class LineError(Exception):
    """A connection failed: why, in plain words, and whether another try may do better."""

    def __init__(self, cause: str, again: bool = False) -> None:
        super().__init__(cause)
        self.again = again


def stream(url: str, start: int, tick: Callable[[], None], every: float) -> Iterator[Head | bytes]:
    """The Head and then the bytes of `url` from byte `start` on, or from the first one if the server cannot skip any.

    While nothing comes, `tick` is called each `every` seconds; what it raises ends the stream, as does close().
    Raises LineError.
    """
    pieces: queue.Queue[Head | bytes | LineError | None] = queue.Queue(_WAITING)
    unwanted = threading.Event()

    def give(piece: Head | bytes | LineError | None) -> None:
        while not unwanted.is_set():
            try:
                return pieces.put(piece, timeout=every)
            except queue.Full:
                continue

    # A daemon: when nobody wants the rest it ends with its next piece, or with _SILENCE, and holds nothing up.
    threading.Thread(target=_read, args=(url, start, give, unwanted), name="download", daemon=True).start()
    try:
        while True:
            try:
                piece = pieces.get(timeout=every)
            except queue.Empty:
                tick()
                continue
            if isinstance(piece, LineError):
                raise piece
            if piece is None:
                return
            yield piece
    finally:
        unwanted.set()


def _read(
    url: str, start: int, give: Callable[[Head | bytes | LineError | None], None], unwanted: threading.Event
) -> None:
    """Give the Head of `url`, its bytes, and None at the end or a LineError."""
    headers = {"User-Agent": "cvcore"} | ({"Range": f"bytes={start}-"} if start else {})
    try:
        with urlopen(Request(url, headers=headers), timeout=_SILENCE) as response:
            if response.headers.get_content_type() == "text/html":  # a log-in page, most often
                raise LineError("a web page comes instead of the file; does this network want you to log in?")
            head = _head(response.status, response.headers, start)
            give(head)
            at = head.first
            # read1 gives what there is; it does not wait for a full piece, and a broken end looks like an end to it.
            while not unwanted.is_set() and (at < head.size or not head.size) and (piece := response.read1(_PIECE)):
                give(piece)
                at += len(piece)
        if at < head.size:
            raise LineError(f"the connection broke off after {at:,} of {head.size:,} bytes", again=True)
        give(None)
    except HTTPError as error:
        with error:
            if error.code == 416:  # nothing lies beyond `start`: all is there already, or another file is
                size = _number(r"bytes \*/(\d+)", error.headers.get("Content-Range"))
                give(Head(start if size == start else -1, max(size, 0)))
                give(None)
            else:
                give(LineError(_one_line(f"the server answers {error.code} {error.reason}"), error.code in _PASSING))
    except LineError as error:
        give(error)
    except Exception as error:  # whatever it is: somebody waits to hear of it
        give(_plain(error))


def _head(status: int, headers: http.client.HTTPMessage, start: int) -> Head:
    """What the answer's status and headers say of the bytes to come."""
    if status == 206:
        field = headers.get("Content-Range")
        first = _number(r"bytes (\d+)-", field)
        return Head(first if first == start else -1, max(_number(r"bytes \d+-\d+/(\d+)", field), 0))
    return Head(0, max(_number(r"(\d+)$", headers.get("Content-Length")), 0))


def _number(pattern: str, field: str | None) -> int:
    """The number that `pattern` finds in a header field, -1 if it finds none."""
    found = re.match(pattern, (field or "").strip())
    return int(found[1]) if found else -1


def _plain(error: Exception) -> LineError:
    """What went wrong, in plain words."""
    cause = error.reason if isinstance(error, URLError) else error  # words or an exception
    if isinstance(cause, ssl.SSLCertVerificationError):
        return LineError("its certificate cannot be verified")
    if isinstance(cause, socket.gaierror):
        return LineError("its name cannot be looked up; is there a network?")
    if isinstance(cause, TimeoutError):
        # No connection in that time is a firewall more often than an accident, and trying again would take as long.
        return LineError(f"no answer within {_SILENCE:g} s", again=cause is error)
    if isinstance(cause, ConnectionRefusedError):
        return LineError("connection refused", again=True)
    if isinstance(cause, ConnectionError | ssl.SSLError | http.client.IncompleteRead | http.client.BadStatusLine):
        return LineError("the connection broke off", again=True)
    return LineError(_one_line(getattr(cause, "strerror", None) or str(cause)) or type(cause).__name__)


def _one_line(text: str) -> str:
    return " ".join(text.split())
