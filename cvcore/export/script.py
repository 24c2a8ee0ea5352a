"""A run as one short program that anybody can read and repeat: no cvcore in it, only the lines that this run needs.

The program is the text beside this file, repeat.txt: `$name` is filled in, and a line that ends with `#? a !b` is there
only where a holds and b does not.
"""

from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from cvcore.config import RunConfig, TrainConfig
from cvcore.data.dataset import Dataset
from cvcore.errors import RunError
from cvcore.export.network import Code, code_of, sorted_imports
from cvcore.training.batches import evaluation_batch
from cvcore.training.parts import Parts
from cvcore.training.run import Run
from cvcore.transfer.heads import head_name

TEMPLATE = Path(__file__).with_name("repeat.txt")
MOST_LINES = 120  # of the script: a network that would make it longer stands in model.py beside it
CANNOT = ("batch-mean", "batch-sum")  # mistakes in how an epoch is averaged, for which the script has no lines


@dataclass(frozen=True)
class Task:
    """What a script is written for: a finished run, its images, and the parts with which it began."""

    run: Run
    dataset: Dataset
    parts: Parts

    @property
    def config(self) -> RunConfig:
        return self.run.config


def reason_against(config: RunConfig) -> str:
    """Why there is no script for such a run, in one line; empty where there is one."""
    if config.transfer and (
        config.transfer.strategy not in ("frozen", "finetune") or config.transfer.head != "replace"
    ):
        return (
            f"there is no script for {config.transfer.strategy} with the head {config.transfer.head}: only "
            "frozen and finetune with a replaced head have one; take the weights"
        )
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
    network = code_of(task.config.model.name, task.dataset.image_shape, len(task.dataset.classes))
    text = _written(task, network)
    if len(text.splitlines()) < MOST_LINES:
        return text, False
    return _written(task, None), True


def data_of(task: Task) -> dict[str, np.ndarray]:
    """The arrays of data.npz: the images that the run had, in its order, their labels, their places in the set."""
    found: dict[str, np.ndarray] = {}
    for name, batches in _streams(task).items():
        found[f"{name}_images"] = np.asarray(batches.split.images)[batches.indices]
        found[f"{name}_labels"] = np.asarray(batches.split.labels)[batches.indices]
        found[f"{name}_indices"] = np.asarray(batches.indices)
    return found


def data_bytes(task: Task) -> int:
    """Size of the images in data.npz before they are compressed."""
    image = int(np.prod(task.dataset.image_shape))
    return sum(len(batches.indices) * image for batches in _streams(task).values())


def _streams(task: Task) -> dict[str, Any]:
    """The run's batches by the names that data.npz has for them; no val where the test images choose the epoch."""
    parts = task.parts
    watched = {} if parts.val is parts.test else {"val": parts.val}
    return {"train": parts.train, **watched, "test": parts.test}


def _written(task: Task, network: Code | None) -> str:
    """The script with the network in it or, without, imported from model.py."""
    holds = _conditions(task)
    lines = []
    for line in TEMPLATE.read_text(encoding="utf-8").splitlines():
        text, _, asked = line.partition(" #? ")
        if all(holds[name.removeprefix("!")] is not name.startswith("!") for name in asked.split()):
            lines.append(text)
    return Template("\n".join(lines) + "\n").substitute(_values(task, network))


def _conditions(task: Task) -> dict[str, bool]:
    """What the conditions of the template's lines are called, and whether they hold for this run."""
    train, transfer, stream = task.config.train, task.config.transfer, task.parts.train
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
        "transfer": transfer is not None,
        "frozen": transfer is not None and transfer.strategy == "frozen",
        "threads": _on_cpu(task.run) and "threads" in task.run.meta,
    }


def _values(task: Task, network: Code | None) -> dict[str, Any]:
    """What is filled in."""
    run, train, stream = task.run, task.config.train, task.parts.train
    smoothing = task.parts.criterion.label_smoothing
    on_device = '"cpu"' if _on_cpu(run) else '"cuda" if torch.cuda.is_available() else "cpu"'
    beside = ["data.npz"] + ["model.py"] * (network is None) + ["augmentation.py"] * bool(train.augment)
    needs = ["numpy", "torch"]
    needs += ["torchvision"] * bool(network and "import torchvision" in network.imports)
    if task.config.transfer:
        beside, needs = [*beside, "start.safetensors"], [*needs, "safetensors"]
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
        "beside": _listed(beside),
        "torch": run.meta.get("versions", {}).get("torch", "(version unknown)"),
        "imports": _imports(task, network),
        "definitions": "".join(f"\n\n{each}\n" for each in network.definitions) if network else "",
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
        "optimizer": _optimizer(train),
        "schedule": _schedule(train, len(stream)),
        "watched_images": f"{_watched(task)}_images",
        "watched_labels": f"{_watched(task)}_labels",
        "source": task.config.transfer.source if task.config.transfer else "",
        "head": head_name(task.parts.model) if task.config.transfer else "",
    }


def _on_cpu(run: Run) -> bool:
    return run.meta.get("device", "cpu") == "cpu"


def _watched(task: Task) -> str:
    """The name in data.npz of the images by which the best epoch is chosen."""
    return "val" if "val" in _streams(task) else "test"


def _listed(names: list[str]) -> str:
    """ "a, b and c"."""
    return " and ".join([*([", ".join(names[:-1])] if names[:-1] else []), names[-1]])


def _imports(task: Task, network: Code | None) -> str:
    imports = {"import numpy as np", "import torch", "from pathlib import Path", "from torch.nn import functional as F"}
    imports |= network.imports if network else set()
    if task.config.transfer:
        imports.add("from safetensors.torch import load_file")
    beside = ["from augmentation import augmented  # beside this file"] * bool(task.config.train.augment)
    beside += ["from model import make_network  # beside this file"] * (network is None)
    return "\n".join([*sorted_imports(imports), *([""] if beside else []), *beside])


def _optimizer(train: TrainConfig) -> str:
    kind = {"adam": "Adam", "adamw": "AdamW", "sgd": "SGD", "rmsprop": "RMSprop"}[train.optimizer]
    told = {"weight_decay": train.weight_decay}
    if train.momentum:
        told["momentum"] = train.momentum
    if train.nesterov:
        told["nesterov"] = True
    if train.optimizer != "rmsprop":
        told["fused"] = True
    return f"{kind}(learning, lr=LR{''.join(f', {name}={value}' for name, value in told.items())})"


def _schedule(train: TrainConfig, batches: int) -> str:
    """torch's scheduler, which does not count epochs of warm-up."""
    cycled = train.optimizer in ("adam", "adamw") or train.momentum > 0
    return {
        "constant": "",
        "step": f"StepLR(optimizer, {train.step_size}, {train.gamma})",
        "multistep": f"MultiStepLR(optimizer, {[each - train.warmup for each in train.milestones]}, {train.gamma})",
        "cosine": f"CosineAnnealingLR(optimizer, {train.epochs - train.warmup})",
        "onecycle": f"OneCycleLR(optimizer, LR, {max(2, train.epochs * batches)}, cycle_momentum={cycled})",
        "plateau": f"ReduceLROnPlateau(optimizer, factor={train.gamma}, patience={train.plateau_patience})",
    }[train.schedule]
