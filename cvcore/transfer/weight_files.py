"""Weights that somebody brings, as a file of torch or of safetensors: read with care, compared, and kept.

Nothing in such a file is executed, and nothing of it is used before all of it was checked.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import safetensors.torch
import torch

from cvcore import paths
from cvcore.errors import ModelError, unknown_name
from cvcore.files import reason_of, write_atomically, write_json
from cvcore.transfer import pickled
from cvcore.transfer.pickled import UnsoundError, shown
from cvcore.transfer.state_dicts import State, in_order, sound
from cvcore.transfer.weight_fit import Fit, compare, put

__all__ = ["MOST_BYTES", "Brought", "Fit", "Kept", "compare", "keep", "kept", "load_kept", "put", "read", "read_state"]

MOST_BYTES = 2_000_000_000
_KEY = re.compile(r"file:([0-9a-f]{12})")


@dataclass(frozen=True)
class Brought:
    """A state dict, remarks on what was changed in it, and the SHA-256 of its names, shapes and values."""

    state: State
    remarks: tuple[str, ...]
    digest: str


@dataclass(frozen=True)
class Kept:
    """A state dict in the data folder: the key that a config holds, the file name it came by, its size in bytes, and
    the network that it was brought for, empty where nobody said."""

    key: str
    name: str
    bytes: int
    network: str = ""


def read(source: Path | bytes, name: str, *, most_bytes: int = MOST_BYTES) -> Brought:
    """The state dict in a file, or in the bytes of one: values float32, on the CPU, names as torchvision has them.

    `name` is what errors call it. Raises ModelError in one line for everything else than a state dict of numbers.
    """
    state, remarks = read_state(source, name, most_bytes=most_bytes)
    return Brought(state, remarks, _digest_of(state))


def read_state(
    source: Path | bytes, name: str, *, most_bytes: int = MOST_BYTES, finite: bool = True
) -> tuple[State, tuple[str, ...]]:
    """(state dict, remarks) as `read` gives them; with `finite` False values may be missing (NaN)."""
    try:
        with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
            size = file.seek(0, io.SEEK_END)
            if size > most_bytes:
                raise UnsoundError(f"it has {size:,} bytes, at most {most_bytes:,} are read")
            raw = _load(file, size)
        return sound(raw, most_bytes, finite=finite)
    except UnsoundError as error:
        raise ModelError(
            f"{shown(name)} cannot be used: {error}; give a state dict, as torch.save(model.state_dict(), …) "
            "or safetensors writes it"
        ) from error
    except OSError as error:
        raise ModelError(f"{shown(name)} cannot be read ({reason_of(error)}): give another file") from error


def keep(brought: Brought, name: str, network: str = "") -> str:
    """The key under which `brought`, which came as a file called `name`, can be found again: "file:" and 12 digits."""
    digits = brought.digest[:12]
    file = _folder() / f"{digits}.safetensors"
    about = {"name": name, "digest": brought.digest, "remarks": list(brought.remarks), "kept": time.time()}
    about |= {"network": network, "order": "\n".join(brought.state)}  # names are printable: in one line each
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, lambda partial: safetensors.torch.save_file(brought.state, partial))
        write_json(file.with_suffix(".json"), about)
    except (OSError, safetensors.SafetensorError) as error:
        cause = reason_of(error) if isinstance(error, OSError) else str(error).splitlines()[0]
        raise ModelError(
            f"{shown(name)} cannot be kept in {file.parent} ({cause}): free some space or mend the folder"
        ) from error
    return f"file:{digits}"


def kept() -> list[Kept]:
    """The state dicts in the data folder, by name."""
    files = _folder().glob("*.safetensors") if _folder().is_dir() else ()
    found = [(f"file:{file.stem}", file) for file in files if _KEY.fullmatch(f"file:{file.stem}")]
    rows = [
        Kept(key, _about(file).get("name", key), file.stat().st_size, _about(file).get("network", ""))
        for key, file in found
    ]
    return sorted(rows, key=lambda row: (row.name, row.key))


def load_kept(key: str) -> State:
    """The state dict of that key. Raises ModelError if it is not there or is not what it was."""
    digits = _KEY.fullmatch(key)
    if not digits or not (file := _folder() / f"{digits[1]}.safetensors").is_file():
        there = [each.key for each in kept()]
        raise ModelError(
            unknown_name("file of weights", key, there)
            if there
            else f"unknown file of weights {shown(key)}: none is kept in {_folder()}; bring the file again"
        )
    name = f"{_about(file).get('name', file.name)} ({key})"
    state, _ = read_state(file, name, most_bytes=2 * MOST_BYTES)
    if not _digest_of(state).startswith(_about(file).get("digest", digits[1])):
        raise ModelError(f"{shown(name)} has changed in {file.parent} since it was kept: bring the file again")
    return in_order(state, _about(file).get("order", "").split("\n"))


def _folder() -> Path:
    return paths.data_dir() / "weights"


def _about(file: Path) -> dict[str, str]:
    """What was noted of a kept file when it came; the digest only if it is that of its name."""
    try:
        noted = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(noted, dict):
        return {}
    fields = ("name", "digest", "network", "order")
    texts = {field: noted[field] for field in fields if isinstance(noted.get(field), str)}
    if not texts.get("digest", "").startswith(file.stem):
        texts.pop("digest", None)
    return texts


def _digest_of(state: State) -> str:
    """SHA-256, in hexadecimal, of names, kinds, shapes and values, in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(state):
        value = state[name]
        digest.update(f"{name}\0{value.dtype}\0{tuple(value.shape)}\0".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def _load(file: BinaryIO, size: int) -> Any:
    """What the file holds, by its first bytes: not by its name, which may say anything."""
    file.seek(0)
    head = file.read(16)
    file.seek(0)
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= size - 8:
        return _load_safetensors(file.read())
    if head.startswith(b"PK\x03\x04"):
        _check_zip(file, size)
    elif head.startswith(b"\x80"):
        _check_old(file)
    else:
        raise UnsoundError("it is no file of torch or safetensors" if head else "it is empty")
    file.seek(0)
    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # many kinds, for many kinds of damage
        raise UnsoundError("it is damaged, or no file of weights") from error


def _load_safetensors(content: bytes) -> State:
    try:
        return in_order(safetensors.torch.load(content))
    except Exception as error:  # of its own, and KeyError for kinds of numbers that torch does not have
        raise UnsoundError("it is damaged, or of another kind than safetensors writes") from error


def _check_zip(file: BinaryIO, size: int) -> None:
    """Raises UnsoundError unless the zip holds one sound pickle, and blocks of numbers, whole and not packed."""
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            names = {member.filename for member in members}
            lists = [name for name in names if name.endswith("/data.pkl")]
            if any(name.endswith("/constants.pkl") for name in names):
                raise UnsoundError("it is a TorchScript program, not a state dict")
            if len(lists) != 1 or len(names) != len(members):
                raise UnsoundError("it is a zip, but not one of torch")
            packed = any(member.compress_type != zipfile.ZIP_STORED for member in members)
            if packed or sum(member.file_size for member in members) > size:
                raise UnsoundError("it is compressed, which torch.save does not do")
            if damaged := archive.testzip():
                raise UnsoundError(f"it is damaged: the checksum of {shown(damaged)} is wrong")
            pickled.scan(io.BytesIO(archive.read(lists[0])))
    except UnsoundError:
        raise
    except Exception as error:  # BadZipFile, and what odd flags, dates and names lead to
        raise UnsoundError("it is cut off or damaged") from error


def _check_old(file: BinaryIO) -> None:
    """Raises UnsoundError unless the five pickles of torch's old format are sound, and every block of numbers is there.

    Five are: a magic number, a version, the system, the state dict, and which blocks follow. torch makes room for those
    that the fourth names and fills those that the fifth names; the others would show what was in memory before.
    """
    *_, asked, given = [pickled.scan(file) for _ in range(5)]
    if not asked.storages <= given.texts:
        raise UnsoundError("it is damaged: some of its values are not there")
