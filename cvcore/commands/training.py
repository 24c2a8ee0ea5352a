"""The commands that train, and that show what was trained."""

import argparse
import logging
import os
import statistics
import sys
from typing import Any

from pydantic import BaseModel

from cvcore.commands import recipes as recipe_commands
from cvcore.commands import together
from cvcore.commands.preflight import show_preflight
from cvcore.commands.stores import store_of
from cvcore.commands.terminal import Progress, print_json, say, silent
from cvcore.config import DataConfig, RunConfig, TrainConfig, TransferConfig, parse_config
from cvcore.data import catalog
from cvcore.errors import ConfigError
from cvcore.recipes import library, start
from cvcore.recipes.matching import match
from cvcore.recipes.recipe import Recipe
from cvcore.training.comparison import seeds_from
from cvcore.training.history import Epoch
from cvcore.training.run import Run
from cvcore.training.runs import RunStore


def train(options: argparse.Namespace) -> int:
    config, store = opened_config(options), store_of(options)
    if options.preflight:
        return show_preflight(config, store, options)
    from cvcore.training import parallel

    if parallel.asked_for():
        return together.train(config, store, options)
    return _train(seeds_from(config, options.seeds), store, options)


def opened_config(options: argparse.Namespace) -> RunConfig:
    """The run that the options describe, its images read, the device set."""
    recipe = library.find(options.recipe) if options.recipe else None
    config = _config(options, recipe)  # before torch is imported: a typo is answered at once
    with Progress(f"reading {config.data.name}", "images") as progress, start.other_way(recipe):
        catalog.open_dataset(config.data.name, config.data.size, config.data.fit, progress)
    device_setting(options.device)
    return config


def _train(configs: list[RunConfig], store: RunStore, options: argparse.Namespace) -> int:
    """Train the runs, one or the same with several seeds, and report them."""
    from cvcore.training.check import checked
    from cvcore.training.queue import Queue
    from cvcore.training.worker import train_all

    tell = silent if options.json else say
    ready = [checked(config, store) for config in configs]
    submitted = [Queue(store).submit(config, fresh=options.fresh) for config in ready]
    several = len(submitted) > 1

    def on_epoch(run: Run, epoch: Epoch) -> None:
        tell((f"seed {run.config.train.seed}  " if several else "") + epoch_line(epoch, run.config.train.epochs))

    for run, cached in submitted:
        tell(f"{run.run_id} was trained on {run.date}; --fresh trains it again" if cached else run.run_id)
        for epoch in run.history if cached else ():
            on_epoch(run, epoch)
    new = [run.run_id for run, cached in submitted if not cached]
    try:
        train_all(
            store,
            new,
            on_epoch=on_epoch,
            on_wait=lambda other: print(f"cvcore: waiting for {other} to end", file=sys.stderr),
        )
    except KeyboardInterrupt:
        print(f"cvcore: stopped {', '.join(new)}; the same command without --fresh goes on", file=sys.stderr)
        return 130
    runs = [(store.find(run.run_id), cached) for run, cached in submitted]
    if not several:
        return report(runs[0][0], options, cached=runs[0][1])
    return _report_seeds(runs, options)


def _report_seeds(runs: list[tuple[Run, bool]], options: argparse.Namespace) -> int:
    """Every run, then mean and spread of those that are done."""
    done = [run.end["test"]["acc"] for run, _ in runs if run.status == "done"]
    mean = statistics.mean(done) if done else None
    spread = statistics.stdev(done) if len(done) > 1 else None
    if options.json:
        rows = [{**run.result(), "cached": cached} for run, cached in runs]
        print_json({"runs": rows, "seeds": len(runs), "test_acc": {"mean": mean, "std": spread}})
    else:
        for run, _ in runs:
            told = f"test accuracy {run.end['test']['acc']:.1%}" if run.status == "done" else run.status
            say(f"seed {run.config.train.seed}: {told}  {run.run_id}")
        if spread is not None:
            say(f"test accuracy {mean:.1%}, standard deviation {spread:.1%} over {len(done)} seeds")
    for run, _ in runs:
        if run.status == "failed":
            print(f"cvcore: {run.run_id} failed: {run.end['error']}", file=sys.stderr)
    return 0 if len(done) == len(runs) else 1


def device_setting(device: str | None) -> None:
    """Train on `device`, in this process and in those that it starts; None leaves CVCORE_DEVICE as it is."""
    if device:
        os.environ["CVCORE_DEVICE"] = device


def _config(options: argparse.Namespace, recipe: Recipe | None) -> RunConfig:
    """The config that the options of `train` describe, on top of the recipe's. Raises ConfigError."""
    values = _given(options)
    if recipe:
        return parse_config(start.values_to_run(recipe, store_of(options), values, stand_in=options.stand_in))
    if options.stand_in:
        raise ConfigError("--stand-in belongs to --recipe: give a recipe, or leave it out")
    if missing := [f"--{name}" for name in ("data", "model") if not getattr(options, name)]:
        raise ConfigError(f"the following arguments are required: {', '.join(missing)}; or --recipe NAME")
    return parse_config(values)


def _given(options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """The settings that were given, by the parts of a config."""
    given = vars(options)

    def part(config: type[BaseModel]) -> dict[str, Any]:
        return {name: given[name] for name in config.model_fields if name in given and name != "name"}

    values = {"data": part(DataConfig), "model": {}, "train": part(TrainConfig)}
    if options.data:
        values["data"]["name"] = catalog.resolve(options.data)
    if options.model:
        values["model"]["name"] = options.model
    if transfer := part(TransferConfig):
        if not {"source", "strategy"} <= transfer.keys():
            raise ConfigError("--from and --strategy belong together, and --head needs both: give both or none")
        values["transfer"] = transfer
    return values


def report(run: Run, options: argparse.Namespace, **more: Any) -> int:
    found = match(run.config) if getattr(options, "recipe", None) else None
    if found:
        more["recipe"] = recipe_commands.compared(found)
    result = {**run.result(), **more}
    if options.json:
        print_json(result)
    elif run.status == "done":
        best, test = result["best"], result["test"]
        say(f"best epoch {best['epoch']}: validation accuracy {best['val_acc']:.1%}, test accuracy {test['acc']:.1%}")
        for line in recipe_commands.comparison(found, run.config, run.history) if found else ():
            say(line)
    if run.status == "failed":
        print(f"cvcore: {run.run_id} failed: {result['error']}", file=sys.stderr)
    elif run.status != "done" and not options.json:
        say(f"{run.run_id} is {run.status} after {len(run.history)} epochs")
    return 0 if run.status in ("done", "queued", "running") else 1


def epoch_line(epoch: Epoch, epochs: int) -> str:
    return (
        f"epoch {epoch.epoch:>3}/{epochs}  train loss {epoch.train_loss:.4f} acc {epoch.train_acc:6.1%}  "
        f"val loss {epoch.val_loss:.4f} acc {epoch.val_acc:6.1%}  lr {epoch.lr:.2g}  {epoch.seconds:.1f} s"
    )


def worker(options: argparse.Namespace) -> int:
    from cvcore.training.worker import serve

    logging.getLogger("cvcore").setLevel(logging.INFO)  # a worker's log is where failures are told in full
    serve(store_of(options), once=options.once, linger=options.linger, number=options.number)
    if options.json:
        print_json({"runs": [{"run_id": run.run_id, "status": run.status} for run in store_of(options).list()]})
    return 0
