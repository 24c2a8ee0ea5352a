"""A run's events: an append-only file of JSON lines that survives being cut off anywhere."""

import json
import time
from pathlib import Path
from typing import Any

FILE = "events.jsonl"
BATCH = b'{"event": "batch"'  # how the most frequent line begins, as `append` writes it


def append(folder: Path, event: str, **values: Any) -> None:
    """Add one event, with its wall-clock time, to the file in `folder`."""
    line = json.dumps({"event": event, "time": round(time.time(), 3), **values}, allow_nan=False)
    with (folder / FILE).open("ab+") as file:
        file.write(_after_torn_line(file) + line.encode() + b"\n")


def _after_torn_line(file) -> bytes:
    """A line break if the writer before us was cut off in the middle of a line, so that ours stays readable."""
    end = file.seek(0, 2)
    if end == 0:
        return b""
    file.seek(end - 1)
    return b"" if file.read(1) == b"\n" else b"\n"


def read(folder: Path) -> list[dict[str, Any]]:
    """All whole events in order, of those that tell progress only the last; a torn line is skipped."""
    try:
        lines = (folder / FILE).read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    last_batch = next((line for line in reversed(lines) if line.startswith(BATCH)), None)
    told = [line for line in lines if line and (line is last_batch or not line.startswith(BATCH))]
    try:
        found = json.loads(b"[" + b",".join(told) + b"]")  # at once: several times as fast as line by line
    except ValueError:
        found = [event for line in told for event in _whole(line)]
    return [event for event in found if isinstance(event, dict) and "event" in event]


def _whole(line: bytes) -> list[Any]:
    """The event of a line, or none if it was cut off."""
    try:
        return [json.loads(line)]
    except ValueError:
        return []
