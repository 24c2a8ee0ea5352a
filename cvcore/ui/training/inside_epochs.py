"""Through the epochs: a slider that moves first-layer filters and feature maps."""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from cvcore.errors import ModelError
from cvcore.plots import feature_maps as plots
from cvcore.plots.sheet import as_png
from cvcore.ui.architectures.defaults import following
from cvcore.ui.architectures.inside_maps import limit_of
from cvcore.ui.frame import escaped, is_dark
from cvcore.ui.runs import label
from cvcore.ui.training.inside_data import Key, choose_map_layer, filters_by_epoch, key_of, maps_by_epoch

GAP = 4  # pixels between two pictures of a sheet
EXPLANATION = """
- Drag the slider, or focus it and use the arrow keys. Epoch 0 is the network before training, with random weights.
- **Filters** are the weights of the layer that reads the pixels: grey is zero, lighter positive, darker negative; three
  channels are one colour picture. **Maps** are what leaves the chosen layer for this image.
- Both keep one scale over all epochs, so that growth shows. Channels are those that are strongest after the last epoch.
- Runs keep at most some twenty epochs, evenly spread, so that they stay small on the disk.
"""


def show(replays: Sequence, subject) -> None:
    """The view."""
    if not replays:
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        layers = choose_map_layer(replays, "epoch-layer")
        epoch = _choose_epoch(replays)
    for each, layer in zip(replays, layers, strict=True):
        _one(each, subject, layer, each.best if epoch is None else each.upto(epoch))
    with st.expander("What this shows", icon=":material/help:"):
        st.markdown(EXPLANATION)


def _choose_epoch(replays: Sequence) -> int | None:
    """The chosen epoch of all that any of the runs kept; None where there is only the best."""
    for each in replays:
        if len(each.epochs) == 1:
            st.info(
                f"{escaped(label(each.run))} kept the weights of its best epoch only, as runs of earlier versions did: "
                "train it again to move through its epochs.",
                icon=":material/info:",
            )
    epochs = sorted({epoch for each in replays for epoch in each.epochs})
    if all(len(each.epochs) == 1 for each in replays):
        return None
    names = [str(epoch) for epoch in epochs]
    chosen = st.select_slider(
        "Epoch",
        names,
        value=following("epoch", names[-1], names),
        key="epoch",
        bind="query-params",
        help="The epochs whose weights were kept. 0 is before training.",
    )
    return int(chosen)


def _one(each, subject, layer: str, epoch: int) -> None:
    st.markdown(f"**{escaped(label(each.run))}** · {_told(each, epoch)}")
    left, right = st.columns(2, gap="large")
    with left:
        _filters(each, epoch)
    with right:
        _maps(each, subject, layer, epoch)


def _told(each, epoch: int) -> str:
    """Epoch and accuracy in a few words."""
    at = next((entry for entry in each.run.history if entry.epoch == epoch), None)
    accuracy = f", validation accuracy {100 * at.val_acc:.1f} %" if at else ", before training" if epoch == 0 else ""
    return f"epoch {epoch:,}{accuracy}{' (kept as the best)' if epoch == each.best else ''}"


def _filters(each, epoch: int) -> None:
    try:
        found = filters_by_epoch(each)
    except ModelError as error:
        st.info(f"No filters: {escaped(str(error))}.", icon=":material/info:")
        return
    count, name = len(found[epoch].weights), found[epoch].name
    st.markdown(f":small[{count} filters of **{escaped(name)}**, which reads the pixels]")
    _picture(_filter_sheet(key_of(each.run), epoch, found), count, f"{count} filters of {name} after epoch {epoch}")


@st.cache_data(max_entries=64, show_spinner=False)
def _filter_sheet(run: Key, epoch: int, _found: dict) -> bytes:
    limit = max(float(np.abs(filters.weights).max()) for filters in _found.values())
    weights = _found[epoch].weights
    if weights.shape[1] not in (1, 3):
        weights = weights[:, :1]
    return _png(plots.filter_pictures(weights, limit))


def _maps(each, subject, layer: str, epoch: int) -> None:
    image, key = subject.pixels(each.dataset)
    found = maps_by_epoch(each, image, key, layer)
    count = len(found.channels)
    st.markdown(f":small[{count} feature maps of **{escaped(layer)}** for {escaped(subject.text)}]")
    png = _map_sheet(key_of(each.run), key, layer, epoch, is_dark(), found)
    _picture(png, count, f"{count} feature maps of {layer} after epoch {epoch}")


@st.cache_data(max_entries=128, show_spinner=False)
def _map_sheet(run: Key, image: str, layer: str, epoch: int, dark: bool, _found) -> bytes:
    every = np.stack(list(_found.by_epoch.values()))
    return _png(plots.colours(_found.by_epoch[epoch], limit_of(every), signed=bool(np.nanmin(every) < 0), dark=dark))


def _png(pictures: np.ndarray) -> bytes:
    columns, tile = _grid(len(pictures))
    return as_png(plots.mosaic(pictures, columns, tile, GAP))


def _grid(count: int) -> tuple[int, int]:
    """(columns, pixels a side of each) of a sheet of so many pictures."""
    columns = plots.columns_for(count)
    return columns, int(np.clip(480 // columns, 12, 110))


def _picture(png: bytes, count: int, alt: str) -> None:
    """One picture of all: only its pixels change as the slider moves, so that nothing jumps."""
    columns, tile = _grid(count)
    st.image(png, alt=alt, width=columns * (tile + GAP) - GAP)
