"""`train` under torchrun: several processes train one run, the first of them writes it and speaks.

torchrun --nproc-per-node 2 -m cvcore train --data digits --model lenet5
"""

import argparse

from cvcore.config import RunConfig
from cvcore.training.runs import RunStore


def train(config: RunConfig, store: RunStore, options: argparse.Namespace) -> int:
    """Train this process's share of the run; the exit status is that of the run."""
    from cvcore.training import parallel
    from cvcore.training.device import choose_device

    world = parallel.join(choose_device().type)
    try:
        if world.is_first:
            return _lead(config, store, options, world)
        return _follow(store, world)
    finally:
        parallel.leave()


def _lead(config: RunConfig, store: RunStore, options: argparse.Namespace, world) -> int:
    from cvcore.commands.terminal import silent
    from cvcore.commands.training import epoch_line, report, say
    from cvcore.training import job, parallel
    from cvcore.training.check import checked
    from cvcore.training.queue import Queue

    queue = Queue(store)
    run, cached = queue.submit(checked(config, store), fresh=options.fresh)
    parallel.told_by_first(None if cached else (run.config.canonical(), str(run.path)), world)
    if not cached:
        tell = silent if options.json else say
        epochs = run.config.train.epochs
        with queue.claim_lock():
            job.execute(store, run, lambda epoch: tell(epoch_line(epoch, epochs)), world=world)
    return report(store.find(run.run_id), options, cached=cached)


def _follow(store: RunStore, world) -> int:
    import json
    from pathlib import Path

    from cvcore.config import parse_config
    from cvcore.training import job, parallel

    told = parallel.told_by_first(None, world)
    if told is not None:
        config, folder = told
        job.assist(parse_config(json.loads(config)), store, Path(folder), world)
    return 0
