"""Runs as files, and what people write on them."""

import json
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cvcore import paths
from cvcore.errors import RunError
from cvcore.training import bundle, notes
from cvcore.training.run import run_lock
from cvcore.training.runs import RunStore


@pytest.fixture
def shipped():
    return next(run for run in RunStore(paths.shipped_runs_dir()).list() if run.config.model.name == "perceptron")


def rewritten(file, target, change):
    """The zip with each member passed through `change(name, data)`, which gives (name, data) or None."""
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(target, "w") as new:
        for info in old.infolist():
            if made := change(info.filename, old.read(info)):
                new.writestr(*made)
    return target


def test_a_run_travels_whole(shipped, store, tmp_path):
    file = bundle.pack(shipped, tmp_path)
    assert file.name == f"{shipped.run_id}.cvrun.zip"
    found = bundle.unpack(store, file)
    assert found.result() == shipped.result()
    assert (found.path / "best.pt").read_bytes() == (shipped.path / "best.pt").read_bytes()
    with pytest.raises(RunError, match="is here already: delete it first"):
        bundle.unpack(store, file)


def test_one_that_trains_is_not_packed(shipped, store, tmp_path):
    run = bundle.unpack(store, bundle.pack(shipped, tmp_path))
    with run_lock(run.path), pytest.raises(RunError, match="pause it first"):
        bundle.pack(run, tmp_path)


def test_only_files_of_a_run_are_taken_and_none_outside(shipped, store, tmp_path):
    file = bundle.pack(shipped, tmp_path)

    def add(name, data):
        return name, data

    target = rewritten(file, tmp_path / "evil.zip", add)
    with zipfile.ZipFile(target, "a") as archive:
        for name in ("../outside.txt", f"{shipped.run_id}/../../x.pt", f"{shipped.run_id}/evil.py", "/etc/x"):
            archive.writestr(name, "evil")
    run = bundle.unpack(store, target)
    names = {path.relative_to(run.path).as_posix() for path in run.path.rglob("*") if path.is_file()}
    assert {name for name in names if not name.startswith("epochs/")} == {
        "run.json", "events.jsonl", "best.pt", "predictions.npz",
    }  # fmt: skip
    assert names == {path.relative_to(shipped.path).as_posix() for path in shipped.path.rglob("*") if path.is_file()}
    assert not (tmp_path / "outside.txt").exists() and not (store.root.parent / "x.pt").exists()


def test_a_config_that_was_changed_is_found_out(shipped, store, tmp_path):
    def change(name, data):
        if name.endswith("run.json"):
            meta = json.loads(data)
            meta["config"]["train"]["lr"] = 0.5
            return name, json.dumps(meta)
        return name, data

    target = rewritten(bundle.pack(shipped, tmp_path), tmp_path / "changed.zip", change)
    with pytest.raises(RunError, match="but its config gives digits-perceptron"):
        bundle.unpack(store, target)
    assert store.list() == []
    assert list(store.root.iterdir()) == []  # nothing half-imported is left


def test_what_is_no_run_is_one_line(store, tmp_path):
    (tmp_path / "text.zip").write_text("hello")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("a.txt", "x")
    for name, message in (
        ("text.zip", "is no run that was exported here"),
        ("other.zip", "holds 0 runs"),
        ("none.zip", "cannot be imported"),
    ):
        with pytest.raises(RunError, match=message):
            bundle.unpack(store, tmp_path / name)


def test_a_member_that_blows_up_is_stopped(shipped, store, tmp_path, monkeypatch):
    monkeypatch.setattr(bundle, "MOST_BYTES", 1000)
    with pytest.raises(RunError, match="has more than 0 MB"):
        bundle.unpack(store, bundle.pack(shipped, tmp_path))


@given(st.integers(0, 10**9), st.binary(min_size=1, max_size=20))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
def test_damaged_files_are_refused_or_taken_whole(shipped, tmp_path, place, noise):
    file = bundle.pack(shipped, tmp_path / "whole.cvrun.zip")
    data = bytearray(file.read_bytes())
    place %= len(data)
    data[place : place + len(noise)] = noise
    damaged = tmp_path / "damaged.zip"
    damaged.write_bytes(data)
    store = RunStore(tmp_path / "fuzzed")
    try:
        run = bundle.unpack(store, damaged)
    except RunError as error:
        assert "\n" not in str(error)
        assert not any(store.root.glob("*")) if store.root.exists() else True
    else:
        assert run.config == shipped.config
        store.delete(run.run_id)


class TestNotes:
    def test_written_and_read_back_piece_by_piece(self, shipped, store, tmp_path):
        run = bundle.unpack(store, bundle.pack(shipped, tmp_path))
        assert notes.read(run) == notes.Notes()
        notes.write(run, name="  my   first ", tags=("b", "a", "b", ""))
        notes.write(run, note="two\nlines")
        assert notes.read(run) == notes.Notes("my first", ("a", "b"), "two\nlines")
        assert run.result() == shipped.result()  # nothing that was computed changes

    def test_too_long_or_shipped_is_refused(self, shipped, store, tmp_path):
        with pytest.raises(RunError, match="ships with the app"):
            notes.write(RunStore(tmp_path / "none", paths.shipped_runs_dir()).find(shipped.run_id), name="x")
        run = bundle.unpack(store, bundle.pack(shipped, tmp_path))
        with pytest.raises(RunError, match="name: given 81 characters, a name has at most 80"):
            notes.write(run, name="x" * 81)
        with pytest.raises(RunError, match="tags: given 21"):
            notes.write(run, tags=tuple(map(str, range(21))))

    def test_damaged_notes_hide_no_run(self, shipped, store, tmp_path):
        run = bundle.unpack(store, bundle.pack(shipped, tmp_path))
        (run.path / notes.FILE).write_text("[")
        assert notes.read(run) == notes.Notes()
