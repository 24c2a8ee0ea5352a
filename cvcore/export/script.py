"""A run as one short program that anybody can read and repeat: no cvcore in it, only the lines that this run needs.

The program is the text beside this file, repeat.txt: `$name` is filled in, and a line that ends with `#? a !b` is there
only where a holds and b does not.
"""

from pathlib import Path
from string import Template
from typing import Any

from cvcore.config import RunConfig
from cvcore.errors import RunError
from cvcore.export import optimizer
from cvcore.export.images import streams
from cvcore.export.network import Code, access, code_of_run, sorted_imports
from cvcore.export.task import Task
from cvcore.training.batches import evaluation_batch
from cvcore.training.run import Run

TEMPLATE = Path(__file__).with_name("repeat.txt")
MOST_LINES = 120  # of the script: a network that would make it longer stands in model.py beside it
CANNOT = ("batch-mean", "batch-sum")  # mistakes in how an epoch is averaged, for which the script has no lines


def reason_against(config: RunConfig) -> str:
    """Why there is no script for such a run, in one line; empty where there is one."""
    wrong = [fault for fault in config.train.faults if fault in CANNOT]
    if not wrong:
        return ""
    return (
        f"there is no script for a run with the deliberate mistake {wrong[0]}, which is in how numbers are averaged: "
        "take the weights or the folder, or train without it"
    )


def script(task: Task) -> tuple[str, bool]:
    """(the text of train.py, whether it needs model.py beside it). Raises RunError where there is none."""
    if reason := reason_against(task.config):
        raise RunError(reason)
    name, shape = task.config.model.name, task.dataset.image_shape
    network = code_of_run(name, task.parts.network, shape, len(task.dataset.classes))
    text = _written(task, network, beside=False)
    if len(text.splitlines()) < MOST_LINES:
        return text, False
    return _written(task, network, beside=True), True


def _written(task: Task, network: Code, beside: bool) -> str:
    """The script with the code of the network in it or, where that stands beside it, imported from model.py."""
    holds = _conditions(task)
    lines = []
    for line in TEMPLATE.read_text(encoding="utf-8").splitlines():
        text, _, asked = line.partition(" #? ")
        if all(holds[name.removeprefix("!")] is not name.startswith("!") for name in asked.split()):
            lines.append(text)
    return Template("\n".join(lines) + "\n").substitute(_values(task, network, beside))


def _conditions(task: Task) -> dict[str, bool]:
    """What the conditions of the template's lines are called, and whether they hold for this run."""
    train, strategy, plan, stream = task.config.train, task.strategy, task.parts.plan, task.parts.train
    stepped = "schedule-not-stepped" not in train.faults
    faults = ("eval-for-ever", "grads-never-zeroed", "grads-zeroed-each-epoch", "saves-last")
    # a schedule that is never stepped matters only if making it changes the rate
    scheduled = train.schedule == "onecycle" or (train.schedule != "constant" and stepped)
    return {
        **{fault: fault in train.faults for fault in faults},
        "warmup": train.warmup > 0,
        "patience": train.patience > 0,
        "clip": train.clip > 0,
        "augment": bool(train.augment),
        "shuffled": stream.generator is not None,
        "joined": stream.sizes[-1] > train.batch_size,
        "float32": train.precision == "float32",
        "float16": train.precision == "float16",
        "schedule": scheduled,
        "every-batch": scheduled and stepped and train.schedule == "onecycle",
        "every-epoch": scheduled and train.schedule != "onecycle",
        "plateau": train.schedule == "plateau",
        "last": train.selection == "last",
        "onecycle": train.schedule == "onecycle",
        "transfer": bool(strategy),
        "features": strategy == "features",
        "frozen": strategy == "frozen",
        "groups": task.grouped,
        "joining": task.joining,
        "lowered": plan.lowered_from > 0,
        "moving": plan.moving,
        "still": task.joining or (strategy == "frozen" and not plan.moving),
        "threads": _on_cpu(task.run) and "threads" in task.run.meta,
    }


def _values(task: Task, network: Code, beside: bool) -> dict[str, Any]:
    """What is filled in."""
    run, train, stream = task.run, task.config.train, task.parts.train
    plan, headed = task.parts.plan, task.parts.network
    smoothing = task.parts.criterion.label_smoothing
    on_device = '"cpu"' if _on_cpu(run) else '"cuda" if torch.cuda.is_available() else "cpu"'
    files = ["data.npz"] + ["model.py"] * beside + ["augmentation.py"] * bool(train.augment)
    needs = ["numpy", "torch"] + ["torchvision"] * ("import torchvision" in network.imports)
    if task.strategy:
        files, needs = [*files, "start.safetensors"], [*needs, "safetensors"]
    return {
        "network": task.config.model.label,
        "data": task.config.data.name,
        "count": f"{len(stream.indices):,}",
        "shape": "×".join(map(str, task.dataset.image_shape)),
        "run_id": run.run_id,
        "reached": f"{run.end['test']['acc']:.2%}",
        "reached_exactly": f"{run.end['test']['acc']:.6f}",
        "best_epoch": run.end["best"]["epoch"],
        "needs": _listed(needs),
        "beside": _listed(files),
        "torch": run.meta.get("versions", {}).get("torch", "(version unknown)"),
        "imports": _imports(task, network, beside),
        "definitions": "" if beside else "".join(f"\n\n{each}\n" for each in network.definitions),
        "device": on_device,
        "threads": run.meta.get("threads"),
        "seed": train.seed,
        "epochs": train.epochs,
        "batch": train.batch_size,
        "batches": len(stream),
        "sizes": f"[BATCH] * {len(stream) - 1} + [{stream.sizes[-1]}]",
        "lr": train.lr,
        "mean": list(stream.mean),
        "std": list(stream.std),
        "warmup": train.warmup,
        "patience": train.patience,
        "clip": train.clip,
        "evaluation": evaluation_batch(stream.split.images.shape[1:]),
        "precision": train.precision,
        "loss": "nll_loss" if task.parts.criterion.nll else "cross_entropy",
        "smoothing": f", label_smoothing={smoothing}" if smoothing else "",
        "augment": train.augment,
        "optimizer": optimizer.optimizer(train, "groups" if task.grouped else "learning"),
        "schedule": optimizer.schedule(train, len(stream), task.grouped),
        "groups": optimizer.groups(plan, headed) if task.grouped else "",
        "group": optimizer.group(task.joining, train.warmup > 0),
        "lowered_from": plan.lowered_from,
        "lowered": plan.lowered,
        "watched_images": f"{_watched(task)}_images",
        "watched_labels": f"{_watched(task)}_labels",
        "strategy": task.strategy,
        "source": task.config.transfer.source if task.strategy else "",
        "kind": task.config.transfer.head if task.strategy else "",
        "head": headed.head,
        "place": access(headed.head),
        "called": "head" if task.strategy == "features" else "model",
        "part": "part.to(DEVICE)" if task.strategy == "features" else "normalised(part)",
    }


def _on_cpu(run: Run) -> bool:
    return run.meta.get("device", "cpu") == "cpu"


def _watched(task: Task) -> str:
    """The name in data.npz of the images by which the best epoch is chosen."""
    return "val" if "val" in streams(task.parts) else "test"


def _listed(names: list[str]) -> str:
    """ "a, b and c"."""
    return " and ".join([*([", ".join(names[:-1])] if names[:-1] else []), names[-1]])


def _imports(task: Task, network: Code, beside: bool) -> str:
    imports = {"import numpy as np", "import torch", "from pathlib import Path", "from torch.nn import functional as F"}
    imports |= set() if beside else network.imports
    if task.strategy:
        imports.add("from safetensors.torch import load_file")
    files = ["from augmentation import augmented  # beside this file"] * bool(task.config.train.augment)
    files += ["from model import make_network  # beside this file"] * beside
    return "\n".join([*sorted_imports(imports), *([""] if files else []), *files])
