"""The command that looks for a learning rate."""

import argparse

from cvcore.commands.stores import store_of
from cvcore.commands.terminal import Progress, print_json, say
from cvcore.commands.training import opened_config
from cvcore.errors import ConfigError


def lr_find(options: argparse.Namespace) -> int:
    """The learning-rate finder, for the run that the options describe."""
    config = opened_config(options)
    from cvcore.training.lr_finder import find_lr

    with Progress("learning-rate finder", "batches") as progress:
        found = find_lr(
            config,
            store_of(options),
            low=_number("--low", options.low),
            high=_number("--high", options.high),
            batches=options.batches,
            progress=progress,
        )
    if options.json:
        print_json({"data": config.data.name, "model": config.model.name, **found.to_json()})
        return 0
    say(f"{len(found.lr)} batches, rates from {found.lr[0]:.2g} to {found.lr[-1]:.2g}")
    steepest = f"{found.suggestion:g}" if found.suggestion else "none: the loss never fell"
    say(f"suggestion  {steepest}  (where the smoothed loss falls most steeply)")
    say(f"lowest      {found.lowest:.2g}  (a tenth of it: {found.tenth:.2g})")
    say(f"diverged    {f'at {found.diverged:.2g}' if found.diverged else 'nowhere'}")
    return 0


def _number(option: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise ConfigError(f"{option}: given {text!r}, it should be a learning rate such as 1e-5") from error
