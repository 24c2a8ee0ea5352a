"""The canvas that draws a map in the browser: what it is given, and what it answers."""

from pathlib import Path

import streamlit as st

CANVAS = Path(__file__).with_name("canvas")
HINT = (
    "Point at a dot to see its image, click it to see its neighbours. Drag to move; Ctrl or ⌘ and the wheel, "
    "a double click or + and − to zoom. With the keyboard: arrow keys, Enter."
)


def _text(*names: str) -> str:
    return "\n".join((CANVAS / name).read_text(encoding="utf-8") for name in names)


_canvas = st.components.v2.component(
    "cvcore.map", html=_text("map.html"), css=_text("map.css"), js=_text("map.js", "controls.js", "save.js", "pens.js")
)


def draw(
    scene: dict, sheet: dict, *, key: str, identity: str, split: str, sharp: bool, alt: str, file: str
) -> int | None:
    """Draw a map (`cvcore.plots.map`) and give back the index of the image that was clicked last, None before a click.

    Zoom and place stay as they are until `identity` changes; `sharp` shows single pixels; `file` is what a download is
    called, without its ending, which is that of the kind chosen in the sidebar.
    """
    data = {
        **scene,
        "sheet": sheet,
        "id": identity,
        "split": split,
        "sharp": sharp,
        "alt": alt,
        "hint": HINT,
        "file": file,
        "format": st.session_state.get("chart_format", "PNG").lower(),
    }
    return _canvas(data=data, key=key, on_picked_change=lambda: None).picked
