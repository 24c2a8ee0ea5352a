"""What the commands of the command line do: each takes the parsed options, prints, and returns the exit status.

Heavy imports stand inside the commands that need them, so that a typo is answered at once.
"""

import argparse
import json
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from cvcore.config import DataConfig, RunConfig, TrainConfig, TransferConfig, parse_config
from cvcore.errors import ConfigError
from cvcore.tables import table
from cvcore.training.history import Epoch
from cvcore.training.runs import Run, RunStore, default_store


def _store(options: argparse.Namespace) -> RunStore:
    return RunStore(Path(options.runs).resolve()) if options.runs else default_store()


def _say(line: str) -> None:
    """Print, or go on in silence once nobody reads any more, as in `… | head`: a run must not die of that."""
    try:
        print(line, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print_json(value: dict[str, Any]) -> None:
    _say(json.dumps(value, allow_nan=False))


def datasets(options: argparse.Namespace) -> int:
    from cvcore.data import catalog

    rows = [
        {
            "name": entry.name,
            "title": entry.title,
            "classes": entry.classes,
            "image": list(entry.image),
            "train": entry.train,
            "test": entry.test,
            "state": entry.state,
            "download_mb": entry.download_mb,
            "source": entry.source,
            "licence": entry.licence,
        }
        for entry in map(catalog.entry, catalog.names())
    ]
    if options.json:
        _print_json({"datasets": rows})
    else:
        _say(table(rows, ["name", "classes", "image", "train", "test", "state", "title"]))
    return 0


def data(options: argparse.Namespace) -> int:
    from cvcore.data import catalog, stats

    if options.download:
        catalog.download(options.name)
    dataset = catalog.open_dataset(options.name)
    pixels = stats.pixel_stats(dataset.train.images)
    counts = {
        name: stats.class_counts(dataset.split(name), len(dataset.classes)).tolist() for name in ("train", "test")
    }
    values = {
        "name": dataset.name,
        "classes": list(dataset.classes),
        "input": list(dataset.image_shape),
        "counts": counts,
        "mean": list(pixels.mean),
        "std": list(pixels.std),
        "range": [pixels.low, pixels.high],
        "fingerprint": dataset.fingerprint,
    }
    if options.json:
        _print_json(values)
        return 0
    _say(f"{dataset.name}: images {_shape(dataset.image_shape)}, values {pixels.low}..{pixels.high}")
    _say(f"mean {_numbers(pixels.mean)}, std {_numbers(pixels.std)} (training split, scale 0..1)")
    rows = [
        {"class": label, "train": train, "test": test}
        for label, train, test in zip(dataset.classes, counts["train"], counts["test"], strict=True)
    ]
    _say(table(rows, ["class", "train", "test"]))
    return 0


def models(options: argparse.Namespace) -> int:
    from cvcore.models import zoo

    rows = [
        {"name": spec.name, "source": spec.source, "input": list(spec.input), "title": spec.title, "paper": spec.paper}
        for spec in (*zoo.own_models(), *zoo.torchvision_models())
    ]
    if options.json:
        _print_json({"models": rows})
    else:
        _say(table(rows, ["name", "source", "input", "title"]))
    return 0


def summary(options: argparse.Namespace) -> int:
    from cvcore.analysis.summary import summarize

    summary = summarize(options.model, _parse_shape(options.input), options.classes)
    if options.json:
        _print_json(summary.to_json())
        return 0
    rows = [
        {
            "name": layer.name,
            "type": layer.type,
            "output": _shape(layer.output),
            "params": f"{layer.params:,}",
            "mult-adds": f"{layer.mult_adds:,}",
        }
        for layer in summary.layers
    ]
    _say(table(rows, ["name", "type", "output", "params", "mult-adds"]))
    counts = f"{summary.params:,} parameters ({summary.trainable_params:,} trainable)"
    _say(f"{summary.model} on {_shape(summary.input)}: {counts}, {summary.mult_adds:,} mult-adds (MACs) an image")
    return 0


def _parse_shape(text: str | None) -> tuple[int, int, int] | None:
    """(C, H, W) from "3,224,224"."""
    if text is None:
        return None
    try:
        channels, height, width = (int(part) for part in text.split(","))
    except ValueError as error:
        raise ConfigError(f"--input: given {text!r}, it should be C,H,W in pixels, for example 3,224,224") from error
    return channels, height, width


def _shape(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape))


def _numbers(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.4f}" for value in values)


def _config(options: argparse.Namespace) -> RunConfig:
    """The config that the options of `train` describe. Raises ConfigError."""
    given = vars(options)

    def part(config: type[BaseModel]) -> dict[str, Any]:
        return {name: given[name] for name in config.model_fields if name in given and name != "name"}

    values = {
        "data": {"name": options.data, **part(DataConfig)},
        "model": {"name": options.model},
        "train": part(TrainConfig),
    }
    if options.source or options.strategy:
        if not (options.source and options.strategy):
            raise ConfigError("--from RUN and --strategy frozen|finetune belong together: give both or none")
        values["transfer"] = {name: given[name] for name in TransferConfig.model_fields}
    return parse_config(values)


def train(options: argparse.Namespace) -> int:
    config = _config(options)  # before torch is imported: a typo is answered at once
    from cvcore.training.check import checked
    from cvcore.training.queue import Queue
    from cvcore.training.worker import train_in_turn

    store = _store(options)
    tell = _silent if options.json else _say
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


def _report(run: Run, options: argparse.Namespace, **more: Any) -> int:
    result = {**run.result(), **more}
    if options.json:
        _print_json(result)
    elif run.status == "done":
        best, test = result["best"], result["test"]
        _say(f"best epoch {best['epoch']}: validation accuracy {best['val_acc']:.1%}, test accuracy {test['acc']:.1%}")
    if run.status == "failed":
        print(f"cvcore: {run.run_id} failed: {result['error']}", file=sys.stderr)
    elif run.status != "done" and not options.json:
        _say(f"{run.run_id} is {run.status} after {len(run.history)} epochs")
    return 0 if run.status in ("done", "queued", "running") else 1


def _silent(line: str) -> None:
    """Where --json wants one object on stdout and nothing else."""


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
                _say(_epoch_line(epoch, run.config.train.epochs))
        _report(run, options)
        return 0
    rows = [
        {
            "run_id": run.run_id,
            "status": run.status,
            "data": run.config.data.name,
            "model": run.config.model.name,
            "epochs": len(run.history),
            "epochs_planned": run.config.train.epochs,
            "test_acc": run.end.get("test", {}).get("acc"),
            "date": run.date,
            "shipped": run.shipped,
        }
        for run in store.list()
    ]
    if options.json:
        _print_json({"runs": rows})
    elif rows:
        shown = [
            {
                **row,
                "epochs": f"{row['epochs']}/{row['epochs_planned']}",
                "test acc": "" if row["test_acc"] is None else f"{row['test_acc']:.1%}",
            }
            for row in rows
        ]
        _say(table(shown, ["run_id", "status", "epochs", "test acc", "date"]))
    else:
        _say(f"no runs in {store.root}: `python -m cvcore train --data digits --model lenet5` makes one")
    return 0


def worker(options: argparse.Namespace) -> int:
    from cvcore.training.worker import serve

    logging.getLogger("cvcore").setLevel(logging.INFO)  # a worker's log is where failures are told in full
    serve(_store(options), once=options.once, linger=options.linger)
    if options.json:
        _print_json({"runs": [{"run_id": run.run_id, "status": run.status} for run in _store(options).list()]})
    return 0
