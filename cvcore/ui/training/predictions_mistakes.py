"""Mistakes: the most confident ones, and the hits that were nearly missed."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from cvcore.analysis import predictions as said
from cvcore.ui.frame import escaped
from cvcore.ui.runs import label
from cvcore.ui.training.predictions_runs import Look, number_of, percent, show_sheet

COUNT = 24
MOST_ROWS = 1_000
EXPLANATION = """
- **Confident mistakes** come first: the network was surer of a wrong class than anywhere else. Look for wrong labels,
  for images that a person could not tell either, and for what such images have in common.
- **Doubtful hits** are right, but hardly: the probability of the predicted class is the lowest of all hits. A little
  more training, or another seed, may turn them.
- Below each image: the probability of the predicted class, then *true as predicted*. Tables have the images' numbers.
"""


def show(looks: Sequence[Look]) -> None:
    """The view."""
    for each in looks:
        if len(looks) > 1:
            st.markdown(f"**{escaped(label(each.run))}**")
        _one(each)
    with st.expander("What this shows", icon=":material/help:"):
        st.markdown(EXPLANATION)


def _one(found: Look) -> None:
    mistakes, hits = said.confident_mistakes(found.said), said.doubtful_hits(found.said)
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown(
            f"**Most confident mistakes** · {len(mistakes):,} mistakes in {len(found.said):,} {found.what} images"
        )
        if len(mistakes):
            _sheet(found, mistakes[:COUNT], "mistakes")
        else:
            st.info(f"No mistake on {len(found.said):,} {found.what} images.", icon=":material/check:")
    with right:
        st.markdown(f"**Least confident hits** · {len(hits):,} hits")
        if len(hits):
            _sheet(found, hits[:COUNT], "hits")
        else:
            st.info("Not a single hit.", icon=":material/info:")
    with st.expander(f"All {len(mistakes):,} mistakes as a table"):
        _table(found, mistakes[:MOST_ROWS])
        if len(mistakes) > MOST_ROWS:
            st.caption(f"The {MOST_ROWS:,} most confident.")


def _sheet(found: Look, places: np.ndarray, what: str) -> None:
    captions = []
    for place in places:
        true, guess = (found.names[each[place]] for each in (found.said.labels, found.said.predicted))
        told = true if what == "hits" else f"{true} as {guess}"
        captions.append(f"{percent(found.said.confidence[place])} · {told}")
    alt = f"{len(places)} {what}, among them {', '.join(captions[:6])}"
    show_sheet(found, places, captions, columns=6, tile=84, alt=alt)


def _table(found: Look, places: np.ndarray) -> None:
    names = np.array(found.names, dtype=object)
    st.dataframe(
        pd.DataFrame(
            {
                "image": [number_of(found, place) for place in places],
                "true": names[found.said.labels[places]],
                "predicted": names[found.said.predicted[places]],
                "confidence": 100 * found.said.confidence[places],
                "of_truth": 100 * found.said.of_truth[places],
            }
        ),
        hide_index=True,
        height="auto",
        column_config={
            "image": st.column_config.TextColumn("Image", help=f"Its number in the {found.part or found.split} split"),
            "true": st.column_config.TextColumn("True class"),
            "predicted": st.column_config.TextColumn("Predicted class"),
            "confidence": st.column_config.NumberColumn("Confidence (%)", format="%.1f", help="Of the predicted class"),
            "of_truth": st.column_config.NumberColumn("Of the true class (%)", format="%.1f"),
        },
    )
