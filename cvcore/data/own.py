"""Sets that people add: folders of their own images, unpacked zips, and damaged copies of other sets.

They are listed in one file, `own/sets.json` in the data folder. Images in folders stay where they are.
"""

import json
import re
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, BinaryIO

from filelock import FileLock

from cvcore import paths
from cvcore.data import archive, store
from cvcore.data.damage.plan import Damage
from cvcore.data.dataset import Dataset
from cvcore.data.files import layout
from cvcore.errors import DataError, unknown_name
from cvcore.files import write_json

MOST_REFUSED = 1_000  # members of a zip whose refusal is remembered
NAME = re.compile(r"^[a-z0-9][a-z0-9-]{0,60}$")


def sets() -> dict[str, dict[str, Any]]:
    """What was added, by name: {"folder": path} or {"base": name, "damage": {…}}, and counts once it was opened."""
    found: dict[str, dict[str, Any]] = {}
    for folder in (_spare_folder(), _folder()):
        try:
            found |= json.loads((folder / "sets.json").read_text(encoding="utf-8"))
        except (OSError, ValueError, TypeError):  # none yet, or damaged: what is lost can be added again
            continue
    return {name: values for name, values in found.items() if isinstance(values, dict) and _is_known(name, values)}


def _is_known(name: str, values: dict[str, Any]) -> bool:
    counts = all(isinstance(values.get(field, 0), int) for field in ("classes", "train", "test"))
    is_copy = isinstance(values.get("base"), str) and isinstance(values.get("damage"), dict) and values["base"] != name
    return counts and isinstance(values.get("image", []), list) and (isinstance(values.get("folder"), str) or is_copy)


def add_folder(folder: Path, name: str = "", taken: Iterable[str] = ()) -> str:
    """Remember a folder of images; its name in the catalog: `name`, or one drawn from the folder's.

    A folder that is known already keeps its name. Raises DataError if there is no such folder or the name is taken.
    """
    folder = folder.expanduser().resolve()
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder on this machine: give a folder with one sub-folder for each class")
    if folder == folder.parent:
        raise DataError(f"{folder} is a whole disk: give the folder of the images alone")
    for known, values in sets().items():
        if values.get("folder") == str(folder) and name in ("", known):
            return known
    layout.list_images(folder, layout.walk(folder))  # what holds no classes is not listed
    name = name or _free(slug(folder.name), taken)
    _add(name, {"folder": str(folder)}, taken)
    return name


def add_zip(
    file: Path | BinaryIO,
    title: str,
    taken: Iterable[str] = (),
    on_progress: Callable[[float], None] = lambda share: None,
) -> tuple[str, archive.Report]:
    """Unpack a zip of images into the data folder and remember it: (its name, drawn from `title`; what was refused).

    Raises DataError if the zip as a whole cannot be trusted or holds no image.
    """
    name = _free(slug(re.sub(r"\.zip$", "", title, flags=re.IGNORECASE)), taken)
    folder = _writable_folder() / name
    archive.clear_abandoned(folder.parent)
    report = archive.unpack(file, folder, on_progress)
    try:
        if not report.files:
            first = f"; the first of {len(report.refused):,} refused: {report.refused[0][1]}" if report.refused else ""
            raise DataError(f"{title} holds no images{first}: zip a folder with one sub-folder for each class")
        layout.list_images(folder, layout.walk(folder))
        stamp = _stamp_of(file) if isinstance(file, Path) else ""
        _add(name, {"folder": str(folder), "unpacked": True, "zip": stamp}, taken)
        note_refused(name, report)
    except DataError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return name, report


def from_zip(file: Path) -> str:
    """The name of the set that this very zip was unpacked to before; empty if it was not."""
    known = (name for name, values in sets().items() if values.get("zip") == _stamp_of(file))
    return next(known, "")


def refused(name: str) -> list[tuple[str, str]]:
    """(member, reason) of what was not unpacked of the zip that became the set `name`."""
    for folder in (_folder(), _spare_folder()):
        try:
            told = json.loads((folder / f"{name}-refused.json").read_text(encoding="utf-8"))["refused"]
            return [(str(member), str(reason)) for member, reason in told]
        except (OSError, ValueError, TypeError, KeyError):  # nothing was, or it is lost
            continue
    return []


def note_refused(name: str, report: archive.Report) -> None:
    """Remember what was not unpacked of the zip that becomes the set `name`."""
    told = [list(each) for each in report.refused[:MOST_REFUSED]]
    write_json(_writable_folder() / f"{name}-refused.json", {"refused": told})


def _stamp_of(file: Path) -> str:
    """What tells a zip from others without reading it: its place, size and time."""
    status = file.stat()
    return f"{file.resolve()} {status.st_size} {status.st_mtime_ns}"


def add_damaged(base: str, damage: Damage, name: str, taken: Iterable[str] = ()) -> None:
    """Remember a damaged copy of the set `base`, to be made when it is first opened. Raises DataError as add_folder."""
    _add(name, {"base": base, "damage": damage.model_dump(mode="json", exclude_defaults=True)}, taken)


def forget(name: str) -> None:
    """Take a set off the list. Images in a folder stay; what was unpacked or decoded here is deleted.

    Raises DataError if it is not on the list.
    """
    known = sets()
    if name not in known:
        raise DataError(unknown_name("set of your own", name, known))
    _change(lambda values: values.pop(name, None))
    (_writable_folder() / f"{name}-refused.json").unlink(missing_ok=True)
    if known[name].get("unpacked"):
        unpacked = Path(known[name]["folder"])
        if unpacked.parent in (_folder(), _spare_folder()):
            shutil.rmtree(unpacked, ignore_errors=True)
    store.remove(key_pattern(name))


def note(name: str, dataset: Dataset) -> None:
    """Remember how many images and classes a set has, so that lists can tell without opening it."""
    counts = {
        "classes": len(dataset.classes),
        "image": list(dataset.image_shape),
        "train": len(dataset.train),
        "test": len(dataset.test),
    }
    values = sets().get(name, {})
    if any(values.get(field) != count for field, count in counts.items()):
        _change(lambda all_sets: all_sets.get(name, {}).update(counts))


def slug(text: str) -> str:
    """`text` as a name: small letters, digits and hyphens.

    >>> slug("My Photos (2)"), slug("…")
    ('my-photos-2', 'images')
    """
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:50].strip("-") or "images"


def key_pattern(name: str, form: str = r"(-s\d+-\w+)?") -> str:
    """Regular expression for the keys under which the store keeps a set of one's own, in one form or in any."""
    return rf"{re.escape(name)}-[0-9a-f]{{16}}{form}"


def _free(name: str, taken: Iterable[str]) -> str:
    """`name`, or with a number if it is taken."""
    used = {*taken, *sets(), *(path.name for path in _folder().glob("*"))}
    numbered = (f"{name}-{number}" for number in range(2, len(used) + 3))
    return name if name not in used else next(each for each in numbered if each not in used)


def _add(name: str, values: dict[str, Any], taken: Iterable[str]) -> None:
    if not NAME.match(name):
        raise DataError(f"name: given {name!r}, use small letters, digits and hyphens, at most 60, as in my-photos")
    if name in {*taken, *sets()}:
        raise DataError(f"name: {name!r} is the name of another set already; choose another")
    _change(lambda all_sets: all_sets.update({name: values}))


def _folder() -> Path:
    return paths.data_dir() / "own"


def _spare_folder() -> Path:
    """Beside the store of a data folder that cannot be written to."""
    return store.spare_root() / "own"


def _writable_folder() -> Path:
    return store.first_writable(_folder(), _spare_folder())


def _change(change: Callable[[dict[str, Any]], object]) -> None:
    folder = _writable_folder()
    with FileLock(folder / ".sets.lock"):
        values = sets()
        change(values)
        write_json(folder / "sets.json", values)
