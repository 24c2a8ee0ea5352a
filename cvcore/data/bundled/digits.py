"""The handwritten digits that scikit-learn carries."""

import numpy as np
from PIL import Image

from cvcore.data.dataset import Dataset, Split
from cvcore.data.split import stratified

SIZE = 28
TEST_IMAGES = 360


def make_digits(seed: int = 0) -> Dataset:
    """The 1,797 digits of UCI's optical recognition set, 1,437 to train and 360 to test, stratified by seed.

    Stored 8×8 with ink 0..16 by scikit-learn; enlarged here to 28×28 with ink 0..255, as MNIST has it.
    """
    from sklearn.datasets import load_digits  # a second to import, needed once

    digits = load_digits()
    images = np.stack([_enlarge(image) for image in digits.images])[:, None]
    labels = digits.target.astype(np.int64)
    train, test = stratified(labels, TEST_IMAGES, seed)
    rng = np.random.default_rng(seed)
    train = rng.permutation(train)
    return Dataset(
        name="digits",
        classes=tuple("0123456789"),
        train=Split(images[train], labels[train]),
        test=Split(images[test], labels[test]),
    )


def _enlarge(image: np.ndarray) -> np.ndarray:
    """uint8 [28, 28] from floats [8, 8] in 0..16."""
    grey = Image.fromarray(np.round(image * (255 / 16)).astype(np.uint8))
    return np.asarray(grey.resize((SIZE, SIZE), Image.Resampling.BICUBIC))
