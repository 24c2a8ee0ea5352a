import contextlib
import errno
import io
import os
import shutil
import stat
import struct
import tempfile
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cvcore.data import archive
from cvcore.data.archive import Limits, Report, unpack
from cvcore.data.files.layout import IMAGE_ENDINGS
from cvcore.errors import DataError

pytestmark = pytest.mark.filterwarnings("ignore:Duplicate name")  # zipfile, of the zips that are made here

PIXELS = bytes(range(256)) * 4  # nothing here looks into images


def zipped(*members, edit=lambda archive: None):
    """A zip in memory. Members are (name, bytes[, changes of its ZipInfo]); `edit` changes the directory at the end.

    Names are written as they are: zipfile would cut them at a NUL.
    """
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        for name, content, *changes in members:
            info = zipfile.ZipInfo("x")
            info.filename = name
            info.compress_type = zipfile.ZIP_DEFLATED
            for change, value in (changes[0] if changes else {}).items():
                setattr(info, change, value)
            made.writestr(info, content)
        edit(made)
    file.seek(0)
    return file


def below(folder):
    """{relative path: bytes, or None for a folder} of everything below a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def images(folder):
    return [path for path, content in below(folder).items() if content is not None]


def refused(*members, **changes):
    """What is refused of a zip that also holds one good image, which must arrive."""
    with tempfile.TemporaryDirectory() as parent:
        report = unpack(zipped(("good/1.jpg", PIXELS), *members, **changes), Path(parent) / "set")
        assert "good/1.jpg" in below(Path(parent) / "set")
        assert len(images(Path(parent) / "set")) == report.files
    return report.refused


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "own" / "set"


# --- what is right


def test_images_arrive_with_their_bytes_names_and_folders(folder):
    members = {f"animals/{kind}/{number}{ending}": os.urandom(2000 + number)
               for number, ending in enumerate((*IMAGE_ENDINGS, ".JPG")) for kind in ("cat", "dog é 犬")}  # fmt: skip
    report = unpack(zipped(*members.items()), folder)
    assert report == Report(20, ())
    assert {path: content for path, content in below(folder).items() if content is not None} == members
    assert os.listdir(folder.parent) == ["set"]


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_path_an_open_file_and_an_upload_are_taken(folder, tmp_path, method):
    content = zipped(("a/1.jpg", PIXELS, {"compress_type": method})).getvalue()
    (tmp_path / "my.zip").write_bytes(content)
    assert unpack(tmp_path / "my.zip", folder).files == 1
    with open(tmp_path / "my.zip", "rb") as file:
        assert unpack(file, folder.with_name("second")).files == 1
        assert not file.closed
    assert unpack(io.BytesIO(content), folder.with_name("third")).files == 1
    # a zip may follow other bytes, as in self-extracting ones
    assert unpack(io.BytesIO(b"MZ" * 500 + content), folder.with_name("fourth")).files == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_files_get_plain_permissions_whatever_the_archive_says(folder):
    mode = stat.S_IFREG | stat.S_ISUID | 0o777
    unpack(zipped(("a/1.jpg", PIXELS, {"external_attr": mode << 16}), ("a/2.jpg", PIXELS)), folder)
    assert {stat.S_IMODE((folder / "a" / name).stat().st_mode) & ~0o022 for name in ("1.jpg", "2.jpg")} == {0o644}


def test_folders_and_backslashes_as_old_windows_programs_write_them(folder):
    report = unpack(zipped(("a/", b""), ("empty/", b""), ("a\\b\\1.jpg", PIXELS), ("./a//2.jpg", PIXELS)), folder)
    assert report == Report(2, ())
    assert images(folder) == ["a/2.jpg", "a/b/1.jpg"]


def test_an_archive_without_images_gives_an_empty_folder(folder):
    assert unpack(zipped(("readme.txt", b"hello")), folder) == Report(0, (("readme.txt", "not an image"),))
    assert below(folder) == {}


def test_one_image_of_one_colour_is_no_bomb(folder):
    """A 24-bit BMP of 3,000 × 2,000 white pixels shrinks to a thousandth."""
    white = struct.pack("<2sIHHI", b"BM", 54 + 18_000_000, 0, 0, 54) + bytes(40) + b"\xff" * 18_000_000
    file = zipped(("a/white.bmp", white))
    assert len(white) > 900 * len(file.getvalue())
    assert unpack(file, folder).files == 1


def test_progress_ascends_from_0_to_1(folder):
    told = []
    unpack(zipped(*((f"a/{number}.jpg", PIXELS) for number in range(2000))), folder, told.append)
    assert told[0] == 0
    assert told[-1] == 1
    assert told == sorted(set(told))
    assert 100 < len(told) <= 502


# --- members that are left out, while the rest goes on


@pytest.mark.parametrize(
    "name",
    [
        "../1.jpg",
        "a/../../1.jpg",
        "a/../1.jpg",
        "/1.jpg",
        "//server/share/1.jpg",
        "\\1.jpg",
        "..\\1.jpg",
        "a\\..\\..\\1.jpg",
        "C:\\1.jpg",
        "c:1.jpg",
        "C:/windows/1.jpg",
        "../",
    ],
)
def test_names_that_lead_out_of_the_folder(name):
    assert refused((name, PIXELS)) == ((name, "its name leads out of the folder"),)


@pytest.mark.parametrize(
    "name",
    ["con.jpg", "a/NUL/1.jpg", "aux.tar.jpg", "a/Com1.jpg", "lpt³.jpg", "a /1.jpg", "a./1.jpg", "pic:b.jpg",
     "what?.jpg", "a*.jpg", 'a".jpg', "a<b>.jpg", "a|b.jpg", "a.jpg ", ".../1.jpg"],
)  # fmt: skip
def test_names_that_windows_does_not_take(name):
    assert refused((name, PIXELS)) == ((name, "its name is not allowed on every system"),)


def test_names_with_control_characters_are_shown_escaped():
    for name, shown in (("a\0.jpg", "a\\x00.jpg"), ("a.jpg\0.exe", "a.jpg\\x00.exe"), ("a\n.jpg", "a\\n.jpg")):
        assert refused((name, PIXELS)) == ((shown, "its name is not allowed on every system"),)


@pytest.mark.parametrize("name", ["x" * 252 + ".jpg", "é" * 126 + ".jpg", "/".join(["x" * 99] * 11) + ".jpg"])
def test_names_that_are_too_long(name):
    ((shown, reason),) = refused((name, PIXELS))
    assert reason == "its name is too long"
    assert len(shown) <= 200
    assert shown[:100] == name[:100]


@pytest.mark.parametrize("name", ["x" * 251 + ".jpg", "é" * 125 + ".jpg", "/".join(["x" * 98] * 10) + ".jpg"])
def test_names_that_are_just_short_enough(name):
    assert refused((name, PIXELS)) == ()


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (["good/1.jpg"], "its name is there already"),
        (["good//1.jpg"], "its name is there already"),
        (["good/1.JPG"], "its name is there already, as good/1.jpg"),
        (["Good/2.jpg"], "its folder is there already as good, and not every system tells them apart"),
        (["good/1.jpg/2.jpg"], "its name is there already"),
        (["a/é.jpg", "a/e\u0301.jpg"], "its name is there already, as a/é.jpg"),
        (["b.jpg/1.jpg", "b.jpg"], "its name is there already"),
    ],
)
def test_names_that_collide(names, reason):
    """Each set of names is added to good/1.jpg; its last one is refused."""
    assert refused(*((name, PIXELS) for name in names)) == ((names[-1], reason),)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [(stat.S_IFLNK, "a link"), (stat.S_IFIFO, "not a plain file"), (stat.S_IFCHR, "not a plain file"),
     (stat.S_IFBLK, "not a plain file"), (stat.S_IFSOCK, "not a plain file"), (stat.S_IFDIR, "not a plain file")],
)  # fmt: skip
def test_links_and_special_files(kind, reason):
    assert refused(("a/1.jpg", b"/etc/passwd", {"external_attr": (kind | 0o777) << 16})) == (("a/1.jpg", reason),)


def test_a_link_to_a_folder_does_not_lead_later_members_astray():
    link = {"external_attr": (stat.S_IFLNK | 0o777) << 16}
    assert refused(("a", b"/tmp", link), ("a/1.jpg", PIXELS)) == (("a", "a link"),)


@pytest.mark.parametrize(
    "name",
    ["a/1.txt", "a/1", "a/1.jpg.exe", "a/Thumbs.db", ".DS_Store", "a/1.gif", "inner.zip", "__MACOSX/a/._1.jpg",
     "__MACOSX/a/1.jpg", "a/._1.jpg", ".jpg"],
)  # fmt: skip
def test_what_is_no_image(name):
    assert refused((name, PIXELS)) == ((name, "not an image"),)


@pytest.mark.parametrize(
    ("method", "shown"), [(zipfile.ZIP_BZIP2, "bzip2"), (zipfile.ZIP_LZMA, "lzma"), (99, "method 99"), (9, "deflate64")]
)
def test_other_compression(method, shown):
    def change(made):
        made.filelist[-1].compress_type = method

    written = {"compress_type": method if method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA) else zipfile.ZIP_STORED}
    ((name, reason),) = refused(("a/1.jpg", PIXELS, written), edit=change)
    assert (name, reason) == (
        "a/1.jpg",
        f"compressed in a way that is not supported ({shown}): use the common one, deflate",
    )


def test_too_large_a_file(folder):
    report = unpack(
        zipped(("a/1.jpg", bytes(1001)), ("a/2.jpg", bytes(1000))), folder, limits=Limits(bytes_a_file=1000)
    )
    assert report == Report(1, (("a/1.jpg", "larger than 1,000 bytes"),))


def lie(**values):
    """Let the directory say something else of the last member than was written."""

    def change(made):
        for field, value in values.items():
            setattr(made.filelist[-1], field, value)

    return change


@pytest.mark.parametrize("size", [0, 1, 1000, 1023, 1025, 50_000])
def test_a_size_that_is_not_true(size):
    ((name, reason),) = refused(("a/1.jpg", PIXELS), edit=lie(file_size=size))
    assert name == "a/1.jpg"
    assert reason.startswith("damaged")


def test_a_wrong_checksum():
    assert refused(("a/1.jpg", PIXELS), edit=lie(CRC=1)) == (("a/1.jpg", "damaged: wrong checksum"),)


def test_damaged_data_of_one_member_leaves_the_others(folder):
    marked = b"here begin the bytes that will be damaged" + os.urandom(3000)
    file = zipped(("a/1.jpg", PIXELS), ("a/2.jpg", marked), ("a/3.jpg", PIXELS)).getvalue()
    at = file.index(b"a/2.jpg") + 500
    report = unpack(io.BytesIO(file[:at] + b"\xff" * 40 + file[at + 40 :]), folder)
    assert report.files == 2
    assert [name for name, _ in report.refused] == ["a/2.jpg"]
    assert images(folder) == ["a/1.jpg", "a/3.jpg"]


def test_a_name_in_the_directory_that_is_not_the_one_before_the_data():
    """Two programs would unpack two things."""
    assert refused(("a/1.jpg", PIXELS), edit=lie(filename="a/2.jpg")) == (("a/2.jpg", "damaged: cannot be unpacked"),)


# --- archives that are refused as a whole


def nothing_comes_of(file, folder, match, **more):
    """The archive is refused in one line, and leaves nothing."""
    with pytest.raises(DataError, match=match) as caught:
        unpack(file, folder, **more)
    assert "\n" not in str(caught.value)
    assert not folder.exists()
    assert not folder.parent.exists() or os.listdir(folder.parent) == []


@pytest.mark.parametrize("content", [b"", b"PK\x05\x06", b"no zip at all" * 99, b"PK\x03\x04" + bytes(99)])
def test_what_is_no_zip(folder, content):
    nothing_comes_of(io.BytesIO(content), folder, "the zip is not a zip, or its directory is damaged")


def test_a_zip_that_is_cut_short(folder):
    content = zipped(("a/1.jpg", PIXELS), ("a/2.jpg", PIXELS)).getvalue()
    nothing_comes_of(io.BytesIO(content[:-30]), folder, "directory is damaged")


def test_a_file_that_cannot_be_read(folder, tmp_path):
    nothing_comes_of(tmp_path / "absent.zip", folder, "absent.zip cannot be read .no such file")
    nothing_comes_of(tmp_path, folder, "cannot be read")


def test_a_closed_file(folder):
    file = zipped(("a/1.jpg", PIXELS))
    file.close()
    nothing_comes_of(file, folder, "not a zip")


@pytest.mark.parametrize("flag", [0x1, 0x41, 0x2001])
def test_an_encrypted_archive(folder, flag):
    def change(made):
        made.filelist[-1].flag_bits |= flag

    nothing_comes_of(zipped(("a/1.jpg", PIXELS), edit=change), folder, "encrypted: make it again without a password")


def test_too_many_members(folder):
    file = zipped(*((f"a/{number}.jpg", b"") for number in range(11)))
    nothing_comes_of(file, folder, "more than 10 files: split it", limits=Limits(members=10))
    assert unpack(file, folder, limits=Limits(members=11)).files == 11


def test_a_directory_of_millions_is_refused_before_it_fills_the_memory(folder):
    """A million entries of 47 bytes; zipfile would make an object of some 500 bytes of each."""
    entry = struct.pack("<4s6H3L5H2L", b"PK\x01\x02", *[0] * 9, 1, *[0] * 6) + b"x"
    count, size = 1_000_000, 1_000_000 * len(entry)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, size, 0, 0)
    file = io.BytesIO(entry * count + end)
    tracemalloc.start()
    try:
        nothing_comes_of(file, folder, "more than 500,000 files")
        assert tracemalloc.get_traced_memory()[1] < 3 * size
    finally:
        tracemalloc.stop()


def test_too_much_in_all(folder):
    file = zipped(("a/1.jpg", bytes(600)), ("a/2.jpg", bytes(600)), ("a/big.txt", bytes(5000)))
    nothing_comes_of(file, folder, "unpack to 1,200 bytes, more than 1,000", limits=Limits(bytes_in_all=1000))
    assert unpack(file, folder, limits=Limits(bytes_in_all=1200)).files == 2


def test_many_images_of_one_colour_are_a_bomb(folder):
    file = zipped(*((f"a/{number}.bmp", bytes(2_000_000)) for number in range(5)))
    nothing_comes_of(file, folder, "times its size, more than 200 times", limits=Limits(bytes_a_file=5_000_000))
    assert unpack(file, folder, limits=Limits(bytes_a_file=5_000_000, ratio=2000)).files == 5


def test_a_bomb_that_lies_about_its_sizes_does_not_go_off(folder):
    """Each of 5 says that it holds 100 bytes, and holds 20 million."""

    def change(made):
        for info in made.filelist:
            info.file_size = 100

    file = zipped(*((f"a/{number}.bmp", bytes(20_000_000)) for number in range(5)), edit=change)
    report = unpack(file, folder)
    assert report.files == 0
    assert len(report.refused) == 5
    assert images(folder) == []


def test_bytes_without_end_are_cut_off(folder, monkeypatch):
    """Should zipfile ever give more than the directory says."""
    given = []

    def endless(*_):
        while len(given) < 10_000:
            given.append(1)
            yield bytes(1000)

    monkeypatch.setattr(archive, "_pieces", endless)
    assert unpack(zipped(("a/1.jpg", PIXELS)), folder).files == 0
    assert len(given) < 5


def test_members_that_share_bytes(folder):
    """As in Fifield's bomb: many entries in the directory, all of the same data."""

    def change(made):
        for number in range(5):
            made.filelist.append(zipfile.ZipInfo(f"a/{number}.jpg"))
            for field in ("header_offset", "compress_size", "file_size", "CRC", "compress_type"):
                setattr(made.filelist[-1], field, getattr(made.filelist[0], field))

    nothing_comes_of(zipped(("a/x.jpg", PIXELS), edit=change), folder, "files that overlap")


def test_members_that_quote_each_other(folder):
    """The first member's data are the second member, header and all."""
    second = zipped(("a/2.jpg", PIXELS, {"compress_type": zipfile.ZIP_STORED}))

    def change(made):
        with zipfile.ZipFile(second) as inner:
            info = inner.infolist()[0]
        info.header_offset = 30 + len("a/1.jpg")
        made.filelist.append(info)

    inside = second.getvalue()[: 30 + len("a/2.jpg") + len(PIXELS)]
    file = zipped(("a/1.jpg", inside, {"compress_type": zipfile.ZIP_STORED}), edit=change)
    with zipfile.ZipFile(file) as both:  # other programs may well read both
        assert both.infolist()[1].header_offset == 37
    nothing_comes_of(file, folder, "files that overlap")


def test_too_little_space(folder, monkeypatch):
    usage = shutil.disk_usage(folder.parent.parent)._replace(free=200_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    file = zipped(("a/1.jpg", PIXELS))
    nothing_comes_of(file, folder, "1,024 bytes, but 200 MB are free, of which 200 MB must stay free")
    assert unpack(file, folder, limits=Limits(free_space=1000)).files == 1


# --- what fails leaves nothing


def test_a_folder_that_exists_is_left_alone(folder):
    folder.mkdir(parents=True)
    with pytest.raises(DataError, match="exists already: choose another name"):
        unpack(zipped(("a/1.jpg", PIXELS)), folder)
    assert below(folder) == {}
    link = folder.with_name("link")
    with contextlib.suppress(OSError, NotImplementedError):  # Windows asks for a privilege
        link.symlink_to(folder.with_name("nowhere"))
        with pytest.raises(DataError, match="exists already"):
            unpack(zipped(("a/1.jpg", PIXELS)), link)
    assert not folder.with_name("nowhere").exists()


def test_a_folder_that_appears_meanwhile_is_left_alone(folder):
    def interfere(share):
        folder.mkdir(parents=True, exist_ok=True)

    with pytest.raises(DataError, match="appeared meanwhile"):
        unpack(zipped(("a/1.jpg", PIXELS)), folder, interfere)
    assert below(folder.parent) == {"set": None}


@pytest.mark.parametrize("kind", [InterruptedError, KeyboardInterrupt, ValueError])
@pytest.mark.parametrize("when", [0.0, 0.4, 1.0])
def test_an_interruption_leaves_nothing_and_passes_through(folder, kind, when):
    def stop(share):
        assert not folder.exists()
        if share >= when:
            raise kind("enough")

    with pytest.raises(kind, match="enough"):
        unpack(zipped(*((f"a/{number}.jpg", PIXELS) for number in range(10))), folder, stop)
    assert os.listdir(folder.parent) == []


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EACCES])
def test_a_disk_that_fails(folder, monkeypatch, code):
    """The third file cannot be created."""
    calls, create = [], os.open

    def failing(path, *rest, **more):
        calls.append(path)
        if len(calls) == 3:
            raise OSError(code, os.strerror(code))
        return create(path, *rest, **more)

    monkeypatch.setattr(archive.os, "open", failing)
    file = zipped(*((f"a/{number}.jpg", PIXELS) for number in range(10)))
    with pytest.raises(DataError, match=f"the zip cannot be unpacked to .*: {os.strerror(code).lower()}"):
        unpack(file, folder)
    monkeypatch.undo()
    assert os.listdir(folder.parent) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no disk that is always full")
def test_a_disk_that_is_full_when_the_bytes_arrive(folder, monkeypatch):
    create = os.open

    def full(path, flags, *rest, **more):
        if str(path).endswith(".jpg") and flags & os.O_CREAT:
            return create("/dev/full", os.O_WRONLY)
        return create(path, flags, *rest, **more)

    monkeypatch.setattr(archive.os, "open", full)
    nothing_comes_of(zipped(("a/1.jpg", PIXELS)), folder, "cannot be unpacked to .*: no space left on device")


def test_a_name_that_this_disk_refuses_is_one_member(folder, monkeypatch):
    create = os.open

    def failing(path, *rest, **more):
        if str(path).endswith("1.jpg"):
            raise OSError(errno.EILSEQ, "illegal byte sequence")
        return create(path, *rest, **more)

    monkeypatch.setattr(archive.os, "open", failing)
    report = unpack(zipped(("a/1.jpg", PIXELS), ("a/2.jpg", PIXELS)), folder)
    assert report == Report(1, (("a/1.jpg", "its name is not allowed on this system"),))


# --- anything whatever


QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
PART = st.one_of(
    st.sampled_from(
        [
            "..",
            ".",
            "",
            "a",
            "A",
            "é",
            "e\u0301",
            "con",
            "NUL.jpg",
            "C:",
            "x" * 300,
            "a\0b",
            "~",
            "..\\..",
            "a ",
            "\u202e",
        ]
    ),
    st.text(max_size=6),
)
NAME = st.builds(
    lambda start, parts, between, end: start + between.join(parts) + end,
    st.sampled_from(["", "/", "\\", "C:/", "//"]),
    st.lists(PART, min_size=1, max_size=5),
    st.sampled_from(["/", "\\"]),
    st.sampled_from(["", ".jpg", ".PNG", "/", "/1.jpg"]),
).filter(lambda name: name and name.encode(errors="replace").decode() == name and len(name.encode()) < 60_000)
MEMBER = st.tuples(
    NAME,
    st.binary(max_size=50),
    st.fixed_dictionaries(
        {},
        optional={
            "external_attr": st.integers(0, 2**32 - 1),
            "compress_type": st.sampled_from([0, 8, 12, 14]),
            "create_system": st.integers(0, 255),
        },
    ),
)
LIE = st.tuples(
    st.integers(0, 9),
    st.one_of(
        st.tuples(st.just("flag_bits"), st.integers(0, 2**16 - 1)),
        st.tuples(st.just("compress_type"), st.integers(0, 2**16 - 1)),
        st.tuples(st.sampled_from(["CRC", "file_size", "compress_size"]), st.integers(0, 2**32 - 2)),
        st.tuples(st.just("header_offset"), st.integers(0, 2**32 - 2)),
        st.tuples(st.just("filename"), NAME),
    ),
)


def unpack_beside_a_canary(file):
    """The report, or None if refused; fails if anything but the new folder has come or changed."""
    with tempfile.TemporaryDirectory() as place:
        place = Path(place)
        folder = place / "data" / "own" / "set"
        for canary in (place / "canary.jpg", place / "data" / "a.jpg", folder.parent / "1.jpg"):
            canary.parent.mkdir(parents=True, exist_ok=True)
            canary.write_bytes(b"sings")
        before = below(place)
        try:
            report = unpack(file, folder)
        except DataError as error:
            assert "\n" not in str(error)
            assert below(place) == before
            return None
        after = below(place)
        ours = {path: after.pop(path) for path in list(after) if path.startswith("data/own/set")}
        assert after == before
        written = [path for path, content in ours.items() if content is not None]
        assert len(written) == report.files
        assert all(Path(path).suffix.lower() in IMAGE_ENDINGS for path in written)
        assert not any(path.is_symlink() for path in folder.rglob("*"))
        assert all(reason and name.isprintable() for name, reason in report.refused)
        return report


@QUICK
@given(st.lists(MEMBER, max_size=8))
def test_any_members_are_unpacked_or_reported(members):
    report = unpack_beside_a_canary(zipped(*members))
    folders = [name for name, *_ in members if name.endswith(("/", "\\"))]
    assert report is not None
    assert len(members) - len(folders) <= report.files + len(report.refused) <= len(members)


@QUICK
@given(st.lists(MEMBER, min_size=1, max_size=5), st.lists(LIE, min_size=1, max_size=4))
def test_any_lies_in_the_directory(members, lies):
    def change(made):
        for number, (field, value) in lies:
            setattr(made.filelist[number % len(made.filelist)], field, value)

    try:
        file = zipped(*members, edit=change)
    except (ValueError, RuntimeError, struct.error, zipfile.LargeZipFile):  # zipfile does not write this one
        return
    report = unpack_beside_a_canary(file)
    if report is not None:
        assert report.files + len(report.refused) <= len(members)


GOOD = zipped(*((f"{kind}/{number}.jpg", PIXELS[number:]) for kind in ("cat", "dog") for number in range(3))).getvalue()


@QUICK
@given(st.data())
def test_any_damage(data):
    content = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 6))):
        # half of the damage goes to the directory at the end, where it matters most
        at = data.draw(
            st.one_of(st.integers(0, len(content) - 1), st.integers(max(0, len(content) - 400), len(content) - 1))
        )
        content[at] = data.draw(st.integers(0, 255))
    start, end = data.draw(st.sampled_from([(0, None), (0, None), (1, None), (0, -1), (40, None), (0, -50)]))
    report = unpack_beside_a_canary(io.BytesIO(bytes(content[start:end])))
    if report is not None:
        assert report.files + len(report.refused) <= 6


@QUICK
@given(st.binary(max_size=300), st.binary(max_size=100), st.binary(max_size=100))
def test_any_bytes(start, directory, comment):
    """Random bytes with the marks that lead zipfile into its code."""
    entry = b"PK\x01\x02" + directory
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(entry), len(start), len(comment)) + comment
    report = unpack_beside_a_canary(io.BytesIO(start + entry + end))
    assert report is None or report.files <= 1
