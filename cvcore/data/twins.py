"""Stored forms of the same content: what was decoded once is not decoded again for a copy, it gets a second name."""

import json
import logging
import os
import shutil
from pathlib import Path

from cvcore.data import store

log = logging.getLogger(__name__)


def with_outline(outline: str) -> dict[str, Path]:
    """The folders of all stored forms that have this outline, by their content."""
    found = {}
    for folder in store.folders():
        try:
            meta = json.loads((folder / store.META).read_text(encoding="utf-8"))
            if meta["outline"] == outline and store.read(folder):
                found[meta["content"]] = folder
        except (OSError, ValueError, TypeError, KeyError):  # damaged, or stored before there were outlines
            continue
    return found


def linked(source: Path, partial: Path, name: str) -> Path | None:
    """A folder beside `partial` with all that `source` holds, a stored form, as a set called `name`.

    Files that are never written to again may have two names: neither set is harmed when the other is removed. None if
    the source was removed meanwhile. The folder is not `partial` itself, whose files are written to.
    """
    folder = partial.with_suffix(".linked")
    store.delete(folder)
    folder.mkdir()
    try:
        meta = json.loads((source / store.META).read_text(encoding="utf-8"))
        for file in source.iterdir():
            if file.name != store.META and not file.name.startswith("."):
                _link(file, folder / file.name)
        (folder / store.META).write_text(json.dumps(meta | {"name": name}), encoding="utf-8")
        # a removal of the source begins with its description: all that was found before belongs together
        if (source / store.META).exists() and store.read(folder):
            return folder
    except FileNotFoundError as error:
        log.info("%s cannot be used for %s: %s", source, name, error)
    except BaseException:
        store.delete(folder)
        raise
    store.delete(folder)
    return None


def _link(file: Path, name: Path) -> None:
    """Give `file` a second name, or copy it where the disk or its owner does not allow that."""
    try:
        os.link(file, name)
    except OSError:
        shutil.copyfile(file, name)
