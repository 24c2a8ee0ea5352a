"""The controls of one layer of the chain, and those that move, add and remove it.

Every control is set from the chain's text before it is drawn, and writes it when it is changed, so that the two never
differ.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import streamlit as st

from cvcore.analysis.geometry.chain import MOST_LAYERS
from cvcore.analysis.geometry.layer import AXES, SAME, SETTINGS, TITLES, VALID, Layer, default, default_stride
from cvcore.analysis.geometry.sizes import ADAPTIVE, CONV, KINDS
from cvcore.errors import ConfigError
from cvcore.ui.frame import escaped
from cvcore.ui.glossary import tip

NUMBERS = "numbers"
MOST = 512  # kernel and stride
WIDTH = 116  # pixels of a number's control
# field: (label, lowest, tooltip)
FIELDS = {
    "kernel": ("Kernel", 1, f"kernel_size, F: rows and columns of the window. {tip('kernel')}"),
    "stride": ("Stride", 1, f"S. {tip('stride')}"),
    "padding": ("Padding", 0, f"P. {tip('padding')} For poolings at most half the window."),
    "dilation": ("Dilation", 1, f"D: 1 is side by side. {tip('dilation')}"),
    "output_padding": ("Output padding", 0, f"Less than the stride or the dilation. {tip('output padding')}"),
}
Put = Callable[[list[Layer], int], None]


def edit(layers: list[Layer], index: int, put: Put) -> None:
    """The controls of `layers[index]`; `put(layers, index)` takes over what is changed."""
    layer = layers[index]
    st.session_state["calculator-kind"] = layer.kind
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Layer",
            KINDS,
            format_func=lambda kind: TITLES[kind][0],
            key="calculator-kind",
            on_change=_kind_changed,
            args=(layers, index, put),
            width=210,
            help=f"What the window does: weigh, spread, take the largest or the mean. {tip('layer')}",
        )
        if _differs(layer):
            st.session_state["apart"] = True
        apart = st.toggle(
            "Height and width apart",
            key="apart",
            bind="query-params",
            disabled=_differs(layer),
            help="Off: one number serves both. It stays on while they differ.",
        )
        _buttons(layers, index, put)
    for axis in range(2 if apart or _differs(layer) else 1):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            _row(layers, index, put, axis if apart or _differs(layer) else None)
    refused = st.session_state.pop("calculator-refused", "")
    if refused:
        st.warning(escaped(f"Not changed: {refused}."), icon=":material/info:")


def _row(layers: list[Layer], index: int, put: Put, axis: int | None) -> None:
    """The numbers of both axes (None) or of one; what has no axis stands in the first row."""
    layer = layers[index]
    for field in ("kernel", *(name for name in FIELDS if name in SETTINGS[layer.kind])):
        if field == "padding" and layer.kind == CONV and not axis:
            _padding_mode(layers, index, put)
        if isinstance(getattr(layer, field), str):
            continue
        _number(layers, index, put, field, axis)
    if "ceil_mode" in SETTINGS[layer.kind] and not axis:
        st.session_state["calculator-ceil"] = layer.ceil_mode
        st.toggle(
            "Round up",
            key="calculator-ceil",
            on_change=_changed,
            args=(layers, index, put, "ceil_mode", "calculator-ceil", None),
            help=f"ceil_mode. {tip('ceil mode')}",
        )


def _number(layers: list[Layer], index: int, put: Put, field: str, axis: int | None) -> None:
    label, lowest, tooltip = FIELDS[field]
    if field == "kernel" and layers[index].kind == ADAPTIVE:
        label, tooltip = "Output", "output_size: what comes out, whatever comes in."
    key = f"calculator-{field}-{axis or 0}"
    value = getattr(layers[index], field)[axis or 0]
    st.session_state[key] = min(value, MOST)
    st.number_input(
        label if axis is None else f"{label}, {AXES[axis]}",
        lowest,
        MOST,
        key=key,
        on_change=_changed,
        args=(layers, index, put, field, key, axis),
        width=WIDTH if axis is None else WIDTH + 30,
        help=tooltip,
    )


def _padding_mode(layers: list[Layer], index: int, put: Put) -> None:
    padding = layers[index].padding
    st.session_state["calculator-mode"] = padding if isinstance(padding, str) else NUMBERS
    st.selectbox(
        "Padding as",
        [NUMBERS, SAME, VALID],
        key="calculator-mode",
        on_change=_mode_changed,
        args=(layers, index, put),
        width=WIDTH,
        help=f"'same' keeps the size and needs stride 1; 'valid' is none. {tip('padding')}",
    )


def _buttons(layers: list[Layer], index: int, put: Put) -> None:
    """Earlier, later, add, remove."""
    earlier = [*layers[: index - 1], layers[index], layers[index - 1], *layers[index + 1 :]] if index else layers
    last = index == len(layers) - 1
    later = layers if last else [*layers[:index], layers[index + 1], layers[index], *layers[index + 2 :]]
    added = [*layers[: index + 1], Layer(CONV, (3, 3), padding=(1, 1)), *layers[index + 1 :]]
    removed = [*layers[:index], *layers[index + 1 :]]
    for label, icon, tooltip, result, chosen, off in (
        ("Earlier", "arrow_back", "Move this layer before the one in front of it.", earlier, index - 1, index == 0),
        ("Later", "arrow_forward", "Move this layer behind the next one.", later, index + 1, last),
        ("Add", "add", "Put a 3×3 convolution behind this layer.", added, index + 1, len(layers) >= MOST_LAYERS),
        ("Remove", "delete", "Take this layer out.", removed, max(0, index - 1), len(layers) == 1),
    ):
        st.button(
            label,
            icon=f":material/{icon}:",
            key=f"calculator-{label}",
            help="A chain has one layer at least." if off and label == "Remove" else tooltip,
            disabled=off,
            on_click=put,
            args=(result, chosen),
        )


def _differs(layer: Layer) -> bool:
    """Whether height and width have different settings."""
    return any(isinstance(pair, tuple) and pair[0] != pair[1] for pair in (getattr(layer, name) for name in FIELDS))


def _put_changed(layers: list[Layer], index: int, put: Put, change: Callable[[], Layer]) -> None:
    """Take over the changed layer, or leave the chain as it is and keep the reason to be told."""
    try:
        layer = change()
    except ConfigError as error:
        st.session_state["calculator-refused"] = str(error)
        return
    put([*layers[:index], layer, *layers[index + 1 :]], index)


def _changed(layers: list[Layer], index: int, put: Put, field: str, key: str, axis: int | None) -> None:
    layer, value = layers[index], st.session_state[key]

    def change() -> Layer:
        new: Any = value
        if field != "ceil_mode":
            old = getattr(layer, field)
            new = (value, value) if axis is None else (value, old[1]) if axis == 0 else (old[0], value)
        # a pooling's stride is its window until it is set
        follows = field == "kernel" and layer.stride == layer.kernel == default_stride(layer.kind, layer.kernel)
        return replace(layer, **{field: new}, **({"stride": new} if follows else {}))

    _put_changed(layers, index, put, change)


def _mode_changed(layers: list[Layer], index: int, put: Put) -> None:
    layer, mode = layers[index], st.session_state["calculator-mode"]
    padding = tuple(axis.padding[0] for axis in layer.axes) if mode == NUMBERS else mode
    _put_changed(layers, index, put, lambda: replace(layer, padding=padding))


def _kind_changed(layers: list[Layer], index: int, put: Put) -> None:
    """The same kernel in another kind of layer, with as many of its settings as that takes."""
    layer, kind = layers[index], st.session_state["calculator-kind"]
    kept = {name: getattr(layer, name) for name in SETTINGS[kind] if name in SETTINGS[layer.kind]}
    if kind != CONV and isinstance(kept.get("padding"), str):
        kept["padding"] = (0, 0)
    if layer.stride == default(layer.kind, layer.kernel, "stride"):
        kept.pop("stride", None)

    def change() -> Layer:
        try:
            return Layer(kind, layer.kernel, **kept)
        except ConfigError:  # a padding that is too large for a pooling
            return Layer(kind, layer.kernel)

    _put_changed(layers, index, put, change)
