"""The command about weights that torchvision publishes."""

import argparse

from cvcore.commands.terminal import Progress, print_json, say
from cvcore.tables import table


def weights(options: argparse.Namespace) -> int:
    """Prints what there is, for one network or for all; with --download only what was fetched, unless a network is
    named."""
    from cvcore.transfer import published

    listed = published.published(options.network) if options.network else published.everything()
    if options.download:
        found = published.find(options.download)
        with Progress(f"downloading {found.key}", "MB", 1e6) as progress:
            published.fetch(found, progress)
        listed = listed if options.network else (found,)
    rows = [_row(each) for each in listed]
    if options.json:
        print_json({"weights": rows})
        return 0
    if not rows:
        say(f"torchvision publishes no weights for {options.network}")
        return 0
    for row in rows:
        row["top-1"] = "" if row["top1"] is None else f"{row['top1']:.1%}"
        row["MB"] = f"{row['size_mb']:,.0f}"
    say(table(rows, ["name", "network", "MB", "top-1", "state"]))
    return 0


def _row(found) -> dict:
    """One set of weights as `weights` lists it; top1 is the published accuracy on ImageNet, 0..1."""
    return {
        "name": found.key,
        "network": found.network,
        "url": found.url,
        "size_mb": found.size_mb,
        "top1": found.top1,
        "state": found.state,
        "file": str(found.file),
    }
