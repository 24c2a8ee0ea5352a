"""The learning-rate finder on the Training page: a button, a curve, and the chosen rate written into the form."""

import time
from typing import Any

import streamlit as st

from cvcore.config import RunConfig, parse_config
from cvcore.errors import CvcoreError
from cvcore.training.estimates import MEMORY_LIMIT, same_work
from cvcore.ui import data as ui_data
from cvcore.ui.frame import chart, tell_next
from cvcore.ui.preload import wait_for_torch
from cvcore.ui.runs import store
from cvcore.ui.training import preflight

ASKED = "lr-find-asked"  # in the session: the work, as text, that is to be measured now
SHOWN = "lr-find-shown"  # in the session: (work, RangeTest) that is shown
SECONDS = 10.0  # for all batches; slower networks get fewer of them


def button(values: dict[str, Any], *, disabled: bool) -> None:
    """The button that asks for it."""
    st.button(
        "Find learning rate",
        icon=":material/search_insights:",
        key="lr-find",
        disabled=disabled,
        on_click=_ask,
        args=(_work(values),),
        help="Trains a copy of this network on up to 100 batches while the learning rate rises from 10⁻⁷ to 10, some "
        "seconds, and shows at which rate the loss falls fastest. No run is changed by it.",
    )


def show(values: dict[str, Any]) -> None:
    """Measure if somebody asked, and draw what was measured, as long as the form describes the same work."""
    work = _work(values)
    place = st.empty()  # always there: what stands below keeps its place while it measures
    if st.session_state.pop(ASKED, None) == work and work:  # taken back first: whatever ends it does not begin it again
        _measure(parse_config(values), work, place)
    known, found = st.session_state.get(SHOWN, ("", None))
    if found is not None and known == work:
        with place.container(border=True):
            _draw(found)


def _work(values: dict[str, Any]) -> str:
    """What the curve hangs on: all of the config but the rate, its schedule and the number of epochs; "" if no run."""
    try:
        config = parse_config(values)
    except CvcoreError:
        return ""
    return f"{config.train.seed} {same_work(config)}"


def _ask(work: str) -> None:
    st.session_state[ASKED] = work
    st.session_state.pop(SHOWN, None)


def _measure(config: RunConfig, work: str, place) -> None:
    """Find the rate, with progress. Stop, or any other control, ends it and leaves nothing behind."""
    wait_for_torch()
    from cvcore.training.lr_finder import find_lr

    preflight.give_up()
    ui_data.opened(config.data.name, config.data.size, config.data.fit)
    with place.container(horizontal=True, vertical_alignment="center"):
        bar = st.progress(0.0, text="Learning-rate finder: warming up …", width=420)
        st.button("Stop", key="lr-find-stop", icon=":material/stop:", help="Nothing is kept.")
    last = [0.0]

    def tell(done: int, total: int) -> None:
        if time.monotonic() - last[0] > 0.1:
            last[0] = time.monotonic()
            bar.progress(done / total, text=f"Learning-rate finder: batch {done} of at most {total}")

    try:
        found = find_lr(config, store(), seconds=SECONDS, memory_limit=MEMORY_LIMIT, progress=tell)
    finally:
        place.empty()
    st.session_state[SHOWN] = (work, found)


def _draw(found) -> None:
    from cvcore.plots.lr_finder import finder_curve

    best = found.suggestion
    told = f"suggestion {best:g}" if best else "no suggestion, as the loss never fell"
    with st.container(horizontal=True, vertical_alignment="center"):
        for rate, kind in _offers(found):
            st.button(f"Use {rate:g}", key=f"lr-use-{kind}", type=kind, on_click=_use, args=(rate,), help=WHY[kind])
        st.button("Close", key="lr-find-close", type="tertiary", on_click=_close)
    chart(
        finder_curve(found),
        key="lr-finder",
        alt=f"Loss against a rising learning rate: {told}, lowest at {found.lowest:.2g}",
    )
    st.caption(_words(found))


WHY = {
    "primary": "Writes the rate of the steepest descent into the form.",
    "secondary": "Writes a tenth of the rate with the lowest loss into the form: the usual alternative.",
}


def _offers(found) -> list[tuple[float, str]]:
    """Rates to use, each with the kind of its button: the suggestion, then the alternative if it is another."""
    from cvcore.training.lr_finder import rounded

    tenth = rounded(found.tenth)
    if found.suggestion is None:
        return []
    return [(found.suggestion, "primary"), *([(tenth, "secondary")] if tenth != found.suggestion else [])]


def _words(found) -> str:
    """How the curve came about, and what it says."""
    end = f"It ended at {found.diverged:.2g}, where" if found.diverged else "It never came so far that"
    lead = (
        f"The smoothed loss falls most steeply over log(rate) at **{found.suggestion:g}**; it is lowest at "
        f"{found.lowest:.2g}, a tenth of which is the usual alternative. "
        if found.suggestion
        else "The loss never fell: look at the images, the network and the mistakes on purpose. "
    )
    return (
        f"{lead}{len(found.lr)} batches, each at a higher rate (Smith 2015). {end} the smoothed loss was four times "
        "its lowest. A copy was trained: no run is changed."
    )


def _use(rate: float) -> None:
    """Callback: write the rate into the form."""
    st.session_state["train-lr"] = rate
    tell_next(f"Learning rate {rate:g} is in the form")


def _close() -> None:
    st.session_state.pop(SHOWN, None)
