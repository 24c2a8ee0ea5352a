"""From a recipe to a run: what is in the way, whose weights it starts from, which settings replace its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cvcore.config import DataConfig, TrainConfig
from cvcore.data import catalog
from cvcore.errors import ConfigError, DataError, RunError
from cvcore.recipes.recipe import ANY_DATA, Recipe
from cvcore.training.run import Run
from cvcore.training.runs import RunStore
from cvcore.transfer.sources import hub_folder, learnt_by

# settings that mean nothing without another; whoever changes that does not mean to keep them
BELONG = {
    "optimizer": ("momentum", "nesterov"),
    "schedule": ("step_size", "milestones", "gamma", "plateau_patience"),
    "size": ("fit",),
}


# file and size (MB) of the weights that recipes start from: known here, since torchvision takes seconds to be imported
FILES = {
    "torchvision:AlexNet_Weights.IMAGENET1K_V1": ("alexnet-owt-7be5be79.pth", 244),
    "torchvision:MobileNet_V2_Weights.IMAGENET1K_V1": ("mobilenet_v2-b0353104.pth", 14),
    "torchvision:VGG16_Weights.IMAGENET1K_V1": ("vgg16-397923af.pth", 553),
}


def weights_file(recipe: Recipe) -> Path | None:
    """Where torch keeps the weights that the recipe starts from, whether they are there or not; None of others."""
    name, _ = FILES.get(recipe.transfer.get("source", ""), ("", 0))
    return hub_folder() / name if name else None


def obstacle(recipe: Recipe) -> str:
    """Why the recipe cannot run as it was published: "untrained" where nothing is, "weights" or "images" that are not
    there, "download", or "" where it can."""
    if not recipe.trains:
        return "untrained"
    file = weights_file(recipe)
    if file and not file.is_file():
        return "weights"
    if recipe.images or catalog.entry(recipe.data_name).state == "missing":
        return "images"
    return "download" if catalog.entry(recipe.data_name).state == "needs download" else ""


def explained(recipe: Recipe) -> str:
    """The obstacle in words, as a sentence without its end; "" where there is none."""
    kind = obstacle(recipe)
    if kind == "untrained":
        return f"{recipe.name} trains nothing: it names photographs with the ImageNet weights of {recipe.weights}"
    if kind == "weights":
        size = FILES[recipe.transfer["source"]][1]
        return f"{recipe.name} starts from the ImageNet weights of {recipe.weights}, a download of {size} MB"
    if kind == "images":
        return f"{recipe.name} needs {recipe.images}"
    if kind == "download":
        size = catalog.entry(recipe.data_name).download_mb
        return f"{recipe.name} needs {catalog.entry(recipe.data_name).title}, a download of {size:,.0f} MB"
    return ""


def values_to_run(
    recipe: Recipe, store: RunStore, given: dict[str, Any] | None = None, *, stand_in: bool = False
) -> dict[str, Any]:
    """Values of a config for the recipe, or for its stand-in, with those `given` (by part) in place of its own.

    Raises ConfigError where it cannot run so, RunError where no run has the weights that it starts from.
    """
    given = given or {}
    if stand_in and recipe.stand_in is None:
        raise ConfigError(f"{recipe.name} runs on {recipe.data_name}, which is there: leave the stand-in out")
    values = merged(recipe.values(stand_in=stand_in), given)
    if stand_in and recipe.stand_in.reuse and "transfer" not in given:
        values["transfer"] = {"source": source(recipe, store).run_id, "strategy": recipe.stand_in.reuse}
    kind = "" if stand_in else obstacle(recipe)
    others = values.get("transfer", {}).get("source") != recipe.transfer.get("source")
    stopped = (kind == "untrained" and "transfer" not in values) or (kind == "weights" and not others)
    if stopped or values["data"]["name"] == ANY_DATA:
        ways = {
            "untrained": f"look at photographs with `predict --recipe {recipe.name} IMAGE`, or start a run with --from",
            "weights": f"fetch them with `weights --download {recipe.transfer.get('source')}`",
        }
        way = ways.get(kind, "give a folder of yours with --data")
        raise ConfigError(f"{explained(recipe)}: run it on {recipe.stand_in.data['name']} with --stand-in, or {way}")
    return values


def merged(values: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """`values` with those `given` in their place; what belonged to a setting that changes goes with it."""
    found = {part: dict(each) for part, each in values.items()}
    for part, settings in given.items():
        for name, value in settings.items():
            if name in BELONG and str(value) != str(_set(found, part, name)):  # a command line gives texts
                for other in BELONG[name]:
                    found[part].pop(other, None)
        found[part] = {**found.get(part, {}), **settings}
    return found


def _set(values: dict[str, Any], part: str, name: str) -> Any:
    """What a setting of the images or the training is."""
    fields = (DataConfig if part == "data" else TrainConfig).model_fields
    return values[part].get(name, fields[name].default)


def source(recipe: Recipe, store: RunStore) -> Run:
    """The run whose weights the stand-in starts from: the one that ships, else the newest. Raises RunError."""
    model, data = recipe.stand_in.model["name"], recipe.stand_in.learnt_on
    found = learnt_by(store, model, data)
    if found is None:
        raise RunError(
            f"{recipe.name} starts from {model} trained on {data}, and there is no such run: "
            f"`python -m cvcore train --data {data} --model {model}` makes one"
        )
    return found


@contextmanager
def other_way(recipe: Recipe | None) -> Iterator[None]:
    """Let the error of a set that is not there say that the recipe can run on another one."""
    try:
        yield
    except DataError as error:
        if recipe is None or recipe.stand_in is None:
            raise
        raise DataError(f"{error}; or add --stand-in to run on {recipe.stand_in.data['name']} instead") from error
