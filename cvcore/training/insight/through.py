"""First-layer filters and feature maps of a run through the epochs that were kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from cvcore.analysis.inside.activations import Step, as_maps, observe
from cvcore.analysis.inside.anatomy import Filters, first_filters, strongest_first
from cvcore.training.insight.replay import Replay

MOST = 64  # filters or channels: more cannot be watched at once
MOST_VALUES = 40e6  # of maps over all epochs together

Told = Callable[[float, float], object]


@dataclass(frozen=True)
class Maps:
    """`channels` [M] of a layer, the strongest of the last epoch first, and their maps [M, H, W] by epoch."""

    channels: np.ndarray
    by_epoch: dict[int, np.ndarray]


def filters_through(replay: Replay) -> dict[int, Filters]:
    """Up to MOST filters of the layer that reads the pixels, by epoch. Raises ModelError where they are no pictures."""
    found = {}
    for epoch in replay.epochs:
        with replay.at(epoch) as model:
            each = first_filters(model, replay.steps, replay.dataset.image_shape)
            found[epoch] = replace(each, weights=each.weights[:MOST].copy())
    return found


def maps_of(replay: Replay, image: np.ndarray, step: Step, epoch: int | None = None) -> np.ndarray:
    """float32 [channels, H, W]: what leaves `step` for the uint8 image [C, H, W], after that epoch or the best."""
    with replay.at(epoch) as model:
        after = observe(model, replay.tensor(np.array(image)[None]), step).after
    return as_maps(after, step)[0].float().numpy()


def maps_through(replay: Replay, image: np.ndarray, step: Step, on_progress: Told = lambda done, total: None) -> Maps:
    """The maps of up to MOST channels of `step` for one image, fewer where they are large, by epoch."""
    last = maps_of(replay, image, step, replay.epochs[-1])
    room = int(MOST_VALUES // (len(replay.epochs) * last[0].size))
    channels = strongest_first(last)[: max(1, min(MOST, room))]
    found = {}
    for done, epoch in enumerate(replay.epochs):
        on_progress(done, len(replay.epochs))
        found[epoch] = maps_of(replay, image, step, epoch)[channels]
    return Maps(channels, found)
