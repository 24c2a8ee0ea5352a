"""Which layers transfer? A linear probe on what each block gives, with learnt and with random weights."""

import streamlit as st

from cvcore.config import RunConfig
from cvcore.plots import probe as plots
from cvcore.transfer import ways
from cvcore.ui.data import progress_bar
from cvcore.ui.frame import chart
from cvcore.ui.runs import store
from cvcore.ui.transfer.look import Look

KEY = "probes"  # what was found, by run id


def show(look: Look) -> None:
    """A button that probes, and the chart of accuracy against depth."""
    configs = {
        "learnt weights": look.comparison.config(ways.DEEPEN if look.comparison.deeper else "features"),
        "random weights": look.comparison.config("scratch"),
    }
    kept = st.session_state.setdefault(KEY, {})
    missing = {name: config for name, config in configs.items() if config.canonical() not in kept}
    if missing and st.button(
        "Probe the layers",
        icon=":material/vertical_align_center:",
        help="Runs the images through the backbone once and fits a linear classifier for each block.",
    ):
        for name, config in missing.items():
            kept[config.canonical()] = _probe(name, config)
        st.rerun()
    found = {name: kept[config.canonical()] for name, config in configs.items() if config.canonical() in kept}
    if not found:
        st.info(
            "A linear classifier on what each block gives tells how much of the answer is there already. "
            "Press Probe the layers.",
            icon=":material/vertical_align_center:",
        )
        return
    chart(plots.by_depth(found), key="probe", alt="Test accuracy of linear probes against depth")
    st.caption(
        "Maps are averaged over their places before the classifier sees them. Where the learnt line lies above the "
        "random one, what was learnt helps on the new images; where it falls towards the head, the "
        "last layers are too much of the old task: reuse fewer of them, or fine-tune."
    )


def _probe(name: str, config: RunConfig) -> list:
    with st.spinner("Loading the network …"):
        from cvcore.training.check import checked
        from cvcore.transfer.probe import probe
    with progress_bar(f"Probing with {name}", "blocks") as tell:
        return probe(checked(config, store()), store(), tell)
