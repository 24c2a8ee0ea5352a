"""How commands speak: lines and JSON on stdout, progress on stderr."""

import json
import os
import sys
from collections.abc import Sequence
from typing import Any

from cvcore.errors import ConfigError


def say(line: str) -> None:
    """Print, or go on in silence once nobody reads any more, as in `… | head`: a run must not die of that."""
    try:
        print(line, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def print_json(value: dict[str, Any]) -> None:
    say(json.dumps(value, allow_nan=False))


class Progress:
    """A line on the terminal that tells how far something is; silent where nobody looks."""

    def __init__(self, title: str, unit: str, scale: float = 1) -> None:
        self.title, self.unit, self.scale = title, unit, scale
        self.shown = False

    def __call__(self, done: float, total: float) -> None:
        if sys.stderr.isatty() and total:
            self.shown = True
            told = f"{done / self.scale:,.0f} of {total / self.scale:,.0f} {self.unit}"
            print(f"\r{self.title}: {told}   ", end="", file=sys.stderr, flush=True)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        if self.shown:
            print("\r" + " " * 78 + "\r", end="", file=sys.stderr, flush=True)


def say_some(title: str, lines: list[str], most: int = 10) -> None:
    """A title with the first few of its lines; nothing if there are none."""
    if lines:
        rest = [f"  … {len(lines) - most:,} more, see --json"] if len(lines) > most else []
        say("\n".join([f"{title}:", *lines[:most], *rest]))


def image_shape(text: str) -> tuple[int, int, int]:
    """(C, H, W) from "3,224,224". Raises ConfigError."""
    try:
        channels, height, width = (int(part) for part in text.split(","))
    except ValueError as error:
        raise ConfigError(f"--input: given {text!r}, it should be C,H,W in pixels, for example 3,224,224") from error
    return channels, height, width


def shape(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape))


def numbers(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.4f}" for value in values)


def silent(line: str) -> None:
    """Where --json wants one object on stdout and nothing else."""
