"""The visitor's own network: the text area it is typed into, what may be typed, and where an error is."""

import streamlit as st

from cvcore.config import MAX_NETWORK
from cvcore.errors import ModelError
from cvcore.models import typed
from cvcore.models.parsing.parse import FAMILIES, LAYERS, MAX_LAYERS
from cvcore.models.parsing.scan import TextError
from cvcore.models.spec import ImageShape
from cvcore.ui.frame import escaped

EXAMPLE = """nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1),
    nn.ReLU(),
    nn.MaxPool2d(2),  # 28 → 14
    nn.Conv2d(16, 32, 3, padding=1),
    nn.ReLU(),
    nn.MaxPool2d(2),  # 14 → 7
    nn.Flatten(),  # 32 · 7 · 7 = 1568
    nn.Linear(1568, 10),
)"""
HELP = (
    "An nn.Sequential of torch's layers, as in Python, with plain numbers for arguments. It is read, never run as "
    "Python. Click outside, or press Ctrl+Enter, to apply it; the address holds it, so that it can be shared."
)
QUOTED = 60  # characters of a line that are shown with its error


def text_area(key: str = "network", label: str = "Your network") -> str | None:
    """The network that stands in the text area, in its normal form: a name for `zoo.find` and all sections.

    Where it cannot be read the error is shown with its place, and the last one that could be read is returned; None
    if there was none. The text is in the address as the parameter `key`. Imports torch.
    """
    _style(key)
    text = st.text_area(
        label, EXAMPLE, height=265, max_chars=MAX_NETWORK, key=key, bind="query-params", help=HELP, placeholder=EXAMPLE
    )
    kept = f"{key}-last"
    problem = None
    try:
        st.session_state[kept] = typed.spec_of(text or "").name
    except ModelError as error:
        problem = error
    last = st.session_state.get(kept)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        _layers_popover(key)
        if last is not None:
            spec = typed.spec_of(last)
            told = "the last network that could be read, is shown below" if problem else spec.summary
            st.caption(f"**{spec.label}** · {told}", width="content")
    if problem:
        _show(problem, text or "")
    return last


def fits(network: str, image: ImageShape, key: str = "network") -> bool:
    """Whether `network`, from `text_area`, takes such images; if not, the layer where it fails is shown.

    The error points into the text as it was typed.
    """
    try:
        typed.trace(network, image)
    except ModelError as error:
        text = st.session_state.get(key) or ""
        try:
            typed.trace(text, image)
        except ModelError as told:
            same = _normal(text) == network
            _show(told if same else error, text if same else network)
        else:
            _show(error, network)
        return False
    return True


def _normal(text: str) -> str | None:
    try:
        return typed.canonical(text)
    except ModelError:
        return None


def _show(error: ModelError, text: str) -> None:
    """The error as one line, and the piece of the text that it is about with a mark under it."""
    message = str(error)
    st.error(escaped(message[0].upper() + message[1:]), icon=":material/error:")
    if isinstance(error, TextError) and (quoted := pointed(text, error.line, error.column)):
        st.code(quoted, language=None)


def pointed(text: str, line: int, column: int) -> str:
    """Line `line` of `text` with a ^ under `column`, both from 1; of a long line the part around it. "" if it is empty.

    >>> print(pointed("nn.Sequential(\\n    nn.Relu())", 2, 5))
    2 │ nn.Relu())
        ^
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if not 1 <= line <= len(lines) or not lines[line - 1].strip():
        return ""
    whole = "".join(each if each.isprintable() else " " for each in lines[line - 1])
    indent = min(len(whole) - len(whole.lstrip()), column - 1)
    start = max(indent, column - 1 - QUOTED // 2) if len(whole) - indent > QUOTED else indent
    before, after = "…" if start > indent else "", "…" if start + QUOTED < len(whole) else ""
    gutter = f"{line} │ {before}"
    part = whole[start : start + QUOTED]
    return f"{gutter}{part}{after}\n{' ' * (len(gutter) + column - 1 - start)}^"


def _layers_popover(key: str) -> None:
    """All layers that may be typed, by family."""
    with (
        st.popover("Layers", icon=":material/list:", key=f"{key}-layers", help="All layers that may be typed"),
        st.container(width=420),
    ):
        for family, names in FAMILIES.items():
            st.markdown(f"**{family}**  \n" + " ".join(f"`{name}`" for name in names))
        st.caption(
            f"{len(LAYERS)} layers with torch's own arguments, at most {MAX_LAYERS} in a network; Sequentials nest. "
            "Arguments are numbers, strings, True, False, None and tuples of these; nothing is computed."
        )


def _style(key: str) -> None:
    """Letters of one width, so that columns in errors can be counted."""
    font = "'SFMono-Regular', Menlo, Consolas, 'DejaVu Sans Mono', monospace"
    rules = f"font-family: {font}; font-size: .87em; line-height: 1.5; white-space: pre; overflow-x: auto"
    st.html(f"<style>.st-key-{key} textarea {{{rules}}}</style>")
