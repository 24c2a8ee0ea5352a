"""Confusion, scores and calibration, against hand calculations and against scikit-learn."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from cvcore.analysis import predictions as said


def of(labels, predicted, confidence=None, classes: int = 3) -> said.Predictions:
    """Predictions with probabilities that sum to 1, the rest of each on one other class."""
    confidence = [0.5] * len(labels) if confidence is None else confidence
    probabilities = np.zeros((len(labels), classes), np.float32)
    for row, (guess, share) in enumerate(zip(predicted, confidence, strict=True)):
        probabilities[row, guess] = share
        probabilities[row, (guess + 1) % classes] = 1 - share
    return said.from_probabilities(np.array(labels, np.int64), np.array(predicted, np.int64), probabilities)


@pytest.fixture
def six():
    """Two images a class: a is always right, b is once said to be a, c is twice said to be b."""
    return of([0, 0, 1, 1, 2, 2], [0, 0, 0, 1, 1, 1], [0.9, 0.6, 0.8, 0.7, 0.95, 0.85])


@pytest.fixture
def many():
    random = np.random.default_rng(0)
    probabilities = random.dirichlet(np.full(7, 0.4), 5_000).astype(np.float32)
    labels = np.where(random.random(5_000) < 0.5, probabilities.argmax(1), random.integers(0, 6, 5_000))
    return said.from_probabilities(labels, probabilities.argmax(1), probabilities)  # class 6 is rarely the truth


class TestConfusion:
    def test_by_hand(self, six):
        assert said.confusion(six).tolist() == [[2, 0, 0], [1, 1, 0], [0, 2, 0]]
        assert six.accuracy == 0.5

    def test_shares_of_rows_and_columns(self, six):
        matrix = said.confusion(six)
        assert said.shares(matrix, 1).tolist() == [[1, 0, 0], [0.5, 0.5, 0], [0, 1, 0]]
        columns = said.shares(matrix, 0)
        assert columns[:, :2].tolist() == [
            [pytest.approx(2 / 3), 0],
            [pytest.approx(1 / 3), pytest.approx(1 / 3)],
            [0, pytest.approx(2 / 3)],
        ]
        assert np.isnan(columns[:, 2]).all()  # nothing was said to be c

    def test_as_scikit_learn(self, many):
        assert (said.confusion(many) == confusion_matrix(many.labels, many.predicted, labels=range(7))).all()

    def test_what_is_confused_most(self, six):
        matrix = said.confusion(six)
        assert said.most_confused(matrix, 5) == [(2, 1), (1, 0)]
        assert said.hardest_classes(matrix, 2).tolist() == [1, 2]  # b takes part in three mistakes, c in two, a in one
        assert said.most_confused(np.eye(3, dtype=int), 5) == []

    def test_blocks_of_classes(self):
        matrix = np.arange(25).reshape(5, 5)
        # rows 0 and 1, columns 0 and 1: 0 + 1 + 5 + 6; the last block is the single cell 24
        assert said.in_blocks(matrix, 2).tolist() == [[12, 20, 13], [52, 60, 33], [41, 45, 24]]


class TestScores:
    def test_by_hand(self, six):
        found = said.class_scores(said.confusion(six))
        assert found.images.tolist() == [2, 2, 2]
        assert found.said.tolist() == [3, 3, 0]
        assert found.precision[:2].tolist() == pytest.approx([2 / 3, 1 / 3])
        assert np.isnan(found.precision[2])  # never said, so no share of it can be right
        assert found.recall.tolist() == pytest.approx([1, 0.5, 0])
        # F1 = 2·P·R / (P + R): 2·(2/3)·1 / (5/3) = 0.8; 2·(1/3)·(1/2) / (5/6) = 0.4
        assert found.f1.tolist() == pytest.approx([0.8, 0.4, 0])
        assert found.mean("precision") == pytest.approx(0.5)
        assert found.mean("f1") == pytest.approx(0.4)

    def test_as_scikit_learn(self, many):
        found = said.class_scores(said.confusion(many))
        precision, recall, f1, images = precision_recall_fscore_support(
            many.labels, many.predicted, labels=range(7), zero_division=np.nan
        )
        assert found.precision == pytest.approx(precision)
        assert found.recall == pytest.approx(recall, nan_ok=True)
        assert found.f1 == pytest.approx(f1)
        assert (found.images == images).all()

    def test_a_class_without_images(self):
        found = said.class_scores(said.confusion(of([0, 1], [0, 0])))
        assert np.isnan([found.recall[2], found.precision[2], found.f1[2]]).all()
        assert found.mean("recall") == 0.5


class TestImages:
    def test_those_of_a_cell_the_surest_first(self, six):
        assert said.in_cell(six, 2, 1).tolist() == [4, 5]
        assert said.in_cell(six, 0, 2).tolist() == []

    def test_mistakes_and_doubts(self, six):
        assert said.confident_mistakes(six).tolist() == [4, 5, 2]  # 0.95, 0.85, 0.8
        assert said.confident_mistakes(six, 1).tolist() == [4]
        assert said.doubtful_hits(six).tolist() == [1, 3, 0]  # 0.6, 0.7, 0.9

    def test_disagreements(self, six):
        other = of([0, 0, 1, 1, 2, 2], [0, 1, 0, 1, 2, 1])
        assert said.disagreements(six, other).tolist() == [4, 1]

    def test_the_probability_of_the_truth(self, six):
        assert six.confidence[2] == pytest.approx(0.8)
        assert six.of_truth[2] == pytest.approx(0.2)


class TestCalibration:
    def test_by_hand(self):
        # two bins: (0, 0.5] holds 0.4 (wrong) and 0.5 (right), (0.5, 1] holds 0.6 (right), 0.8 (wrong), 1.0 (right)
        found = said.reliability(of([1, 0, 0, 1, 0], [0, 0, 0, 0, 0], [0.4, 0.5, 0.6, 0.8, 1.0]), bins=2)
        assert found.images.tolist() == [2, 3]
        assert found.confidence.tolist() == pytest.approx([0.45, 0.8])
        assert found.accuracy.tolist() == pytest.approx([0.5, 2 / 3])
        # 2/5 · |0.5 − 0.45| + 3/5 · |0.6667 − 0.8| = 0.02 + 0.08
        assert found.ece == pytest.approx(0.1)
        assert found.worst == pytest.approx(0.8 - 2 / 3)

    def test_as_scikit_learn_on_hits_against_confidence(self, many):
        found = said.reliability(many, 10)
        accuracy, confidence = calibration_curve(many.is_hit, many.confidence.astype(np.float64), n_bins=10)
        there = found.images > 0
        assert found.accuracy[there] == pytest.approx(accuracy)
        assert found.confidence[there] == pytest.approx(confidence)

    def test_sure_and_always_right_is_perfect(self):
        found = said.reliability(of([0, 1], [0, 1], [1.0, 1.0]))
        assert found.images.tolist() == [0] * 14 + [2]
        assert (found.ece, found.worst) == (0, 0)

    def test_what_is_no_number_is_counted_and_left_out(self):
        found = said.reliability(of([0, 1, 1], [0, 1, 0], [1.0, np.nan, 0.75]), bins=4)
        assert found.left_out == 1
        assert found.images.tolist() == [0, 0, 1, 1]
        assert found.ece == pytest.approx((0 + 0.75) / 2)

    def test_nothing_at_all(self):
        nobody = of([], [])
        assert np.isnan(said.reliability(nobody).ece)
        assert np.isnan(nobody.accuracy)
        assert said.confusion(nobody).sum() == 0
