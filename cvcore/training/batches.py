"""Mini-batches straight from the tensor store: no workers, no copies but the batch itself."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise

import numpy as np
import torch

from cvcore.data.dataset import Split
from cvcore.data.store import blocks
from cvcore.training.augmentation import augmented
from cvcore.training.parallel import ALONE, World

KEPT_READY = 256_000_000  # bytes of normalised images that are kept in memory: MNIST's 60,000 take 188 million
EVALUATED_AT_ONCE = 512  # images
EVALUATED_VALUES = 4_000_000  # of the input: photographs of 224×224 pixels come 26 at a time, small images 512
SHARE_OF_DEVICE = 0.5  # of an accelerator's free memory that a set may take there


def evaluation_batch(image_shape: tuple[int, ...]) -> int:
    """How many images [C, H, W] are evaluated at a time: nothing is kept for gradients, so more than in training.

    >>> evaluation_batch((1, 28, 28)), evaluation_batch((3, 224, 224))
    (512, 26)
    """
    return max(1, min(EVALUATED_AT_ONCE, EVALUATED_VALUES // max(1, int(np.prod(image_shape)))))


def batch_sizes(images: int, batch_size: int, least: int = 2) -> list[int]:
    """Sizes of an epoch's batches. Fewer than `least` images left over join the batch before.

    BatchNorm cannot train on one image, and processes that share a batch need one each.

    >>> batch_sizes(10, 4), batch_sizes(9, 4)
    ([4, 4, 2], [4, 5])
    """
    whole, rest = divmod(images, batch_size)
    sizes = [batch_size] * whole + [rest] * (rest > 0)
    if 0 < rest < min(least, batch_size) and whole:
        sizes[-2:] = [batch_size + rest]
    return sizes


@dataclass(frozen=True)
class Batches:
    """Mini-batches of the images `indices` of `split`: (float [B, C, H, W] normalised, int64 [B]) on `device`.

    With a `generator` the order is drawn anew from it in every epoch; without, it is that of `indices`. `augment` names
    random changes, drawn from `chance`. Without `mean` values are taken as they are. Of a `world` of several processes
    each gets its share of every batch.
    """

    split: Split
    indices: np.ndarray
    batch_size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    device: torch.device
    generator: torch.Generator | None = None
    augment: tuple[str, ...] = ()
    chance: torch.Generator | None = None
    world: World = ALONE

    @property
    def images(self) -> int:
        """How many images an epoch has."""
        return len(self.indices)

    @cached_property
    def sizes(self) -> list[int]:
        """Images of each batch, over all processes."""
        return batch_sizes(self.images, self.batch_size, max(2, self.world.size))

    def __len__(self) -> int:
        return len(self.sizes)

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        return self.from_batch(0)

    def from_batch(self, first: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """An epoch's batches without the first few, which were done before; the order drawn is the same."""
        order = torch.arange(self.images)
        if self.generator is not None:
            order = torch.randperm(self.images, generator=self.generator)
        order = order.to(self._labels.device)
        for start, end in list(pairwise(accumulate(self.sizes, initial=0)))[first:]:
            chosen = order[start:end]
            if not self.world.is_alone:
                chosen = chosen[self.world.rank :: self.world.size]
            yield self._images(chosen), self._labels.index_select(0, chosen)

    @cached_property
    def _labels(self) -> torch.Tensor:
        return torch.from_numpy(np.asarray(self.split.labels)[self.indices]).to(self.device)

    def _images(self, chosen: torch.Tensor) -> torch.Tensor:
        """float32 [B, C, H, W] of these places of `indices`."""
        if self._ready is not None:
            return self._ready.index_select(0, chosen)
        if self._on_device is not None:
            return self._prepared(self._on_device.index_select(0, chosen))
        stored = self.split.images[self.indices[chosen.cpu().numpy()]]
        return self._prepared(torch.from_numpy(stored).to(self.device))

    def _prepared(self, stored: torch.Tensor) -> torch.Tensor:
        """uint8 images as the network receives them: changed at random where that is asked for, normalised."""
        images = stored.float()
        if self.augment:
            images = augmented(images, self.augment, self.chance)
        if not self.mean:  # no images, but features of some
            return images
        return images.mul_(self._scale).add_(self._shift)

    @cached_property
    def _scale(self) -> torch.Tensor:
        """With _shift: x / 255, less mean, over std, as one multiplication and one addition."""
        return torch.tensor([1 / (255 * std) for std in self.std], device=self.device).view(-1, 1, 1)

    @cached_property
    def _shift(self) -> torch.Tensor:
        both = zip(self.mean, self.std, strict=True)
        return torch.tensor([-mean / std for mean, std in both], device=self.device).view(-1, 1, 1)

    @cached_property
    def _ready(self) -> torch.Tensor | None:
        """All images normalised, where training sees the same ones again and again and they take little memory."""
        values = self.images * int(np.prod(self.split.images.shape[1:]))
        again = self.generator is not None and not self.augment
        if not again or 4 * values > KEPT_READY or values == 0:
            return None
        return torch.cat([self._prepared(stored) for stored in self._stored_parts()])

    def _stored_parts(self) -> Iterator[torch.Tensor]:
        """All images as they are stored, on the device, some thousands at a time: what is read at once takes memory
        twice."""
        return (torch.from_numpy(self.split.images[part]).to(self.device) for part in blocks(self.indices, 4_000))

    @cached_property
    def _on_device(self) -> torch.Tensor | None:
        """All images as they are stored, in the accelerator's memory, where they fit: no batch waits for a copy."""
        if self.device.type == "cpu" or self.generator is None:
            return None
        size = self.images * int(np.prod(self.split.images.shape[1:]))
        if self.device.type == "cuda" and size > SHARE_OF_DEVICE * torch.cuda.mem_get_info(self.device)[0]:
            return None
        if self.device.type != "cuda" and size > 4 * KEPT_READY:
            return None
        return torch.cat(list(self._stored_parts()))
