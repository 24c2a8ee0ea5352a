"""python -m cvcore export."""

from tests.cli import refused, run_json
from tests.export.helpers import trained


def test_json_and_files(store, tmp_path, capsys):
    run = trained(store, "perceptron", epochs=1)
    arguments = ["export", run.run_id, "--runs", str(store.root), "--out", str(tmp_path / "away")]
    told = run_json(capsys, *arguments)
    assert told["run_id"] == run.run_id and told["folder"] == str(tmp_path / "away")
    on_disk = {str(path.relative_to(tmp_path / "away")) for path in (tmp_path / "away").rglob("*") if path.is_file()}
    assert {row["name"] for row in told["files"]} == {name.replace("\\", "/") for name in on_disk}
    assert {"verify.py", "train.py", "data.npz", "weights.safetensors", "golden/expected.json"} <= on_disk
    assert all(row["bytes"] == (tmp_path / "away" / row["name"]).stat().st_size for row in told["files"])
    assert "not empty" in refused(capsys, *arguments)  # the second time


def test_an_unknown_run_is_one_line(tmp_path, capsys):
    assert "unknown run" in refused(capsys, "export", "digits-lenet5-000000000000", "--out", str(tmp_path / "away"))
    assert not (tmp_path / "away").exists()


def test_a_file_in_the_way_is_one_line(store, tmp_path, capsys):
    run = trained(store, "perceptron", epochs=1)
    (tmp_path / "away").write_text("mine")
    told = refused(capsys, "export", run.run_id, "--runs", str(store.root), "--out", str(tmp_path / "away"))
    assert "nothing is overwritten" in told and (tmp_path / "away").read_text() == "mine"
