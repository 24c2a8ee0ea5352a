"""The command that evaluates a run in several ways."""

import argparse
from typing import Any

from cvcore.commands.stores import store_of
from cvcore.commands.terminal import Progress, print_json, say
from cvcore.tables import table

COLUMNS = ("protocol", "accuracy", "gain", "loss", "views", "px", "seconds")


def evaluate(options: argparse.Namespace) -> int:
    """Prints accuracy and loss on the run's test images under each protocol; the status is 0 where some cannot be had,
    too: the reason is in their line."""
    run = store_of(options).find(options.run_id)  # before torch is imported: a typo is answered at once
    from cvcore.transfer.evaluation import evaluate as measure
    from cvcore.transfer.views import PROTOCOLS, parse_protocols

    names = tuple(PROTOCOLS) if options.protocols is None else parse_protocols(options.protocols)
    with Progress(f"evaluating {run.run_id}", "images") as progress:
        found = measure(run, names, options.limit, progress).to_json()
    if options.json:
        print_json(found)
        return 0
    say(f"{found['run_id']} on {found['images']:,} test images of {found['data']}")
    say(table([_row(each) for each in found["results"] if not each["reason"]], COLUMNS))
    for each in found["results"]:
        if each["reason"]:
            say(f"{each['protocol']} is unavailable: {each['reason']}")
    return 0


def _row(result: dict[str, Any]) -> dict[str, Any]:
    """The cells of a protocol; gains are points of accuracy, px the shorter side of the scaled images."""
    return {
        "protocol": result["protocol"],
        "accuracy": f"{result['acc']:.1%}",
        "gain": f"{result['gain']:+.1f}",
        "loss": "" if result["loss"] is None else f"{result['loss']:.4f}",
        "views": result["views"],
        "px": ", ".join(map(str, result["pixels"])),
        "seconds": f"{result['seconds']:.1f}",
    }
