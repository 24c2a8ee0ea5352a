"""What a run needs before it starts: parameters and memory, counted without computing anything.

Memory is counted, not measured: the weights, a gradient for each that learns, what the optimizer keeps of it, and
either what autograd holds between the forward and the backward pass of one training batch (asked of autograd itself,
on shapes), or twice the largest layer's output for an evaluation batch, whichever is more. float32, MB of 10⁶ bytes;
PyTorch itself, the images that wait, and what a convolution needs while it works are not in it.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from cvcore.analysis.memory import BYTES, megabytes, saved_for_backward
from cvcore.config import RunConfig, TrainConfig
from cvcore.data import catalog
from cvcore.data.dataset import Dataset
from cvcore.data.split import holds_out, training_indices
from cvcore.models import zoo
from cvcore.models.modes import evaluation_mode, hooked
from cvcore.training.batches import evaluation_batch
from cvcore.training.check import checked
from cvcore.training.loop import train_mode
from cvcore.training.runs import RunStore
from cvcore.transfer.sources import weights_of
from cvcore.transfer.start import bare
from cvcore.transfer.strategies import plan_of

OPTIMIZERS = {"sgd": "SGD", "adam": "Adam", "adamw": "AdamW", "rmsprop": "RMSprop"}


def counted_images(count: int) -> str:
    """ "1 image", "1,200 images"."""
    return f"{count:,} image{'s' if count != 1 else ''}"


@dataclass(frozen=True)
class Costs:
    """Parameters, and bytes of memory by what takes them; counted without computing anything."""

    params: int
    trainable_params: int
    optimizer: str
    state_values: int  # that the optimizer keeps for each trainable parameter
    batch: int
    kept_bytes: int  # for the backward pass of a training batch
    evaluated: int  # images of an evaluation batch
    evaluation_bytes: int

    @property
    def memory_bytes(self) -> int:
        """Everything together; see the module's first lines for what is counted."""
        fixed = self.params + (1 + self.state_values) * self.trainable_params
        return BYTES * fixed + max(self.kept_bytes, self.evaluation_bytes)

    @property
    def memory_formula(self) -> str:
        """`memory_bytes` with the numbers put in: "weights 247 kB + gradients 247 kB + … = 4.08 MB"."""
        trained = BYTES * self.trainable_params
        parts = [f"weights {megabytes(BYTES * self.params)}", f"gradients {megabytes(trained)}"]
        if self.state_values:
            parts.append(f"{self.optimizer}'s state {megabytes(self.state_values * trained)}")
        if self.kept_bytes >= self.evaluation_bytes:
            parts.append(f"kept for the backward pass of {counted_images(self.batch)} {megabytes(self.kept_bytes)}")
        else:
            parts.append(f"evaluating {counted_images(self.evaluated)} at once {megabytes(self.evaluation_bytes)}")
        return f"{' + '.join(parts)} = {megabytes(self.memory_bytes)}"


def costs(config: RunConfig, store: RunStore) -> Costs:
    """Parameters and memory of a run, in some hundredths of a second. Raises what `checked` raises."""
    config = checked(config, store)
    dataset = catalog.open_dataset(config.data.name, config.data.size, config.data.fit)
    train, held_out = training_indices(dataset, config.data, hold_out=holds_out(dataset, config.train.selection))
    weights = weights_of(config.transfer.source, store) if config.transfer else {}
    with torch.device("meta"):  # shapes without values: nothing is allocated
        model = _model(config, dataset, {name: value.to("meta") for name, value in weights.items()})
        train_mode(model)
        batch = min(config.train.batch_size, len(train))
        kept = saved_for_backward(model, torch.empty(batch, *dataset.image_shape))
        evaluated = min(evaluation_batch(dataset.image_shape), max(len(dataset.test), len(held_out)))
        largest = _largest_output(model, torch.empty(1, *dataset.image_shape))
    parameters = list(model.parameters())
    return Costs(
        params=sum(each.numel() for each in parameters),
        trainable_params=sum(each.numel() for each in parameters if each.requires_grad),
        optimizer=OPTIMIZERS[config.train.optimizer],
        state_values=_state_values(config.train),
        batch=batch,
        kept_bytes=kept,
        evaluated=evaluated,
        evaluation_bytes=2 * evaluated * largest,
    )


def _model(config: RunConfig, dataset: Dataset, weights: dict[str, torch.Tensor]) -> nn.Module:
    """The run's network on the current device, frozen where it is frozen in its last epoch, which takes the most; of
    the `weights` that it starts from only names and shapes count."""
    if config.transfer is None:
        return zoo.build(config.model.name, dataset.image_shape, len(dataset.classes))
    network = bare(config, dataset.image_shape, len(dataset.classes), weights)
    plan_of(network, config.transfer).begin_at(config.train.epochs)
    return network.model


def _state_values(train: TrainConfig) -> int:
    """How many numbers the optimizer keeps for each parameter."""
    if train.optimizer in ("adam", "adamw"):
        return 2  # means of the gradient and of its square
    return int(train.optimizer == "rmsprop") + int(train.momentum > 0)


def _largest_output(model: nn.Module, image: torch.Tensor) -> int:
    """Bytes of the largest value that goes into the network or comes out of a layer, for one image."""
    sizes = [image.nbytes]

    def note(module: nn.Module, inputs: tuple, output: Any) -> None:
        if isinstance(output, torch.Tensor):
            sizes.append(output.nbytes)

    hooks = [module.register_forward_hook(note) for module in model.modules() if not list(module.children())]
    with hooked(hooks), evaluation_mode(model), torch.no_grad():
        model(image)
    return max(sizes)
