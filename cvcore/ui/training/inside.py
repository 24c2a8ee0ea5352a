"""Inside: what the networks of the chosen runs have learnt: which places spoke for a class, maps, filters, spreads."""

import importlib
from collections.abc import Sequence

import streamlit as st

from cvcore.training.insight.stored import predictions_file
from cvcore.training.run import Run
from cvcore.ui.frame import body
from cvcore.ui.training.inside_data import replay
from cvcore.ui.training.inside_image import choose_image, fits
from cvcore.ui.training.predictions_runs import choose, finished

CAM, MAPS, EPOCHS, SPREADS = "Grad-CAM", "Feature maps", "Through the epochs", "Histograms"
# each is a module beside this one with a function show(replays, subject); imported when it is looked at
VIEWS = {CAM: "inside_cam", MAPS: "inside_maps", EPOCHS: "inside_epochs", SPREADS: "inside_histograms"}


def show(runs: Sequence[Run]) -> None:
    """The section."""
    done = finished(runs, predictions_file)
    if not done:
        return
    view = st.pills(
        "Show",
        list(VIEWS),
        default=CAM,
        required=True,
        key="inside-run",
        bind="query-params",
        help="Grad-CAM: which places of an image speak for a class. Feature maps: what leaves a layer. Through the "
        "epochs: filters and maps as they were along the way. Histograms: weights, gradients and activations.",
        wrap=True,
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        one, two = choose(done)
    with st.spinner("Loading the network …", show_time=True):
        replays = [replay(run) for run in (one, two) if run]
    with body(f"inside-{view}"):
        subject = None
        if view != SPREADS:
            subject = choose_image(replays[0].dataset, [each.run for each in replays])
            if subject is None:
                return
            replays = [each for each in replays if fits(each, subject)]
        importlib.import_module(f"cvcore.ui.training.{VIEWS[view]}").show(replays, subject)
