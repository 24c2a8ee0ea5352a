"""The commands that train, and that show what was trained."""

import argparse
import logging
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from cvcore.commands import recipes as recipe_commands
from cvcore.commands.terminal import Progress, print_json, say, silent
from cvcore.config import DataConfig, RunConfig, TrainConfig, TransferConfig, parse_config
from cvcore.data import catalog
from cvcore.errors import ConfigError
from cvcore.recipes import library, start
from cvcore.recipes.matching import match
from cvcore.recipes.recipe import Recipe
from cvcore.tables import table
from cvcore.training.history import Epoch
from cvcore.training.runs import Run, RunStore, default_store


def train(options: argparse.Namespace) -> int:
    recipe = library.find(options.recipe) if options.recipe else None
    config = _config(options, recipe)  # before torch is imported: a typo is answered at once
    with Progress(f"reading {config.data.name}", "images") as progress, start.other_way(recipe):
        catalog.open_dataset(config.data.name, config.data.size, config.data.fit, progress)
    from cvcore.training.check import checked
    from cvcore.training.queue import Queue
    from cvcore.training.worker import train_in_turn

    store = _store(options)
    tell = silent if options.json else say
    run, cached = Queue(store).submit(checked(config, store), fresh=options.fresh)
    if cached:
        tell(f"{run.run_id} was trained on {run.date}; --fresh trains it again")
        for epoch in run.history:
            tell(_epoch_line(epoch, config.train.epochs))
    else:
        tell(f"{run.run_id}")
        try:
            run = train_in_turn(
                store,
                run.run_id,
                on_epoch=lambda epoch: tell(_epoch_line(epoch, config.train.epochs)),
                on_wait=lambda other: print(f"cvcore: waiting for {other} to end", file=sys.stderr),
            )
        except KeyboardInterrupt:
            print(f"cvcore: stopped {run.run_id}; the same command without --fresh goes on", file=sys.stderr)
            return 130
    return _report(run, options, cached=cached)


def _config(options: argparse.Namespace, recipe: Recipe | None) -> RunConfig:
    """The config that the options of `train` describe, on top of the recipe's. Raises ConfigError."""
    values = _given(options)
    if recipe:
        return parse_config(start.values_to_run(recipe, _store(options), values, stand_in=options.stand_in))
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
    if options.source or options.strategy:
        if not (options.source and options.strategy):
            raise ConfigError("--from RUN and --strategy frozen|finetune belong together: give both or none")
        values["transfer"] = {name: given[name] for name in TransferConfig.model_fields}
    return values


def _report(run: Run, options: argparse.Namespace, **more: Any) -> int:
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


def _epoch_line(epoch: Epoch, epochs: int) -> str:
    return (
        f"epoch {epoch.epoch:>3}/{epochs}  train loss {epoch.train_loss:.4f} acc {epoch.train_acc:6.1%}  "
        f"val loss {epoch.val_loss:.4f} acc {epoch.val_acc:6.1%}  lr {epoch.lr:.2g}  {epoch.seconds:.1f} s"
    )


def runs(options: argparse.Namespace) -> int:
    store = _store(options)
    if options.run_id:
        run = store.find(options.run_id)
        if not options.json:
            for epoch in run.history:
                say(_epoch_line(epoch, run.config.train.epochs))
        _report(run, options)
        return 0
    rows = [
        {
            "run_id": run.run_id,
            "status": run.status,
            "data": run.config.data.name,
            "model": run.config.model.label,
            "epochs": len(run.history),
            "epochs_planned": run.config.train.epochs,
            "test_acc": run.end.get("test", {}).get("acc"),
            "date": run.date,
            "shipped": run.shipped,
        }
        for run in store.list()
    ]
    if options.json:
        print_json({"runs": rows})
    elif rows:
        shown = [
            {
                **row,
                "epochs": f"{row['epochs']}/{row['epochs_planned']}",
                "test acc": "" if row["test_acc"] is None else f"{row['test_acc']:.1%}",
            }
            for row in rows
        ]
        say(table(shown, ["run_id", "status", "epochs", "test acc", "date"]))
    else:
        say(f"no runs in {store.root}: `python -m cvcore train --data digits --model lenet5` makes one")
    return 0


def worker(options: argparse.Namespace) -> int:
    from cvcore.training.worker import serve

    logging.getLogger("cvcore").setLevel(logging.INFO)  # a worker's log is where failures are told in full
    serve(_store(options), once=options.once, linger=options.linger)
    if options.json:
        print_json({"runs": [{"run_id": run.run_id, "status": run.status} for run in _store(options).list()]})
    return 0


def _store(options: argparse.Namespace) -> RunStore:
    return RunStore(Path(options.runs).resolve()) if options.runs else default_store()
