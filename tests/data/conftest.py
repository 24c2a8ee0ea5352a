"""A web server on this machine that can be told to misbehave, for whatever downloads."""

import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Server:
    """Serves `files` (path → bytes) and keeps a list of (path, Range header, status, bytes of body) answered."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.log: list[tuple[str, str | None, int, int]] = []
        self.agents: set[str] = set()
        self.knows_ranges = True
        self.break_after: list[int] = []  # bytes of body after which the next answers break off
        self.hold_after: dict[str, int] = {}  # path → bytes after which the answer falls silent until `go_on`
        self.go_on = threading.Event()
        self.fail_with: list[int] = []  # statuses of the next answers
        self.answer: Callable | None = None  # in place of all that
        server = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                server.agents.add(self.headers["User-Agent"])
                (server.answer or server._get)(self)

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._http.handle_error = lambda *_: None  # a client that goes away is what some tests are about
        self.address = f"http://127.0.0.1:{self._http.server_port}"
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.go_on.set()
        self._http.shutdown()
        self._http.server_close()

    def _get(self, request) -> None:
        asked = request.headers["Range"]
        body = self.files.get(request.path)
        if self.fail_with or body is None:
            status = self.fail_with.pop(0) if self.fail_with else 404
            self.log.append((request.path, asked, status, 0))
            return request.send_error(status)
        start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked and self.knows_ranges else 0
        if start >= len(body) > 0:
            request.send_response(416)
            request.send_header("Content-Range", f"bytes */{len(body)}")
            self.log.append((request.path, asked, 416, 0))
            return request.end_headers()
        rest = body[start:]
        status = 206 if start else 200
        request.send_response(status)
        request.send_header("Content-Length", str(len(rest)))
        if start:
            request.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        request.end_headers()
        sent = rest[: self.break_after.pop(0)] if self.break_after else rest
        self.log.append((request.path, asked, status, len(sent)))
        held = self.hold_after.get(request.path, len(sent))
        request.wfile.write(sent[:held])
        if held < len(sent):
            self.go_on.wait(10)
            request.wfile.write(sent[held:])


@pytest.fixture
def server(monkeypatch):
    """A Server; and no setting of this machine stands between it and the test."""
    monkeypatch.delenv("CVCORE_MIRROR", raising=False)
    monkeypatch.setenv("no_proxy", "*")
    server = Server()
    yield server
    server.close()
