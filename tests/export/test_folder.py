"""The exported folder: tested by its own program in a clean process, and by tampering with it."""

import importlib.util
import io
import json
import runpy
import shutil
import sys
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from cvcore.data.files.decode import Form, decode
from cvcore.errors import ModelError, RunError
from cvcore.export import folder as folders
from cvcore.export import weights
from cvcore.export.folder import Export, all_files, write, zipped
from tests.export.helpers import clean_python, trained, verified


@pytest.fixture(scope="module")
def module_store(tmp_path_factory):
    from cvcore.training.runs import RunStore

    return RunStore(tmp_path_factory.mktemp("exports") / "runs")


@pytest.fixture
def run(module_store):
    """One run for the whole file: the second time it is the cached one."""
    found = next(iter(module_store.list()), None)
    return found or trained(module_store, "lenet5", epochs=1)


@pytest.fixture
def away(run, module_store, tmp_path):
    """The exported folder of a run, without what repeats it."""
    write(Export(run, module_store).folder_files(), tmp_path / "away")
    return tmp_path / "away"


def test_verify_agrees_in_a_clean_process(away):
    result = clean_python(away, "verify.py")
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("agrees, off by") >= 10
    assert result.stdout.splitlines()[-1] == "all agree"
    picture = clean_python(away, "classify.py", "golden/01.png")
    assert picture.returncode == 0, picture.stderr
    assert picture.stdout.startswith("golden/01.png: ") and picture.stdout.count("%") == 5


def test_ten_images_of_all_classes_two_of_them_to_be_scaled(away):
    expected = json.loads((away / "golden" / "expected.json").read_text())
    assert sorted(case["class"] for case in expected) == sorted(json.loads((away / "classes.json").read_text()))
    sizes = [Image.open(away / "golden" / case["file"]).size for case in expected]
    assert sizes == [(28, 28)] * 8 + [(84, 84)] * 2


def weights_changed(away):
    from safetensors.torch import load_file, save_file

    values = load_file(away / "weights.safetensors")
    values["head.bias"][3] += 0.001
    save_file(values, away / "weights.safetensors")


def scaled_otherwise(away):
    how = json.loads((away / "preprocessing.json").read_text())
    how["std"] = [1.0]
    (away / "preprocessing.json").write_text(json.dumps(how))


def image_changed(away):
    with Image.open(away / "golden" / "05.png") as picture:
        pixels = np.array(picture)
    pixels[10:14] = 255
    Image.fromarray(pixels).save(away / "golden" / "05.png")


@pytest.mark.parametrize("tamper", [weights_changed, scaled_otherwise, image_changed])
def test_whatever_is_changed_is_noticed(away, tamper, monkeypatch, capsys):
    tamper(away)
    assert verified(away, monkeypatch) == 1
    assert "DOES NOT AGREE" in capsys.readouterr().out


@pytest.mark.parametrize("fit", ["crop", "crop-40", "stretch"])
def test_pictures_are_brought_to_size_as_those_of_the_set(away, fit, monkeypatch):
    how = json.loads((away / "preprocessing.json").read_text())
    (away / "preprocessing.json").write_text(json.dumps({**how, "fit": fit}))
    monkeypatch.syspath_prepend(away)
    monkeypatch.delitem(sys.modules, "model", raising=False)
    classify = runpy.run_path(str(away / "classify.py"))
    noise = np.random.default_rng(0).integers(0, 256, (70, 90), dtype=np.uint8)
    Image.fromarray(noise).save(away / "noise.png")
    wanted = decode(away / "noise.png", Form(*how["input"], fit)).image / 255
    found = classify["prepare"](away / "noise.png").numpy()
    assert np.allclose(found, (wanted - how["mean"][0]) / how["std"][0], atol=1e-5)


def test_verify_ends_with_1_in_a_clean_process(away):
    weights_changed(away)
    assert clean_python(away, "verify.py").returncode == 1


def test_the_logits_are_those_of_the_stored_predictions(run, module_store):
    export = Export(run, module_store)
    seen = export.classifier.look(export.classifier.dataset.test.images)
    mine = torch.from_numpy(np.stack([each.logits for each in seen])).softmax(1).numpy()
    with np.load(run.path / "predictions.npz") as kept:
        assert np.allclose(mine, kept["test_probabilities"], atol=1e-5)


def test_weights_as_state_dict(run, module_store):
    stored = torch.load(run.path / "best.pt", weights_only=True)
    mine = torch.load(io.BytesIO(Export(run, module_store).state_dict()), weights_only=True)
    assert all(torch.equal(stored[name], mine[name]) for name in stored)


def test_weights_that_share_memory_can_be_written():
    from safetensors.torch import load

    whole = torch.arange(6.0).view(2, 3)
    found = load(weights.safetensors_bytes({"a": whole, "b": whole.t()}, {}))
    assert found["b"].tolist() == [[0, 3], [1, 4], [2, 5]]


def test_the_zip_is_the_folder(run, module_store):
    files, remarks = all_files(Export(run, module_store))
    with zipfile.ZipFile(io.BytesIO(zipped(files, "mine"))) as archive:
        assert archive.testzip() is None
        assert set(archive.namelist()) == {f"mine/{name}" for name in files}
    assert {"train.py", "data.npz", "verify.py", "model.py"} <= set(files)
    assert all("\n" not in remark for remark in remarks)


def test_large_data_is_left_out_unless_asked_for(run, module_store, monkeypatch):
    monkeypatch.setattr(folders, "MOST_DATA", 1000)
    files, remarks = all_files(Export(run, module_store))
    assert "data.npz" not in files and any("--data writes it" in remark for remark in remarks)
    assert "data.npz" in all_files(Export(run, module_store), data=True)[0]


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(RunError, match="not empty"):
        write({"a": b"1"}, tmp_path / "full")
    assert [each.name for each in (tmp_path / "full").iterdir()] == ["mine.txt"]
    (tmp_path / "empty").mkdir()
    write({"a/b": b"1"}, tmp_path / "empty")
    assert (tmp_path / "empty" / "a" / "b").read_bytes() == b"1"


def test_a_run_whose_images_were_held_out_otherwise_is_refused(run, module_store, tmp_path):
    shutil.copytree(run.path, tmp_path / "runs" / run.run_id)
    with np.load(run.path / "predictions.npz") as kept:
        arrays = {**kept, "val_labels": kept["val_labels"][::-1]}
    np.savez(tmp_path / "runs" / run.run_id / "predictions.npz", **arrays)
    store = type(module_store)(tmp_path / "runs")
    with pytest.raises(RunError, match="earlier version"):
        Export(store.find(run.run_id), store).script_files()


def test_a_run_that_is_not_finished_is_refused(run, module_store, tmp_path):
    shutil.copytree(run.path, tmp_path / "runs" / run.run_id)
    (tmp_path / "runs" / run.run_id / "events.jsonl").write_text("")
    store = type(module_store)(tmp_path / "runs")
    with pytest.raises(RunError, match="only a finished run"):
        Export(store.find(run.run_id), store)


class TestOnnx:
    def test_without_the_extra_it_says_how_to_get_it(self, monkeypatch):
        monkeypatch.setattr(weights, "ONNX_NEEDS", ("onnx_that_nobody_has",))
        with pytest.raises(ModelError, match=r"pip install -r requirements-onnx\.txt"):
            weights.onnx_bytes(torch.nn.Flatten(), (1, 2, 2))

    @pytest.mark.skipif(
        any(importlib.util.find_spec(name) is None for name in (*weights.ONNX_NEEDS, "onnxruntime")),
        reason="an optional extra: pip install -r requirements-onnx.txt",
    )
    def test_it_agrees_too(self, away):
        result = clean_python(away, "verify.py")
        assert result.returncode == 0, result.stderr
        assert result.stdout.count("ONNX: ") == 10
