"""Which weights the looked-at network has: random ones, those of a finished run, or published ones that are here."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from cvcore.errors import ModelError
from cvcore.models import zoo
from cvcore.models.fit import image_text
from cvcore.transfer.published import fill
from cvcore.transfer.published import published as weights_of
from cvcore.ui.architectures.defaults import following
from cvcore.ui.glossary import tip
from cvcore.ui.runs import store

if TYPE_CHECKING:
    from torch import nn

UNTRAINED = "untrained"
KEPT_BYTES = 150e6  # of weights: larger networks are built for each look and let go
MOST_BYTES = 2e9
_ONE_AT_A_TIME = threading.Lock()  # hooks are on shared networks; and no two large ones are held at once


@dataclass(frozen=True)
class Weights:
    """A network with weights, as a value: `kind` is "untrained", "run" or "published", `which` says which of those.

    `image` and `classes` are what it was built for, `mean` and `std` what is subtracted from and divided out of pixels
    in 0..1; `labels` are the names of its classes, if known.
    """

    name: str
    image: tuple[int, int, int]
    classes: int
    kind: str = UNTRAINED
    which: str = ""
    seed: int = 0
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()
    stamp: float = 0.0  # when the run ended: trained anew, it has other weights

    @property
    def said(self) -> str:
        """The weights in a few words."""
        return {
            UNTRAINED: f"random weights (seed {self.seed})",
            "run": f"the weights of {self.which}",
            "published": f"torchvision's weights {self.which}",
        }[self.kind]


def choose(name: str, image: tuple[int, int, int], classes: int) -> Weights:
    """The chosen weights. With those of a run, or published ones, the network is that which they were made for."""
    spec = zoo.find(name)
    runs = {run.run_id: run for run in store().list() if run.status == "done" and run.config.model.name == spec.name}
    published = {found.entry: found for found in weights_of(name) if found.on_disk}
    options = [UNTRAINED, *runs, *published]
    shipped = [
        run_id for run_id, run in runs.items() if run.shipped and _run_weights(name, run_id, run.when).image == image
    ]
    which = st.selectbox(
        "Weights",
        options,
        index=options.index(following("weights", shipped[0] if shipped else UNTRAINED, options)),
        key="weights",
        bind="query-params",
        help=f"{tip('weights')} untrained: random, as a network starts. Names of finished runs of this network: the "
        "weights of their best epoch. Published weights of torchvision appear where their file is on this machine; "
        "nothing is downloaded here.",
        width=320,
    )
    if which in runs:
        return _run_weights(name, which, runs[which].when)
    if which in published:
        found = published[which]
        return Weights(
            name, image, found.classes, "published", which, mean=found.mean, std=found.std, labels=found.labels
        )
    seed = st.number_input(
        "Seed",
        0,
        2**31 - 1,
        key="inside-seed",
        bind="query-params",
        help=f"Of the random weights. {tip('seed')}",
        width=110,
    )
    return Weights(name, image, classes, seed=seed)


@contextmanager
def network(weights: Weights) -> Iterator[nn.Module]:
    """The network with its weights, in evaluation mode, for one visitor at a time. It must not be changed.

    Large ones are gone after the block if the caller lets go of them. Raises CvcoreError where there is no such thing.
    """
    with _ONE_AT_A_TIME:
        yield _kept(weights) if size_of(weights) <= KEPT_BYTES else _built(weights)


@st.cache_data(max_entries=64, show_spinner=False)
def anatomy_of(weights: Weights):
    """The network's cvcore.analysis.inside.anatomy.Anatomy."""
    from cvcore.analysis.inside.anatomy import anatomy

    return anatomy(weights.name, weights.image, weights.classes)


def size_of(weights: Weights) -> int:
    """Bytes that its parameters take. Raises ModelError where that is too much for a page."""
    size = anatomy_of(weights).bytes
    if size > MOST_BYTES:
        raise ModelError(
            f"{zoo.find(weights.name).name} for {image_text(weights.image)} images has {size / 1e9:.3g} GB of weights: "
            f"at most {MOST_BYTES / 1e9:.3g} GB are looked into; choose a smaller image or network"
        )
    return size


@st.cache_resource(max_entries=3, show_spinner=False)
def _kept(weights: Weights) -> nn.Module:
    return _built(weights)


def _built(weights: Weights) -> nn.Module:
    import torch

    if weights.kind == "run":
        from cvcore.training.features import trained_network

        return trained_network(store().find(weights.which))[1].eval().requires_grad_(False)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(weights.seed)
        model = zoo.build(weights.name, weights.image, weights.classes).eval().requires_grad_(False)
    if weights.kind == "published":
        fill(model, next(found for found in weights_of(weights.name) if found.entry == weights.which))
    return model


@st.cache_data(max_entries=32, show_spinner=False)
def _run_weights(name: str, run_id: str, when: float) -> Weights:
    from cvcore.data import catalog
    from cvcore.data.stats import normalization

    config = store().find(run_id).config
    source = catalog.open_dataset(config.data.name, config.data.size, config.data.fit)
    mean, std = normalization(source, config.data.normalize)
    shape, classes = source.image_shape, source.classes
    return Weights(name, shape, len(classes), "run", run_id, mean=mean, std=std, labels=classes, stamp=when)
