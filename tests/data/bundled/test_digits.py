import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from cvcore.data import catalog


def test_sizes_and_classes():
    digits = catalog.open_dataset("digits")
    assert (len(digits.train), len(digits.test)) == (1437, 360)
    assert digits.image_shape == (1, 28, 28)
    # 1797 images, about 180 a class, a fifth of them for the test: 35 to 37 each
    assert set(np.bincount(digits.test.labels)) <= {35, 36, 37}


def test_every_digit_of_scikit_learn_is_there_once_and_still_itself():
    digits = catalog.open_dataset("digits")
    images = np.concatenate([digits.train.images, digits.test.images])[:, 0]
    labels = np.concatenate([digits.train.labels, digits.test.labels])
    shrunk = np.array([np.asarray(Image.fromarray(image).resize((8, 8), Image.Resampling.BOX)) for image in images])
    original = load_digits()
    # each enlarged image, shrunk again, is nearest to an original of its own label; a few originals are near twins
    flat, theirs = shrunk.reshape(-1, 64).astype(float), original.data * (255 / 16)
    distance = (flat**2).sum(1)[:, None] - 2 * flat @ theirs.T + (theirs**2).sum(1)[None]
    nearest = distance.argmin(1)
    assert len(set(nearest)) >= 1790
    assert (original.target[nearest] == labels).all()
