"""Transferred runs as scripts and folders: every strategy with every head, equal to the run down to the last bit."""

import shutil

import pytest
import torch
import torchvision

from cvcore import paths
from cvcore.export.folder import Export, all_files, write
from cvcore.models import zoo
from cvcore.training import bundle
from cvcore.training.predict import load
from cvcore.training.runs import RunStore
from cvcore.transfer import published, ways
from cvcore.transfer.evaluation import evaluate
from tests.export.helpers import clean_python, repeated, same_weights, trained, verified

HEADS = ("replace", "linear", "mlp", "append", "append-softmax")
STRATEGIES = {
    "features": {"strategy": "features"},
    "frozen": {"strategy": "frozen"},
    "moving": {"strategy": "frozen", "statistics": "moving"},
    "finetune": {"strategy": "finetune"},
    "discriminative": {"strategy": "discriminative", "factor": 0.3},
    "warmup-finetune": {"strategy": "warmup-finetune", "unfreeze": 2, "factor": 0.5},
    "gradual": {"strategy": "gradual", "factor": 0.5},
}
# the last epoch is kept: there all that learns has learnt
SMALL = {"per_class": 3, "batch_size": 10, "epochs": 4, "lr": 0.01, "selection": "last"}
SETTINGS = {
    "sgd": {"optimizer": "sgd", "momentum": 0.9, "nesterov": True, "warmup": 2, "schedule": "step", "step_size": 1,
            "clip": 0.1, "label_smoothing": 0.1},
    "warm": {"warmup": 3, "schedule": "cosine", "epochs": 5, "precision": "bfloat16"},
    "onecycle": {"optimizer": "adamw", "weight_decay": 0.1, "schedule": "onecycle", "batch_size": 29},
    "plateau": {"optimizer": "rmsprop", "momentum": 0.5, "schedule": "plateau", "gamma": 0.5},
    "stopped": {"schedule": "multistep", "milestones": "1,2", "selection": "validation", "patience": 2, "epochs": 6},
    "faulty": {"faults": "eval-for-ever,grads-zeroed-each-epoch,saves-last,unshuffled", "selection": "validation"},
    "never-stepped": {"faults": "schedule-not-stepped,grads-never-zeroed,sorted-by-class", "schedule": "onecycle"},
}  # fmt: skip
DROPS = "nn.Sequential(nn.Flatten(), nn.Linear(784, 20), nn.ReLU(), nn.Dropout(0.3), nn.Linear(20, 10))"


@pytest.fixture
def runs(store):
    """The user's runs with the shipped ones behind them."""
    return RunStore(store.root, paths.shipped_runs_dir())


def transferred(runs, strategy, head, **train):
    """A finished run that begins with the bundled backbone."""
    transfer = {"source": ways.bundled("glyphs", runs).run_id, "head": head, **STRATEGIES[strategy]}
    return trained(runs, ways.BACKBONE, transfer=transfer, **{**SMALL, **train})


def check(runs, run, folder, monkeypatch, capsys) -> str:
    """The script that repeats the run, after all that was written of it has been tried."""
    text = repeated(runs, run, folder, monkeypatch)
    assert same_weights(run, folder)
    told = capsys.readouterr().out
    assert f"test accuracy {run.end['test']['acc']:.6f}," in told
    losses = [float(line.split()[4]) for line in told.splitlines() if line.startswith("epoch")]
    assert losses == [round(epoch.val_loss, 6) for epoch in run.history]
    assert verified(folder, monkeypatch) == 0
    assert all(len(line) <= 120 or "get_model(" in line for line in text.splitlines())
    return text


@pytest.mark.parametrize(
    ("strategy", "head", "line"),
    [
        ("features", "append", "model.head = model.head, torch.nn.Identity()"),
        ("warmup-finetune", "linear", 'GROUPS = [("head.", 1, 1.0), ("", 3, 1.0)]'),
        ("gradual", "mlp", '("head.", 1, 1.0), ("stage3.", 2, 0.5), ("stage2.", 3, 0.5), ("stage1.", 4, 0.5)'),
    ],
)
def test_some_strategies_and_heads(runs, tmp_path, monkeypatch, capsys, strategy, head, line):
    text = check(runs, transferred(runs, strategy, head), tmp_path / "away", monkeypatch, capsys)
    assert line in text
    assert f"strategy {strategy}, head {head}." in text


@pytest.mark.sweep
@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_with_every_head(runs, tmp_path, monkeypatch, capsys, strategy, head):
    check(runs, transferred(runs, strategy, head), tmp_path / "away", monkeypatch, capsys)


@pytest.mark.sweep
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=list(SETTINGS))
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_with_every_setting(runs, tmp_path, monkeypatch, capsys, strategy, settings):
    check(runs, transferred(runs, strategy, "append", **settings), tmp_path / "away", monkeypatch, capsys)


@pytest.mark.parametrize("strategy", ["features", "gradual"])
def test_what_is_frozen_does_not_drop(runs, tmp_path, monkeypatch, capsys, strategy):
    """A typed network with Dropout, all random numbers of which must be drawn in the run's order."""
    source = trained(runs, DROPS, per_class=5, batch_size=25, epochs=1, seed=3)
    transfer = {"source": source.run_id, "head": "mlp", **STRATEGIES[strategy]}
    run = trained(runs, DROPS, transfer=transfer, **SMALL)
    text = check(runs, run, tmp_path / "away", monkeypatch, capsys)
    assert "network[4] = nn.Sequential(nn.Linear(20, 256), nn.ReLU(), nn.Linear(256, 10))" in text


def test_a_deepened_network(runs, tmp_path, monkeypatch, capsys):
    first, last = "nn.Conv2d(1, 4, 5), nn.ReLU(), nn.MaxPool2d(2)", "nn.Flatten(), nn.Linear(576, 10)"
    source = trained(runs, f"nn.Sequential({first}, {last})", per_class=5, batch_size=25, epochs=1, seed=3)
    deeper = f"nn.Sequential({first}, nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(), {last})"
    run = trained(runs, deeper, transfer={"source": source.run_id, "strategy": "deepen"}, **SMALL)
    text = check(runs, run, tmp_path / "away", monkeypatch, capsys)
    assert "strategy deepen, head replace." in text


def test_only_the_lines_that_are_needed(runs):
    """Fine-tuning has neither groups nor anything frozen, and rates that differ need no epochs."""
    texts = [Export(transferred(runs, each, "replace"), runs).script_files()["train.py"].decode()
             for each in ("finetune", "discriminative")]  # fmt: skip
    assert not any(word in texts[0] for word in ("GROUPS", "requires_grad =", "module.eval", "Identity", "since"))
    assert not any(word in texts[1] for word in ("requires_grad", "module.eval", "Identity", '"since"', '"share"'))


@pytest.mark.sweep
def test_in_a_clean_process(runs, tmp_path):
    run = transferred(runs, "features", "mlp")
    write(all_files(Export(run, runs))[0], tmp_path / "away")
    result = clean_python(tmp_path / "away", "train.py")
    assert result.returncode == 0, result.stderr
    assert same_weights(run, tmp_path / "away")
    assert clean_python(tmp_path / "away", "verify.py").returncode == 0


@pytest.mark.parametrize("head", ["append-softmax", "linear"])
def test_a_run_travels_without_its_source(runs, tmp_path, monkeypatch, capsys, head):
    """Where the source is not, the weights that the run kept of its start repeat it; and it still predicts."""
    run = transferred(runs, "discriminative", head)
    elsewhere = RunStore(tmp_path / "elsewhere")
    found = bundle.unpack(elsewhere, bundle.pack(run, tmp_path))
    check(elsewhere, found, tmp_path / "away", monkeypatch, capsys)
    before = load(run)
    image = before.dataset.test.images[:1]
    assert load(found).look(image)[0].logits.tolist() == before.look(image)[0].logits.tolist()
    single, dense = evaluate(found, ("single", "dense")).results
    assert single.accuracy == run.end["test"]["acc"]
    assert dense.accuracy is not None

    shutil.rmtree(found.path / "epochs")
    files, remarks = all_files(Export(found, elsewhere))
    assert "verify.py" in files and "train.py" not in files
    (told,) = [remark for remark in remarks if remark.startswith("train.py: ")]
    assert "unknown run" in told and "\n" not in told


@pytest.mark.sweep
@pytest.mark.parametrize(("strategy", "head"), [("features", "append"), ("warmup-finetune", "replace")])
@pytest.mark.parametrize(
    ("network", "key"),
    [("googlenet", "GoogLeNet_Weights.IMAGENET1K_V1"), ("mnasnet0_5", "MNASNet0_5_Weights.IMAGENET1K_V1")],
)
def test_torchvisions_weights(runs, tmp_path, monkeypatch, capsys, network, key, strategy, head):
    """Random ones in the place of the published; GoogLeNet's come with a normalisation of their own."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    source = published.find(f"torchvision:{key}")
    source.file.parent.mkdir(parents=True)
    torch.manual_seed(1)
    torch.save(torchvision.models.get_model(network).state_dict(), source.file)
    transfer = {"source": source.key, "head": head, **STRATEGIES[strategy]}
    run = trained(runs, network, data="shapes", normalize="imagenet", transfer=transfer, **SMALL)
    text = check(runs, run, tmp_path / "away", monkeypatch, capsys)
    assert "MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]" in text
    code = (tmp_path / "away" / "model.py").read_text(encoding="utf-8")
    assert ("network.transform_input = True" in code) == (network == "googlenet")


def test_a_file_of_ones_own(runs, tmp_path, monkeypatch, capsys):
    torch.manual_seed(1)
    torch.save(zoo.build("bn-cnn", (1, 28, 28), 26).state_dict(), tmp_path / "mine.pth")
    transfer = {"source": ways.brought(tmp_path / "mine.pth"), "head": "append", "strategy": "frozen"}
    run = trained(runs, "bn-cnn", transfer=transfer, **SMALL)
    check(runs, run, tmp_path / "away", monkeypatch, capsys)
    assert "BatchNormCNN((1, 28, 28), 26)" in (tmp_path / "away" / "model.py").read_text(encoding="utf-8")
