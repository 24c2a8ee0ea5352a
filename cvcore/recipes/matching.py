"""Which recipe a run is of: found from its config alone, so that no label can lie."""

from dataclasses import dataclass
from typing import Any

from cvcore.config import RunConfig
from cvcore.recipes import library
from cvcore.recipes.recipe import Recipe


@dataclass(frozen=True)
class Match:
    """A recipe that a run is of, or is near: `changes` are the settings that differ from what was published, (setting,
    published, the run's) each; with none the run can be compared with the figures."""

    recipe: Recipe
    changes: tuple[tuple[str, Any, Any], ...] = ()
    is_stand_in: bool = False

    @property
    def comparable(self) -> bool:
        return not self.changes and not self.is_stand_in


def match(config: RunConfig) -> Match | None:
    """The recipe whose run this is, else whose stand-in, else the nearest one with the same network and data.

    None where no recipe trains this network on this set.
    """
    found = [each for recipe in library.recipes() for each in _matches(recipe, config)]
    return min(found, key=lambda each: (len(each.changes), each.is_stand_in), default=None)


def _matches(recipe: Recipe, config: RunConfig) -> list[Match]:
    pairs = [(recipe.config, False), (recipe.stand_in_config, True)]
    found = []
    for wanted, is_stand_in in pairs:
        if wanted is None or not _same_experiment(recipe, wanted, config, is_stand_in):
            continue
        found.append(Match(recipe, differences(wanted, config), is_stand_in))
    return found


def _same_experiment(recipe: Recipe, wanted: RunConfig, config: RunConfig, is_stand_in: bool) -> bool:
    """Whether both train one network on one set, from weights of one kind."""
    if (wanted.data.name, wanted.model.name) != (config.data.name, config.model.name):
        return False
    if not is_stand_in and recipe.weights:
        return wanted.transfer is not None and wanted.transfer == config.transfer
    reuse = recipe.stand_in.reuse if is_stand_in else ""
    if not reuse or config.transfer is None:
        return bool(reuse) == bool(config.transfer)
    learnt = f"{recipe.stand_in.learnt_on}-{wanted.model.name}-"  # so begins the name of a run
    return config.transfer.strategy == reuse and config.transfer.source.startswith(learnt)


def differences(published: RunConfig, run: RunConfig) -> tuple[tuple[str, Any, Any], ...]:
    """(setting, published, the run's) where two configs of one network and set differ; data may have been added to."""
    found = []
    for part in ("data", "train"):
        for name in type(getattr(published, part)).model_fields:
            both = getattr(getattr(published, part), name), getattr(getattr(run, part), name)
            if both[0] != both[1] and name != "fingerprint":
                found.append((name, *both))
    return tuple(found)
