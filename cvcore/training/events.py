"""A run's events: an append-only file of JSON lines that survives being cut off anywhere."""

import json
import time
from pathlib import Path
from typing import Any

FILE = "events.jsonl"


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
    """All whole events in order; a torn line is skipped."""
    try:
        lines = (folder / FILE).read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    found = []
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict) and "event" in event:
            found.append(event)
    return found
