"""One epoch of training and one evaluation: the two loops everything else is built from."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from cvcore.models.modes import evaluation_mode
from cvcore.training.batches import Batches


@dataclass(frozen=True)
class Score:
    """Mean cross-entropy (nats) and accuracy (0..1), both averaged over samples."""

    loss: float
    acc: float


@dataclass(frozen=True)
class Predictions:
    """What a network says of some images: true labels [N], class probabilities float32 [N, K], and the score."""

    labels: np.ndarray
    probabilities: np.ndarray
    score: Score


def train_mode(model: nn.Module) -> None:
    """Put `model` in training mode, but leave frozen parts in evaluation mode.

    A module all of whose parameters are frozen must not learn by the back door: BatchNorm would go on moving its
    running mean and variance, and Dropout would drop.
    """
    model.train()
    for module in model.modules():
        parameters = list(module.parameters())
        if parameters and not any(parameter.requires_grad for parameter in parameters):
            module.eval()


def train_one_epoch(
    model: nn.Module,
    batches: Batches,
    optimizer: torch.optim.Optimizer,
    on_batch: Callable[[int, int, float], None] = lambda batch, images, loss: None,
) -> Score:
    """Score on the training images while they were learnt from; every batch makes one optimizer step.

    `on_batch` hears the number of batches and images done, and this batch's mean loss; it may raise to stop.
    """
    train_mode(model)
    total_loss = total_correct = 0.0
    seen = 0
    for number, (images, labels) in enumerate(batches, start=1):
        logits = model(images)
        loss = F.cross_entropy(logits, labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

        batch_loss = loss.item()
        total_loss += batch_loss * len(labels)
        total_correct += (logits.argmax(1) == labels).sum().item()
        seen += len(labels)
        on_batch(number, seen, batch_loss)
    return Score(total_loss / seen, total_correct / seen)


@torch.inference_mode()
def predict(model: nn.Module, batches: Batches) -> Predictions:
    """Labels, probabilities and score of `model` in evaluation mode on every image of `batches`, in their order."""
    labels, logits = [], []
    with evaluation_mode(model):
        for images, truth in batches:
            logits.append(model(images).float().cpu())
            labels.append(truth.cpu())
    all_logits, all_labels = torch.cat(logits), torch.cat(labels)
    loss = F.cross_entropy(all_logits, all_labels).item()
    acc = (all_logits.argmax(1) == all_labels).double().mean().item()
    return Predictions(all_labels.numpy(), all_logits.softmax(1).numpy(), Score(loss, acc))
