import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cvcore.config import RUN_ID_PATTERN, RunConfig, parse_config
from cvcore.errors import ConfigError

ROOT = Path(__file__).resolve().parents[1]
BASE = {"data": {"name": "digits"}, "model": {"name": "lenet5"}}


def config(**train) -> RunConfig:
    return parse_config({**BASE, "train": train})


def test_equal_values_written_differently_are_the_same_run():
    assert config(lr=1, epochs="3").run_id() == config(epochs=3, lr="1.0").run_id()


def test_naming_a_default_changes_nothing():
    assert config(optimizer="adam", batch_size=64).fingerprint() == config().fingerprint()


@pytest.mark.parametrize(
    "changed", [{"lr": 0.1}, {"seed": 1}, {"epochs": 11}, {"schedule": "cosine"}, {"selection": "test"}]
)
def test_every_setting_that_changes_the_result_changes_the_fingerprint(changed):
    assert config(**changed).fingerprint() != config().fingerprint()


def test_other_images_are_another_run():
    assert config().with_data("abc").run_id() != config().with_data("abd").run_id()


def test_canonical_json_reads_back_to_the_same_config():
    original = config(lr=0.01, optimizer="sgd", momentum=0.9)
    text = original.canonical()
    assert parse_config(json.loads(text)) == original
    assert list(json.loads(text)) == sorted(json.loads(text))


def test_a_config_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        config().train.lr = 1.0


@pytest.mark.parametrize(
    ("train", "message"),
    [
        ({"lr": -1}, "lr: given -1, it should be greater than 0"),
        ({"lr": 0}, "lr: given 0, it should be greater than 0"),
        ({"lr": "fast"}, "lr: given 'fast', it should be a valid number"),
        ({"lr": float("nan")}, "lr: given nan"),
        ({"epochs": 0}, "epochs: given 0, it should be greater than or equal to 1"),
        ({"batch_size": 2.5}, "batch_size: given 2.5"),
        ({"optimizer": "adamm"}, "optimizer: given 'adamm', it should be 'adam', 'adamw', 'sgd' or 'rmsprop'"),
        ({"momentum": 0.9}, "momentum: given 0.9 with adam, only sgd and rmsprop take it"),
        ({"schedule": "step"}, "step_size: given 0"),
        ({"step_size": 3}, "step_size: it belongs to the schedule step"),
        ({"epoch": 3}, "unknown setting 'epoch'"),
    ],
)
def test_bad_values_are_refused_in_one_line_that_quotes_them(train, message):
    with pytest.raises(ConfigError) as caught:
        config(**train)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"fit": "crop-256"}, "fit: given crop-256 with no size; it needs a size of 1 to 256 pixels"),
        ({"fit": "crop-256", "size": 300}, "fit: given crop-256 with the size 300"),
        ({"fit": "squash"}, "fit: given 'squash', it should be crop, stretch, or crop-256"),
    ],
)
def test_bad_fits_are_refused_in_one_line(data, message):
    with pytest.raises(ConfigError) as caught:
        parse_config({**BASE, "data": {"name": "digits", **data}})
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["../secret", "", "a/b", "a b", "x" * 81])
def test_names_cannot_lead_out_of_a_folder(name):
    with pytest.raises(ConfigError):
        parse_config({**BASE, "data": {"name": name}})


TYPED = "nn.Sequential(nn.Flatten(), nn.Linear(784, 10))"


def of_network(name: str) -> RunConfig:
    return parse_config({**BASE, "model": {"name": name}})


def test_fingerprints_of_the_runs_that_were_trained_before_stay():
    lenet5 = "d5bfe282d590"  # of the run on digits that ships with the app
    shipped = json.loads((ROOT / f"cvcore/shipped/digits-lenet5-{lenet5}/run.json").read_text(encoding="utf-8"))
    assert parse_config(shipped["config"]).run_id() == f"digits-lenet5-{lenet5}"


def test_a_typed_network_is_a_value_with_a_short_label():
    found = of_network(TYPED)
    label = f"typed-{hashlib.sha256(TYPED.encode()).hexdigest()[:6]}"
    assert found.model.label == label
    assert found.run_id() == f"digits-{label}-{found.fingerprint()[:12]}"
    assert re.fullmatch(RUN_ID_PATTERN, found.run_id())
    assert parse_config(json.loads(found.canonical())) == found
    assert of_network(TYPED.replace("10", "11")).run_id() != found.run_id()
    assert config().model.label == "lenet5"


@pytest.mark.parametrize(
    "name", ["../x", "a b", "x" * 81, "x" * 10_000, "(" * 20_001, "nn.Sequential(\ud800)", 3, None]
)
def test_what_is_neither_a_name_nor_a_text_is_refused_in_a_short_line(name):
    with pytest.raises(ConfigError) as caught:
        of_network(name)
    line = str(caught.value)
    assert line.startswith("model: given ") and len(line) < 250 and line.isprintable()


def test_importing_the_config_imports_neither_torch_nor_numpy():
    code = "import sys, cvcore.config; assert not {'torch', 'numpy', 'streamlit'} & set(sys.modules), 'too much'"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
