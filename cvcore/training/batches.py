"""Mini-batches straight from the tensor store: no workers, no copies but the batch itself."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np
import torch

from cvcore.data.dataset import Split


def batch_sizes(images: int, batch_size: int) -> list[int]:
    """Sizes of an epoch's batches. One image left over joins the batch before: BatchNorm cannot train on one.

    >>> batch_sizes(10, 4), batch_sizes(9, 4)
    ([4, 4, 2], [4, 5])
    """
    whole, rest = divmod(images, batch_size)
    sizes = [batch_size] * whole + [rest] * (rest > 0)
    if rest == 1 and whole and batch_size > 1:
        sizes[-2:] = [batch_size + 1]
    return sizes


@dataclass(frozen=True)
class Batches:
    """Mini-batches of the images `indices` of `split`: (float [B, C, H, W] normalised, int64 [B]) on `device`.

    With a `generator` the order is drawn anew from it in every epoch; without, it is that of `indices`.
    """

    split: Split
    indices: np.ndarray
    batch_size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    device: torch.device
    generator: torch.Generator | None = None

    @property
    def images(self) -> int:
        """How many images an epoch has."""
        return len(self.indices)

    def __len__(self) -> int:
        return len(batch_sizes(self.images, self.batch_size))

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        order = self.indices
        if self.generator is not None:
            order = order[torch.randperm(self.images, generator=self.generator).numpy()]
        # x / 255, less mean, over std, as one multiplication and one addition
        scale = torch.tensor([1 / (255 * std) for std in self.std], device=self.device).view(-1, 1, 1)
        shift = torch.tensor([-m / s for m, s in zip(self.mean, self.std, strict=True)], device=self.device).view(
            -1, 1, 1
        )
        ends = accumulate(batch_sizes(self.images, self.batch_size), initial=0)
        for start, end in pairwise(ends):
            chosen = order[start:end]
            images = torch.from_numpy(self.split.images[chosen]).to(self.device)
            labels = torch.from_numpy(self.split.labels[chosen]).to(self.device)
            yield images.float().mul_(scale).add_(shift), labels
