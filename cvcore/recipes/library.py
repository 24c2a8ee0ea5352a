"""All recipes and mistakes, read from the TOML files beside this one: a file for each tutorial, and one of mistakes."""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from cvcore.errors import ConfigError, unknown_name
from cvcore.recipes.recipe import Recipe

FOLDER = Path(__file__).parent
FILES = ("first_networks", "lenet5", "ants_and_bees", "resnext", "vgg")  # as a learner meets them
MISTAKES = "mistakes"
CORRECTED = "-corrected"  # ends the name of the second recipe of a pair


class Shown(BaseModel):
    """Where the app shows a mistake that is no run: a page, what its widgets are to have, and what a link says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    page: Literal["Datasets", "Architectures", "Transfer learning"]
    label: str
    choices: dict[str, str] = {}


class Measured(BaseModel):
    """What a pair showed: the same number of both runs, and the seconds of one core that both took together."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    what: str
    unit: Literal["accuracy", "loss"] = "accuracy"
    as_published: float
    corrected: float
    seconds: int


class Mistake(BaseModel):
    """A mistake: what is wrong, and what it costs. `recipes` are the pair that shows it, `shown` its place in the app
    where it is no run; a few have neither."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str
    wrong: str
    cost: str
    recipes: tuple[str, ...] = ()
    measured: Measured | None = None
    shown: Shown | None = None


@dataclass(frozen=True)
class Family:
    """The recipes of one tutorial."""

    title: str
    tutorial: str
    about: str
    recipes: tuple[Recipe, ...]


@cache
def families() -> tuple[Family, ...]:
    """The tutorials, from the simplest up, each with its recipes."""
    return tuple(map(_family, FILES))


@cache
def mistakes() -> dict[str, Mistake]:
    """All mistakes by their names, those that can be run first."""
    return {name: _mistake(name, values) for name, values in _read(MISTAKES).items()}


@cache
def pairs() -> tuple[Recipe, ...]:
    """The recipes of mistakes: one as published, the next corrected, and so on."""
    return tuple(
        recipe for name, values in _read(MISTAKES).items() if "model" in values for recipe in _pair(name, values)
    )


@cache
def _by_name() -> dict[str, Recipe]:
    found: dict[str, Recipe] = {}
    for recipe in (*(each for family in families() for each in family.recipes), *pairs()):
        if recipe.name in found:
            raise ValueError(f"a recipe named {recipe.name!r} is there already: choose another name")
        found[recipe.name] = recipe
    return found


def recipes() -> list[Recipe]:
    """All of them: the tutorials' experiments, then the pairs."""
    return list(_by_name().values())


def is_recipe(name: str) -> bool:
    """Whether there is a recipe of that name."""
    return name in _by_name()


def find(name: str) -> Recipe:
    """The recipe of that name. Raises ConfigError with the nearest names if there is none."""
    if name not in _by_name():
        raise ConfigError(unknown_name("recipe", name, _by_name()))
    return _by_name()[name]


def _read(file: str) -> dict[str, dict[str, Any]]:
    return tomllib.loads((FOLDER / f"{file}.toml").read_text(encoding="utf-8"))


def _family(file: str) -> Family:
    tables = _read(file)
    about = tables.pop("family")
    rows = tuple(Recipe(name=name, tutorial=about["tutorial"], **values) for name, values in tables.items())
    return Family(about["title"], about["tutorial"], about["about"], rows)


def _mistake(name: str, values: dict[str, Any]) -> Mistake:
    told = {field: values[field] for field in Mistake.model_fields if field in values}
    return Mistake(name=name, recipes=(name, name + CORRECTED) if "model" in values else (), **told)


def _pair(name: str, values: dict[str, Any]) -> tuple[Recipe, Recipe]:
    """Two runs that differ in nothing but the mistake."""
    parts = {part: values.get(part, {}) for part in ("data", "model", "train")}
    mended = {part: parts[part] | values["corrected"].get(part, {}) for part in parts}
    shared = {"tutorial": values["made_in"], "teaches": f"{values['wrong']} {values['cost']}"}
    wrong = Recipe(
        name=name,
        title=values["title"],
        role="as published",
        pair=name + CORRECTED,
        mistakes=(name,),
        **parts,
        **shared,
    )
    right = Recipe(
        name=name + CORRECTED, title=f"{values['title']}, corrected", role="corrected", pair=name, **mended, **shared
    )
    return wrong, right
