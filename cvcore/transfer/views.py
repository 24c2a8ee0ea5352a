"""Ways to look at a test image: as it was stored, mirrored, scaled, and in crops.

Scaled images keep the shape of the original, whose file is read again where there is one. (Resizing to a square first,
as is often copied from tutorials, would stretch it.) The scales are those of Simonyan and Zisserman, section 4.2, as
shares of the run's own side: 256, 384 and 512 pixels are 8/7, 12/7 and 16/7 of 224.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torchvision.transforms.v2 import functional

from cvcore import paths
from cvcore.data import catalog
from cvcore.data.dataset import Dataset
from cvcore.data.files import report
from cvcore.data.files.decode import Unusable, open_image
from cvcore.data.origins import TorchvisionFiles
from cvcore.errors import ConfigError, DataError, unknown_name

LONGEST = 4  # of a panorama that is longer than so many times its height the middle is used: a bound for the memory

Box = tuple[int, int]  # height and width, pixels


@dataclass(frozen=True)
class Pictures:
    """Images of a data set, at `indices` of the split called `split`, as they are stored and as they were before."""

    dataset: Dataset
    split: str
    indices: np.ndarray

    def __len__(self) -> int:
        return len(self.indices)

    def stored(self, place: int) -> torch.Tensor:
        """uint8 [C, H, W], as the run sees the image."""
        return torch.from_numpy(np.array(self.dataset.split(self.split).images[self.indices[place]]))

    def original(self, place: int, least: int = 0) -> torch.Tensor:
        """uint8 [C, h, w] of the image's file; of a set that does not come as files the stored image.

        With `least` it may come reduced, as `open_image` tells. Raises DataError if the file cannot be read.
        """
        if self._files is None:
            return self.stored(place)
        path = self._files[place]
        try:
            picture = open_image(path, least).picture
        except Unusable as reason:
            raise DataError(f"{path}: {reason}; put the file back as it was, or train a new run") from reason
        return functional.pil_to_tensor(picture.convert("L" if self.dataset.image_shape[0] == 1 else "RGB"))

    @cached_property
    def _files(self) -> list[Path] | None:
        """The file of each image; None where the set does not come as files."""
        rows = report.used(self.dataset, self.split)
        if rows is None:
            return None
        origin = catalog.entry(self.dataset.name).origin
        root = paths.data_dir() if isinstance(origin, TorchvisionFiles) else origin.source  # as they were listed
        return None if root is None else [root / path for path in rows["path"].iloc[self.indices]]


def box_at(sevenths: int, image_shape: tuple[int, int, int]) -> Box:
    """Height and width of the run's images [C, H, W] at a scale, in whole pixels.

    >>> [box_at(scale, (3, 224, 224))[0] for scale in (7, 8, 12, 16)], box_at(8, (3, 64, 64))
    ([224, 256, 384, 512], (73, 73))
    """
    return tuple(round(side * sevenths / 7) for side in image_shape[1:])


def scaled_over(image: torch.Tensor, box: Box) -> torch.Tensor:
    """The image [C, h, w] at the smallest size that covers `box`, its shape kept: a square is its shorter side."""
    image = _shortened(image)
    height, width = image.shape[1:]
    scale = max(box[0] / height, box[1] / width)
    # the side that decides is met exactly, the other is cut off to a whole pixel, as torchvision's Resize does it
    size = [max(least, int(side * scale + 1e-6)) for least, side in zip(box, (height, width), strict=True)]
    return functional.resize(image, size, interpolation=functional.InterpolationMode.BILINEAR, antialias=True)


def _shortened(image: torch.Tensor) -> torch.Tensor:
    height, width = image.shape[1:]
    return functional.center_crop(image, [min(height, LONGEST * width), min(width, LONGEST * height)])


Look = Callable[[Pictures, int, list[Box]], list[torch.Tensor]]


def _stored(pictures: Pictures, place: int, boxes: list[Box]) -> list[torch.Tensor]:
    return [pictures.stored(place)]


def _mirrored(pictures: Pictures, place: int, boxes: list[Box]) -> list[torch.Tensor]:
    image = pictures.stored(place)
    return [image, functional.horizontal_flip(image)]


def _whole(pictures: Pictures, place: int, boxes: list[Box]) -> list[torch.Tensor]:
    image = pictures.original(place, least=max(map(max, boxes)))
    return [scaled_over(image, box) for box in boxes]


def _middles(pictures: Pictures, place: int, boxes: list[Box]) -> list[torch.Tensor]:
    size = list(pictures.dataset.image_shape[1:])
    return [functional.center_crop(image, size) for image in _whole(pictures, place, boxes)]


def _ten_crops(pictures: Pictures, place: int, boxes: list[Box]) -> list[torch.Tensor]:
    size = list(pictures.dataset.image_shape[1:])
    return [crop for image in _whole(pictures, place, boxes) for crop in functional.ten_crop(image, size)]


@dataclass(frozen=True)
class Protocol:
    """One way to test: `views` of each image, whose class probabilities are averaged.

    `scales` are sevenths of the run's side. `slides`: the views are whole images, for a network that takes any size.
    Of a protocol with `parts` the probabilities are the mean of those of its parts.
    """

    name: str
    about: str
    views: int
    scales: tuple[int, ...]
    look: Look | None = None
    slides: bool = False
    parts: tuple[str, ...] = ()

    def boxes(self, image_shape: tuple[int, int, int]) -> list[Box]:
        """What the scaled images cover, for a run on images [C, H, W]."""
        return [box_at(scale, image_shape) for scale in self.scales]


THREE = (8, 12, 16)
PROTOCOLS = {
    each.name: each
    for each in (
        Protocol("single", "The image once, as the run itself was tested.", 1, (7,), _stored),
        Protocol("flip", "The image and its mirror image.", 2, (7,), _mirrored),
        Protocol("multiscale", "The middle of the image at three scales.", 3, THREE, _middles),
        Protocol("tencrop", "Four corners and the middle, and their mirror images.", 10, (8,), _ten_crops),
        Protocol("dense", "The network slides over the whole image at three scales.", 3, THREE, _whole, slides=True),
        Protocol("dense+multicrop", "The mean of dense and tencrop.", 13, THREE, parts=("dense", "tencrop")),
    )
}


def parse_protocols(text: str) -> tuple[str, ...]:
    """Names of protocols from "single,flip", each once. Raises ConfigError that names the wrong one and the choices."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise ConfigError(f"protocols: given {text!r}; choose some of {', '.join(PROTOCOLS)}")
    return known_protocols(names)


def known_protocols(names: list[str] | tuple[str, ...]) -> tuple[str, ...]:
    """`names`, each once. Raises ConfigError where one is no protocol's."""
    for name in names:
        if name not in PROTOCOLS:
            raise ConfigError(unknown_name("protocol", name, PROTOCOLS))
    return tuple(dict.fromkeys(names))
