"""From a recipe to a run: what is in the way, the stand-in, and settings that replace its own."""

import pytest

from cvcore import paths
from cvcore.config import parse_config
from cvcore.data import catalog
from cvcore.errors import ConfigError, DataError, RunError
from cvcore.recipes import library, start
from cvcore.training.runs import RunStore


@pytest.fixture(autouse=True)
def hub(monkeypatch, tmp_path):
    """An empty folder where torch keeps weights."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    (tmp_path / "torch" / "hub" / "checkpoints").mkdir(parents=True)
    return tmp_path / "torch" / "hub" / "checkpoints"


@pytest.fixture
def with_shipped(tmp_path):
    return RunStore(tmp_path / "runs", paths.shipped_runs_dir())


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("mnist-lenet5", "download"),
        ("catsdogs-vgg16-frozen", "weights"),
        ("hymenoptera-alexnet-append", "weights"),
        ("vgg16-imagenet-top5", "untrained"),
        ("resnext50-scratch", "images"),
        ("softmax-twice", ""),
    ],
)
def test_what_is_in_the_way(name, kind):
    recipe = library.find(name)
    assert start.obstacle(recipe) == kind
    assert bool(start.explained(recipe)) == bool(kind)


def test_weights_that_are_there_are_no_obstacle(hub, with_shipped):
    recipe = library.find("catsdogs-vgg16-frozen")
    assert start.weights_file(recipe) == hub / "vgg16-397923af.pth"
    start.weights_file(recipe).write_bytes(b"")
    assert start.obstacle(recipe) != "weights"
    values = start.values_to_run(recipe, with_shipped)
    assert values["transfer"] == recipe.transfer
    assert parse_config(values) == recipe.config


@pytest.mark.parametrize("source", start.FILES)
def test_files_and_sizes_of_weights_are_torchvisions(source):
    from cvcore.transfer import published

    weights = published.find(source)
    assert start.FILES[source] == (weights.url.rpartition("/")[2], round(weights.size_mb))


def test_every_recipe_that_reuses_weights_has_a_known_file():
    assert {each.transfer["source"] for each in library.recipes() if each.transfer} == set(start.FILES)


def test_a_set_that_is_there_is_no_obstacle(monkeypatch):
    monkeypatch.setattr("cvcore.data.origins.TorchvisionArrays.state", "on disk")
    assert start.obstacle(library.find("mnist-lenet5")) == ""


def test_a_recipe_as_published(with_shipped):
    recipe = library.find("mnist-lenet5")
    assert parse_config(start.values_to_run(recipe, with_shipped)) == recipe.config


def test_what_is_given_takes_the_place_of_its_own(with_shipped):
    recipe = library.find("mnist-lenet5")
    given = {"train": {"epochs": "2", "seed": "7"}, "data": {"name": "digits"}}
    config = parse_config(start.values_to_run(recipe, with_shipped, given))
    assert (config.data.name, config.train.epochs, config.train.seed) == ("digits", 2, 7)
    assert (config.train.lr, config.train.step_size) == (0.001, 10)


def test_settings_of_a_setting_that_changes_go_with_it(with_shipped):
    recipe = library.find("mnist-lenet5")  # sgd with momentum, a step schedule
    given = {"train": {"optimizer": "adam", "schedule": "cosine"}}
    train = parse_config(start.values_to_run(recipe, with_shipped, given)).train
    assert (train.optimizer, train.momentum, train.schedule, train.step_size) == ("adam", 0.0, "cosine", 0)
    same = parse_config(start.values_to_run(recipe, with_shipped, {"train": {"optimizer": "sgd"}})).train
    assert same.momentum == 0.9


def test_a_stand_in_starts_from_the_run_that_has_learnt_that_set(with_shipped):
    recipe = library.find("catsdogs-vgg16-frozen")
    config = parse_config(start.values_to_run(recipe, with_shipped, stand_in=True))
    source = with_shipped.find(config.transfer.source).config
    assert (source.data.name, source.model.name) == ("glyphs", "bn-cnn")
    assert (config.data.name, config.data.size, config.model.name) == ("digits", 0, "bn-cnn")
    assert config.transfer.strategy == "frozen"


def test_without_such_a_run_one_line_says_how_to_make_one(store):
    with pytest.raises(RunError, match="train --data glyphs --model bn-cnn` makes one"):
        start.values_to_run(library.find("catsdogs-vgg16-frozen"), store, stand_in=True)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("catsdogs-vgg16-frozen", "starts from the ImageNet weights of VGG-16"),
        ("resnext50-scratch", "photographs of four classes"),
    ],
)
def test_what_cannot_run_is_one_line_with_two_ways_out(store, name, message):
    with pytest.raises(ConfigError, match=message) as error:
        start.values_to_run(library.find(name), store)
    assert "--stand-in" in str(error.value) and " or " in str(error.value)
    assert "\n" not in str(error.value)


def test_images_of_ones_own_will_do(store):
    values = start.values_to_run(library.find("resnext50-scratch"), store, {"data": {"name": "mine"}})
    config = parse_config(values)
    assert (config.data.name, config.data.size, config.data.val_fraction) == ("mine", 224, 0.2)


def test_a_bundled_recipe_has_no_stand_in(store):
    with pytest.raises(ConfigError, match="softmax-twice runs on digits, which is there"):
        start.values_to_run(library.find("softmax-twice"), store, stand_in=True)


def test_a_set_that_is_missing_names_the_other_way():
    with (
        pytest.raises(DataError, match="or add --stand-in to run on digits instead"),
        start.other_way(library.find("mnist-lenet5")),
    ):
        catalog.open_dataset("mnist")
    with pytest.raises(DataError) as error, start.other_way(None):
        catalog.open_dataset("mnist")
    assert "stand-in" not in str(error.value)
