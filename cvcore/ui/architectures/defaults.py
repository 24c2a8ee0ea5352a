"""Widgets whose default or options depend on the network: another network, another default, unless somebody has chosen.

All are bound to the address, which leaves out what is the default. A link, a reload and the browser's Back must show
what the screen showed, so a default may change only together with the value.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import streamlit as st
from streamlit.errors import StreamlitAPIException


def put(**values: str) -> None:
    """Give the widgets with these keys values, in callbacks or before a rerun, whether they are on the page or not.

    Streamlit puts into the address what a widget is given that is there already. One that appears with its value is
    left out, so it goes there by hand; where a widget is bound to the parameter, that is not allowed, nor needed.
    """
    st.session_state.update(values)
    for key, value in values.items():
        with suppress(StreamlitAPIException):
            st.query_params[key] = value


def following(key: str, default: Any, options: Sequence | None = None) -> Any:
    """`default`, for the widget with this key; call it right before the widget is made.

    A widget with a key keeps its value when its default changes. The old default, which nobody chose, would stay on
    the screen, while the address, which leaves out defaults, would open the new one. So where the value is still the
    old default, it becomes the new one here; so does a value that is none of the `options`, which Streamlit would leave
    in the address.
    """
    memory = f"{key}-default"
    before = st.session_state.get(memory, default)
    st.session_state[memory] = default
    if key in st.session_state:
        value = st.session_state[key]
        if (before != default and value == before) or (options is not None and value not in options):
            st.session_state[key] = default
    return default
