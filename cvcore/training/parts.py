"""What a run consists of before it starts, made from its config: images, network, batches, loss."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from cvcore.config import RunConfig
from cvcore.data import catalog
from cvcore.data.dataset import Dataset
from cvcore.data.split import holds_out, training_indices
from cvcore.data.stats import normalization
from cvcore.errors import ConfigError, RunError
from cvcore.training.batches import Batches, evaluation_batch
from cvcore.training.loop import Criterion, gives_log_probabilities
from cvcore.training.parallel import ALONE, World
from cvcore.training.plan import Plan
from cvcore.training.runs import RunStore
from cvcore.training.trainer import Callbacks, Trainer
from cvcore.transfer.heads import Headed
from cvcore.transfer.start import started

ALONE_ONLY = ("features", "warmup-finetune", "gradual")  # strategies that several processes cannot share


def dataset_of(config: RunConfig) -> Dataset:
    """The images that the run was made for. Raises RunError if they have changed."""
    dataset = catalog.open_dataset(config.data.name, config.data.size, config.data.fit)
    if config.data.fingerprint and dataset.fingerprint != config.data.fingerprint:
        raise RunError(f"the images of {config.data.name} have changed since this run was made: start a new run")
    return dataset


@dataclass(frozen=True)
class Parts:
    """What a run consists of before it starts: the network, three streams of batches, the loss, what learns when; and
    the part of the network that is called, where the batches hold what enters that."""

    network: Headed
    train: Batches
    val: Batches
    test: Batches
    criterion: Criterion
    plan: Plan
    part: torch.nn.Module | None = None

    @property
    def model(self) -> torch.nn.Module:
        """The whole network."""
        return self.network.model

    @property
    def called(self) -> torch.nn.Module:
        """What the batches enter."""
        return self.part or self.model


def prepared(
    config: RunConfig,
    dataset: Dataset,
    store: RunStore,
    device: torch.device,
    world: World = ALONE,
    first: dict[str, torch.Tensor] | None = None,
) -> Parts:
    """The parts of a run as its seed makes them: first weights, order of images, augmentation, dropout.

    `first` are the weights that a transferred run kept of its start, see `started`.
    """
    torch.manual_seed(config.train.seed)
    if config.transfer and config.transfer.strategy in ALONE_ONLY and not world.is_alone:
        raise ConfigError(
            f"strategy: given {config.transfer.strategy}, which one process trains; start it without torchrun"
        )
    network, plan = started(config, dataset.image_shape, len(dataset.classes), store, first)
    network.model.to(device)
    train, val, test = _streams(config, dataset, device, world)
    return Parts(network, train, val, test, _criterion(config, network.model, test), plan)


def _streams(
    config: RunConfig, dataset: Dataset, device: torch.device, world: World
) -> tuple[Batches, Batches, Batches]:
    """Batches to learn from, to watch, and to test on."""
    faults, on_test = config.train.faults, config.train.selection == "test"
    train, held_out = training_indices(dataset, config.data, hold_out=holds_out(dataset, config.train.selection))
    if "sorted-by-class" in faults:
        train = train[np.argsort(dataset.train.labels[train], kind="stable")]
    mean, std = normalization(dataset, config.data.normalize)
    shared: dict[str, Any] = {"mean": mean, "std": std, "device": device, "world": world}
    shuffled = not {"sorted-by-class", "unshuffled"} & set(faults)
    learnt = Batches(
        dataset.train,
        train,
        config.train.batch_size,
        **shared,
        generator=torch.Generator().manual_seed(config.train.seed) if shuffled else None,
        augment=config.train.augment,
        chance=torch.Generator(device).manual_seed(config.train.seed + world.rank) if config.train.augment else None,
    )
    # who averages over batches does so with his own; else the largest are the fastest
    size = (
        config.train.batch_size if {"batch-mean", "batch-sum"} & set(faults) else evaluation_batch(dataset.image_shape)
    )
    tested = (dataset.train, train) if "train-as-test" in faults else (dataset.test, np.arange(len(dataset.test)))
    test = Batches(*tested, size, **shared)
    if on_test:
        return learnt, test, test
    watched = (dataset.train, held_out) if dataset.val is None else (dataset.val, np.arange(len(dataset.val)))
    return learnt, Batches(*watched, size, **shared), test


def _criterion(config: RunConfig, model: torch.nn.Module, test: Batches) -> Criterion:
    """The loss that the config names, or that suits what the network gives."""
    nll = config.train.loss == "nll"
    if config.train.loss == "auto":
        images = Batches(test.split, test.indices[:2], 2, test.mean, test.std, test.device)
        nll = gives_log_probabilities(model, next(iter(images))[0])
    return Criterion(nll, config.train.label_smoothing if not nll else 0.0)


def trainer_of(config: RunConfig, parts: Parts, callbacks: Callbacks) -> Trainer:
    return Trainer(
        parts.model, parts.train, parts.val, config.train, callbacks, parts.criterion, parts.plan, parts.part
    )
