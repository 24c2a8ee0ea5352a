"""What the Architectures page shows while torch loads."""

import pandas as pd
import streamlit as st

from cvcore.models import zoo
from cvcore.ui.glossary import tip
from cvcore.ui.numbers import shape


def own_networks() -> None:
    """Something to read while torch loads: our networks in a table."""
    rows = [
        {
            "network": spec.name,
            "title": spec.title,
            "input": shape(spec.input),
            "in short": spec.summary,
            "paper": spec.paper,
        }
        for spec in zoo.own_models()
    ]
    told = {
        "network": "Its name in the list of networks",
        "title": "Its usual name",
        "input": f"Channels × height × width of its images. {tip('channel')}",
        "in short": "What is special about it",
        "paper": "Where it was published",
    }
    columns = {name: st.column_config.TextColumn(name, help=text) for name, text in told.items()}
    st.dataframe(pd.DataFrame(rows), hide_index=True, height="auto", column_config=columns)
