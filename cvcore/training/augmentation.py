"""Random changes of training images, a batch at a time and different for every image, on the device that trains.

All take float images [B, C, H, W], 0..255, and a generator on their device; new places repeat the border, which is
black for digits and plausible for photographs. Geometry is one affine map an image, sampled once however many changes
are asked for.
"""

import math
from collections.abc import Sequence

import torch
from torch.nn import functional as F

SHIFT = 0.125  # of the side, at most, to each direction: 4 of 32 pixels, as is usual for CIFAR-10
ROTATE = 15.0  # degrees, at most, to each side
ZOOM = 0.2  # at most: from 1/1.2 to 1.2 times the size
JITTER = 0.2  # of brightness and contrast, at most
ERASE = 0.35  # side of the square that is covered, of the image's: Random Erasing, Zhong et al., 2017
GEOMETRIC = {"flip", "shift", "rotate", "zoom"}


def augmented(images: torch.Tensor, names: Sequence[str], generator: torch.Generator) -> torch.Tensor:
    """`images` [B, C, H, W] changed at random in the ways that `names` lists (see config.Augmentation)."""
    if "flip" in names and len(GEOMETRIC & set(names)) == 1:
        images = _flipped(images, generator)
    elif GEOMETRIC & set(names):
        images = _moved(images, names, generator)
    if "jitter" in names:
        images = _jittered(images, generator)
    if "erase" in names:
        images = _erased(images, generator)
    return images


def _uniform(count: int, low: float, high: float, generator: torch.Generator) -> torch.Tensor:
    """float32 [count], each between `low` and `high`."""
    return torch.rand(count, generator=generator, device=generator.device) * (high - low) + low


def _flipped(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Half of the images, left and right exchanged; exact, unlike resampling."""
    turned = (_uniform(len(images), 0, 1, generator) < 0.5).view(-1, 1, 1, 1)
    return torch.where(turned, images.flip(3), images)


def _moved(images: torch.Tensor, names: Sequence[str], generator: torch.Generator) -> torch.Tensor:
    """Every image through its own affine map."""
    maps = affine_maps(len(images), tuple(images.shape[2:]), names, generator)
    grid = F.affine_grid(maps, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)


def affine_maps(count: int, size: tuple[int, int], names: Sequence[str], generator: torch.Generator) -> torch.Tensor:
    """float32 [count, 2, 3]: from places of the result to places of the image, both -1..1, for affine_grid."""
    height, width = size
    angle = _uniform(count, -ROTATE, ROTATE, generator) * (math.pi / 180) if "rotate" in names else None
    angle = angle if angle is not None else torch.zeros(count, device=generator.device)
    most = math.log(1 + ZOOM) if "zoom" in names else 0.0
    scale = torch.exp(_uniform(count, -most, most, generator)) if most else torch.ones_like(angle)
    mirror = (
        torch.where(_uniform(count, 0, 1, generator) < 0.5, -1.0, 1.0) if "flip" in names else torch.ones_like(angle)
    )
    cos, sin = torch.cos(angle) / scale, torch.sin(angle) / scale
    # in pixels a turn is a turn; between -1 and 1 the sides have the same length, so the shape of the image comes in
    maps = torch.zeros(count, 2, 3, device=generator.device)
    maps[:, 0, 0], maps[:, 0, 1] = cos * mirror, -sin * (height / width)
    maps[:, 1, 0], maps[:, 1, 1] = sin * mirror * (width / height), cos
    if "shift" in names:
        for axis, side in enumerate((width, height)):
            pixels = int(side * SHIFT)  # whole pixels: nothing is blurred by a shift alone
            drawn = torch.randint(-pixels, pixels + 1, (count,), generator=generator, device=generator.device)
            maps[:, axis, 2] = drawn * (2 / side)
    return maps


def _jittered(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Brightness and contrast of every image times a factor near 1."""
    brightness, contrast = (
        _uniform(len(images), 1 - JITTER, 1 + JITTER, generator).view(-1, 1, 1, 1) for _ in range(2)
    )
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    return ((images - mean) * contrast + mean).mul_(brightness).clamp_(0, 255)


def _erased(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """A square of half of the images covered with the image's own mean."""
    count, _, height, width = images.shape
    tall, wide = max(1, round(height * ERASE)), max(1, round(width * ERASE))
    top = (_uniform(count, 0, 1, generator) * (height - tall + 1)).long().view(-1, 1, 1)
    left = (_uniform(count, 0, 1, generator) * (width - wide + 1)).long().view(-1, 1, 1)
    rows = torch.arange(height, device=images.device).view(1, -1, 1)
    columns = torch.arange(width, device=images.device).view(1, 1, -1)
    covered = (rows >= top) & (rows < top + tall) & (columns >= left) & (columns < left + wide)
    covered &= (_uniform(count, 0, 1, generator) < 0.5).view(-1, 1, 1)
    return torch.where(covered.unsqueeze(1), images.mean(dim=(1, 2, 3), keepdim=True), images)
