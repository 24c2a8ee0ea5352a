"""Values that a page gives to its widgets, held against a browser that has not heard of them yet.

A browser sends what all widgets show with every request. One that was under way when the page changed a widget, as a
part of a page that looks again by itself sends it, brings the old value back.
"""

import time
from typing import Any

import streamlit as st

PATIENCE = 5.0  # seconds in which the value from before is taken for such a request, and not for a visitor's choice
KEY = "held"


def put(key: str, value: Any) -> None:
    """Let the widget with this key have this value from now on. Before the widget is drawn."""
    before = st.session_state.get(key)
    st.session_state[key] = value
    st.session_state.setdefault(KEY, {})[key] = before, value, time.monotonic()


def renew(key: str) -> None:
    """Put the value again where a request that was under way brought back the one from before. Likewise."""
    before, value, when = st.session_state.get(KEY, {}).get(key, (None, None, 0.0))
    if before != value and st.session_state.get(key) == before and time.monotonic() - when < PATIENCE:
        st.session_state[key] = value
