"""Hundreds of malformed images, folders and zips: every one is reported, nothing is written where it should not be."""

import io
import os
import shutil
import stat
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from streamlit.testing.v1 import AppTest

from cvcore.data import catalog, own
from cvcore.data.files import layout, report
from cvcore.errors import CvcoreError

ROOT = Path(__file__).resolve().parents[3]
GOOD = 3  # sound images in each of two classes
FEW = settings(
    max_examples=25,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
MANY = settings(FEW, max_examples=20 if os.environ.get("CI") else 250)  # CI has no time for all


def encoded(kind: str, mode: str) -> bytes:
    x, y = np.meshgrid(np.linspace(0, 255, 12), np.linspace(0, 255, 9))
    picture = Image.fromarray(np.stack([x, y, (x + y) / 2], axis=2).astype(np.uint8)).convert(mode)
    buffer = io.BytesIO()
    picture.save(buffer, kind)
    return buffer.getvalue()


SOUND = [
    encoded(kind, mode)
    for kind, modes in {
        "JPEG": ("RGB", "L", "CMYK"),
        "PNG": ("RGB", "RGBA", "P", "L", "1"),
        "BMP": ("RGB",),
        "TIFF": ("RGB", "L"),
        "WEBP": ("RGB",),
        "GIF": ("P",),
        "PPM": ("RGB",),
    }.items()
    for mode in modes
]


@st.composite
def broken_image(draw) -> bytes:
    """An image file that was cut, overwritten, spliced, or never was one."""
    kind = draw(st.sampled_from(["cut", "overwritten", "spliced", "noise", "empty", "sound", "text"]))
    raw = draw(st.sampled_from(SOUND))
    at = draw(st.integers(0, len(raw) - 1))
    if kind == "cut":
        return raw[:at]
    if kind == "overwritten":
        patch = draw(st.binary(min_size=1, max_size=24))
        return raw[:at] + patch + raw[at + len(patch) :]
    if kind == "spliced":
        return raw[:at] + draw(st.sampled_from(SOUND))[at:]
    return {"noise": draw(st.binary(max_size=200)), "empty": b"", "sound": raw, "text": b"<html></html>"}[kind]


ENDINGS = st.sampled_from(
    [".jpg", ".JPG", ".jpeg", ".png", ".bmp", ".tif", ".webp", ".ppm", ".gif", ".db", "", ".jpg.txt"]
)
PLAIN = st.text(
    st.characters(codec="utf-8", exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=12
)
NAMES = st.one_of(
    PLAIN, st.sampled_from([" ", "-", "train", "val", "test", "...", "a b", "ä", "CON", "x" * 200, "\n", "'\"<b>"])
)
EVIL = st.sampled_from(
    [
        "../out.png",
        "/abs/out.png",
        "a/../../out.png",
        "..\\out.png",
        "C:\\out.png",
        "a//b.png",
        "./c.png",
        "a/./d.png",
        "\0.png",
    ]
)
FILES = st.dictionaries(
    st.tuples(st.lists(NAMES, max_size=3).map(tuple), st.tuples(PLAIN, ENDINGS).map("".join)),
    broken_image(),
    max_size=8,
)


@pytest.fixture
def place(monkeypatch):
    """A new folder with a data folder in it, for each example."""
    made = []

    def make() -> Path:
        folder = Path(tempfile.mkdtemp(prefix="malformed-"))
        made.append(folder)
        monkeypatch.setenv("CVCORE_DATA", str(folder / "data"))
        (folder / "canary.txt").write_text("untouched")
        return folder

    yield make
    for folder in made:
        shutil.rmtree(folder, ignore_errors=True)


def state(folder: Path, leave_out: str = "") -> dict:
    """Every path with kind, size and time, but for those below `leave_out`."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if not leave_out or (folder / leave_out) not in [path, *path.parents]:
            status = path.lstat()
            found[str(path)] = (
                stat.S_IFMT(status.st_mode),
                status.st_size,
                status.st_mtime_ns if path.is_file() else 0,
            )
    return found


def page_of(name: str, view: str) -> AppTest:
    app = AppTest.from_file(ROOT / "streamlit_app.py", default_timeout=60)
    app.switch_page("pages/1_Datasets.py")
    app.query_params["data"] = name
    app.query_params["view"] = view
    return app.run()


def check_page(name: str, view: str) -> None:
    """The page shows the set, or says in one line what is wrong; it never fails."""
    app = page_of(name, view)
    assert not app.exception
    assert not [error.value for error in app.error if "should not have" in error.value]
    assert all("\n" not in error.value for error in app.error)


def check_folder(place, files: dict, links: bool, view: str) -> None:
    """Sound images of two classes, and whatever else there is beside them."""
    top = place()
    folder = top / "pictures"
    for label in ("cat", "dog"):
        (folder / label).mkdir(parents=True)
        for number in range(GOOD):
            (folder / label / f"good {number}.png").write_bytes(SOUND[3])
    for (parts, name), raw in files.items():
        write(folder.joinpath(*("cat" if not parts else part for part in parts or ("",)), name), raw, folder)
    if links:
        (folder / "cat" / "loop").symlink_to(folder)
        (folder / "cat" / "gone.jpg").symlink_to(top / "nowhere")
        os.mkfifo(folder / "dog" / "pipe.jpg")
    before = state(top, "data")
    present = {
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() and "loop" not in path.parts
    }
    name = own.add_folder(folder)
    try:
        dataset = catalog.open_dataset(name)
    except CvcoreError as error:
        assert "\n" not in str(error)
    else:
        files = report.of(dataset)
        told = {path for path in files["path"] if "/loop/" not in path}
        assert {layout.printable(path) for path in present} <= told, "a file is missing from the report"
        assert (files[files["status"] != report.USED]["note"] != "").all()
        if "cat" in dataset.classes and "dog" in dataset.classes:
            used = files[(files["status"] == report.USED) & files["path"].str.contains("good ")]
            assert len([path for path in used["path"] if "/loop/" not in path]) == 2 * GOOD
    check_page(name, view)
    assert state(top, "data") == before


def write(path: Path, raw: bytes, root: Path) -> None:
    """Write the file where the system allows such a name."""
    try:
        path.resolve().relative_to(root.resolve())
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)
    except (OSError, ValueError):
        return


def packed(files: dict, evil: list[str], damage: tuple[float, bytes] | None) -> bytes:
    """A zip of the files, of members with evil names, and perhaps with bytes overwritten."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for label in ("cat", "dog"):
            file.writestr(f"{label}/good.png", SOUND[3])
        for (parts, name), raw in files.items():
            file.writestr("/".join([*parts, name]), raw)
        for name in evil:
            member = zipfile.ZipInfo("x")
            member.filename = name
            file.writestr(member, SOUND[3])
        link = zipfile.ZipInfo("cat/link.png")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        file.writestr(link, "/etc/passwd")
    raw = buffer.getvalue()
    if damage:
        at = int(damage[0] * (len(raw) - 1))
        raw = raw[:at] + damage[1] + raw[at + len(damage[1]) :]
    return raw


def check_zip(place, raw: bytes, view: str) -> None:
    top = place()
    before = state(top, "data")
    try:
        name, told = own.add_zip(io.BytesIO(raw), "upload.zip", catalog.built_in_names())
    except CvcoreError as error:
        assert "\n" not in str(error)
        assert own.sets() == {}
    else:
        assert all(member and reason for member, reason in told.refused)
        folder = Path(own.sets()[name]["folder"])
        assert folder.parent == top / "data" / "own"
        assert not any(path.is_symlink() for path in folder.rglob("*"))
        check_page(name, view)
    assert state(top, "data") == before


VIEWS = st.sampled_from(["Images", "Quality", "Statistics"])
DAMAGE = st.none() | st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=8))


@FEW
@given(files=FILES, links=st.booleans(), view=VIEWS)
def test_folders(place, files, links, view):
    check_folder(place, files, links, view)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@FEW
@given(files=FILES, evil=st.lists(EVIL, max_size=3), damage=DAMAGE, view=VIEWS)
def test_zips(place, files, evil, damage, view):
    check_zip(place, packed(files, evil, damage), view)


@pytest.mark.sweep
@pytest.mark.timeout(1200)
@MANY
@given(files=FILES, links=st.booleans(), view=VIEWS)
def test_many_folders(place, files, links, view):
    check_folder(place, files, links, view)


@pytest.mark.sweep
@pytest.mark.timeout(1200)
@pytest.mark.filterwarnings("ignore:Duplicate name")
@MANY
@given(files=FILES, evil=st.lists(EVIL, max_size=3), damage=DAMAGE, view=VIEWS)
def test_many_zips(place, files, evil, damage, view):
    check_zip(place, packed(files, evil, damage), view)
