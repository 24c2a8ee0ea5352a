"""Is it really frozen? How far each block moved, and whether cached features are what the backbone gives."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import pandas as pd
import streamlit as st

from cvcore.plots import drift as plots
from cvcore.training.run import Run
from cvcore.ui.frame import chart
from cvcore.ui.numbers import short
from cvcore.ui.runs import store
from cvcore.ui.transfer.look import Look, colours_of


def show(look: Look) -> None:
    """The change of every block of every finished run, as lines and in numbers."""
    done = look.done
    if not done:
        st.info("Nothing has been trained to its end yet: press Train all.", icon=":material/ac_unit:")
        return
    with st.spinner("Comparing weights before and after …"):
        moved = {title: _drift(str(run.path), run.end["time"]) for title, run in done.items()}
    colour = [colours_of(done)[run.run_id] for run in done.values()]
    left, right = st.columns(2, gap="medium")
    chart(plots.moved(moved, colour), key="moved", alt=f"Change of each block's weights: {', '.join(done)}", place=left)
    if any(each.statistics is not None for blocks in moved.values() for each in blocks):
        alt = f"Change of each block's BatchNorm statistics: {', '.join(done)}"
        chart(plots.moved(moved, colour, statistics=True), key="moved-statistics", alt=alt, place=right)
    st.caption(
        "Length of the change against that of what a block began with. Open rings: nothing moved. A frozen backbone "
        "lies flat at “none”, and only its head moves; its BatchNorm's means and variances must lie there, too."
    )
    _numbers(moved)
    for title, run in done.items():
        if run.config.transfer and run.config.transfer.strategy == "features":
            _check(title, run)


def _numbers(moved: Mapping[str, list]) -> None:
    rows = [
        {"strategy": title, **asdict(each), "block": plots.short_name(each.block)}
        for title, blocks in moved.items()
        for each in blocks
    ]
    with st.expander("In numbers"):
        st.dataframe(
            pd.DataFrame(rows),
            hide_index=True,
            placeholder="–",
            column_config={
                "strategy": st.column_config.TextColumn("Strategy", help="How the backbone is reused"),
                "block": st.column_config.TextColumn("Block", help="From the image to the head"),
                "largest": st.column_config.NumberColumn(
                    "Largest change of a weight", format="%.2e", help="max |Δ| over the block's weights"
                ),
                "relative": None,
                "relative_statistics": None,
                "statistics": st.column_config.NumberColumn(
                    "Of a BatchNorm statistic", format="%.2e", help="max |Δ| over running means and variances"
                ),
            },
        )


def _check(title: str, run: Run) -> None:
    """Compute some features anew, at a click, and say how far the cached ones are from them."""
    if not st.button(
        "Check the cached features",
        icon=":material/fact_check:",
        help="Runs the backbone, in evaluation mode, over test images again and compares.",
        key=f"check-{run.run_id}",
    ):
        return
    with st.spinner("Running the backbone …"):
        images, difference = _difference(str(run.path), run.end["time"])
    verdict = "they are the same" if difference <= 1e-4 else "they differ: delete the data folder's .store/.features"
    st.markdown(
        f"{title}: over {images:,} test images the cached features are at most **{short(difference)}** from those that "
        f"the backbone gives now: {verdict}."
    )


@st.cache_data(max_entries=64, show_spinner=False)
def _drift(folder: str, when: float) -> list:
    from cvcore.transfer.drift import drift

    return drift(store().find(Path(folder).name), store())


@st.cache_data(max_entries=16, show_spinner=False)
def _difference(folder: str, when: float) -> tuple[int, float]:
    from cvcore.transfer.cache import difference

    return difference(store().find(Path(folder).name), store())
