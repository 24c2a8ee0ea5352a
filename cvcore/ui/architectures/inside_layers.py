"""What the views of the section share: the chosen layer and channel, and what was computed there, kept."""

from __future__ import annotations

import numpy as np
import streamlit as st

from cvcore.errors import ModelError
from cvcore.ui.architectures.defaults import following
from cvcore.ui.architectures.inside_images import LARGEST_BATCH, Subject, tensor
from cvcore.ui.architectures.inside_weights import Weights, anatomy_of, network
from cvcore.ui.glossary import tip
from cvcore.ui.numbers import shape

MOST_VALUES = 100e6  # of the largest maps of a forward pass: 400 MB
BATCH_VALUES = 30e6  # of the same, of all images of a batch together


def choose_layer(weights: Weights):
    """The chosen cvcore.analysis.inside.activations.Step; the first activation unless another one is asked for."""
    steps = anatomy_of(weights).steps
    first = next((index for index, step in enumerate(steps) if step.kind == "activation"), 0)
    keys = [step.key for step in steps]
    key = st.selectbox(
        "Layer",
        keys,
        index=keys.index(following("layer", keys[first], keys)),
        key="layer",
        bind="query-params",
        help="In the order they run, by their names inside the network. #2 is the second run of a layer that runs more "
        f"than once. Type to search. {tip('layer')}",
        width=260,
    )
    return next((step for step in steps if step.key == key), steps[first])


def choose_channel(count: int, strongest: int) -> int:
    """The chosen channel; the strongest unless one is asked for."""
    channel = st.number_input(
        f"Channel, 0 to {count - 1:,}",
        0,
        count - 1,
        value=None,
        placeholder=f"{strongest:,} (strongest)",
        key="channel",
        bind="query-params",
        help="Or click one in the sheet of all channels. Left empty, it is the channel with the largest mean absolute "
        f"value. {tip('channel')}",
        width=170,
    )
    return strongest if channel is None else min(int(channel), count - 1)


def maps_of(weights: Weights, subject: Subject, layer: str) -> np.ndarray:
    """float32 [channels, H, W]: what leaves the layer for this image. Read-only."""
    with st.spinner(f"Running the network up to {layer} …", show_time=True):
        return _maps(weights, subject.key, layer, subject)


@st.cache_resource(max_entries=8, show_spinner=False)
def _maps(weights: Weights, key: str, layer: str, _subject: Subject) -> np.ndarray:
    from cvcore.analysis.inside.activations import as_maps, find_step, observe

    steps = anatomy_of(weights).steps
    step = find_step(steps, layer)
    batch_size(steps, step)
    with network(weights) as model:
        after = observe(model, tensor(_subject, weights), step).after
    return as_maps(after, step)[0].float().cpu().numpy()


def effect_of(weights: Weights, subject: Subject, layer: str, seed: int):
    """(the cvcore.analysis.inside.effects.Effect of the layer on this image, how many images were in the batch)."""
    with st.spinner(f"Running a batch up to {layer} …", show_time=True):
        return _effect(weights, subject.key, layer, seed, subject)


@st.cache_resource(max_entries=4, show_spinner=False)
def _effect(weights: Weights, key: str, layer: str, seed: int, _subject: Subject):
    from cvcore.analysis.inside.activations import find_step
    from cvcore.analysis.inside.effects import effect

    steps = anatomy_of(weights).steps
    step = find_step(steps, layer)
    images = tensor(_subject, weights, batch_size(steps, step))
    with network(weights) as model:
        return effect(model, step, images, seed), len(images)


def batch_size(steps: tuple, step) -> int:
    """How many images may pass at once up to `step`. Raises ModelError where one is too many."""
    upto = steps[: steps.index(step) + 1]
    largest = max(max(int(np.prod(each.input)), int(np.prod(each.output))) for each in upto)
    if largest > MOST_VALUES:
        raise ModelError(
            f"at this image size a layer has {largest:,} values an image, at most {MOST_VALUES:,.0f} are looked at: "
            "choose a smaller image"
        )
    return int(np.clip(BATCH_VALUES // largest, 2, LARGEST_BATCH))


def maps_text(maps_shape: tuple[int, ...]) -> str:
    """The shape of maps; channels of one value are a vector.

    >>> maps_text((64, 56, 56)), maps_text((4096, 1, 1))
    ('64×56×56', '4,096 values')
    """
    return shape(maps_shape) if maps_shape[1:] != (1, 1) else f"{maps_shape[0]:,} values"


def number(value: float) -> str:
    """Three significant digits or so, with a proper minus.

    >>> number(-2.1179), number(0.000012), number(1234.5), number(0)
    ('−2.12', '1.2e−05', '1,234', '0')
    """
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return text.replace("-", "−")


def percent(share: float) -> str:
    """A share 0..1 as percent.

    >>> percent(0.5), percent(0.00012), percent(1.0), percent(0.0)
    ('50 %', '0.012 %', '100 %', '0 %')
    """
    return f"{100 * share:.3g} %"
