"""What a run will cost, told before it starts."""

import argparse

from cvcore.commands.terminal import print_json, say
from cvcore.config import RunConfig
from cvcore.training.runs import RunStore


def show_preflight(config: RunConfig, store: RunStore, options: argparse.Namespace) -> int:
    """Print what the run would cost; nothing is trained, nothing is written."""
    from cvcore.training.preflight import preflight

    found = preflight(config, store)
    if options.json:
        print_json({"data": config.data.name, "model": config.model.name, **found.to_json()})
        return 0
    counted = found.costs
    say(f"parameters        {counted.params:,}, of which {counted.trainable_params:,} learn")
    say(f"memory            {counted.memory_formula}")
    say(f"seconds an epoch  {found.seconds_per_epoch:.2f}  ({found.images_per_s:,.0f} images/s in training)")
    once = found.time.before + found.time.after
    say(f"seconds in all    {found.seconds_in_all:.1f}, {found.epochs} epochs and {once:.1f} before and after them")
    say(found.how)
    return 0
