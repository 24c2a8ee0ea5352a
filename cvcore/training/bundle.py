"""A run as one file: packed to be sent, and unpacked with care, since nobody vouches for what comes.

The file is a plain zip of the run's folder. Only the names that a run has are taken from it, each up to a size; its
config must give the id that it claims; weights are read elsewhere, as tensors only.
"""

import json
import re
import secrets
import shutil
import zipfile
from pathlib import Path
from typing import BinaryIO

from cvcore.errors import CvcoreError, RunError
from cvcore.files import reason_of, write_atomically
from cvcore.training.run import Run, is_locked
from cvcore.training.runs import RunStore

ENDING = ".cvrun.zip"
NAMES = re.compile(r"run\.json|events\.jsonl|best\.pt|last\.pt|predictions\.npz|notes\.json|epochs/\d{4,6}\.pt")
MOST_BYTES = 4_000_000_000  # of a file; VGG-16 with the state of Adam takes 1.7
MOST_TEXT = 200_000_000  # of a text file
MOST_FILES = 200
CHUNK = 2**20


def pack(run: Run, target: Path) -> Path:
    """Write the run into the zip `target`, or into that folder under the run's id; where it is then.

    Raises RunError if it is being trained, or cannot be written.
    """
    if is_locked(run.path):
        raise RunError(f"{run.run_id} is being trained: wait for it, or pause it first")
    path = target / f"{run.run_id}{ENDING}" if target.is_dir() else target
    try:
        write_atomically(path, lambda partial: _pack(run, partial))
    except OSError as error:
        raise RunError(f"cannot write {path} ({reason_of(error)}): choose another folder") from error
    return path


def _pack(run: Run, path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for file in sorted(run.path.rglob("*")):
            name = file.relative_to(run.path).as_posix()
            if file.is_file() and NAMES.fullmatch(name):
                archive.write(file, f"{run.run_id}/{name}")


def unpack(store: RunStore, file: Path | BinaryIO) -> Run:
    """The run in the zip `file`, added to `store`.

    Raises RunError in one line if the file is no run, if a file in it is too large, or if the store has the run.
    """
    name = Path(getattr(file, "name", None) or str(file)).name
    try:
        with zipfile.ZipFile(file) as archive:
            return _unpack(store, archive, name)
    except CvcoreError:
        raise
    except OSError as error:
        raise RunError(f"{name} cannot be imported ({reason_of(error)}): check the file and the free space") from error
    except Exception as error:  # of damaged files zipfile lets struct.error, zlib.error, UnicodeDecodeError … through
        raise RunError(f"{name} is no run that was exported here, or it is damaged: export it again") from error


def _unpack(store: RunStore, archive: zipfile.ZipFile, name: str) -> Run:
    members = {}
    for info in archive.infolist()[: MOST_FILES + 1]:
        run_id, _, inside = info.filename.partition("/")
        if NAMES.fullmatch(inside):
            members.setdefault(run_id, {})[inside] = info
    if len(members) != 1 or len(archive.infolist()) > MOST_FILES:
        raise RunError(f"{name} holds {len(members)} runs, a file that was exported here holds one: choose another")
    (run_id, files), *_ = members.items()
    if not {"run.json", "events.jsonl"} <= files.keys():
        raise RunError(f"{name} lacks run.json or events.jsonl: export the run again")
    run = Run(store.root / run_id)
    partial = store.root / f".import-{secrets.token_hex(6)}"
    try:
        partial.mkdir(parents=True)
        for inside, info in files.items():
            _write(archive, info, partial / inside, name)
        _check(partial, run_id, name)
        if store.get(run_id) is not None and not store.get(run_id).shipped:
            raise RunError(f"{run_id} is here already: delete it first to import it again")
        partial.rename(run.path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return store.find(run_id)


def _write(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path, name: str) -> None:
    """Unpack one member; what it says of its size is not believed."""
    most = MOST_TEXT if path.suffix in (".json", ".jsonl") else MOST_BYTES
    path.parent.mkdir(exist_ok=True)
    written = 0
    with archive.open(info) as source, path.open("wb") as target:
        while chunk := source.read(CHUNK):
            written += len(chunk)
            if written > most:
                raise RunError(f"{path.name} in {name} has more than {most / 1e6:,.0f} MB: it is no file of a run")
            target.write(chunk)


def _check(folder: Path, run_id: str, name: str) -> None:
    """Raises RunError unless the unpacked config is that of `run_id`."""
    run = Run(folder)
    config = run.config  # raises where it cannot be read
    if config.run_id() != run_id:
        made = json.loads((folder / "run.json").read_text(encoding="utf-8")).get("schema")
        raise RunError(
            f"{name} says it is {run_id}, but its config gives {config.run_id()} (schema {made}): it was changed, or "
            "made by another version of cvcore; train it again"
        )
    if not run.history and run.status == "done":
        raise RunError(f"{name} has no history: export the run again")
