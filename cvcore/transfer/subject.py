"""A finished run's network together with its test images, and what it says of them, averaged over views."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from cvcore.data.files.threads import in_order
from cvcore.data.stats import normalization
from cvcore.errors import ModelError, RunError
from cvcore.models.fit import first_sentence, image_text
from cvcore.training.batches import Batches, evaluation_batch
from cvcore.training.device import check_device, choose_device
from cvcore.training.features import trained_network
from cvcore.training.insight.stored import images_of, stored_predictions
from cvcore.training.loop import computing_in
from cvcore.training.run import Run
from cvcore.transfer.views import Pictures, Protocol

Views = list[torch.Tensor]  # of one image, uint8 [C, h, w] each


@dataclass(frozen=True)
class Subject:
    """The network of a finished run with the weights of its best epoch, on its device, and the run's test images with
    labels int64 [N], which are normalised by `mean` and `std` (per channel, scale 0..1)."""

    run: Run
    model: nn.Module
    pictures: Pictures
    labels: np.ndarray
    mean: tuple[float, ...]
    std: tuple[float, ...]
    device: torch.device

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """[C, H, W] that the network was built for."""
        return self.pictures.dataset.image_shape

    @property
    def precision(self) -> torch.dtype:
        """Of what layers compute, as in the run."""
        return getattr(torch, self.run.config.train.precision)

    def batches(self, size: int, most: int | None = None) -> Batches:
        """The stored images, or the first few of them, `size` at a time."""
        split = self.pictures.dataset.split(self.pictures.split)
        return Batches(split, self.pictures.indices[:most], size, self.mean, self.std, self.device)

    def normalised(self, images: torch.Tensor) -> torch.Tensor:
        """float32 on the device, by the arithmetic of Batches, of uint8 images [B, C, h, w] of any size."""
        scale = torch.tensor([1 / (255 * std) for std in self.std], device=self.device).view(-1, 1, 1)
        both = zip(self.mean, self.std, strict=True)
        shift = torch.tensor([-mean / std for mean, std in both], device=self.device).view(-1, 1, 1)
        return images.to(self.device).float().mul_(scale).add_(shift)

    @torch.inference_mode()
    def probabilities(self, network: nn.Module, protocol: Protocol, on_images: Callable[[int], None]) -> np.ndarray:
        """float32 [N, K]: the mean over the views of each image of what `network`, in evaluation mode, makes likely.

        `on_images` hears how many more images are done, and may raise to stop. Holds the views of a few images at a
        time. Raises ModelError, in one line, if the network does not take them.
        """
        found = torch.zeros(len(self.pictures), len(self.pictures.dataset.classes))
        for start, chunk in self._chunks(protocol):
            for places, images in _stacked(chunk):
                found.index_add_(0, places + start, self._answers(network, images))
            on_images(len(chunk))
        return (found / protocol.views).numpy()

    def _chunks(self, protocol: Protocol) -> Iterator[tuple[int, list[Views]]]:
        """(place of the first, views of each) of a few images at a time, made by threads ahead of who asks."""
        boxes = protocol.boxes(self.image_shape)
        seen = max(boxes) if protocol.slides else self.image_shape[1:]
        count = max(1, evaluation_batch((self.image_shape[0], *seen)) // protocol.views)
        chunk: list[Views] = []
        made = in_order(lambda place: protocol.look(self.pictures, place, boxes), range(len(self.pictures)))
        for place, views in enumerate(made):
            chunk.append(views)
            if len(chunk) == count or place == len(self.pictures) - 1:
                yield place + 1 - len(chunk), chunk
                chunk = []

    def _answers(self, network: nn.Module, images: torch.Tensor) -> torch.Tensor:
        """Class probabilities float32 [B, K], on the CPU, of uint8 images of one size."""
        try:
            with computing_in(self.precision, self.device):
                outputs = network(self.normalised(images))
            return outputs.float().softmax(1).cpu()
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"{image_text(tuple(images.shape[1:]))} images fail: {first_sentence(error)}") from error


def subject_of(run: Run, limit: int | None = None) -> Subject:
    """The subject of a finished run, with all of its test images, or with `limit` of them, evenly spread.

    Raises RunError, in one line, if the run is not finished, or it, its images or its predictions cannot be read;
    ConfigError if CVCORE_DEVICE cannot be used.
    """
    if run.status != "done":
        raise RunError(
            f"{run.run_id} is {run.status}: only a finished run can be evaluated; choose another, or finish it"
        )
    device = choose_device()
    check_device(device)
    dataset, model = trained_network(run)
    split, indices = images_of(run, dataset, "test", stored_predictions(run, "test"))
    if limit is not None and limit < len(indices):
        indices = indices[np.arange(limit) * len(indices) // limit]
    labels = np.asarray(dataset.split(split).labels)[indices]
    mean, std = normalization(dataset, run.config.data.normalize)
    return Subject(run, model.to(device), Pictures(dataset, split, indices), labels, mean, std, device)


def _stacked(chunk: list[Views]) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """(which image of the chunk each is of, int64 [B]; images [B, C, h, w]) of equal views, bounded in number."""
    by_shape: dict[tuple[int, ...], list[tuple[int, torch.Tensor]]] = defaultdict(list)
    for place, views in enumerate(chunk):
        for view in views:
            by_shape[tuple(view.shape)].append((place, view))
    for shape, members in by_shape.items():
        size = evaluation_batch(shape)
        for start in range(0, len(members), size):
            places, images = zip(*members[start : start + size], strict=True)
            yield torch.tensor(places), torch.stack(images)
