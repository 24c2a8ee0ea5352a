"""Classes: precision, recall and F1 of each, as a chart and as a table."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from cvcore.analysis.predictions import ClassScores, class_scores
from cvcore.plots import confusion as plots
from cvcore.ui.frame import chart, metric_row
from cvcore.ui.runs import colours, label
from cvcore.ui.training.predictions_runs import Look

PRECISION = "Of the images that were said to be of this class, the share that is. Empty where it was never said."
RECALL = "Of the images of this class, the share that was recognised. Empty where there are none."
F1 = "The harmonic mean of precision and recall: high only where both are."
EXPLANATION = """
- **Precision** answers: when the network says *cat*, how often is it one? **Recall** answers: of all cats, how many did
  it find? A network that always says *cat* has a recall of 100 % and a poor precision.
- **F1** is their harmonic mean, 2·P·R / (P + R). The means in the row of numbers count every class alike (macro
  average); accuracy counts every image alike. They differ where classes have different numbers of images.
- With few images of a class its scores are rough: of 10 images, one more hit is 10 percentage points of recall.
"""


def show(looks: Sequence[Look]) -> None:
    """The view."""
    scores = [class_scores(each.matrix) for each in looks]
    one = looks[0]
    metric_row(
        ("Accuracy (%)", _percent(one.said.accuracy), f"Share of hits among {len(one.said):,} {one.what} images"),
        ("Precision (%)", _percent(scores[0].mean("precision")), f"Mean over classes. {PRECISION}"),
        ("Recall (%)", _percent(scores[0].mean("recall")), f"Mean over classes. {RECALL}"),
        ("F1 (%)", _percent(scores[0].mean("f1")), f"Mean over classes. {F1}"),
    )
    colour = colours([each.run.run_id for each in looks])
    if len(looks) == 1:
        figure = plots.scores_figure(scores[0], one.names)
    else:
        drawn = [
            (label(each.run), score.f1, colour[each.run.run_id]) for each, score in zip(looks, scores, strict=True)
        ]
        figure = plots.f1_figure(drawn, one.names)
    left, right = st.columns(2, gap="large")
    chart(figure, key="scores", alt=f"Scores of each class of {label(one.run)}", place=left)
    if len(one.names) > plots.MOST_ROWS:
        left.caption(f"The {plots.MOST_ROWS} classes with the lowest F1; the table has all.")
    with right:
        _table(looks, scores)
    with st.expander("What this shows", icon=":material/help:"):
        st.markdown(EXPLANATION)


def _table(looks: Sequence[Look], scores: Sequence[ClassScores]) -> None:
    first = scores[0]
    rows = {
        "class": looks[0].names,
        "images": first.images,
        "said": first.said,
        "precision": 100 * first.precision,
        "recall": 100 * first.recall,
        "f1": 100 * first.f1,
    }
    if len(scores) > 1:
        rows |= {"other": 100 * scores[1].f1, "change": 100 * (scores[1].f1 - first.f1)}
    number = st.column_config.NumberColumn
    st.dataframe(
        pd.DataFrame(rows).sort_values("f1", kind="stable", na_position="last"),
        hide_index=True,
        height="auto" if len(first.images) <= 12 else 460,
        placeholder="–",
        column_config={
            "class": st.column_config.TextColumn("Class"),
            "images": number("Images", format="localized", help="Images of this class"),
            "said": number("Predicted", format="localized", help="Images that were said to be of this class"),
            "precision": number("Precision (%)", format="%.1f", help=PRECISION),
            "recall": number("Recall (%)", format="%.1f", help=RECALL),
            "f1": number("F1 (%)", format="%.1f", help=F1),
            "other": number("F1, other run (%)", format="%.1f"),
            "change": number("Change", format="%+.1f", help="In percentage points, from the run to the other one"),
        },
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f}" if np.isfinite(share) else "–"
