"""What every page has in common: the browser tab, the sidebar, the title, and how errors are shown."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from cvcore.errors import CvcoreError

log = logging.getLogger(__name__)

HOME = "streamlit_app.py"
PAGES = {
    HOME: ("Home", ":material/home:"),
    "pages/1_Datasets.py": ("Datasets", ":material/photo_library:"),
    "pages/2_Architectures.py": ("Architectures", ":material/schema:"),
    "pages/3_Training.py": ("Training", ":material/show_chart:"),
    "pages/4_Transfer_Learning.py": ("Transfer learning", ":material/move_up:"),
}
# what the config's fields are called on pages
LABELS = {
    "lr": "Learning rate",
    "epochs": "Epochs",
    "batch_size": "Batch size",
    "per_class": "Images a class",
    "weight_decay": "Weight decay",
    "momentum": "Momentum",
    "step_size": "Drop every (epochs)",
    "gamma": "Drop factor",
    "seed": "Seed",
    "model": "Network",
    "data": "Data set",
}
DATASETS, ARCHITECTURES, TRAINING, TRANSFER = list(PAGES)[1:]


def frame(title: str, purpose: str, *, tab: str = "") -> None:
    """Begin a page: must be its first call."""
    st.set_page_config(page_title=f"{tab or title} · cvcore", page_icon=":material/grid_view:", layout="wide")
    with st.sidebar:
        st.markdown("#### cvcore  \n:small[Image classifier workbench]")
        for page, (label, icon) in PAGES.items():
            st.page_link(page, label=label, icon=icon, width="stretch")
        st.segmented_control(
            "Charts download as",
            ["PNG", "SVG"],
            default="PNG",
            required=True,
            key="chart_format",
            persist_state="session",
            help="Point at a chart: the camera above it saves it as a file of this kind.",
        )
    st.title(title, anchor=False)
    st.markdown(purpose)


def link(page: str, label: str, **query: str) -> None:
    """A link to another page of the app, with its icon."""
    st.page_link(page, label=label, icon=PAGES[page][1], query_params=query or None)


def metric_row(*metrics: tuple[str, str, str]) -> None:
    """Numbers side by side, (label, value, help) each; they wrap where the screen is narrow."""
    with st.container(horizontal=True, gap="medium"):
        for label, value, explanation in metrics:
            st.metric(label, value, help=explanation or None, width="content")


def chart(figure: go.Figure, *, key: str, alt: str, place=st, **options) -> Any:
    """Draw `figure`, with a button to download it as the kind of file chosen in the sidebar; `alt` tells it in words.

    `options` go to st.plotly_chart, whose answer is returned.
    """
    config = {
        "displaylogo": False,
        "modeBarButtons": [["toImage"]],
        "toImageButtonOptions": {"format": st.session_state.get("chart_format", "PNG").lower(), "filename": key},
    }
    return place.plotly_chart(figure, key=key, alt=alt, config=config, **options)


def is_dark() -> bool:
    """Whether the visitor sees the dark theme."""
    return st.context.theme.type == "dark"


@contextmanager
def errors_as_lines() -> Iterator[None]:
    """Show what a user can mend as one line, and what nobody foresaw as a plain sentence; never a traceback."""
    try:
        yield
    except CvcoreError as error:
        st.error(_escaped(_with_label(str(error))), icon=":material/error:")
    except Exception:
        log.exception("a page failed")
        st.error("Something went wrong that should not have. The server's log has the details; your runs are safe.")


def _with_label(message: str) -> str:
    """`message` with the name of the setting it begins with as it stands on the page."""
    field, colon, rest = message.partition(": ")
    return f"{LABELS[field]}{colon}{rest}" if field in LABELS else message


def _escaped(text: str) -> str:
    """`text` without meaning to Markdown: names such as `__init__` or `*` stay as they are."""
    return "".join(f"\\{character}" if character in r"\`*_{}[]<>#$~|:" else character for character in text)
