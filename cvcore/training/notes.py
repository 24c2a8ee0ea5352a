"""What people write on a run: a name, tags, a note. Kept beside it, since it changes nothing of what was computed."""

import json
from dataclasses import asdict, dataclass, replace

from cvcore.errors import RunError
from cvcore.files import reason_of, write_json
from cvcore.training.run import Run

FILE = "notes.json"
LONGEST = {"name": 80, "tag": 30, "note": 2_000}  # characters
MOST_TAGS = 20


@dataclass(frozen=True)
class Notes:
    """`name` stands before the run's own label; `tags` are sorted and each there once; `note` is free text."""

    name: str = ""
    tags: tuple[str, ...] = ()
    note: str = ""


def read(run: Run) -> Notes:
    """The notes on a run; empty where there are none, or where they cannot be read."""
    try:
        found = json.loads((run.path / FILE).read_text(encoding="utf-8"))
        return Notes(str(found["name"]), tuple(map(str, found["tags"])), str(found["note"]))
    except (OSError, ValueError, TypeError, KeyError):
        return Notes()


def write(run: Run, *, name: str | None = None, tags: tuple[str, ...] | None = None, note: str | None = None) -> Notes:
    """Change what is given, keep the rest; the notes as they are then.

    Raises RunError where a text is too long, or the run cannot be written on.
    """
    if run.shipped:
        raise RunError(f"{run.run_id} ships with the app and cannot be written on: train it with your own settings")
    changed = replace(
        read(run),
        **({} if name is None else {"name": _checked(name, "name")}),
        **({} if tags is None else {"tags": _checked_tags(tags)}),
        **({} if note is None else {"note": _checked(note, "note")}),
    )
    try:
        if not run.path.is_dir():
            raise RunError(f"{run.run_id} is gone: it was deleted")
        write_json(run.path / FILE, asdict(changed))
    except OSError as error:
        raise RunError(
            f"cannot write to {run.path} ({reason_of(error)}): free some space, or mend the folder"
        ) from error
    return changed


def _checked(text: str, what: str) -> str:
    text = " ".join(text.split()) if what != "note" else text.strip()
    if len(text) > LONGEST[what]:
        raise RunError(f"{what}: given {len(text):,} characters, a {what} has at most {LONGEST[what]:,}")
    return text


def _checked_tags(tags: tuple[str, ...]) -> tuple[str, ...]:
    found = sorted({_checked(tag, "tag") for tag in tags} - {""})
    if len(found) > MOST_TAGS:
        raise RunError(f"tags: given {len(found)}, a run has at most {MOST_TAGS}")
    return tuple(found)
