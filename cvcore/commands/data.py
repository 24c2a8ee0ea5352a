"""The commands about data sets."""

import argparse
from pathlib import Path
from typing import Any

from cvcore.commands.terminal import Progress, numbers, print_json, say, say_some, shape
from cvcore.config import parse_config
from cvcore.errors import ConfigError, CvcoreError, DataError
from cvcore.tables import table


def datasets(options: argparse.Namespace) -> int:
    from cvcore.data import catalog

    rows = [
        {
            "name": entry.name,
            "title": entry.title,
            "classes": entry.classes,
            "image": list(entry.image),
            "varied": entry.varied,
            "train": entry.train,
            "test": entry.test,
            "state": entry.state,
            "download_mb": entry.download_mb,
            "disk_mb": round(catalog.size_on_disk(entry.name) / 1e6, 1),
            "source": entry.source,
            "licence": entry.licence,
        }
        for entry in map(catalog.entry, catalog.names())
    ]
    if options.json:
        print_json({"datasets": rows})
    else:
        say(table(rows, ["name", "classes", "image", "train", "test", "state", "title"]))
    return 0


def data(options: argparse.Namespace) -> int:
    from cvcore.data import catalog
    from cvcore.data.describe import describe
    from cvcore.data.files import report

    config = parse_config({"data": {"name": "any", **_form(options)}, "model": {"name": "any"}}).data
    if options.download and not Path(options.name).is_dir():
        with Progress(f"downloading {options.name}", "MB", 1e6) as progress:
            catalog.download(options.name, progress)
    name = catalog.resolve(options.name)
    with Progress(f"reading {name}", "images") as progress:
        dataset = catalog.open_dataset(name, config.size, config.fit, progress)
    with Progress("looking for duplicates", "%", 0.01) as progress:
        values = describe(dataset, lambda share: progress(share, 1.0))
    if options.report:
        files = report.of(dataset)
        if files is None:
            raise DataError(f"{name} has no report on files: its images are not files of their own")
        Path(options.report).write_text(report.as_csv(files), encoding="utf-8")
    if options.json:
        print_json(values)
    else:
        _say_data(values)
    return 0


def damage(options: argparse.Namespace) -> int:
    from cvcore.data import catalog, own
    from cvcore.data.damage.spec import Damage, parse_damage, slug
    from cvcore.data.damage.spec import describe as describe_damage

    given = {field: value for field, value in vars(options).items() if field in Damage.model_fields}
    wanted = parse_damage(given)
    if describe_damage(wanted) == describe_damage(Damage(seed=wanted.seed)):
        raise ConfigError("nothing to damage: give at least one of the options, see `damage --help`")
    base = catalog.resolve(options.base)
    name = options.name or slug(base, wanted)
    with Progress(f"reading {base}", "images") as progress:
        catalog.open_dataset(base, on_progress=progress)
    own.add_damaged(base, wanted, name, catalog.built_in_names())
    try:
        with Progress(f"making {name}", "images") as progress:
            dataset = catalog.open_dataset(name, on_progress=progress)
    except CvcoreError:
        own.forget(name)  # what cannot be made is not listed
        raise
    counts = {split: len(images) for split, images in dataset.splits.items()}
    values = {"name": name, "base": base, "damage": wanted.model_dump(mode="json"), **counts}
    if options.json:
        print_json(values | {"fingerprint": dataset.fingerprint})
    else:
        say(f"{name}: {catalog.entry(name).about} {shape(counts.values())} images ({', '.join(counts)})")
    return 0


def _form(options: argparse.Namespace) -> dict[str, str]:
    """The size and fit that were given."""
    return {field: value for field, value in vars(options).items() if field in ("size", "fit")}


def _say_data(values: dict[str, Any]) -> None:
    """A set's description as text."""
    size = values["image"]
    sides = size.get("varied") or {side: [size[side]] for side in ("height", "width")}
    width, height = ("–".join(map(str, sides[side])) for side in ("width", "height"))
    say(f"{values['name']}: originals {width} × {height} pixels, used at {shape(values['input'])}")
    say(f"mean {numbers(values['mean'])}, std {numbers(values['std'])} (training split, scale 0..1)")
    splits = values["splits"]
    rows = [
        {"class": label, **{split: splits[split]["per_class"][label] for split in splits}}
        for label in values["classes"]
    ]
    say(table(rows, ["class", *splits]))
    for kind, title in (("corrupt", "set aside"), ("converted", "converted"), ("ignored", "ignored")):
        found = [f"  {each['path']}: {each['reason']}" for each in values[kind]]
        say_some(f"{len(found):,} files {title}", found)
    for kind, title in (("within", "inside a split"), ("across", "across splits")):
        found = [f"  {first} = {second}" for first, second in values["duplicates"][kind]]
        say_some(f"{len(found):,} pairs of duplicates {title}", found)
