"""The first look at a typed network: which pieces the text has, before Python's own parser sees it.

Python's grammar is far larger than what a network needs, and some texts drive a parser into the ground: a megabyte of
brackets, a sign repeated ten thousand times, a number of a million digits. So the text is cut into the few pieces that
a network can have, in one pass; whatever else stands there is refused with its place.
"""

import keyword
import re

from cvcore.config import MAX_NETWORK as MAX_TEXT
from cvcore.errors import ModelError

MAX_BRACKETS = 24  # open at once
MAX_DIGITS = 24  # of one number; 2**64 has 20

_PIECE = re.compile(
    r"""
      (?P<space>[ \t\n]+|\#[^\n]*)
    | (?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?![\w.]))
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*){0,2}(?![\w.]))
    | (?P<string>"[^"\\\n]*"|'[^'\\\n]*')
    | (?P<mark>[()\[\],=+-])
    """,
    re.VERBOSE,
)
_CLOSER = {"(": ")", "[": "]"}
_LITERALS = ("True", "False", "None")
_HINTS = {
    "*": "write the arguments one by one, without *",
    "/": "nothing is computed here, write the number",
    "{": "arguments are numbers, strings, True, False, None and tuples of these",
    ":": "write layers as nn.Linear(400, 10), without a name or number before them",
    "\\": "strings are plain, without \\",
}


class TextError(ModelError):
    """A typed network cannot be read or cannot run; `line` and `column` (from 1) say where, `problem` says why."""

    def __init__(self, line: int, column: int, problem: str):
        super().__init__(f"line {line}, column {column}: {problem}")
        self.line = line
        self.column = column
        self.problem = problem


def checked_text(text: str) -> str:
    """`text` with its line ends as \\n, once every piece of it is one that a network can have.

    Raises ModelError where it is too long or empty, TextError with the place of the first piece that is refused.
    """
    if len(text) > MAX_TEXT:
        raise ModelError(f"the network has {len(text):,} characters: at most {MAX_TEXT:,} are read, make it shorter")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    _Scanner(text).run()
    return text


def shown(text: str, longest: int = 30) -> str:
    """A piece of somebody's text as it stands in a message: one line, not too long, nothing that cannot be printed."""
    line = " ".join(text.split())
    cut = line if len(line) <= longest else line[: longest - 1] + "…"
    return "".join(each if each.isprintable() else f"\\u{ord(each):04x}" for each in cut)


class _Scanner:
    """One pass over a text. `before` is the last piece, spaces and comments left out: its kind and its text."""

    def __init__(self, text: str):
        self.text = text
        self.open: list[tuple[str, int]] = []  # brackets that are open, with their places
        self.before = ("start", "")
        self.ended = False  # the bracket that was opened first is closed again

    def run(self) -> None:
        at = 0
        while at < len(self.text):
            piece = _PIECE.match(self.text, at)
            if piece is None:
                raise self.error(at, self._unknown(at))
            if piece.lastgroup != "space":
                self._take(piece.lastgroup, piece.group(), at)
            at = piece.end()
        if self.before[0] == "start":
            raise ModelError("the network is empty: write nn.Sequential(…) with layers in it")
        if self.open:
            bracket, at = self.open[-1]
            raise self.error(at, f"this {bracket} is never closed: add {_CLOSER[bracket]}")

    def error(self, at: int, problem: str) -> TextError:
        return TextError(self.text.count("\n", 0, at) + 1, at - self.text.rfind("\n", 0, at), problem)

    def _unknown(self, at: int) -> str:
        """What is said of a piece that is none of the known."""
        word = re.compile(r"[\w.]+|.", re.DOTALL).match(self.text, at).group()
        found = f"found '{shown(word)}'"
        if not word.isascii():
            return f"{found}, which is not a plain ASCII letter or sign: type it anew"
        if word[0].isdigit() or word[0] == ".":
            return f"{found}: numbers are written as 3, 0.5 or 1e-5"
        if word == "*" and self.before[0] == "number":
            return f"{found}: {_HINTS['/']}"
        if word in "\"'":
            return "this string has no end on its line"
        return f"{found}: {_HINTS.get(word, 'only layers with literal arguments are taken')}"

    def _take(self, kind: str, piece: str, at: int) -> None:
        """Check one piece against the one before it, and count brackets."""
        if self.ended:
            raise self.error(at, f"found {shown(piece)!r} after the end of the network: remove it")
        if kind == "number" and len(piece) > MAX_DIGITS:
            raise self.error(at, f"found a number of {len(piece):,} digits: at most {MAX_DIGITS}")
        if kind == "name" and keyword.iskeyword(piece) and piece not in _LITERALS:
            raise self.error(at, f"found {piece!r}: only layers with literal arguments are taken")
        if self._follows_badly(kind, piece):
            raise self.error(at, self._no_comma(kind, piece, at))
        if piece == "=" and not self.open:
            raise self.error(at, "found '=': give the network itself, beginning with nn.Sequential(")
        if kind == "mark":
            self._count(piece, at)
        self.before = (kind, piece)

    def _follows_badly(self, kind: str, piece: str) -> bool:
        """Whether two pieces stand side by side that must not: this also keeps chains of any length out."""
        last, text = self.before
        value_ended = last in ("name", "number", "string") or text in (")", "]")
        if piece == "(":  # of a layer's arguments, or of a tuple
            return value_ended and (last != "name" or text in _LITERALS)
        if kind != "mark" or piece == "[":
            return value_ended
        return piece in "+-" and (value_ended or text in ("+", "-"))

    def _no_comma(self, kind: str, piece: str, at: int) -> str:
        last, text = self.before
        if kind == "string" and last == "name" and self.text[at - 1].isalpha():
            return f"found {shown(text + piece)}: strings are plain, without {text} before them"
        if piece in ("+", "-"):
            return f"found {piece!r}: arguments are literal numbers, nothing is computed"
        if piece in ("(", "["):
            return f"found {piece!r} after {shown(text)!r}: only layers are called, once, and nothing is indexed"
        return f"found {shown(piece)!r} after {shown(text)!r}: put a comma between them"

    def _count(self, piece: str, at: int) -> None:
        """Keep the list of open brackets."""
        if piece in _CLOSER:
            self.open.append((piece, at))
            if len(self.open) > MAX_BRACKETS:
                raise self.error(at, f"more than {MAX_BRACKETS} brackets are open here: nest fewer nn.Sequential")
        elif piece in ")]":
            if not self.open or _CLOSER[self.open[-1][0]] != piece:
                raise self.error(at, f"found {piece!r}, which closes no bracket: remove it, or open one before")
            self.open.pop()
            self.ended = not self.open
