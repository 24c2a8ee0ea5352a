"""What a classifier said of some images, as numbers: confusion, scores of each class, calibration, and which images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BINS = 15  # of a calibration curve, as in Guo et al. 2017


@dataclass(frozen=True)
class Predictions:
    """Of N images: true and predicted labels int64 [N], and the probability of each of the two, float32 [N].

    `classes` is how many there are; a class may have no image. Probabilities are NaN where training diverged.
    """

    labels: np.ndarray
    predicted: np.ndarray
    confidence: np.ndarray
    of_truth: np.ndarray
    classes: int

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def is_hit(self) -> np.ndarray:
        """bool [N]: whether the prediction is right."""
        return self.labels == self.predicted

    @property
    def accuracy(self) -> float:
        """Share of hits, 0..1; NaN without images."""
        return float(self.is_hit.mean()) if len(self) else float("nan")


@dataclass(frozen=True)
class ClassScores:
    """Of each class, [K]: images that are of it, images said to be of it, and precision, recall and F1, 0..1.

    A score whose denominator is 0 is NaN: recall of a class without images, precision of one that was never said.
    """

    images: np.ndarray
    said: np.ndarray
    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray

    def mean(self, name: str) -> float:
        """The mean over classes of "precision", "recall" or "f1" (macro average); classes without it are left out."""
        values = getattr(self, name)
        return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")


@dataclass(frozen=True)
class Reliability:
    """A calibration curve (Guo et al. 2017, On Calibration of Modern Neural Networks, section 2).

    `edges` [M + 1] of equally wide bins of confidence; of each bin [M]: how many images, their mean confidence and
    their accuracy, both NaN where it is empty. `left_out` counts images without a finite probability.
    """

    edges: np.ndarray
    images: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray
    left_out: int

    @property
    def gaps(self) -> np.ndarray:
        """|accuracy − confidence| of each bin, 0 where it is empty."""
        return np.abs(np.nan_to_num(self.accuracy - self.confidence))

    @property
    def ece(self) -> float:
        """Expected calibration error, 0..1: the mean gap, weighted by images (equation 3). NaN without images."""
        total = self.images.sum()
        return float((self.images * self.gaps).sum() / total) if total else float("nan")

    @property
    def worst(self) -> float:
        """Maximum calibration error, 0..1: the largest gap of any bin (equation 5)."""
        return float(self.gaps.max(initial=0.0))


def from_probabilities(labels: np.ndarray, predicted: np.ndarray, probabilities: np.ndarray) -> Predictions:
    """Predictions from class probabilities [N, K], of which only those of the true and the predicted class are kept."""
    row = np.arange(len(labels))
    return Predictions(
        np.asarray(labels, dtype=np.int64),
        np.asarray(predicted, dtype=np.int64),
        np.ascontiguousarray(probabilities[row, predicted], dtype=np.float32),
        np.ascontiguousarray(probabilities[row, labels], dtype=np.float32),
        probabilities.shape[1],
    )


def confusion(predictions: Predictions) -> np.ndarray:
    """int64 [K, K]: how many images of class row were said to be of class column."""
    cells = predictions.labels * predictions.classes + predictions.predicted
    counted = np.bincount(cells, minlength=predictions.classes**2)
    return counted.reshape(predictions.classes, predictions.classes)


def shares(matrix: np.ndarray, axis: int) -> np.ndarray:
    """float64: the matrix as shares 0..1 of its rows (axis 1: of the true class) or columns (axis 0: of what was said).

    NaN where a row or column has no image.
    """
    totals = matrix.sum(axis=axis, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(totals > 0, matrix / totals, np.nan)


def class_scores(matrix: np.ndarray) -> ClassScores:
    """The scores of each class, from the confusion matrix."""
    hits, images, said = np.diag(matrix).astype(np.float64), matrix.sum(axis=1), matrix.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return ClassScores(images, said, hits / said, hits / images, 2 * hits / (images + said))


def most_confused(matrix: np.ndarray, count: int) -> list[tuple[int, int]]:
    """(true, predicted) of the cells with most mistakes, the largest first; no cell without a mistake."""
    mistakes = _mistakes(matrix)
    order = np.argsort(-mistakes, axis=None, kind="stable")[:count]
    pairs = (divmod(int(cell), len(matrix)) for cell in order)
    return [(truth, said) for truth, said in pairs if mistakes[truth, said]]


def hardest_classes(matrix: np.ndarray, count: int) -> np.ndarray:
    """Labels, ascending, of the `count` classes that take part in most mistakes, on either side."""
    mistakes = _mistakes(matrix)
    involved = mistakes.sum(axis=0) + mistakes.sum(axis=1)
    return np.sort(np.argsort(-involved, kind="stable")[:count])


def in_blocks(matrix: np.ndarray, size: int) -> np.ndarray:
    """The matrix with `size` neighbouring classes summed into one, in both directions; the last may have fewer."""
    starts = np.arange(0, len(matrix), size)
    return np.add.reduceat(np.add.reduceat(matrix, starts, axis=0), starts, axis=1)


def in_cell(predictions: Predictions, truth: int, said: int) -> np.ndarray:
    """Places of the images of class `truth` that were said to be `said`, the most confident first."""
    found = np.flatnonzero((predictions.labels == truth) & (predictions.predicted == said))
    return found[np.argsort(-predictions.confidence[found], kind="stable")]


def confident_mistakes(predictions: Predictions, count: int | None = None) -> np.ndarray:
    """Places of the wrong predictions, those with the highest probability first."""
    found = np.flatnonzero(~predictions.is_hit)
    return found[np.argsort(-predictions.confidence[found], kind="stable")][:count]


def doubtful_hits(predictions: Predictions, count: int | None = None) -> np.ndarray:
    """Places of the right predictions, those with the lowest probability first."""
    found = np.flatnonzero(predictions.is_hit)
    return found[np.argsort(predictions.confidence[found], kind="stable")][:count]


def disagreements(one: Predictions, other: Predictions) -> np.ndarray:
    """Places of the same images of which two networks say different classes, the surest of the first one's first."""
    found = np.flatnonzero(one.predicted != other.predicted)
    return found[np.argsort(-one.confidence[found], kind="stable")]


def reliability(predictions: Predictions, bins: int = BINS) -> Reliability:
    """The calibration curve. Bin m holds confidences above edge m, up to and with edge m + 1; the first also 0."""
    edges = np.linspace(0, 1, bins + 1)
    there = np.isfinite(predictions.confidence)
    confidence = predictions.confidence[there].astype(np.float64)
    place = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    images = np.bincount(place, minlength=bins)
    sums = (np.bincount(place, each, minlength=bins) for each in (confidence, predictions.is_hit[there]))
    with np.errstate(invalid="ignore"):
        means = [each / images for each in sums]
    return Reliability(edges, images, *means, left_out=int((~there).sum()))


def _mistakes(matrix: np.ndarray) -> np.ndarray:
    """The matrix with nothing on its diagonal."""
    return matrix - np.diag(np.diag(matrix))
