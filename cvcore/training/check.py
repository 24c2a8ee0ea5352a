"""Asks everything that can be asked before training starts, so that nothing fails half-way."""

import torch

from cvcore.config import ModelConfig, RunConfig
from cvcore.data import catalog
from cvcore.data.dataset import Dataset
from cvcore.data.split import holds_out, training_indices
from cvcore.errors import ConfigError
from cvcore.models import typed, zoo
from cvcore.models.fit import forward_failure
from cvcore.training.batches import batch_sizes
from cvcore.training.device import check_device, choose_device
from cvcore.training.runs import RunStore
from cvcore.transfer.heads import Headed
from cvcore.transfer.sources import is_run, source_run, weights_of
from cvcore.transfer.start import bare, reusing
from cvcore.transfer.ways import DEEPEN


def checked(config: RunConfig, store: RunStore) -> RunConfig:
    """`config` with the fingerprint of its data filled in, once all of it is known to fit together.

    Raises DataError, ModelError, ConfigError or RunError with one line that says what does not fit. Imports torch.
    """
    dataset = catalog.open_dataset(config.data.name, config.data.size, config.data.fit)
    config = config.model_copy(update={"model": _checked_model(config.model, dataset)})
    check_device(choose_device())
    images = _check_batch(config, dataset)
    _check_normalisation(config, dataset, min(batch_sizes(images, config.train.batch_size)))
    if config.transfer:
        _check_source(config, dataset, store)
    return config.with_data(dataset.fingerprint)


def _checked_model(given: ModelConfig, dataset: Dataset) -> ModelConfig:
    """The one name, or the normal form of the text, of a network that takes the images.

    Errors in a typed network point into its text as it was given.
    """
    spec = zoo.find(given.name)
    if spec.source == "typed":
        typed.check_trainable(given.name, dataset.image_shape, len(dataset.classes))
    else:
        zoo.check_fit(spec.name, dataset.image_shape, len(dataset.classes))
    return ModelConfig(name=spec.name)


def _check_batch(config: RunConfig, dataset: Dataset) -> int:
    """How many images there are to train on; at least a batch of them."""
    hold_out = holds_out(dataset, config.train.selection)
    train, _ = training_indices(dataset, config.data, hold_out=hold_out)
    if len(dataset.test) == 0:
        raise ConfigError(
            f"data: {config.data.name} has no test image that can be used; add some, two a class at least"
        )
    if len(train) == 0:
        raise ConfigError(f"val_fraction: given {config.data.val_fraction:g}, which leaves no image to train on")
    if config.train.batch_size > len(train):
        raise ConfigError(
            f"batch_size: given {config.train.batch_size}, but {config.data.name} has {len(train)} images to train on; "
            f"choose 1 to {len(train)}"
        )
    return len(train)


def _check_normalisation(config: RunConfig, dataset: Dataset, batch: int) -> None:
    """Batch normalisation needs more than one value a channel: a forward pass in training mode, on shapes, tells."""
    with torch.device("meta"):
        model = zoo.build(config.model.name, dataset.image_shape, len(dataset.classes)).train()
        try:
            model(torch.empty(batch, *dataset.image_shape))
        except ValueError as error:
            raise ConfigError(
                f"batch_size: given {config.train.batch_size}, but {config.model.label} normalises over the batch and "
                f"cannot train on {batch} image of this size at a time; choose 2 or more"
            ) from error


def _check_source(config: RunConfig, dataset: Dataset, store: RunStore) -> None:
    """The weights are there and fit, and the network can be split as the strategy asks; nothing of it is allocated."""
    transfer = config.transfer
    if is_run(transfer.source):
        source = source_run(transfer.source, store)
        if source.config.model != config.model and transfer.strategy != DEEPEN:
            given, trained = config.model.label, source.config.model.label
            raise ConfigError(
                f"model: given {given!r}, but {source.run_id} trained {trained!r}; choose that, or the strategy deepen "
                "for a deeper network"
            )
    if transfer.strategy == "features" and config.train.augment:
        raise ConfigError(
            f"augment: given {', '.join(config.train.augment)}, but features are computed once, of the images as they "
            "are; choose the strategy frozen, or no augmentation"
        )
    weights = {name: value.to("meta") for name, value in weights_of(transfer.source, store).items()}
    with torch.device("meta"):
        network = bare(config, dataset.image_shape, len(dataset.classes), weights)
        reusing(network, weights, config, store)
        _check_head(config, network, dataset)


def _check_head(config: RunConfig, network: Headed, dataset: Dataset) -> None:
    """The new head takes what reaches it, and nothing comes after it where it alone is computed: a forward pass, on
    shapes, tells."""
    given: list[torch.Tensor] = []
    for module in (network.model.get_submodule(network.head), network.model):
        module.register_forward_hook(lambda module, inputs, output: given.append(output))
    with torch.no_grad():
        cause = forward_failure(network.model.eval(), torch.empty(2, *dataset.image_shape))
    label = config.model.label
    if cause is not None:
        raise ConfigError(f"head: given {config.transfer.head}, which {label} does not take ({cause}); choose replace")
    if config.transfer.strategy == "features" and given[0] is not given[-1]:
        raise ConfigError(
            f"strategy: given features, but {label} goes on after its last layer, {network.head}, and what comes there "
            "would be left out; choose the strategy frozen"
        )
