"""Output sizes: a chain of convolutions and poolings, each worked out and drawn; and the question asked backwards."""

import pandas as pd
import streamlit as st

from cvcore.analysis.geometry import chain
from cvcore.analysis.geometry.chain import PRESETS, Stage
from cvcore.analysis.geometry.layer import AXES, TITLES, Layer
from cvcore.analysis.geometry.steps import steps
from cvcore.ui.architectures import calculator_drawing as drawing
from cvcore.ui.architectures import calculator_inverse as inverse
from cvcore.ui.architectures import calculator_layer as editor
from cvcore.ui.architectures.defaults import following, put
from cvcore.ui.frame import errors_as_lines, escaped
from cvcore.ui.glossary import tip
from cvcore.ui.numbers import shape

FORWARDS, BACKWARDS = "What comes out", "What takes me there"
FIRST_SIZE, FIRST_CHAIN = "28", "conv 5 p2; maxpool 2"
EXPLANATION = r"""
- A window of **F** pixels slides over **W** pixels, with **P** more on either side, in steps of **S**. It fits
  $N = \lfloor (W - F + 2P) / S \rfloor + 1$ times. Height and width do not know of each other.
- **Dilation** D leaves gaps between the weights: the kernel then spans $D(F - 1) + 1$ pixels.
- **'same'** pads so that the size stays, at stride 1 only; for an even kernel one pixel more goes after than before.
  **'valid'** means no padding.
- Poolings may round up (**ceil_mode**): the last window may hang over the edge, but must begin inside the image or the
  padding before it.
- A **transposed convolution** goes the other way: each input pixel lays its weights on the output. Where stamps
  overlap, they are added. It has the *shapes* of a convolution run backwards, not its values.
- **Adaptive pooling** is told what comes out, and chooses its windows: they may be uneven, and may overlap.
- The text form is read on the command line too: `python -m cvcore size "conv 5 p2; maxpool 2" --input 28,28`.
"""


def show(name: str, image: tuple[int, int, int], classes: int) -> None:
    """The section. It needs no network; `image` of the page is offered as the input."""
    _section(image)


@st.fragment
def _section(image: tuple[int, int, int]) -> None:
    with errors_as_lines():
        question = st.segmented_control(
            "Question",
            [FORWARDS, BACKWARDS],
            default=FORWARDS,
            required=True,
            key="question",
            bind="query-params",
            help="Forwards: the sizes after each layer. Backwards: which layers take one size to another.",
        )
        if question == BACKWARDS:
            inverse.show(_put_chain)
        else:
            _forwards(image)


def _forwards(image: tuple[int, int, int]) -> None:
    size, layers = _chain(image)
    stages = chain.run(layers, size)
    options = [f"{number} {layer.kind}" for number, layer in enumerate(layers, 1)]
    chosen = st.pills(
        "Layer that is worked out and changed below",
        options,
        default=following("at", options[0], options),
        required=True,
        key="at",
        bind="query-params",
        wrap=True,
        help=f"The layers in the order in which they run. {tip('layer')}",
    )
    index = options.index(chosen or options[0])
    st.markdown(_flow(size, stages, index))
    failed = next((number for number, stage in enumerate(stages) if stage.error), None)
    if failed is not None:
        kept = " The layers after it are kept, and wait." if failed + 1 < len(stages) else ""
        told = f"Layer {failed + 1}, {layers[failed].text}: {stages[failed].error}."
        st.error(escaped(told + kept), icon=":material/error:")
    editor.edit(layers, index, _put_chain)
    stage = stages[index]
    if stage.output is not None:
        drawing.show(stage)
        _steps(stage)
    if len(layers) > 1:
        _table(stages)
    with st.expander("What the letters mean", key="read-size", bind="query-params", icon=":material/help:"):
        st.markdown(EXPLANATION)


def _chain(image: tuple[int, int, int]) -> tuple[tuple[int, int], list[Layer]]:
    """The input's (height, width) and the layers, as typed."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        given = st.text_input(
            "Input (px)",
            FIRST_SIZE,
            key="side",
            bind="query-params",
            width=110,
            max_chars=20,
            help="One number for a square image, or height x width, such as 28x20.",
        )
        text = st.text_input(
            "Layers",
            FIRST_CHAIN,
            key="chain",
            bind="query-params",
            width="stretch",
            max_chars=2000,
            help=f"{tip('layer')} Kind and kernel: conv, convt (transposed), maxpool, avgpool, adaptive. Then s "
            "stride, p padding (or same, valid), d dilation, o output padding, ceil. Layers are parted by ;",
        )
        with st.popover("Start from", icon=":material/playlist_add:", help="Chains of well-known networks"):
            for title, (side, layers) in PRESETS.items():
                st.button(
                    title,
                    key=f"calculator-{title}",
                    on_click=_put,
                    args=(shape(side), layers),
                    width="stretch",
                    help=f"{layers}, on {shape(side)} px",
                )
            st.button(
                f"The page's image, {shape(image[1:])} px",
                key="calculator-image",
                on_click=_put,
                args=(shape(image[1:]), None),
                width="stretch",
                help="Keeps the layers.",
            )
    return chain.parse_size(given), chain.parse(text)


def _put(side: str | None, text: str | None) -> None:
    """Callback: another input or another chain."""
    if side is not None:
        high, wide = side.split("×")
        st.session_state.update(side=high if high == wide else f"{high}x{wide}")
    if text is not None:
        st.session_state.update(chain=text, at=f"1 {chain.parse(text)[0].kind}")


def _put_chain(layers: list[Layer], index: int, size: int | None = None) -> None:
    """Callback: these layers from now on, the one at `index` chosen; `size` is another input."""
    put(chain=chain.text(layers), at=f"{index + 1} {layers[index].kind}")
    if size is not None:
        put(side=str(size), question=FORWARDS)


def _flow(size: tuple[int, int], stages: list[Stage], index: int) -> str:
    """The sizes on their way through the chain, the chosen layer in colour."""
    parts = [f"**{shape(size)}**"]
    for number, stage in enumerate(stages):
        name = f":primary-badge[{stage.layer.text}]" if number == index else f":gray-badge[{stage.layer.text}]"
        after = "✗" if stage.error else "…" if stage.output is None else f"**{shape(stage.output)}**"
        parts.append(f"{name} {after}")
    return " → ".join(parts)


def _steps(stage: Stage) -> None:
    """The formula of the chosen stage with its numbers; once where height and width are alike."""
    layer = stage.layer
    named = layer.padding if isinstance(layer.padding, str) else ""
    axes = list(zip(AXES, layer.axes, stage.input, strict=True))
    alike = axes[0][1:] == axes[1][1:]
    for name, axis, side in axes[:1] if alike else axes:
        st.subheader("Worked out" if alike else f"Worked out: {name}", anchor=False)
        for step in steps(axis, side, named):
            st.markdown(step.words)
            if step.formula:
                st.latex(step.formula)
    st.caption(
        f"{TITLES[layer.kind][0]}; W: input, F: kernel, P: padding, S: stride, D: dilation, N: output, in pixels. "
        f"In PyTorch: `{layer.code}`"
    )


def _table(stages: list[Stage]) -> None:
    """All stages with their sizes."""
    rows = [
        {
            "number": number,
            "layer": stage.layer.text,
            "input": shape(stage.input) if stage.input else "",
            "output": shape(stage.output) if stage.output else "",
            "code": stage.layer.code,
            "problem": stage.error,
        }
        for number, stage in enumerate(stages, 1)
    ]
    found = pd.DataFrame(rows)
    if not any(stage.error for stage in stages):
        found = found.drop(columns="problem")
    st.subheader("The whole chain", anchor=False)
    st.dataframe(
        found,
        hide_index=True,
        height="content",
        key="calculator-table",
        column_config={
            "number": st.column_config.NumberColumn("#", width=40, help="In running order"),
            "layer": st.column_config.TextColumn(
                "Layer", width=140, help=f"As it is written in a chain. {tip('layer')}"
            ),
            "input": st.column_config.TextColumn("Input (px)", width=90, help="Height × width that arrive"),
            "output": st.column_config.TextColumn("Output (px)", width=90, help="Height × width that leave"),
            "code": st.column_config.TextColumn("In PyTorch", width="large", help="The same layer in code"),
            "problem": st.column_config.TextColumn("Problem", width="large", help="Why nothing comes out"),
        },
    )
