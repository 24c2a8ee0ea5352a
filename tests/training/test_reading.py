from cvcore.training.history import Epoch
from cvcore.training.reading import overfits_since, smoothed


def history(val: list[float], train: list[float]) -> list[Epoch]:
    rows = zip(val, train, strict=True)
    return [Epoch(number, loss, 0.5, val_loss, 0.5, 0.1, 1.0) for number, (val_loss, loss) in enumerate(rows, start=1)]


def test_overfitting_begins_after_the_lowest_validation_loss():
    falling = [1.0, 0.8, 0.6, 0.5, 0.4, 0.3]
    assert overfits_since(history([1.0, 0.7, 0.8, 0.9, 1.0, 1.1], falling)) == 2
    assert overfits_since(history([1.0, 0.9, 0.8, 0.7, 0.6, 0.5], falling)) is None  # still falls
    assert overfits_since(history([1.0, 0.7, 0.71, 0.7, 0.72, 0.71], falling)) is None  # may be chance
    assert overfits_since(history([1.0, 0.7, 0.8], [1.0, 0.8, 0.6])) is None  # too early to tell
    assert overfits_since(history([1.0, 0.7, 0.8, 0.9, 1.0, 1.1], falling[::-1])) is None  # both rise: it diverges
    assert overfits_since([]) is None


def test_smoothing_starts_at_the_first_value_and_keeps_a_constant():
    assert smoothed([3.0, 3.0, 3.0], 0.9) == [3.0, 3.0, 3.0] or max(smoothed([3.0] * 3, 0.9)) - 3 < 1e-12
    assert smoothed([1.0, 5.0], 0.0) == [1.0, 5.0]
    # (0.5·0.5·1 + 0.5·5) / 0.75
    assert smoothed([1.0, 5.0], 0.5)[1] == (0.25 + 2.5) / 0.75
