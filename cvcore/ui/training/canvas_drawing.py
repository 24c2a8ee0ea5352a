"""The sheet on which a visitor draws a digit, in the browser: mouse, finger or pen."""

from pathlib import Path

import streamlit as st

from cvcore.training.drawn import PEN

CANVAS = Path(__file__).with_name("canvas")


def _text(name: str) -> str:
    return (CANVAS / name).read_text(encoding="utf-8")


_sheet = st.components.v2.component(
    "cvcore.drawing", html=_text("drawing.html"), css=_text("drawing.css"), js=_text("drawing.js")
)


def draw(label: str, hint: str, *, key: str) -> list[list[list[float]]]:
    """The strokes drawn so far, for cvcore.training.drawn; they come whenever the pen is lifted.

    `label` is what the sheet is called for those who do not see it, `hint` stands on it while it is empty.
    """
    found = _sheet(data={"label": label, "hint": hint, "pen": PEN}, key=key, on_strokes_change=lambda: None).strokes
    return found or []
