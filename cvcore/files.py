"""Writing files so that a reader, or a crash, never meets half of one."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def write_atomically(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a temporary file beside `path`, then give it that name in one step."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write(partial)
        _replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, atomically."""
    text = json.dumps(value, indent=2, allow_nan=False) + "\n"
    write_atomically(path, lambda partial: partial.write_text(text, encoding="utf-8"))


def _replace(partial: Path, path: Path, tries: int = 20) -> None:
    """Rename over `path`. Windows refuses while somebody reads the old file, which takes milliseconds: try again."""
    for left in reversed(range(tries)):
        try:
            partial.replace(path)
            return
        except PermissionError:
            if left == 0:
                raise
            time.sleep(0.02)


def reason_of(error: OSError) -> str:
    """What went wrong, in the system's words: "permission denied"."""
    return (error.strerror or str(error)).lower()
