"""What a trained network sees in images: the values that enter its head."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import numpy as np
import torch
from torch import nn

from cvcore.data import catalog
from cvcore.data.dataset import Dataset, Split
from cvcore.data.stats import normalization
from cvcore.errors import DataError, ModelError, RunError
from cvcore.models import zoo
from cvcore.models.fit import image_text
from cvcore.models.modes import evaluation_mode
from cvcore.training.batches import Batches, evaluation_batch
from cvcore.training.checkpoint import load_weights
from cvcore.training.device import choose_device
from cvcore.training.run import Run
from cvcore.transfer.heads import head_name
from cvcore.transfer.start import restored


def features(
    run: Run,
    images: np.ndarray,
    indices: np.ndarray | None = None,
    on_progress: Callable[[float], None] = lambda share: None,
) -> np.ndarray:
    """float32 [N, D]: what enters the head of the finished `run`'s network, with the weights of its best epoch.

    `images` are uint8 [M, C, H, W] and may be memory-mapped; `indices` [N] choose among them, all if left out. They are
    normalised as the run's own training images were, in evaluation mode. `on_progress` hears the share done, 0..1, and
    may raise to stop. Images of another data set will do where the network takes their shape.
    Raises RunError in one line if the run is not finished, cannot be read, has no head, or does not take the images.
    """
    chosen = np.arange(len(images)) if indices is None else np.asarray(indices)
    source, model = trained_network(run)
    _check_images(run, source, images.shape[1:])
    device = choose_device()
    mean, std = normalization(source, run.config.data.normalize)
    size = evaluation_batch(images.shape[1:])
    unlabelled = Split(images, np.zeros(len(images), dtype=np.int64))
    batches = Batches(unlabelled, chosen, size, mean=mean, std=std, device=device)
    found = []
    with torch.inference_mode(), evaluation_mode(model.to(device)), head_inputs(model) as caught:
        for done, (batch, _) in enumerate(batches, start=1):
            try:
                model(batch)
            except (RuntimeError, ValueError) as error:
                if images.shape[1:] == source.image_shape:  # then it is not the images' size
                    raise
                raise _misfit(run, source, images.shape[1:]) from error
            found.append(caught.pop().flatten(1).float().cpu().numpy())
            on_progress(done / len(batches))
    return np.concatenate(found) if found else np.zeros((0, _width(model)), dtype=np.float32)


def trained_network(run: Run) -> tuple[Dataset, nn.Module]:
    """(the data set that `run` was trained on, its network with the weights of the best epoch, on the CPU).

    Raises RunError if the run is not finished, its data set is absent or has changed, or its weights cannot be read.
    """
    if run.status != "done":
        raise RunError(f"{run.run_id} is {run.status}: only a finished run has features; choose another, or finish it")
    config = run.config
    try:
        source = catalog.open_dataset(config.data.name, config.data.size, config.data.fit)
    except DataError as error:
        raise RunError(f"{run.run_id} needs the images it was trained on, to normalise as it did: {error}") from error
    if config.data.fingerprint and source.fingerprint != config.data.fingerprint:
        raise RunError(f"the images of {config.data.name} have changed since {run.run_id} was trained: train it again")
    try:
        model = restored(config, source.image_shape, len(source.classes), load_weights(run.path / "best.pt"))
    except RuntimeError as error:
        raise RunError(
            f"best.pt of {run.run_id} does not hold the weights of {config.model.label}: train that run again"
        ) from error
    return source, model


@contextmanager
def head_inputs(model: nn.Module) -> Iterator[list[torch.Tensor]]:
    """A list to which every forward pass of `model` adds what enters its head; the hook is taken off after the block.

    Raises RunError if the network has no Linear layer.
    """
    caught: list[torch.Tensor] = []
    hook = _head(model).register_forward_pre_hook(lambda module, inputs: caught.append(inputs[0]))
    try:
        yield caught
    finally:
        hook.remove()


def _head(model: nn.Module) -> nn.Linear:
    head = None
    with suppress(ModelError):
        head = model.get_submodule(head_name(model))
    if not isinstance(head, nn.Linear):
        raise RunError(f"{type(model).__name__} has no Linear layer whose inputs could be shown: choose another run")
    return head


def _width(model: nn.Module) -> int:
    return _head(model).in_features


def _check_images(run: Run, source: Dataset, shape: tuple[int, ...]) -> None:
    """Raises RunError unless the run's network, as it was built for `source`, takes images of `shape` [C, H, W]."""
    if tuple(shape) == source.image_shape:
        return
    spec = zoo.find(run.config.model.name)
    if not (spec.any_size and shape[0] == source.image_shape[0] and min(shape[1:]) >= spec.min_side):
        raise _misfit(run, source, shape)


def _misfit(run: Run, source: Dataset, shape: tuple[int, ...]) -> RunError:
    return RunError(
        f"{run.run_id} takes {image_text(source.image_shape)} images, given {image_text(tuple(shape))}: "
        "choose a run on images of this size, or pixels"
    )
