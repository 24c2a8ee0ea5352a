"""The standalone script: short, without cvcore, and equal to the run down to the last bit."""

import pytest

from cvcore.errors import RunError
from cvcore.export.folder import Export, all_files, write
from tests.export.helpers import clean_python, repeated, same_weights, trained

# networks with BatchNorm, Dropout and log-probabilities; one that is drawn at random while it trains shows every slip
DROPS = "nn.Sequential(nn.Flatten(), nn.Linear(784, 20), nn.Dropout(0.3), nn.Linear(20, 10), nn.LogSoftmax(1))"
SETTINGS = {
    "sgd": {"optimizer": "sgd", "lr": 0.05, "momentum": 0.9, "nesterov": True, "schedule": "step", "step_size": 1,
            "warmup": 1, "clip": 0.5, "label_smoothing": 0.1, "epochs": 4},
    "rmsprop": {"optimizer": "rmsprop", "schedule": "multistep", "milestones": "2,3", "gamma": 0.3, "patience": 1,
                "epochs": 9},
    "onecycle": {"optimizer": "adamw", "weight_decay": 0.1, "schedule": "onecycle", "selection": "test", "epochs": 3},
    "plateau": {"schedule": "plateau", "warmup": 1, "epochs": 4, "augment": "shift,rotate,zoom,jitter,erase"},
    "flip": {"augment": "flip", "epochs": 2},
    "last": {"schedule": "cosine", "warmup": 1, "selection": "last", "precision": "bfloat16", "epochs": 3},
    "one-left-over": {"batch_size": 199, "epochs": 2},  # of 200
    "one-left-over-warm": {"batch_size": 199, "epochs": 3, "warmup": 1},
    "eval": {"faults": "eval-for-ever,unshuffled,saves-last", "epochs": 3},
    "never": {"faults": "grads-never-zeroed,sorted-by-class", "epochs": 2, "lr": 0.0001},
    "each": {"faults": "grads-zeroed-each-epoch,schedule-not-stepped", "schedule": "cosine", "epochs": 2},
    "train-as-test": {"faults": "train-as-test", "epochs": 2},
}  # fmt: skip


@pytest.mark.parametrize("model", ["lenet5", "perceptron"])
def test_in_a_clean_process(store, tmp_path, model):
    run = trained(store, model, epochs=3)
    files, _ = all_files(Export(run, store))
    write({name: files[name] for name in ("train.py", "data.npz")}, tmp_path / "away")  # these two suffice
    result = clean_python(tmp_path / "away", "train.py")
    assert result.returncode == 0, result.stderr
    told = f"{run.end['test']['acc']:.6f}"
    assert result.stdout.splitlines()[-1] == f"test accuracy {told}, of the run {told}"
    assert result.stdout.count("validation loss") == 3
    assert same_weights(run, tmp_path / "away")


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=list(SETTINGS))
def test_every_setting(store, tmp_path, monkeypatch, capsys, settings):
    run = trained(store, DROPS if settings.get("label_smoothing") is None else "mlp", per_class=20, **settings)
    repeated(store, run, tmp_path / "away", monkeypatch)
    assert same_weights(run, tmp_path / "away")
    assert f"test accuracy {run.end['test']['acc']:.6f}," in capsys.readouterr().out


def test_only_the_lines_that_are_needed(store, tmp_path, monkeypatch):
    text = repeated(store, trained(store, "mlp", per_class=5, batch_size=25, epochs=1), tmp_path / "away", monkeypatch)
    for absent in ("schedule", "clip", "autocast", "scaler", "warm", "PATIENCE", "augment", "mistake", "smoothing"):
        assert absent not in text


def test_a_long_network_stands_beside_it(store, tmp_path, monkeypatch):
    run = trained(store, "mobilenet_v2", per_class=2, epochs=1, batch_size=10)
    assert "from model import make_network" in repeated(store, run, tmp_path / "away", monkeypatch)
    assert same_weights(run, tmp_path / "away")


def test_faults_in_averages_are_refused_in_one_line(store):
    run = trained(store, "perceptron", per_class=5, batch_size=25, epochs=1, faults="batch-mean")
    with pytest.raises(RunError, match="batch-mean") as refused:
        Export(run, store).script_files()
    assert "\n" not in str(refused.value)
    files, remarks = all_files(Export(run, store))
    assert "verify.py" in files and "train.py" not in files
    assert any(remark.startswith("train.py: there is no script") for remark in remarks)
