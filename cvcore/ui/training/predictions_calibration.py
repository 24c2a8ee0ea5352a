"""Calibration: whether a network is as often right as it says."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from cvcore.analysis.predictions import BINS, Predictions, Reliability, reliability
from cvcore.plots import calibration as plots
from cvcore.ui.frame import chart, escaped, metric_row
from cvcore.ui.runs import colours, label
from cvcore.ui.training.predictions_runs import Look

ECE = (
    "Expected calibration error: the distance between accuracy and confidence, averaged over the bins by their images. "
    "0 is perfect."
)
CHART_WIDTH = 640  # pixels: wider, the diagonal lies flat
MCE = "Maximum calibration error: the largest distance of any bin, however few images it has."
EXPLANATION = f"""
- **Confidence** is the probability of the predicted class. Of all images of which a calibrated network is 80 % sure, it
  gets 80 % right: its curve lies on the dashed diagonal. Below it the network is **over-confident**, above it
  under-confident.
- Images are put into {BINS} equally wide bins of confidence; a point stands at a bin's mean confidence and accuracy.
  The bars count its images. **A bin with few images says little**: of 5 images, accuracy can only be a fifth, two
  fifths and so on.
- **ECE** averages the distances between curve and diagonal, each weighted by its bin's images (Guo et al., 2017, *On
  Calibration of Modern Neural Networks*). It depends on the number of bins, and on few images it is never 0.
- Training for long after the training images are learnt makes networks over-confident; label smoothing, weight decay
  and early stopping help.
"""


def show(looks: Sequence[Look]) -> None:
    """The view."""
    found = [(each, reliability(each.said)) for each in looks]
    colour = colours([each.run.run_id for each in looks])
    drawn = [plots.Curve(label(each.run), curve, colour[each.run.run_id]) for each, curve in found]
    if len(found) == 1:
        _numbers(*found[0])
    names = ", ".join(curve.label for curve in drawn)
    chart(plots.calibration_figure(drawn), key="calibration", alt=f"Calibration of {names}", width=CHART_WIDTH)
    if len(found) > 1:
        _table(found)
    for each, curve in found:
        if curve.left_out:
            st.caption(f"{escaped(label(each.run))}: {curve.left_out:,} images have no finite probability.")
    with st.expander("What this shows", icon=":material/help:"):
        st.markdown(EXPLANATION)


def _numbers(found: Look, curve: Reliability) -> None:
    sure = _mean_confidence(found.said)
    metric_row(
        ("ECE (%)", f"{100 * curve.ece:.2f}", ECE),
        ("Largest gap (%)", f"{100 * curve.worst:.1f}", MCE),
        ("Accuracy (%)", f"{100 * found.said.accuracy:.1f}", f"On {len(found.said):,} {found.what} images"),
        ("Mean confidence (%)", f"{100 * sure:.1f}", "Mean probability of the predicted class"),
    )
    st.markdown(_verdict(sure - found.said.accuracy, len(found.said)))


def _verdict(excess: float, images: int) -> str:
    """Over- or under-confident, or neither as far as so many images can tell."""
    if not np.isfinite(excess):
        return "There is nothing to judge by."
    if abs(excess) < 1 / np.sqrt(max(images, 1)):  # twice the largest standard error of an accuracy is 1 / √n
        return f"On the whole it is as sure as it is right, as far as {images:,} images can tell."
    way = "surer than it is right: **over-confident**" if excess > 0 else "less sure than it is right: under-confident"
    return f"On the whole it is {100 * abs(excess):.1f} percentage points {way}."


def _table(found: Sequence[tuple[Look, Reliability]]) -> None:
    number = st.column_config.NumberColumn
    st.dataframe(
        pd.DataFrame(
            {
                "run": [label(each.run) for each, _ in found],
                "ece": [100 * curve.ece for _, curve in found],
                "worst": [100 * curve.worst for _, curve in found],
                "accuracy": [100 * each.said.accuracy for each, _ in found],
                "sure": [100 * _mean_confidence(each.said) for each, _ in found],
                "images": [len(each.said) for each, _ in found],
            }
        ),
        hide_index=True,
        height="auto",
        placeholder="–",
        column_config={
            "run": st.column_config.TextColumn("Run"),
            "ece": number("ECE (%)", format="%.2f", help=ECE),
            "worst": number("Largest gap (%)", format="%.1f", help=MCE),
            "accuracy": number("Accuracy (%)", format="%.1f"),
            "sure": number("Mean confidence (%)", format="%.1f", help="Mean probability of the predicted class"),
            "images": number("Images", format="localized"),
        },
    )


def _mean_confidence(found: Predictions) -> float:
    there = np.isfinite(found.confidence)
    return float(found.confidence[there].mean(dtype=np.float64)) if there.any() else float("nan")
