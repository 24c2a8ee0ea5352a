"""Which runs a command works on."""

import argparse
from pathlib import Path

from cvcore.training.runs import RunStore, default_store


def store_of(options: argparse.Namespace) -> RunStore:
    """The runs in the folder that --runs names, and no others; else the user's own and the shipped ones."""
    return RunStore(Path(options.runs).expanduser().resolve()) if options.runs else default_store()
