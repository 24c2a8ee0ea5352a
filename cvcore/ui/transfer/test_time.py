"""At test time: what can be gained without training, by looking at an image more than once."""

import pandas as pd
import streamlit as st

from cvcore.plots import bars
from cvcore.plots.style import ACCENT
from cvcore.training.run import Run
from cvcore.ui.data import progress_bar
from cvcore.ui.frame import chart
from cvcore.ui.runs import store
from cvcore.ui.transfer.look import Look

NAMES = {
    "single": "Once",
    "flip": "Mirrored, too",
    "multiscale": "Three scales",
    "tencrop": "Ten crops",
    "dense": "Dense",
    "dense+multicrop": "Dense and ten crops",
}
AT_FIRST = ["single", "flip", "multiscale", "tencrop"]
SEVERAL = 300  # test images at first: enough to see a difference of some points
KEY = "test-time"  # of what was measured, by run, protocol and number of images


def show(look: Look) -> None:
    """The protocols to choose from, a button that measures them, and a table of what they gain and cost."""
    done = look.done
    if not done:
        st.info("Nothing has been trained to its end yet: press Train all.", icon=":material/burst_mode:")
        return
    left, middle, right = st.columns([1.6, 4, 1.2], vertical_alignment="bottom")
    title = left.selectbox("Strategy", list(done), key="test-time-of", help="Whose network is tested again.")
    names = middle.pills(
        "Protocols",
        list(NAMES),
        format_func=NAMES.get,
        selection_mode="multi",
        default=AT_FIRST,
        key="protocols",
        bind="query-params",
        wrap=True,
        help="Each looks at every image in several ways and averages the class probabilities.",
    )
    limit = right.number_input(
        "Test images",
        value=SEVERAL,
        min_value=10,
        step=100,
        key="test-time-limit",
        persist_state="session",
        help="So many, evenly spread over the test set; fewer are faster.",
    )
    ordered = [name for name in NAMES if name in names]
    measured = _measured(done[title], ordered, limit)
    missing = [name for name in ordered if name not in measured]
    if missing and st.button("Measure", icon=":material/speed:", help="As many forward passes as there are views."):
        measured |= _measure(done[title], missing, limit)
    found = [measured[name] for name in ordered if name in measured]
    if found:
        _draw(found)
    elif ordered:
        st.info("Press Measure: the test images are looked at again.", icon=":material/burst_mode:")


def _measured(run: Run, names: list[str], limit: int) -> dict:
    """Results by protocol, as far as this visitor measured them."""
    kept = st.session_state.setdefault(KEY, {})
    every = {name: kept.get((run.run_id, run.when, name, limit)) for name in names}
    return {name: result for name, result in every.items() if result}


def _measure(run: Run, names: list[str], limit: int) -> dict:
    with st.spinner("Loading the network …"):
        from cvcore.transfer.evaluation import evaluate
    with progress_bar("Testing", "images") as tell:
        found = evaluate(store().find(run.run_id), names, limit, tell).results
    for result in found:
        st.session_state[KEY][run.run_id, run.when, result.name, limit] = result
    return {result.name: result for result in found}


def _draw(found: list) -> None:
    told = [result for result in found if not result.reason]
    chart(
        bars.accuracies([NAMES[each.name] for each in told], [each.accuracy for each in told], [ACCENT] * len(told)),
        key="test-time-chart",
        alt="Test accuracy by protocol",
    )
    st.dataframe(
        pd.DataFrame([_row(each) for each in told]),
        hide_index=True,
        height="auto",
        column_config={
            "protocol": st.column_config.TextColumn("Protocol", help="How the image is looked at"),
            "test": st.column_config.NumberColumn("Test (%)", format="%.1f", help="Accuracy on these test images"),
            "gain": st.column_config.NumberColumn("Gain (points)", format="%+.1f", help="Over looking once"),
            "loss": st.column_config.NumberColumn("Loss (nats)", format="%.4f", help="Of the averaged probabilities"),
            "views": st.column_config.NumberColumn("Views", help="Forward passes for each image"),
            "px": st.column_config.TextColumn("Scaled to (px)", help="The shorter side; the aspect ratio is kept"),
            "seconds": st.column_config.NumberColumn("Time (s)", format="%.2f", help="For all these images"),
        },
    )
    for each in found:
        if each.reason:
            st.caption(f"**{NAMES[each.name]}** is unavailable: {each.reason}")


def _row(result) -> dict:
    return {
        "protocol": NAMES[result.name],
        "test": 100 * result.accuracy,
        "gain": result.gain,
        "loss": result.loss,
        "views": result.views,
        "px": ", ".join(map(str, result.pixels)),
        "seconds": result.seconds,
    }
