"""One epoch of training and one evaluation: the two loops everything else is built from."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from cvcore.models.modes import evaluation_mode
from cvcore.training.batches import Batches
from cvcore.training.parallel import from_all
from cvcore.training.tally import Averaging, Score, Tally


@dataclass(frozen=True)
class Predictions:
    """What a network says of some images: true labels [N], class probabilities float32 [N, K], and the score."""

    labels: np.ndarray
    probabilities: np.ndarray
    score: Score


@dataclass(frozen=True)
class Criterion:
    """The loss, a mean over samples in nats: cross-entropy of logits, or, with `nll`, of log-probabilities."""

    nll: bool = False
    label_smoothing: float = 0.0

    def __call__(self, outputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        if self.nll:
            return F.nll_loss(outputs, labels)
        return F.cross_entropy(outputs, labels, label_smoothing=self.label_smoothing)

    @property
    def plain(self) -> "Criterion":
        """The same loss without smoothing, by which runs are compared."""
        return Criterion(self.nll)


@torch.no_grad()
def gives_log_probabilities(model: nn.Module, images: torch.Tensor) -> bool:
    """Whether the outputs for `images` are log-probabilities over classes, as a last LogSoftmax gives them."""
    with evaluation_mode(model):
        outputs = model(images).float()
    return bool((outputs <= 0).all() and torch.allclose(outputs.logsumexp(1), torch.zeros(()).to(outputs), atol=1e-3))


@dataclass
class Step:
    """How a batch becomes a step of the optimizer."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    criterion: Criterion = Criterion()
    clip: float = 0.0  # longest gradient over all weights, 0 for any
    precision: torch.dtype = torch.float32  # of what layers compute, see torch.autocast
    zero_grad: bool = True  # before every batch, as it should be
    scaler: torch.amp.GradScaler | None = None  # of losses, where gradients in float16 would vanish
    network: nn.Module | None = None  # what is called, where that is not the model itself but a wrapper around it
    after: Callable[[], None] | None = None  # called after every step: schedules that change within an epoch

    def __post_init__(self) -> None:
        self.network = self.network or self.model
        self._parameters = [each for group in self.optimizer.param_groups for each in group["params"]]

    def __call__(self, images: torch.Tensor, labels: torch.Tensor, weight: float = 1.0) -> tuple[Any, Any]:
        """(outputs, loss) of the batch, both detached, before the step that it makes; `weight` multiplies the loss."""
        with computing_in(self.precision, images.device):
            outputs = self.network(images)
            loss = self.criterion(outputs, labels)
        if self.zero_grad:
            self.optimizer.zero_grad(set_to_none=True)
        weighted = loss if weight == 1.0 else loss * weight
        if self.scaler is None:
            weighted.backward()
            self._clip()
            self.optimizer.step()
        else:
            self.scaler.scale(weighted).backward()
            self.scaler.unscale_(self.optimizer)
            self._clip()
            self.scaler.step(self.optimizer)
            self.scaler.update()
        if self.after is not None:
            self.after()
        return outputs.detach(), loss.detach()

    def _clip(self) -> None:
        if self.clip:
            nn.utils.clip_grad_norm_(self._parameters, self.clip)


def computing_in(precision: torch.dtype, device: torch.device) -> AbstractContextManager:
    """Layers compute in `precision` within the block; float32, the default, costs nothing."""
    return nullcontext() if precision == torch.float32 else torch.autocast(device.type, precision)


def train_mode(model: nn.Module, *, frozen_too: bool = False) -> None:
    """Put `model` in training mode, but leave frozen parts in evaluation mode, unless `frozen_too`.

    A module all of whose parameters are frozen must not learn by the back door: BatchNorm would go on moving its
    running mean and variance, and Dropout would drop.
    """
    model.train()
    if frozen_too:
        return
    for module in model.modules():
        parameters = list(module.parameters())
        if parameters and not any(parameter.requires_grad for parameter in parameters):
            module.eval()


OnBatch = Callable[[int, int, torch.Tensor], None]


def train_one_epoch(
    step: Step,
    batches: Batches,
    on_batch: OnBatch = lambda batch, images, loss: None,
    tally: Tally | None = None,
) -> Score:
    """Score on the training images while they were learnt from; every batch makes one optimizer step.

    `on_batch` hears the number of batches and images done, and this batch's mean loss, a tensor that it should not look
    at more often than it must, since that waits for the device; it may raise to stop. A `tally` of an epoch that was
    stopped goes on where it was. The caller chooses between training and evaluation mode.
    """
    tally = tally or Tally()
    world, sizes = batches.world, batches.sizes
    for images, labels in batches.from_batch(tally.batches):
        # gradients are averaged over processes: with this weight a mean of means is the mean over all samples
        weight = 1.0 if world.is_alone else len(labels) * world.size / sizes[tally.batches]
        outputs, loss = step(images, labels, weight)
        tally.add(outputs, loss, labels)
        on_batch(tally.batches, tally.images * world.size, loss)
    return tally.score(from_all(tally.sums(), world))


@torch.inference_mode()
def predict(
    model: nn.Module,
    batches: Batches,
    criterion: Criterion = Criterion(),
    precision: torch.dtype = torch.float32,
    averaging: Averaging = "samples",
) -> Predictions:
    """Labels, probabilities and score of `model` in evaluation mode on every image of `batches`, in their order."""
    found = []
    with evaluation_mode(model), computing_in(precision, batches.device):
        for images, truth in batches:
            found.append((model(images).float(), truth))
    parts = [(outputs.cpu(), truth.cpu()) for outputs, truth in found]
    whole = list(_whole_batches(from_all(parts, batches.world)))
    outputs, labels = (torch.cat(column) for column in zip(*whole, strict=True))
    if averaging == "samples":
        loss = criterion.plain(outputs, labels).item()
        score = Score(loss, (outputs.argmax(1) == labels).double().mean().item())
    else:
        score = _by_batch(whole, criterion.plain, averaging)
    return Predictions(labels.numpy(), outputs.softmax(1).numpy(), score)


def _by_batch(batches: list[tuple[torch.Tensor, torch.Tensor]], criterion: Criterion, averaging: Averaging) -> Score:
    """The score as who averages over batches gets it."""
    tally = Tally(averaging)
    for outputs, labels in batches:
        tally.add(outputs, criterion(outputs, labels), labels)
    return tally.score()


def _whole_batches(
    shares: list[list[tuple[torch.Tensor, torch.Tensor]]],
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """(outputs, labels) of each batch, from what each process found for its share of it."""
    for batch in zip(*shares, strict=True):  # the same batch in each process, its images dealt out like cards
        outputs = torch.empty(sum(len(part[1]) for part in batch), batch[0][0].shape[1])
        labels = torch.empty(len(outputs), dtype=torch.int64)
        for rank, part in enumerate(batch):
            outputs[rank :: len(batch)], labels[rank :: len(batch)] = part
        yield outputs, labels
