"""Networks with the classes of ImageNet, applied to any picture as they were tested: the likeliest names, and the time.

The weights are torchvision's, or a file of somebody's; the picture takes the path that torchvision publishes with the
weights: shorter side resized, middle cropped, scaled to 0..1, mean subtracted, deviation divided out.
"""

import statistics
import time
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import nn

from cvcore.data.files.decode import without_ends
from cvcore.errors import ModelError
from cvcore.models import zoo
from cvcore.training.device import choose_device
from cvcore.training.predict import Guess, likeliest
from cvcore.transfer import published, weight_files
from cvcore.transfer.published import IMAGENET_CLASSES, Published
from cvcore.transfer.sources import FILE, THEIRS
from cvcore.transfer.start import outputs_of
from cvcore.transfer.weight_fit import put

TIMED = 5  # forward passes that are timed, after one that is not


@dataclass(frozen=True, eq=False)
class Sight:
    """What a network was given and what it says: `tensor` float32 [3, H, W]; `box` is the part of the picture that it
    holds, (left, top, right, bottom) as shares of its sides; the likeliest classes; the seconds of each forward pass of
    one picture."""

    tensor: np.ndarray
    box: tuple[float, float, float, float]
    top: tuple[Guess, ...]
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Seconds that a picture takes."""
        return statistics.median(self.seconds)


@dataclass(frozen=True, eq=False)
class Pretrained:
    """A network in evaluation mode, and the weights of torchvision that say what it sees of a picture and how its
    classes are called: those that it has or, with a file's, the usual ones of the same network."""

    key: str
    label: str
    tested: Published
    model: nn.Module
    device: torch.device

    @property
    def classes(self) -> tuple[str, ...]:
        return self.tested.labels

    @property
    def params(self) -> int:
        return sum(each.numel() for each in self.model.parameters())

    def look(self, picture: Image.Image) -> Sight:
        """What the network says of a picture of any size, grey or in colour."""
        tensor = self._transform(without_ends(picture.convert("RGB")))
        batch = tensor[None].to(self.device)
        times = []
        with torch.inference_mode():
            shares = self.model(batch).float().softmax(1)[0].cpu().numpy()
            for _ in range(TIMED):
                begun = time.perf_counter()
                self.model(batch).cpu()  # fetched: an accelerator is done only then
                times.append(time.perf_counter() - begun)
        return Sight(tensor.numpy(), self._box(picture), likeliest(shares, self.classes), tuple(times))

    def _transform(self, picture: Image.Image) -> torch.Tensor:
        """float32 [3, H, W], as the weights' own transform of torchvision makes it."""
        from torchvision.models import get_weight

        return get_weight(self.tested.key.removeprefix(THEIRS)).transforms()(picture)

    def _box(self, picture: Image.Image) -> tuple[float, float, float, float]:
        side = min(picture.size) * self.tested.crop / self.tested.resize
        across, down = (min(1.0, side / length) for length in picture.size)
        return (1 - across) / 2, (1 - down) / 2, (1 + across) / 2, (1 + down) / 2


def load(key: str) -> Pretrained:
    """The network whose weights `key` names: "torchvision:VGG16_Weights.IMAGENET1K_V1", "file:…", or a network of the
    zoo, which then has torchvision's usual ones.

    Raises ModelError in one line where they are not on disk, are damaged, or give other classes than ImageNet's.
    """
    if key.startswith(FILE):
        return _of_file(key)
    found = published.find(key) if key.startswith(THEIRS) and "." in key else usual(key)
    if found.top1 is None:
        raise ModelError(f"{found.said} are for other tasks and name no classes: choose others of {found.network}")
    model = _built(found)
    published.fill(model, found)
    return _ready(found.key, f"{found.network} · {found.entry}", found, model)


def usual(network: str) -> Published:
    """The weights that torchvision recommends for a network, of those on disk where some are. Raises ModelError where
    none are published."""
    found = [each for each in published.published(network) if each.top1 is not None]
    if not found:
        raise ModelError(
            f"torchvision publishes no weights of {network} that name the classes of ImageNet: choose another network; "
            "`weights` lists them"
        )
    return next((each for each in found if each.on_disk), found[0])


def _of_file(key: str) -> Pretrained:
    weights = weight_files.load_kept(key)
    about = next(each for each in weight_files.kept() if each.key == key)
    if not about.network:
        raise ModelError(f"{about.name}: nobody said which network it belongs to; bring the file again and choose one")
    tested = usual(about.network)
    model = _built(tested)
    classes = outputs_of(weights, model) or 0
    if classes != IMAGENET_CLASSES:
        raise ModelError(f"{about.name} gives {classes:,} classes, ImageNet has 1,000: choose another file, or a run")
    put(weights, model, about.name)
    if hasattr(model, "transform_input"):
        model.transform_input = True  # as published.fill does
    return _ready(key, f"{about.network} · {about.name}", tested, model)


def _built(tested: Published) -> nn.Module:
    return zoo.build(zoo.find(tested.network).name, (3, tested.crop, tested.crop), IMAGENET_CLASSES)


def _ready(key: str, label: str, tested: Published, model: nn.Module) -> Pretrained:
    device = choose_device()
    return Pretrained(key, label, tested, model.to(device).eval(), device)
