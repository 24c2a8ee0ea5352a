"""What a visitor chooses in the filters section: the operation and its kernel."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from cvcore.analysis import convolution as conv
from cvcore.analysis.kernels import KERNELS

CONVOLUTION, MAX, AVERAGE = "Convolution", "Max pooling", "Average pooling"
OWN, WORKED = "own", "worked-example"
MOST = 8  # padding and stride


@dataclass(frozen=True)
class Choice:
    """Everything but the kernel's weights and the images. `preset` is a name of KERNELS or OWN; `size` the side of a
    pooling window or of an own kernel."""

    kind: str
    preset: str
    size: int
    padding: int
    mode: str
    stride: int
    bias: float
    counted: bool
    separate: bool
    grey: bool
    worked: bool

    @property
    def pooling(self) -> str:
        """The kind of pooling, "max" or "average"; "" for a convolution."""
        return {MAX: "max", AVERAGE: "average"}.get(self.kind, "")


def choose(channels: int) -> Choice:
    """The controls of the operation, for images of so many channels."""
    kind = st.segmented_control(
        "Operation",
        [CONVOLUTION, MAX, AVERAGE],
        default=CONVOLUTION,
        required=True,
        wrap=True,
        key="filters-kind",
        persist_state="session",
        help="A convolution weighs the pixels of a window; max pooling keeps the largest; average pooling their mean.",
    )
    convolving = kind == CONVOLUTION
    preset, size, worked = _kernel_choice() if convolving else _pool_choice()
    key = kind if convolving else f"{kind}-{size}"
    with st.container(horizontal=True):
        stride, padding = _steps(key, 1 if convolving else size, MOST if convolving else size // 2)
        bias = _bias() if convolving else 0.0
    counted, separate, grey = True, False, False
    with st.container(horizontal=True, vertical_alignment="bottom"):
        mode = _padding_mode(kind, padding)
        with st.container(width="content", gap="xsmall"):
            if kind == AVERAGE and padding:
                counted = _toggle(
                    "Padding counts",
                    "counted",
                    "count_include_pad of AvgPool2d: whether the zeros around the image lower the mean at its border.",
                    value=True,
                )
            if convolving:
                grey = _toggle("Output in grey", "grey", "From black for its lowest value to white for its highest.")
            if convolving and channels > 1 and not worked:
                separate = _toggle(
                    "Own kernel for each channel",
                    "separate",
                    "A layer of a network has one kernel for each input channel; off, all channels share one.",
                )
    return Choice(kind, preset, size, padding, mode, stride, bias, counted, separate, grey, worked)


def _toggle(label: str, key: str, explanation: str, *, value: bool = False) -> bool:
    return st.toggle(label, value=value, key=f"filters-{key}", help=explanation)


def _kernel_choice() -> tuple[str, int, bool]:
    """(preset, side of an own kernel, whether it is the worked example)."""
    preset = st.selectbox(
        "Kernel",
        [*KERNELS, OWN],
        format_func=lambda name: KERNELS[name].title if name in KERNELS else "Your own",
        key="filters-kernel",
        persist_state="session",
        help="The weights (filter) that are laid over the image. Each one can be edited below its picture.",
    )
    if preset != OWN:
        st.caption(KERNELS[preset].about)
        return preset, len(KERNELS[preset].weights), preset == WORKED
    size = st.segmented_control(
        "Kernel size (px)",
        [3, 4, 5, 6, 7],
        default=3,
        required=True,
        format_func=lambda side: f"{side}×{side}",
        key="filters-own-size",
        help="Rows and columns of your kernel.",
    )
    st.caption("It begins as the identity. Set its weights with “Edit the weights”, below its picture.")
    return preset, size, False


def _pool_choice() -> tuple[str, int, bool]:
    """("", side of the window, whether the small numbers are to be pooled)."""
    size = st.segmented_control(
        "Window (px)",
        [2, 3, 4, 5],
        default=2,
        required=True,
        format_func=lambda side: f"{side}×{side}",
        key="filters-pool-size",
        help="Rows and columns that become one output pixel (kernel_size).",
    )
    worked = st.toggle(
        "Small numbers instead of an image",
        key="filters-numbers",
        help="The 5×5 numbers of the worked example: small enough to pool by hand.",
    )
    return "", size, worked


def _steps(key: str, step: int, most: int) -> tuple[int, int]:
    """(stride, padding), which begin at `step` and 0; padding is at most `most`."""
    stride = st.number_input(
        "Stride (px)",
        1,
        MOST,
        step,
        key=f"filters-stride-{key}",
        width=104,
        help="How far the window moves from one output pixel to the next. For pooling usually its own size.",
    )
    padding = st.number_input(
        "Padding (px)",
        0,
        most,
        0,
        key=f"filters-padding-{key}",
        width=110,
        help="Pixels added on every side of the image first. For pooling at most half the window.",
    )
    return stride, padding


def _bias() -> float:
    return st.number_input(
        "Bias",
        -1000.0,
        1000.0,
        0.0,
        1.0,
        format="%g",
        key="filters-bias",
        width=90,
        help="One number that is added to every output pixel.",
    )


def _padding_mode(kind: str, padding: int) -> str:
    fixed = {MAX: "−∞ (never wins)", AVERAGE: "zeros"}.get(kind)
    return st.selectbox(
        "Padded with",
        [fixed] if fixed else list(conv.PADDING_MODES),
        disabled=bool(fixed) or not padding,
        key=f"filters-mode-{kind}",
        width=140,
        help="padding_mode: zeros, the image mirrored at its border, or its border pixels repeated. "
        "Matters once there is padding; pooling leaves no choice.",
    )


def preset_kernel(choice: Choice) -> np.ndarray:
    """The weights [kh, kw] before anything is edited: those of the preset, or one in the middle and zeros around."""
    if choice.preset != OWN:
        return KERNELS[choice.preset].array
    weights = np.zeros((choice.size, choice.size))
    weights[(choice.size - 1) // 2, (choice.size - 1) // 2] = 1
    return weights


def edited_kernels(choice: Choice, names: tuple[str, ...]) -> np.ndarray:
    """The weights after editing: [C, kh, kw] where each channel (of these names) has its own, else [kh, kw]."""
    begin = preset_kernel(choice)
    turn = f"filters-undone-{choice.preset}-{choice.size}"
    key = f"filters-weights-{choice.preset}-{choice.size}-{st.session_state.get(turn, 0)}"
    tables = [_editor(begin, f"{key}-{name}", name) for name in (names if choice.separate else ("",))]
    st.button(
        "Undo all changes",
        key=f"filters-undo-{choice.preset}-{choice.size}",
        on_click=_begin_anew,
        args=(turn,),
        disabled=all(np.array_equal(table, begin) for table in tables),
        help="Back to the weights that this kernel began with.",
    )
    kernels = [conv.as_channels(table, "kernel")[0] for table in tables]
    return np.stack(kernels) if choice.separate else kernels[0]


def _begin_anew(turn: str) -> None:
    """An editor with another key has forgotten its changes."""
    st.session_state[turn] = st.session_state.get(turn, 0) + 1


def _editor(begin: np.ndarray, key: str, name: str) -> np.ndarray:
    table = pd.DataFrame(begin, columns=[str(column) for column in range(begin.shape[1])])
    st.caption(f"Kernel of channel {name}" if name else "Click a weight twice to change it.")
    edited = st.data_editor(
        table,
        hide_index=True,
        key=key,
        width=58 * begin.shape[1] + 4,
        column_config={
            name: st.column_config.NumberColumn(name, format="%.4g", min_value=-1000, max_value=1000, width=58)
            for name in table.columns
        },
        alt="The weights of the kernel, to be edited",
    )
    return edited.to_numpy()
