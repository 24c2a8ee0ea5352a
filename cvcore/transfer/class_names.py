"""Names of classes in another language, from a file that somebody gives."""

import json
from pathlib import Path
from typing import Any

from cvcore.errors import DataError
from cvcore.files import reason_of

MOST_BYTES = 1_000_000
LONGEST = 200  # characters of a name


def read_names_file(path: Path, classes: int) -> tuple[str, ...]:
    """As `read_names`, from a file on the disk."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise _refused(path.name, classes, f"it has {path.stat().st_size:,} bytes, at most {MOST_BYTES:,} are read")
        return read_names(path.read_bytes(), path.name, classes)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({reason_of(error)}): give another file of names") from error


def read_names(content: bytes, file: str, classes: int) -> tuple[str, ...]:
    """A name for each of so many classes, in their order: a line each, or JSON, a list or an object by number.

    Raises DataError in one line for anything else; `file` is what it calls the file.
    """
    if len(content) > MOST_BYTES:
        raise _refused(file, classes, f"it has {len(content):,} bytes, at most {MOST_BYTES:,} are read")
    try:
        text = content.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise _refused(file, classes, "it is no text in UTF-8") from error
    names = _of_json(text, file, classes) if text.startswith(("[", "{")) else text.split("\n")
    names = [in_one_line(name)[:LONGEST] for name in names]
    if len(names) != classes:
        raise _refused(file, classes, f"it holds {len(names):,}")
    if empty := [number for number, name in enumerate(names) if not name]:
        raise _refused(file, classes, f"that of class {empty[0]} is empty")
    return tuple(names)


def _of_json(text: str, file: str, classes: int) -> list[Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _refused(file, classes, "it begins as JSON and is none") from error
    if isinstance(found, dict):
        if set(found) != {str(number) for number in range(classes)}:
            raise _refused(file, classes, f"its keys are not the numbers 0 to {classes - 1}")
        found = [found[str(number)] for number in range(classes)]
    # Keras's and torch's lists of ImageNet have a code of WordNet before the name
    names = [each[-1] if isinstance(each, list) and each else each for each in found]
    if any(not isinstance(name, str) for name in names):
        raise _refused(file, classes, "some of its names are no texts")
    return names


def in_one_line(text: str) -> str:
    """`text` in one line, without characters that cannot be seen, or that no file of XML may hold."""
    shown = "".join(" " if char.isspace() else char for char in text if char.isspace() or char.isprintable())
    return " ".join(shown.split())


def _refused(file: str, classes: int, cause: str) -> DataError:
    return DataError(
        f"{file} does not name the {classes:,} classes: {cause}; give a line for each class, in their order, or a "
        "JSON list"
    )
