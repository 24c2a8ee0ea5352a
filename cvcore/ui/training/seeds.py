"""Seeds: the same run again with other first weights and another order, to see how much is chance."""

from typing import Any

import streamlit as st

from cvcore.config import RunConfig, parse_config
from cvcore.training.comparison import MOST_SEEDS, seeds_from


def asked(values: dict[str, Any], *, disabled: bool) -> list[RunConfig]:
    """The runs of the form with several seeds, when the button for it is pressed; else none."""
    with st.popover(
        "Several seeds",
        icon=":material/casino:",
        disabled=disabled,
        help="Another seed gives other first weights and another order, and so another accuracy.",
    ):
        count = st.number_input(
            "Seeds",
            min_value=2,
            max_value=MOST_SEEDS,
            value=3,
            step=1,
            key="seeds",
            persist_state="session",
            help="How often to train. Small networks train side by side, one a core.",
        )
        st.caption("Compare then shows mean and range, and says whether a difference is beyond noise.")
        if st.button(f"Train {count} seeds", type="primary"):
            return seeds_from(parse_config(values), count)
    return []
