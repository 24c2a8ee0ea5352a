"""Quality: files that were converted, set aside or ignored, and images that occur twice."""

import numpy as np
import pandas as pd
import streamlit as st

from cvcore.data.dataset import Dataset
from cvcore.data.describe import path_of
from cvcore.data.duplicates import Pair
from cvcore.data.files import report
from cvcore.plots.sheet import as_png, contact_sheet
from cvcore.ui.data import pairs
from cvcore.ui.frame import is_dark, metric_row

MOST_PAIRS = 12  # shown as pictures at a time
TILE = 84


def show(dataset: Dataset, split: str) -> None:
    """The section; it looks at all splits at once."""
    show_files(dataset)
    show_duplicates(dataset, pairs(dataset))


def show_files(dataset: Dataset) -> None:
    """What became of every file."""
    files = report.of(dataset)
    if files is None:
        st.caption("This set is stored as arrays, not as one file an image, so there are no files to check.")
        return
    st.subheader("Files", anchor=False)
    counts = files["status"].value_counts()
    converted = files[(files["status"] == report.USED) & (files["note"] != "")]
    metric_row(
        ("Used", f"{counts.get(report.USED, 0):,}", "Decoded without a fault."),
        (
            "Of these converted",
            f"{len(converted):,}",
            "CMYK, palette, 16 bits, turned by the camera … : see the table.",
        ),
        (
            "Set aside",
            f"{counts.get(report.ASIDE, 0):,}",
            "Damaged, empty or not what their name says. Left where they are.",
        ),
        ("Ignored", f"{counts.get(report.IGNORED, 0):,}", "Files that no image loader would take."),
    )
    told = files[files["note"] != ""]
    if told.empty:
        st.caption("Every file is an image that needed no conversion.")
    else:
        st.dataframe(
            told.sort_values("status", ascending=False, kind="stable")[["status", "path", "note", "class", "split"]],
            hide_index=True,
            height="auto" if len(told) <= 10 else 380,
            column_config={
                "status": st.column_config.TextColumn("Status"),
                "path": st.column_config.TextColumn("File", help="Relative to the set's folder"),
                "note": st.column_config.TextColumn("What and why"),
                "class": st.column_config.TextColumn("Class"),
                "split": st.column_config.TextColumn("Split"),
            },
        )
    st.download_button(
        "Report on every file (CSV)",
        lambda: report.as_csv(files).encode("utf-8"),
        f"{dataset.name}-files.csv",
        "text/csv",
        icon=":material/download:",
        help="Nothing on your disk is deleted, moved or changed: this list says what is worth a look.",
    )


def show_duplicates(dataset: Dataset, found: list[Pair]) -> None:
    """Pairs of images that are the same, or nearly: leaks between splits first."""
    st.subheader("Images that occur twice", anchor=False)
    table = as_table(dataset, found)
    across, wrong = int(table["leak"].sum()), int(table["other label"].sum())
    metric_row(
        ("Across splits", f"{across:,}", "Leaks: a network is examined on what it has learnt by heart."),
        ("Inside a split", f"{len(found) - across:,}", "They weigh double in training, or in the result."),
        ("Exactly equal", f"{sum(pair.exact for pair in found):,}", "The same pixels at the working size."),
        ("With two labels", f"{wrong:,}", "The same image in two classes: at least one label is wrong."),
    )
    if not found:
        st.caption("No image occurs twice, neither exactly nor recompressed or resized.")
        return
    if across:
        st.warning(
            f"{across:,} {'image is' if across == 1 else 'images are'} in two splits: the test accuracy of a network "
            "trained on this set will look better than it is.",
            icon=":material/warning:",
        )
    order = np.argsort(~(table["leak"] | table["other label"]).to_numpy(), kind="stable")
    show_pairs(dataset, [found[index] for index in order])
    st.dataframe(
        table.iloc[order],
        hide_index=True,
        height="auto" if len(found) <= 10 else 380,
        column_config={
            "leak": st.column_config.CheckboxColumn("Across splits"),
            "other label": st.column_config.CheckboxColumn("Two labels"),
            "difference": st.column_config.NumberColumn(
                "Difference (0–255)", format="%.1f", help="Root mean square over all pixels, in grey levels"
            ),
            "first": st.column_config.TextColumn("First image"),
            "second": st.column_config.TextColumn("Second image"),
            "class": st.column_config.TextColumn("Class"),
            "splits": st.column_config.TextColumn("Splits"),
        },
    )


def as_table(dataset: Dataset, found: list[Pair]) -> pd.DataFrame:
    """One row a pair."""
    rows = []
    for pair in found:
        labels = [dataset.classes[dataset.split(split).labels[index]] for split, index in (pair.first, pair.second)]
        rows.append(
            {
                "leak": pair.across,
                "other label": labels[0] != labels[1],
                "first": path_of(dataset, *pair.first),
                "second": path_of(dataset, *pair.second),
                "class": labels[0] if labels[0] == labels[1] else " / ".join(labels),
                "splits": " / ".join(dict.fromkeys([pair.first[0], pair.second[0]])),
                "difference": pair.difference,
            }
        )
    columns = ["leak", "other label", "first", "second", "class", "splits", "difference"]
    return pd.DataFrame(rows, columns=columns).astype({"leak": bool, "other label": bool})


def show_pairs(dataset: Dataset, found: list[Pair]) -> None:
    """A page of pairs as pictures, each pair side by side."""
    pages = -(-len(found) // MOST_PAIRS)
    page = 1
    if pages > 1:
        page = st.number_input(f"Page, 1 to {pages:,}", 1, pages, key=f"quality-page-{dataset.name}", width=130)
    shown = found[(page - 1) * MOST_PAIRS : page * MOST_PAIRS]
    with st.container(horizontal=True, gap="medium"):
        for pair in shown:
            sides = (pair.first, pair.second)
            images = np.stack([dataset.split(split).images[index] for split, index in sides])
            captions = [f"{split}: {dataset.classes[dataset.split(split).labels[index]]}" for split, index in sides]
            sheet = contact_sheet(images, captions, columns=2, tile=2 * TILE, gap=4, caption=30, dark=is_dark())
            alt = f"{path_of(dataset, *pair.first)} and {path_of(dataset, *pair.second)}"
            st.image(as_png(sheet), width=2 * TILE + 2, alt=alt)
