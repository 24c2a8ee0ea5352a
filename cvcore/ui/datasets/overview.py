"""All data sets as a table: what there is, how large, under which licence, and whether it is here."""

import pandas as pd
import streamlit as st

from cvcore.data import catalog
from cvcore.ui.data import size_on_disk
from cvcore.ui.frame import choose, errors_as_lines
from cvcore.ui.numbers import shape


def button() -> None:
    """A button that opens the table."""
    if st.button("All sets", icon=":material/list:", key="overview", help="Every data set with its size and licence."):
        _table()


@st.dialog("All data sets", width="large")
def _table() -> None:
    with errors_as_lines():
        _show_table()


def _show_table() -> None:
    entries = [catalog.entry(name) for name in catalog.names()]
    chosen = st.dataframe(
        pd.DataFrame([_row(entry) for entry in entries]),
        hide_index=True,
        key="overview-table",
        on_select="rerun",
        selection_mode="single-row",
        placeholder="–",
        column_config={
            "name": st.column_config.TextColumn("Name"),
            "title": st.column_config.TextColumn("Title"),
            "state": st.column_config.TextColumn("State"),
            "classes": st.column_config.NumberColumn("Classes", format="localized"),
            "images": st.column_config.NumberColumn("Images", format="localized", help="Training and test images"),
            "size": st.column_config.TextColumn("Size (px)", help="Channels × height × width; photographs: as used"),
            "disk": st.column_config.NumberColumn("On disk (MB)", format="%.1f", help="Files and decoded images"),
            "download": st.column_config.NumberColumn("Download (MB)", format="%.1f"),
            "licence": st.column_config.TextColumn("Licence"),
            "source": st.column_config.TextColumn("Source"),
        },
    )
    st.caption("Tick a row to look at that set. Nothing is downloaded before you ask for it.")
    if rows := chosen.selection.rows:
        choose(data=entries[rows[0]].name)
        st.rerun()


def _row(entry: catalog.Entry) -> dict:
    return {
        "name": entry.name,
        "title": entry.title,
        "state": entry.state,
        "classes": entry.classes or None,
        "images": entry.train + entry.test or None,
        "size": shape(entry.image) if entry.image else None,
        "disk": size_on_disk(entry.name) / 1e6 or None,
        "download": entry.download_mb or None,
        "licence": entry.licence,
        "source": entry.source,
    }
