"""Which of the runs that are shown a section works on, where it works on one."""

from collections.abc import Sequence

import streamlit as st

from cvcore.training.run import Run
from cvcore.ui.runs import label, store


def choose(runs: Sequence[Run], key: str) -> Run | None:
    """The only finished run, or the one that the visitor chooses of several; None, with a word, where there is none."""
    finished = [run for run in (store().get(each.run_id) for each in runs) if run and run.status == "done"]
    if not finished:
        st.info(
            "None of the chosen runs is finished yet. Choose one that is above, or wait for its last epoch.",
            icon=":material/hourglass_empty:",
        )
        return None
    if len(finished) == 1:
        return finished[0]
    names = {run.run_id: label(run) for run in finished}
    if st.session_state.get(key) not in names:
        st.session_state.pop(key, None)
    chosen = st.selectbox("Run", list(names), format_func=names.get, key=key, help="Of the finished runs chosen above.")
    return next(run for run in finished if run.run_id == chosen)
