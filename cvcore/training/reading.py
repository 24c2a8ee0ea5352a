"""What a curve says, in words."""

from collections.abc import Sequence

from cvcore.training.history import Epoch

LEAST_AFTER = 3  # epochs after the lowest validation loss before anything is said
RISE = 1.05  # times the lowest: less may be chance


def overfits_since(history: Sequence[Epoch]) -> int | None:
    """The epoch after which the validation loss rose for good while the training loss went on falling, or None."""
    if not history:
        return None
    lowest = min(range(len(history)), key=lambda place: history[place].val_loss)
    after = history[lowest + 1 :]
    if len(after) < LEAST_AFTER:
        return None
    risen = after[-1].val_loss > RISE * history[lowest].val_loss
    fallen = after[-1].train_loss < history[lowest].train_loss
    return history[lowest].epoch if risen and fallen else None


def smoothed(values: Sequence[float], weight: float) -> list[float]:
    """The exponential moving average of `values`, its start corrected (Kingma & Ba, 2015); weight 0 changes nothing.

    >>> smoothed([1.0, 1.0, 4.0], 0.5)  # (0.125·1 + 0.25·1 + 0.5·4) / 0.875
    [1.0, 1.0, 2.7142857142857144]
    """
    found, sum_ = [], 0.0
    for step, value in enumerate(values, start=1):
        sum_ = weight * sum_ + (1 - weight) * value
        found.append(sum_ / (1 - weight**step))
    return found
