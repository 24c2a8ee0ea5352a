"""Widgets whose default depends on the network: another network, another default, unless somebody has chosen."""

from typing import Any

import streamlit as st


def following(key: str, default: Any) -> Any:
    """What to pass as `default` of the widget with this key, right before it is made.

    A widget with a key keeps its value when its default changes. The old default, which nobody chose, would stay on
    the screen, while the address, which leaves out defaults, would open the new one. So where the value is still the
    old default, it becomes the new one here; then there must be no `default` besides, and the answer is None.
    """
    memory = f"{key}-default"
    before = st.session_state.get(memory, default)
    st.session_state[memory] = default
    if before != default and st.session_state.get(key) == before:
        st.session_state[key] = default
        return None
    return default
