"""What a run will cost, before it starts: parameters, memory, and seconds, predicted from a few timed batches.

Memory is counted, not measured: the weights, a gradient for each that learns, what the optimizer keeps of it, and
either what autograd holds between the forward and the backward pass of one training batch (asked of autograd itself,
on shapes), or twice the largest layer's output for an evaluation batch, whichever is more. float32, MB of 10⁶ bytes;
PyTorch itself, the images that wait, and what a convolution needs while it works are not in it.

Seconds are measured on the run's own parts: its network, images, augmentation, optimizer, precision and number of
threads. What is built for that is thrown away; nothing of a later run changes.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
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
from cvcore.training.aside import aside
from cvcore.training.batches import Batches, evaluation_batch
from cvcore.training.check import checked
from cvcore.training.device import choose_device, use_threads_for
from cvcore.training.loop import predict, train_mode, train_one_epoch
from cvcore.training.parts import Parts, prepared
from cvcore.training.runs import RunStore
from cvcore.training.trainer import Trainer
from cvcore.transfer.sources import weights_of
from cvcore.transfer.start import bare
from cvcore.transfer.strategies import plan_of

SECONDS = 1.5  # for timing; networks whose single batch takes longer get a smaller batch
WARM_UP = 2  # batches before the clock counts: the first pays for what is made once
OPTIMIZERS = {"sgd": "SGD", "adam": "Adam", "adamw": "AdamW", "rmsprop": "RMSprop"}


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
            parts.append(f"kept for the backward pass of {_images(self.batch)} {megabytes(self.kept_bytes)}")
        else:
            parts.append(f"evaluating {_images(self.evaluated)} at once {megabytes(self.evaluation_bytes)}")
        return f"{' + '.join(parts)} = {megabytes(self.memory_bytes)}"


@dataclass(frozen=True)
class Preflight:
    """A run's costs and the prediction of its time; `seconds_per_epoch` is None where it was not timed."""

    costs: Costs
    epochs: int
    seconds_per_epoch: float | None
    images_per_s: float | None  # in training alone
    how: str

    @property
    def seconds_in_all(self) -> float | None:
        """All epochs; a run that stops early takes less."""
        return None if self.seconds_per_epoch is None else self.epochs * self.seconds_per_epoch

    def for_epochs(self, epochs: int) -> "Preflight":
        """The prediction for another number of epochs."""
        return replace(self, epochs=epochs)

    def to_json(self) -> dict[str, Any]:
        """Plain values: what the command line prints and what is kept with the run."""
        return {
            "params": self.costs.params,
            "trainable_params": self.costs.trainable_params,
            "memory_bytes": self.costs.memory_bytes,
            "memory_formula": self.costs.memory_formula,
            **{name: value for name, value in asdict(self).items() if name != "costs"},
            "seconds_in_all": self.seconds_in_all,
        }


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


class Abandoned(Exception):  # noqa: N818 - not an error: nobody waits for it any more
    """The prediction was given up from outside."""


def preflight(
    config: RunConfig,
    store: RunStore,
    *,
    seconds: float = SECONDS,
    memory_limit: float = float("inf"),
    is_wanted: Callable[[], bool] = lambda: True,
) -> Preflight:
    """What a run of `config` will cost. It takes about `seconds`, more where two images alone take longer.

    Above `memory_limit` bytes nothing is built and the time stays unknown. Raises what `checked` raises, and Abandoned
    between two batches when it is not wanted any more.
    """
    config = checked(config, store)
    counted, epochs = costs(config, store), config.train.epochs
    if counted.memory_bytes > memory_limit:
        how = f"not timed here: that would take more than {megabytes(memory_limit)} of memory"
        return Preflight(counted, epochs, None, None, how)
    dataset = catalog.open_dataset(config.data.name, config.data.size, config.data.fit)
    device = choose_device()
    with aside(device):
        parts = prepared(config, dataset, store, device)
        use_threads_for(parts.model, torch.zeros(config.train.batch_size, *dataset.image_shape, device=device))
        timed = _Timing(config, parts, seconds, is_wanted).timed()
        threads = torch.get_num_threads()
    place = f"{threads} thread{'s' if threads > 1 else ''} of the CPU" if device.type == "cpu" else device.type
    return Preflight(counted, epochs, timed.per_epoch, timed.images_per_s, f"timed {timed.how}, on {place}")


@dataclass(frozen=True)
class _Timed:
    per_epoch: float
    images_per_s: float
    how: str


class _Enough(Exception):  # noqa: N818 - not an error: as many batches as were wanted
    pass


class _Timing:
    """Times a few batches of training and one of evaluation on a run's parts."""

    def __init__(self, config: RunConfig, parts: Parts, seconds: float, is_wanted: Callable[[], bool]) -> None:
        self.config, self.parts, self.seconds, self.is_wanted = config, parts, seconds, is_wanted
        self.trainer = Trainer(parts.model, parts.train, parts.val, config.train, criterion=parts.criterion)

    def timed(self) -> _Timed:
        train, val = self.parts.train, self.parts.val
        size = self._affordable(train)
        images, batches, taken = self._train(size)
        looked_at, looking = self._evaluate(min(val.images, max(size, self._affordable(val))))
        per_image = taken / images
        part = "" if size >= train.batch_size else f" of {size} of the {train.batch_size} images"
        how = f"{batches} training batch{'es' if batches > 1 else ''}{part} and {_images(looked_at)} of evaluation"
        return _Timed(train.images * per_image + val.images * looking / looked_at, 1 / per_image, how)

    def _affordable(self, batches: Batches) -> int:
        """How many images, at most a batch, take a fair share of the time there is: found by trying more and more."""
        most = min(batches.batch_size, batches.images)
        size = min(2, most)
        self._predict(batches, size)  # the first pass of all pays for what is made once
        while size < most:
            self._check_wanted()
            started = time.perf_counter()
            self._predict(batches, size)
            # a training step is about three forward passes; the next try is four times this one
            if 12 * (time.perf_counter() - started) > self.seconds / 2:
                return size
            size = min(4 * size, most)
        return size

    def _predict(self, batches: Batches, size: int) -> None:
        few = replace(batches, indices=batches.indices[:size], batch_size=size, generator=None)
        predict(self.parts.model, few, self.trainer.criterion, self.trainer.precision, self.trainer.averaging)

    def _train(self, size: int) -> tuple[int, int, float]:
        """(images, batches, seconds) of the training loop on batches of `size`, after those that warm it up."""
        train = self.parts.train
        batches = train if size >= train.batch_size else replace(train, batch_size=size)
        train_mode(self.parts.model)
        begun, started = time.perf_counter(), 0.0
        seen = passed = 0  # images and batches since the clock counts

        def after_batch(batch: int, images: int, loss: torch.Tensor) -> None:
            nonlocal seen, passed, started
            self._check_wanted()
            now = time.perf_counter()
            if not started:
                if batch >= min(WARM_UP, len(batches)) or now - begun > self.seconds / 3:
                    loss.item()  # an accelerator has done all it was told
                    started = time.perf_counter()
                return
            seen, passed = seen + batches.sizes[batch - 1], passed + 1
            if now - started > self.seconds / 2:
                loss.item()
                raise _Enough

        try:
            while True:  # a small set has several epochs in the time
                train_one_epoch(self.trainer.step, batches, after_batch)
        except _Enough:
            return seen, passed, time.perf_counter() - started

    def _evaluate(self, size: int) -> tuple[int, float]:
        """(images, seconds) of an evaluation of the first `size` images, after one that warms up if it is short."""
        started = time.perf_counter()
        self._predict(self.parts.val, size)
        if time.perf_counter() - started < self.seconds / 5:
            started = time.perf_counter()
            self._predict(self.parts.val, size)
        return size, time.perf_counter() - started

    def _check_wanted(self) -> None:
        if not self.is_wanted():
            raise Abandoned


def _images(count: int) -> str:
    return f"{count:,} image{'s' if count != 1 else ''}"
