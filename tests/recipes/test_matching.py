"""Which recipe a run is of follows from its config alone."""

import pytest

from cvcore.config import parse_config
from cvcore.recipes import library
from cvcore.recipes.matching import match

SOURCE = "glyphs-bn-cnn-0123456789ab"


def config(values: dict, **train):
    return parse_config({**values, "train": {**values.get("train", {}), **train}})


@pytest.mark.parametrize(
    "recipe", [r for r in library.recipes() if r.transfer or not r.weights], ids=lambda each: each.name
)
def test_a_run_of_a_recipe_is_found_and_comparable(recipe):
    found = match(recipe.config.with_data("f" * 64))
    assert found.recipe.name in (recipe.name, *_equal_to(recipe))
    assert found.comparable


def _equal_to(recipe):
    """Names of other recipes with the same settings: what is corrected may be another pair's mistake."""
    return [each.name for each in library.recipes() if each.config == recipe.config]


def test_a_changed_setting_is_named():
    found = match(config(library.find("cifar10-lenet").values(), epochs=1))
    assert found.recipe.name == "cifar10-lenet"
    assert found.changes == (("epochs", 3, 1),)
    assert not found.comparable


def test_a_stand_in_is_never_comparable():
    found = match(library.find("mnist-two-conv").stand_in_config)
    assert (found.recipe.name, found.is_stand_in, found.changes) == ("mnist-two-conv", True, ())
    assert not found.comparable


def test_a_stand_in_from_other_weights_is_found_whatever_run_they_are_of():
    values = library.find("catsdogs-vgg16-frozen").values(stand_in=True)
    reused = parse_config({**values, "transfer": {"source": SOURCE, "strategy": "frozen"}})
    found = match(reused)
    assert (found.recipe.name, found.is_stand_in, found.changes) == ("catsdogs-vgg16-frozen", True, ())
    other = parse_config({**values, "transfer": {"source": SOURCE.replace("glyphs", "shapes"), "strategy": "frozen"}})
    assert match(other) is None
    assert match(parse_config(values)) is None or match(parse_config(values)).changes  # from scratch it is another


def test_what_needs_imagenet_weights_is_not_matched_without_them():
    values = library.find("catsdogs-vgg16-frozen").values()
    values.pop("transfer")
    assert match(parse_config(values)) is None


def test_a_run_that_is_near_no_recipe():
    assert match(parse_config({"data": {"name": "glyphs"}, "model": {"name": "lenet5"}})) is None
