"""What the run that the form describes will cost, in a line beside the button that starts it; and, afterwards, what it
took against what was predicted."""

import uuid
from collections.abc import Sequence
from typing import Any

import streamlit as st

from cvcore.config import RunConfig, parse_config
from cvcore.data import catalog
from cvcore.errors import CvcoreError
from cvcore.training.estimates import MEMORY_LIMIT, estimates
from cvcore.training.run import Run
from cvcore.ui import data as ui_data
from cvcore.ui.frame import escaped
from cvcore.ui.numbers import duration, short
from cvcore.ui.preload import is_loaded
from cvcore.ui.runs import label, store

LOOK = 0.4  # seconds between two looks at whether the time is known
AUTOMATIC = True  # whether time is predicted without a click, where nothing trains
OPENED = "preflight-opened"  # in the session: sets that were opened for an estimate, by name, size and fit
CLICKED = "preflight-clicked"  # in the session: the config, as text, whose time was asked for by a click


def visitor() -> str:
    """Who looks at this page: an estimate that he no longer waits for is given up."""
    return st.session_state.setdefault("preflight-visitor", uuid.uuid4().hex)


def give_up() -> None:
    """Stop timing for this visitor: something that matters more is about to compute."""
    estimates.give_up(visitor())


def show(values: dict[str, Any]) -> None:
    """Parameters, memory and time; nothing where the form describes no run, which whoever presses Train is told."""
    try:
        config = parse_config(values)
        entry = catalog.entry(config.data.name)
    except CvcoreError:
        return
    if not is_loaded() or entry.state not in ("bundled", "on disk"):
        return
    if not _is_at_hand(config, entry):
        if st.button("Estimate cost", icon=":material/timer:", type="tertiary", help="Reads the images, once."):
            _open(config)
            st.rerun()
        return
    counted = _costs(config.canonical())
    if counted is not None:
        _line(config, counted)


def _is_at_hand(config: RunConfig, entry: catalog.Entry) -> bool:
    """Whether the images are there without anybody waiting."""
    data = config.data
    bundled = entry.state == "bundled" and not entry.is_own and not data.size
    return bundled or (data.name, data.size, data.fit) in st.session_state.get(OPENED, ())


def _open(config: RunConfig) -> None:
    """Read the images, with progress, and count from now on without a click."""
    data = config.data
    ui_data.opened(data.name, data.size, data.fit)
    st.session_state[OPENED] = {*st.session_state.get(OPENED, ()), (data.name, data.size, data.fit)}


@st.cache_data(max_entries=128, ttl=600, show_spinner=False)
def _costs(canonical: str):
    """The counted part, or None where the run cannot be."""
    from cvcore.training.costs import costs

    try:
        return costs(RunConfig.model_validate_json(canonical), store())
    except CvcoreError:
        return None


def _line(config: RunConfig, counted) -> None:
    found = estimates.get(config)
    if found is None and _is_to_be_timed(config):
        estimates.ask(visitor(), config, store())
    waits = estimates.is_waited_for(visitor(), config)
    told = [f"**{short(counted.params)}** parameters", f"**{_memory(counted.memory_bytes)}**", *_time(found, waits)]
    with st.container(horizontal=True, vertical_alignment="center", width="content"):
        st.markdown(" · ".join(told), help=_explained(counted, found), width="content")
        if found is None and not waits:
            st.button(
                "Estimate time",
                icon=":material/timer:",
                type="tertiary",
                on_click=_click,
                args=(config.canonical(),),
                help="Times a few batches, about two seconds. Something trains at the moment, which both would feel.",
            )
        if waits:
            st.fragment(_look_again, run_every=LOOK)(config)


def _click(canonical: str) -> None:
    st.session_state[CLICKED] = canonical


def _is_to_be_timed(config: RunConfig) -> bool:
    """Somebody asked for it, or nothing trains that would be disturbed, and would disturb the clock."""
    clicked = st.session_state.pop(CLICKED, None) == config.canonical()
    return clicked or (AUTOMATIC and all(run.ended for run in store().list()))


def _look_again(config: RunConfig) -> None:
    if not estimates.is_waited_for(visitor(), config):
        st.rerun()


def _memory(count: int) -> str:
    """ "14.5 MB"."""
    return f"{short(count)}B"


def _time(found, waits: bool) -> list[str]:
    if found is None:
        return [":gray[timing a few batches …]"] if waits else []
    if isinstance(found, str) or found.seconds_per_epoch is None:
        return [":gray[time unknown]"]
    return [f"about **{_seconds(found.seconds_per_epoch)}** an epoch", f"**{_seconds(found.seconds_in_all)}** in all"]


def _seconds(seconds: float) -> str:
    """A duration; below a tenth of a second in milliseconds.

    >>> _seconds(0.012), _seconds(2.14), _seconds(80)
    ('12 ms', '2.1 s', '1 min 20 s')
    """
    return f"{1000 * seconds:.0f} ms" if seconds < 0.0995 else duration(seconds)


def _explained(counted, found) -> str:
    """The receipt: how each number was obtained."""
    told = [
        f"Parameters: exactly {counted.params:,}, of which {counted.trainable_params:,} learn.",
        f"Memory: {counted.memory_formula}. Counted, in float32, without PyTorch itself and the images that wait.",
    ]
    if isinstance(found, str):
        told.append(f"Time: {escaped(found)}.")
    elif found is not None and found.seconds_per_epoch is None:
        told.append(f"Time: {found.how}; at most {short(MEMORY_LIMIT)}B are used.")
    elif found is not None:
        speed = f"{short(found.images_per_s)} images/s in training"
        told.append(f"Time: {found.how}; {speed}. A prediction: other work on this machine changes it.")
    return "\n\n".join(told)


def outcome(runs: Sequence[Run], names: dict[str, str] | None = None) -> None:
    """Predicted against actual time of those runs that have ended and had a prediction; `names` of theirs by run id."""
    told = [(run, compared(run)) for run in runs]
    several = len(runs) > 1
    lines = [
        f"{escaped((names or {}).get(run.run_id) or label(run))}: {text}" if several else text
        for run, text in told
        if text
    ]
    if lines:
        st.caption("  \n".join(lines), help="Predicted before it started, from a few timed batches; took: all epochs.")


def compared(run: Run) -> str:
    """ "predicted 21 s, took 24 s (+14 %)", for as many epochs as the run has; "" where there is nothing to compare."""
    each = run.predicted.get("seconds_per_epoch")
    if not each or not run.ended or not run.history:
        return ""
    predicted = each * len(run.history) + (run.predicted.get("seconds_before") or 0.0)
    took = sum(epoch.seconds for epoch in run.history) + run.told.get("features", {}).get("seconds", 0.0)
    return f"Predicted {_seconds(predicted)}, took {_seconds(took)} ({took / predicted - 1:+.0%})".replace("%", " %")
