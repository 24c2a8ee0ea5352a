"""What the strategies will take, before they train."""

from collections.abc import Mapping

import streamlit as st

from cvcore.config import RunConfig
from cvcore.training.estimates import estimates
from cvcore.ui.data import progress_bar
from cvcore.ui.numbers import duration
from cvcore.ui.preload import wait_for_torch
from cvcore.ui.runs import store
from cvcore.ui.transfer.look import TITLES


def show(configs: Mapping[str, RunConfig]) -> None:
    """A button that times a few batches of each strategy that was not trained yet, and what came of it."""
    if not configs:
        return
    unknown = {key: config for key, config in configs.items() if estimates.get(config) is None}
    asked = unknown and st.button(
        "Estimate time",
        icon=":material/timer:",
        type="tertiary",
        help="Times a few batches of each strategy, two seconds or so. Other work on this machine changes it.",
    )
    if asked:
        wait_for_torch()
        with progress_bar("Timing a few batches", "strategies") as tell:
            for done, config in enumerate(unknown.values()):
                tell(done, len(unknown))
                estimates.predict(config, store())
        st.rerun()
    if not unknown:
        st.caption(_told({key: estimates.get(config) for key, config in configs.items()}))


def _told(found: Mapping[str, object]) -> str:
    """The times in a line; of what could not be timed the reason."""
    reasons = [f"{TITLES[key]}: {each}" for key, each in found.items() if isinstance(each, str)]
    timed = {key: each for key, each in found.items() if not isinstance(each, str)}
    reasons += [f"{TITLES[key]}: {each.how}" for key, each in timed.items() if each.seconds_in_all is None]
    seconds = {key: each.seconds_in_all for key, each in timed.items() if each.seconds_in_all is not None}
    each = ", ".join(f"{TITLES[key]} {duration(value)}" for key, value in seconds.items())
    return ". ".join([*([f"About {duration(sum(seconds.values()))} in all: {each}"] if seconds else []), *reasons, ""])
