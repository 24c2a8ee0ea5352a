"""The weights that torchvision publishes: what there is, whether it is on disk, how to get it. Downloads when told to.

Files lie where torch itself keeps them, in the folder `checkpoints` of its hub cache, so that none is fetched twice.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from cvcore.data.download.fetch import Remote
from cvcore.data.download.fetch import fetch as fetch_files
from cvcore.errors import ModelError
from cvcore.models import zoo
from cvcore.transfer.pickled import shown

if TYPE_CHECKING:
    from torch import Tensor, nn

MOST_BYTES = 4_000_000_000  # of a file; the largest has 2.6 GB
IMAGENET_CLASSES = 1000
_CHECKSUM = re.compile(r"-([0-9a-f]{8,})\.\w+$")  # the first digits of its SHA-256, in the name of a file


@dataclass(frozen=True)
class Published:
    """Weights of one network: `key` as a config holds it, `network` and `entry` as torchvision calls them.

    `size_mb` are millions of bytes, `top1` is 0..1 on ImageNet-1K's validation images, None where the weights are not
    for classifying. `labels` are the names of the classes, empty if unsaid. Images are resized so that the shorter side
    has `resize` pixels, cropped to `crop`², scaled to 0..1; then `mean` is subtracted and `std` divided out.
    """

    key: str
    network: str
    entry: str
    url: str
    size_mb: float
    top1: float | None
    labels: tuple[str, ...]
    resize: int
    crop: int
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def file(self) -> Path:
        """Where torch looks for it, whether it is there or not."""
        import torch

        return Path(torch.hub.get_dir()) / "checkpoints" / self.url.rpartition("/")[2]

    @property
    def on_disk(self) -> bool:
        return self.file.is_file()

    @property
    def state(self) -> str:
        """ "on disk", or what it takes."""
        return "on disk" if self.on_disk else f"needs a download of {self.size_mb:,.0f} MB"

    @property
    def classes(self) -> int:
        """Outputs of the network that the weights belong to."""
        return len(self.labels) or IMAGENET_CLASSES

    @property
    def said(self) -> str:
        """The weights in a few words."""
        return f"torchvision's weights {self.entry} of {self.network}"


def published(network: str) -> tuple[Published, ...]:
    """What torchvision publishes for a network of the zoo, its default first; empty where that is nothing.

    A network of ours has the weights of torchvision's network of the same name, which load into it.
    Raises ModelError if there is no such network.
    """
    return _all().get(zoo.find(network).name.removeprefix(zoo.THEIRS), ())


def everything() -> tuple[Published, ...]:
    """All that torchvision publishes for classifiers, by network, the default of each first."""
    return tuple(weights for each in _all().values() for weights in each)


def find(key: str) -> Published:
    """The weights of that key, as a config holds it. Raises ModelError if there are none."""
    known = {weights.key: weights for weights in everything()}
    if key not in known:
        near = difflib.get_close_matches(key, known, n=3, cutoff=0.5)
        meant = f"did you mean {' or '.join(near)}? " if near else ""
        raise ModelError(f"unknown weights {shown(key)!r}: {meant}`weights` lists all {len(known):,}")
    return known[key]


def fetch(weights: Published, on_progress: Callable[[int, int], None] = lambda done, total: None) -> Path:
    """The file of `weights`, downloaded unless it is there and right; goes on where an earlier call stopped.

    `on_progress` hears (bytes done, bytes in all) about ten times a second, and may raise to stop. Raises DataError
    that names the address, the cause and where a file fetched by hand belongs.
    """
    checksum = _CHECKSUM.search(weights.url)
    remote = Remote(weights.url, weights.file.name, sha256=checksum[1] if checksum else "")
    instead = "random weights and those of your runs work without it"
    return fetch_files([remote], weights.file.parent, on_progress, name=weights.said, instead=instead)[0]


def load(weights: Published) -> dict[str, Tensor]:
    """The state dict of `weights`, with the names of the zoo's network, on the CPU. Downloads nothing.

    Heads that only torchvision's networks train with (GoogLeNet's) are left out where the zoo's has none.
    Raises ModelError if the file is not on disk, or is damaged.
    """
    from cvcore.transfer.weight_files import read_state
    from cvcore.transfer.weight_fit import without_idle

    file = weights.file
    if not file.is_file():
        raise ModelError(
            f"{weights.said} are not on disk: download them ({weights.size_mb:,.0f} MB) with `weights --download "
            f"{weights.key}`, or fetch {weights.url} by hand into {file.parent}"
        )
    try:
        state, _ = read_state(file, file.name, most_bytes=MOST_BYTES, finite=weights.top1 is not None)
    except ModelError as error:
        raise ModelError(
            f"{file} does not hold the weights of {weights.network}: delete it and download it again, "
            "or choose other weights"
        ) from error
    return without_idle(state, _names(weights.network)) if any("aux" in name.lower() for name in state) else state


def fill(model: nn.Module, weights: Published) -> None:
    """Give all of `weights` to `model`, ours or theirs, of the zoo.

    Raises ModelError, and changes nothing, if they are not on disk or belong to another network.
    """
    from cvcore.transfer.weight_fit import put

    put(load(weights), model, weights.said)
    if hasattr(model, "transform_input"):  # GoogLeNet and Inception bring ImageNet's normalisation to their own
        model.transform_input = True


@cache
def _all() -> dict[str, tuple[Published, ...]]:
    """{torchvision's name of a network: its weights}."""
    from torchvision.models import get_model_weights

    from cvcore.models.torchvision_nets import classifier_names

    return {name: _of(name, get_model_weights(name)) for name in classifier_names()}


def _of(network: str, enum) -> tuple[Published, ...]:
    return tuple(_published(network, enum, entry) for entry in dict.fromkeys((enum.DEFAULT, *enum)))


def _published(network: str, enum, entry) -> Published:
    preset, meta = entry.transforms(), entry.meta
    top1 = meta["_metrics"]["ImageNet-1K"]["acc@1"]
    return Published(
        key=f"{zoo.THEIRS}{enum.__name__}.{entry.name}",
        network=network,
        entry=entry.name,
        url=entry.url,
        size_mb=round(meta["_file_size"] * 2**20 / 1e6, 1),  # torchvision's are units of 2^20 bytes
        top1=None if top1 != top1 else round(top1 / 100, 5),  # NaN: the classifier's values are not published
        labels=_shared(tuple(meta["categories"] or ())),
        resize=preset.resize_size[0],
        crop=preset.crop_size[0],
        mean=tuple(preset.mean),
        std=tuple(preset.std),
    )


@cache
def _shared(labels: tuple[str, ...]) -> tuple[str, ...]:
    """`labels`, the same object for the same names."""
    return labels


def _names(network: str) -> list[str]:
    """The names in the state dict of the zoo's network; allocates nothing."""
    import torch

    with torch.device("meta"):
        return list(
            zoo.build(zoo.THEIRS + network, zoo.find(zoo.THEIRS + network).input, IMAGENET_CLASSES).state_dict()
        )
