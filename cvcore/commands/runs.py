"""The command `runs`: list, show, compare, delete, annotate, and move runs as files."""

import argparse
from pathlib import Path
from typing import Any

from cvcore.commands.stores import store_of
from cvcore.commands.terminal import print_json, say
from cvcore.commands.training import epoch_line, report
from cvcore.errors import ConfigError
from cvcore.tables import table
from cvcore.training import bundle, comparison, notes
from cvcore.training.run import Run
from cvcore.training.runs import RunStore

ACTIONS = {
    # word: (fewest runs or files, most, what they are)
    "show": (1, 1, "RUN"),
    "rm": (1, None, "RUN …"),
    "compare": (2, None, "RUN RUN …"),
    "note": (1, 1, "RUN, with --name, --tags or --note"),
    "export": (1, 1, "RUN, with --out"),
    "import": (1, None, "FILE …"),
}


def runs(options: argparse.Namespace) -> int:
    store = store_of(options)
    words = options.words
    if not words:
        return _list(store, options)
    action, given = (words[0], words[1:]) if words[0] in ACTIONS else ("show", words)
    least, most, wanted = ACTIONS[action]
    if len(given) < least or (most is not None and len(given) > most):
        raise ConfigError(f"runs {action}: given {len(given)} names, it takes {wanted}; see `runs --help`")
    return globals()[f"_{action}"](store, given, options)


def row(run: Run) -> dict[str, Any]:
    """What the list tells of a run."""
    written = notes.read(run)
    return {
        "run_id": run.run_id,
        "name": written.name,
        "tags": list(written.tags),
        "status": run.status,
        "data": run.config.data.name,
        "model": run.config.model.label,
        "epochs": run.epochs_done,
        "epochs_planned": run.config.train.epochs,
        "test_acc": run.end.get("test", {}).get("acc"),
        "date": run.date,
        "shipped": run.shipped,
    }


def _list(store: RunStore, options: argparse.Namespace) -> int:
    rows = [row(run) for run in store.list()]
    if options.json:
        print_json({"runs": rows})
    elif rows:
        shown = [
            {
                **each,
                "epochs": f"{each['epochs']}/{each['epochs_planned']}",
                "test acc": "" if each["test_acc"] is None else f"{each['test_acc']:.1%}",
            }
            for each in rows
        ]
        named = ["name"] if any(each["name"] for each in rows) else []
        say(table(shown, ["run_id", *named, "status", "epochs", "test acc", "date"]))
    else:
        say(f"no runs in {store.root}: `python -m cvcore train --data digits --model lenet5` makes one")
    return 0


def _show(store: RunStore, given: list[str], options: argparse.Namespace) -> int:
    run = store.find(given[0])
    if not options.json:
        for epoch in run.history:
            say(epoch_line(epoch, run.config.train.epochs))
    report(run, options, notes=vars(notes.read(run)))
    return 0


def _rm(store: RunStore, given: list[str], options: argparse.Namespace) -> int:
    for run_id in given:
        store.find(run_id)  # all are there, or none is deleted
    for run_id in given:
        store.delete(run_id)
    if options.json:
        print_json({"runs": [{"run_id": run_id} for run_id in given]})
    else:
        say(f"deleted {', '.join(given)}")
    return 0


def _compare(store: RunStore, given: list[str], options: argparse.Namespace) -> int:
    found = [store.find(run_id) for run_id in given]
    differs = comparison.differing([run.config for run in found])
    groups = comparison.grouped(found)
    said = comparison.verdict(*(group.accuracies for group in groups)) if len(groups) == 2 else None
    result = [
        {
            "run_id": run.run_id,
            "settings": {name: values[place] for name, values in differs.items()},
            "best": run.end.get("best"),
            "test": run.end.get("test"),
            "params": run.size.get("params"),
            "seconds": sum(epoch.seconds for epoch in run.history),
        }
        for place, run in enumerate(found)
    ]
    if options.json:
        told = said and {**vars(said), "p": None if said.p != said.p else said.p, "text": said.text("A", "B")}
        print_json({"runs": result, "differing": list(differs), "verdict": told})
        return 0
    shown = [
        {
            "run": each["run_id"],
            **{name: str(value) for name, value in each["settings"].items()},
            "test acc": f"{each['test']['acc']:.1%}" if each["test"] else "",
            "params": f"{each['params'] or 0:,}",
            "seconds": f"{each['seconds']:.1f}",
        }
        for each in result
    ]
    say(table(shown, list(shown[0])))
    if said:
        names = [f"{group.runs[0].run_id} and its seeds" for group in groups]
        say(said.text(*names))
        say(said.test)
    return 0


def _note(store: RunStore, given: list[str], options: argparse.Namespace) -> int:
    run = store.find(given[0])
    tags = None if options.tags is None else tuple(options.tags.split(","))
    if (options.name, tags, options.note) == (None, None, None):
        raise ConfigError("runs note: given nothing to write; give --name, --tags a,b or --note")
    written = notes.write(run, name=options.name, tags=tags, note=options.note)
    if options.json:
        print_json({"run_id": run.run_id, **vars(written)})
    else:
        say(f"{run.run_id}: {written.name or '(no name)'}  [{', '.join(written.tags)}]  {written.note}")
    return 0


def _export(store: RunStore, given: list[str], options: argparse.Namespace) -> int:
    path = bundle.pack(store.find(given[0]), Path(options.out or ".").expanduser())
    if options.json:
        print_json({"run_id": given[0], "path": str(path)})
    else:
        say(str(path))
    return 0


def _import(store: RunStore, given: list[str], options: argparse.Namespace) -> int:
    added = [bundle.unpack(store, Path(file).expanduser()) for file in given]
    if options.json:
        print_json({"runs": [row(run) for run in added]})
    else:
        for run in added:
            say(run.run_id)
    return 0
