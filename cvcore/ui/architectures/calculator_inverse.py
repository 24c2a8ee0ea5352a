"""The question asked backwards: which layers take one size to another?"""

from collections.abc import Callable

import pandas as pd
import streamlit as st

from cvcore.analysis.geometry.inverse import DILATIONS, MOST_KERNEL, Solution, halvings, reachable, solve
from cvcore.analysis.geometry.layer import SAME, TITLES, Layer
from cvcore.analysis.geometry.sizes import AVERAGE, CONV, MAX, TRANSPOSED
from cvcore.ui.glossary import tip

MOST = 1024  # pixels
SHOWN = 200
# title: (input, output, kind, kernel, stride, padding); 0 and -1 stand for "any"
ANY_PADDING = -1
QUESTIONS = {
    "What padding keeps 28?": (28, 28, CONV, 5, 1, ANY_PADDING),
    "What takes 224 to 7?": (224, 7, CONV, 0, 0, ANY_PADDING),
    "What halves 224?": (224, 112, CONV, 0, 0, ANY_PADDING),
    "What doubles 14?": (14, 28, TRANSPOSED, 0, 0, ANY_PADDING),
}
FIRST = {"from": 28, "to": 28, "kernel": 5, "stride": 1, "padding": ANY_PADDING}
FIELDS = ("from", "to", "solve", "kernel", "stride", "padding")


def show(put: Callable[[list[Layer], int, int], None]) -> None:
    """Controls, the answers as a table, the most usual first. `put(layers, index, size)` opens layers forwards."""
    with st.container(horizontal=True):
        for title, values in QUESTIONS.items():
            st.button(
                title, key=f"calculator-{title}", type="tertiary", on_click=_ask, args=(values,), help=_told(*values)
            )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        size = _number("from", "From (px)", 1, "Height or width that goes in; the two are worked out apart.")
        target = _number("to", "To (px)", 1, "Height or width that is to come out.")
        kind = st.selectbox(
            "Layer",
            [CONV, TRANSPOSED, MAX, AVERAGE],
            format_func=lambda name: TITLES[name][0],
            key=_key("solve"),
            bind="query-params",
            width=210,
            help=f"Adaptive pooling is not asked for: it gives any size. {tip('layer')}",
        )
        kernel = _number(
            "kernel", "Kernel (0: any)", 0, f"Any: 1 to {MOST_KERNEL}, and the stride if it is larger. {tip('kernel')}"
        )
        stride = _number("stride", "Stride (0: any)", 0, f"Any: every stride that can do it. {tip('stride')}")
        padding = _number("padding", "Padding (−1: any)", -1, f"Any: up to half the window. {tip('padding')}")
        dilated = st.toggle(
            "Dilation too",
            key="dilated",
            bind="query-params",
            disabled=kind == AVERAGE,
            help=f"Also try dilations 2, 3 and 4. {tip('dilation')}",
        )
    given = {"kernel": kernel or None, "stride": stride or None, "padding": None if padding < 0 else padding}
    answers = _answers(size, target, kind, tuple(given.items()), DILATIONS if dilated else (1,))
    if answers:
        _table(answers, size, target, put)
    else:
        st.info(_none(size, target, kind, given), icon=":material/search_off:")
    _several(size, target, kind, put)


@st.cache_data(max_entries=64, show_spinner=False)
def _answers(size: int, target: int, kind: str, given: tuple, dilations: tuple[int, ...]) -> list[Solution]:
    return solve(size, target, kind=kind, dilations=dilations, **dict(given))


def _table(answers: list[Solution], size: int, target: int, put: Callable) -> None:
    best = answers[0].layer
    told = "**1 answer**:" if len(answers) == 1 else f"**{len(answers):,} answers**, the most usual first:"
    st.markdown(f"{told} `{best.code}`")
    rows = [
        {
            "layer": each.layer.text,
            "kernel": each.layer.kernel[0],
            "stride": each.layer.stride[0],
            "padding": _padding(each.layer),
            "dilation": each.layer.dilation[0],
            "extra": each.layer.output_padding[0],
            "unseen": each.unseen,
            "remark": each.remark,
        }
        for each in answers[:SHOWN]
    ]
    found = pd.DataFrame(rows)
    unused = [name for name, value in (("dilation", 1), ("extra", 0), ("unseen", 0)) if (found[name] == value).all()]
    st.dataframe(
        found.drop(columns=unused),
        hide_index=True,
        height="content" if len(rows) <= 12 else 460,
        key="calculator-answers",
        column_config={
            "layer": st.column_config.TextColumn(
                "Layer", width=140, help=f"As it is written in a chain. {tip('layer')}"
            ),
            "kernel": st.column_config.NumberColumn("Kernel", width=80, help=tip("kernel")),
            "stride": st.column_config.NumberColumn("Stride", width=80, help=tip("stride")),
            "padding": st.column_config.TextColumn("Padding", width=110, alignment="right", help=tip("padding")),
            "dilation": st.column_config.NumberColumn("Dilation", width=80, help=tip("dilation")),
            "extra": st.column_config.NumberColumn("Output padding", width=120, help=tip("output padding")),
            "unseen": st.column_config.NumberColumn(
                "Unseen (px)", width=100, help="Cells at the end, padding among them, that no window reaches"
            ),
            "remark": st.column_config.TextColumn(
                "What it does", width="large", help="What this kind of layer is known for"
            ),
        },
    )
    if len(answers) > SHOWN:
        st.caption(f"The {SHOWN} most usual are shown.")
    st.button(
        f"Draw {best.text} on {size} px",
        icon=":material/grid_on:",
        key="calculator-draw",
        on_click=put,
        args=([best], 0, size),
        help="Opens the first answer forwards, with its formula and its windows.",
    )


def _padding(layer: Layer) -> str:
    """Padding as a number, or 'same' with both of its sides."""
    before, after = layer.axes[0].padding
    return f"same ({before} + {after})" if layer.padding == SAME else str(before)


def _none(size: int, target: int, kind: str, given: dict[str, int | None]) -> str:
    """That there is no answer, and what comes nearest or what to leave open."""
    told = f"No {TITLES[kind][0].lower()} of this kind takes {size} to {target}."
    if given["kernel"] and given["stride"]:
        sizes = reachable(size, kind, given["kernel"], given["stride"], given["padding"])
        if sizes:
            near = sorted(sizes, key=lambda each: abs(each - target))[:4]
            return f"{told} What comes out is {', '.join(map(str, sorted(near)))}: change the kernel or the stride."
    if kind != TRANSPOSED and target > size:
        return f"{told} Only a transposed convolution makes an image larger: choose that."
    if kind == TRANSPOSED and target < size:
        return f"{told} A transposed convolution makes an image larger: choose a convolution."
    return f"{told} Leave the kernel, the stride or the padding open."


def _several(size: int, target: int, kind: str, put: Callable) -> None:
    """What networks do instead of one large stride: several layers of stride 2."""
    sizes = halvings(size, target) if kind != TRANSPOSED else None
    if sizes is None or len(sizes) < 3:
        return
    layers = [Layer(CONV, (3, 3), (2, 2), (1, 1))] * (len(sizes) - 1)
    st.markdown(
        f"**In several layers:** {size} to {target} is what {len(layers)} halvings do, "
        f"{' → '.join(map(str, sizes))}. Networks go there in such steps, with layers in between, and not with one "
        f"stride of {size // target}."
    )
    st.button(
        f"Open {len(layers)} layers of stride 2",
        icon=":material/stacks:",
        key="calculator-several",
        on_click=put,
        args=(layers, 0, size),
        help=f"As a chain, forwards. {tip('layer')} {tip('stride')}",
    )


def _number(field: str, label: str, lowest: int, tooltip: str) -> int:
    return st.number_input(
        label, lowest, MOST, FIRST[field], key=_key(field), width=130, help=tooltip, bind="query-params"
    )


def _key(field: str) -> str:
    """The widget's key, which is its name in the URL."""
    return field if field in ("from", "to", "solve") else f"any-{field}"


def _told(size: int, target: int, kind: str, kernel: int, stride: int, padding: int) -> str:
    """A question that is offered, in a tooltip."""
    parts = {f"kernel {kernel}": kernel, f"stride {stride}": stride, f"padding {padding}": padding > ANY_PADDING}
    given = [text for text, is_given in parts.items() if is_given] or ["everything else open"]
    return f"{TITLES[kind][0]}, from {size} to {target} px, {', '.join(given)}. {tip('padding')}"


def _ask(values: tuple) -> None:
    """Callback: one of the questions that are offered."""
    for field, value in zip(FIELDS, values, strict=True):
        st.session_state[_key(field)] = value
