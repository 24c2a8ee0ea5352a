"""One line of a run's history."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Epoch:
    """Losses (nats) and accuracies (0..1) are means over samples. Epochs count from 1; `lr` is the rate used in this
    epoch; `seconds` is wall time, the only field that differs when a run is repeated."""

    epoch: int
    train_loss: float
    train_acc: float
    val_loss: float
    val_acc: float
    lr: float
    seconds: float
