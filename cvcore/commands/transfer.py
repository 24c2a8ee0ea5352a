"""The command `transfer`: strategies side by side."""

import argparse
import sys
from typing import TYPE_CHECKING, Any

from cvcore.commands.stores import store_of
from cvcore.commands.terminal import Progress, print_json, say, silent
from cvcore.commands.training import device_setting, epoch_line
from cvcore.config import RunConfig, TrainConfig, TransferConfig, parse_config
from cvcore.data import catalog
from cvcore.errors import ConfigError
from cvcore.models import zoo
from cvcore.tables import table
from cvcore.training.history import Epoch
from cvcore.training.run import Run
from cvcore.training.runs import RunStore
from cvcore.transfer import ways

if TYPE_CHECKING:
    from cvcore.training.preflight import Preflight


def transfer(options: argparse.Namespace) -> int:
    store = store_of(options)
    keys = [each.strip() for each in options.strategies.split(",") if each.strip()]
    if not keys:
        raise ConfigError(f"strategies: given none; choose some of {', '.join(each.key for each in ways.WAYS)}")
    for key in keys:
        ways.way(key)  # a slip of the pen is told first
    asked = _comparison(options, store, needs_weights=set(keys) != {ways.SCRATCH})
    configs = {key: asked.config(key) for key in dict.fromkeys(keys)}
    device_setting(options.device)
    data = asked.data
    with Progress(f"reading {data['name']}", "images") as progress:
        catalog.open_dataset(data["name"], data.get("size", 0), data.get("fit", "crop"), progress)
    if options.preflight:
        return _show(_predicted(configs, store), options)
    if options.within is not None:
        _refuse_above(options.within, _predicted(_untrained(configs, store, options), store))
    return _train(configs, asked, store, options)


def _untrained(configs: dict[str, RunConfig], store: RunStore, options: argparse.Namespace) -> dict[str, RunConfig]:
    """Those that the cache will not answer."""
    from cvcore.training.check import checked

    runs = {key: store.get(checked(config, store).run_id()) for key, config in configs.items()}
    return {key: config for key, config in configs.items() if options.fresh or not runs[key] or not runs[key].ended}


def _predicted(configs: dict[str, RunConfig], store: RunStore) -> "dict[str, Preflight]":
    from cvcore.training.preflight import preflight

    with Progress("timing a few batches", "strategies") as progress:
        found = {}
        for key, config in configs.items():
            progress(len(found), len(configs))
            found[key] = preflight(config, store)
        progress(len(found), len(configs))
    return found


def _show(predicted: "dict[str, Preflight]", options: argparse.Namespace) -> int:
    """Print what each strategy would take; nothing is trained."""
    if options.json:
        print_json({"strategies": [{"strategy": key, **found.to_json()} for key, found in predicted.items()]})
        return 0
    rows = [
        {
            "strategy": key,
            "seconds": f"{found.seconds_in_all:.1f}",
            "an epoch": f"{found.seconds_per_epoch:.2f}",
            "trainable": f"{found.costs.trainable_params:,}",
            "memory MB": f"{found.costs.memory_bytes / 1e6:,.0f}",
        }
        for key, found in predicted.items()
    ]
    say(table(rows, list(rows[0])))
    return 0


def _refuse_above(seconds: float, predicted: "dict[str, Preflight]") -> None:
    """Raises ConfigError where one of them is predicted to take longer."""
    if not 0 < seconds < float("inf"):
        raise ConfigError(f"within: given {seconds:g}, it should be a number of seconds above 0")
    for key, found in predicted.items():
        if found.seconds_in_all > seconds:
            raise ConfigError(
                f"strategies: {key} is predicted to take {found.seconds_in_all:.3g} s, more than {seconds:g} s: leave "
                "it out, or choose fewer epochs, fewer or smaller images, or a smaller network"
            )


def _comparison(options: argparse.Namespace, store: RunStore, needs_weights: bool) -> ways.Comparison:
    given = vars(options)
    backbone = zoo.find(options.backbone).name
    bundled = options.weights in ways.BUNDLED  # says nothing of how images are prepared
    source = ways.resolved(options.weights, backbone, store) if needs_weights or not bundled else ""
    data = ways.usual_data(catalog.resolve(options.data), options.per_class, options.seed, source, backbone)
    if "size" in given:
        data.pop("fit", None)  # what is cropped off belongs to the usual size
    data |= {name: given[name] for name in ("size", "fit", "normalize") if name in given}
    plain = parse_config({"data": data, "model": {"name": backbone}}).data  # a command line gives texts
    data = plain.model_dump(exclude={"fingerprint"})
    train = {**ways.usual_training(data, options.seed), **_given(given, TrainConfig)}
    return ways.Comparison(data, backbone, source, train, _given(given, TransferConfig))


def _given(given: dict[str, Any], config: type) -> dict[str, Any]:
    return {name: given[name] for name in config.model_fields if name in given}


def _train(configs: dict[str, Any], asked: ways.Comparison, store: RunStore, options: argparse.Namespace) -> int:
    from cvcore.training.check import checked
    from cvcore.training.queue import Queue
    from cvcore.training.worker import train_all

    ready = {key: checked(config, store) for key, config in configs.items()}  # all, before any begins
    submitted = {key: Queue(store).submit(config, fresh=options.fresh) for key, config in ready.items()}
    names = {run.run_id: key for key, (run, _) in submitted.items()}
    tell = silent if options.json else say

    def on_epoch(run: Run, epoch: Epoch) -> None:
        tell(f"{names[run.run_id]:<15}  {epoch_line(epoch, run.config.train.epochs)}")

    new = [run.run_id for run, cached in submitted.values() if not cached]
    try:
        train_all(store, new, on_epoch=on_epoch)
    except KeyboardInterrupt:
        print("cvcore: stopped; the same command without --fresh goes on", file=sys.stderr)
        return 130
    return _report({key: (store.find(run.run_id), cached) for key, (run, cached) in submitted.items()}, asked, options)


def _report(runs: dict[str, tuple[Run, bool]], asked: ways.Comparison, options: argparse.Namespace) -> int:
    store = store_of(options)
    told = {key: result(key, run, cached, store) for key, (run, cached) in runs.items()}
    latencies = _latencies({key: run for key, (run, _) in runs.items()})
    results = [{**each, "latency_ms": latencies.get(key)} for key, each in told.items()]
    if options.json:
        weights = asked.source or "none"
        print_json({"data": asked.data["name"], "backbone": asked.backbone, "weights": weights, "results": results})
    else:
        say(table([_row(each) for each in results], list(_row(results[0]))))
        for each in results:
            if each["copied"]:
                say(f"{each['strategy']}: {each['copied']['text']} come from {asked.source}")
    for run, _ in runs.values():
        if run.status == "failed":
            print(f"cvcore: {run.run_id} failed: {run.end['error']}", file=sys.stderr)
    return 0 if all(run.status == "done" for run, _ in runs.values()) else 1


def _latencies(runs: dict[str, Run]) -> dict[str, float]:
    """Milliseconds for one image by strategy; strategies with the same network share one measurement."""
    from cvcore.transfer.speed import latency, network_of

    done = {key: run for key, run in runs.items() if run.status == "done"}
    networks = {network_of(run.config): run for run in done.values()}
    measured = {network: 1e3 * latency(run).median for network, run in networks.items()}
    return {key: measured[network_of(run.config)] for key, run in done.items()}


def result(key: str, run: Run, cached: bool, store: RunStore) -> dict[str, Any]:
    """A strategy's run as the command tells it."""
    from cvcore.transfer.drift import drift, largest

    features = run.told.get("features", {}).get("seconds", 0.0)
    train = sum(epoch.seconds for epoch in run.history)
    return {
        "strategy": key,
        "run_id": run.run_id,
        "cached": cached,
        "status": run.status,
        "best": run.end.get("best"),
        "test": run.end.get("test"),
        "seconds": {"features": features, "train": train, "total": features + train},
        "trainable_params": run.size.get("trainable_params"),
        "params": run.size.get("params"),
        "backbone_drift": largest(drift(run, store)) if run.status == "done" else None,
        "copied": _copied(run, store) if key == ways.DEEPEN else None,
    }


def _copied(run: Run, store: RunStore) -> dict[str, Any]:
    """Which layers the deeper network took of the shallower one, {its name: its name there}, and how many of all."""
    from cvcore.transfer.start import copied

    found = copied(run.config, store)
    return {"text": str(found), "layers": dict(found.layers)}


def _row(told: dict[str, Any]) -> dict[str, str]:
    done = told["test"] is not None
    return {
        "strategy": told["strategy"],
        "test acc": f"{told['test']['acc']:.1%}" if done else told["status"],
        "seconds": f"{told['seconds']['total']:.1f}",
        "ms/image": f"{told['latency_ms']:.3g}" if done else "",
        "trainable": f"{told['trainable_params']:,}" if told["trainable_params"] else "",
        "moved by": f"{told['backbone_drift']:.2g}" if done else "",
        "run": told["run_id"],
    }
