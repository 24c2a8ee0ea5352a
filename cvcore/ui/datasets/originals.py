"""The original files behind a set's images."""

from PIL import Image

from cvcore.data import catalog
from cvcore.data.dataset import Dataset
from cvcore.data.describe import path_of
from cvcore.data.files import report
from cvcore.data.files.decode import Unusable, open_image


def original(dataset: Dataset, split: str, index: int) -> Image.Image | None:
    """The image as it is in its file, upright; None where the set has no files or this one is gone."""
    if report.used(dataset, split) is None:
        return None
    root = catalog.entry(dataset.name).origin.source
    try:
        return open_image(root / path_of(dataset, split, index)).picture if root else None
    except Unusable:
        return None


def picture(dataset: Dataset, split: str, index: int) -> Image.Image:
    """The original where there is one, else the stored image."""
    stored = dataset.split(split).images[index]
    return original(dataset, split, index) or Image.fromarray(stored.transpose(1, 2, 0).squeeze())
