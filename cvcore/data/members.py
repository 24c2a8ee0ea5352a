"""Which members of a zip are images that can be unpacked safely on any system, and where to."""

import re
import stat
import unicodedata
import zipfile
from pathlib import PurePosixPath

from cvcore.data.files.layout import IMAGE_ENDINGS

LONGEST_NAME, LONGEST_PATH = 255, 1000  # bytes in UTF-8: what file systems take for a name; a path that fits anywhere
# What zipfile unpacks piece by piece. Its bzip2 and LZMA fill the memory with all that 4 kB of input stand for, which
# may be gigabytes.
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
WINDOWS_DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³]) *(\..*)?", re.IGNORECASE)
WINDOWS_FORBIDS = re.compile(r'[<>:"|?*\x00-\x1f]|[. ]$')

Wanted = list[tuple[zipfile.ZipInfo, PurePosixPath]]  # members with their path below the folder
Names = list[tuple[str, str]]  # (member's name as it can be shown, the reason why it is left out)


class Refused(Exception):  # noqa: N818 - a finding about a member, kept in the report
    """The member is left out; the text is the reason."""


def sorted_out(members: list[zipfile.ZipInfo], largest: int) -> tuple[Wanted, Names]:
    """(images of at most `largest` bytes to unpack, members that are refused); folders are neither."""
    wanted, refused, taken = [], [], {}
    for info in members:
        try:
            path = _safe_path(info)
            if _is_folder(info):
                continue
            _check_member(info, path, largest)
            _check_collision(path, taken)
            wanted.append((info, path))
        except Refused as reason:
            refused.append((shown(info.orig_filename), str(reason)))
    return wanted, refused


def _safe_path(info: zipfile.ZipInfo) -> PurePosixPath:
    """The member's path below the folder. Raises Refused if it leads elsewhere, or some system would not take it.

    The name as the archive has it: zipfile's own `filename` ends at a NUL. Backslashes separate, as on Windows.
    """
    name = info.orig_filename.replace("\\", "/")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts or re.match("[A-Za-z]:", name):
        raise Refused("its name leads out of the folder")
    if not parts or any(WINDOWS_FORBIDS.search(part) or WINDOWS_DEVICE.fullmatch(part) for part in parts):
        raise Refused("its name is not allowed on every system")
    if len("/".join(parts).encode(errors="replace")) > LONGEST_PATH or any(
        len(part.encode(errors="replace")) > LONGEST_NAME for part in parts
    ):
        raise Refused("its name is too long")
    return PurePosixPath(*parts)


def _kind(info: zipfile.ZipInfo) -> int:
    """The file type that Unix keeps in the upper half of the attributes; 0 where none is given."""
    return stat.S_IFMT(info.external_attr >> 16)


def _is_folder(info: zipfile.ZipInfo) -> bool:
    return info.orig_filename.endswith(("/", "\\")) and _kind(info) in (0, stat.S_IFDIR)


def _check_member(info: zipfile.ZipInfo, path: PurePosixPath, largest: int) -> None:
    """Raise Refused for what is no image, or none that can be unpacked safely."""
    if _kind(info) == stat.S_IFLNK:
        raise Refused("a link")
    if _kind(info) not in (0, stat.S_IFREG):
        raise Refused("not a plain file")
    if path.suffix.lower() not in IMAGE_ENDINGS or "__MACOSX" in path.parts or path.name.startswith("._"):
        raise Refused("not an image")  # what macOS adds to an archive has the images' names
    if info.file_size > largest:
        raise Refused(f"larger than {megabytes(largest)}")
    if info.compress_type not in METHODS:
        method = zipfile.compressor_names.get(info.compress_type, f"method {info.compress_type}")
        raise Refused(f"compressed in a way that is not supported ({method}): use the common one, deflate")


def _check_collision(path: PurePosixPath, taken: dict[str, tuple[str, bool]]) -> None:
    """Raise Refused if path, or a folder in it, is another that is `taken` already where capitals make no difference.

    `taken` maps what such a system compares to (spelling, whether it is a file), and is added to.
    """
    steps = [(str(parent), False) for parent in path.parents[-2::-1]] + [(str(path), True)]
    keys = [unicodedata.normalize("NFC", unicodedata.normalize("NFC", step).casefold()) for step, _ in steps]
    for key, (step, is_file) in zip(keys, steps, strict=True):
        other, other_is_file = taken.get(key, (step, False))
        if (is_file and key in taken) or other_is_file:
            raise Refused("its name is there already" + ("" if other == step else f", as {shown(other)}"))
        if other != step:
            raise Refused(f"its folder is there already as {shown(other)}, and not every system tells them apart")
    taken.update(zip(keys, steps, strict=True))


def shown(name: str) -> str:
    """The name on one line: what cannot be printed is escaped, what is long is cut."""
    plain = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in name)
    return plain if len(plain) <= 200 else plain[:120] + "…" + plain[-79:]


def megabytes(count: int) -> str:
    """A number of bytes, to be read."""
    return f"{count / 1e6:,.0f} MB" if count >= 1e6 else f"{count:,} bytes"
