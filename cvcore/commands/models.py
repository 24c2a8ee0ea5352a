"""The commands about networks."""

import argparse

from cvcore.commands.terminal import print_json, say
from cvcore.models.spec import ModelSpec
from cvcore.tables import table


def models(options: argparse.Namespace) -> int:
    from cvcore.models import zoo

    rows = [_row(spec) for spec in (*zoo.own_models(), *zoo.torchvision_models())]
    if options.json:
        print_json({"models": rows})
        return 0
    for row in rows:
        row["top-1"] = "" if row["top1"] is None else f"{row['top1']:.1%}"
        row["year"] = str(row["year"] or "")
    say(table(rows, ["name", "source", "input", "year", "top-1", "title"]))
    return 0


def _row(spec: ModelSpec) -> dict:
    """A network as `models` lists it; top1 is the published accuracy on ImageNet, 0..1."""
    return {
        "name": spec.name,
        "source": spec.source,
        "input": list(spec.input),
        "classes": spec.default_classes,
        "title": spec.title,
        "paper": spec.paper,
        "year": spec.year,
        "top1": None if spec.top1 is None else round(spec.top1 / 100, 5),
        "small_stem": spec.small_stem,
    }
