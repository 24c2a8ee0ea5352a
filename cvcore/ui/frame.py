"""What every page has in common: the browser tab, the sidebar, the title, and how errors are shown."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from cvcore.errors import CvcoreError

log = logging.getLogger(__name__)

ICON = Path(__file__).with_name("icon.png")  # a Material icon would be fetched from a font server, by every visitor
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
    "schedule": "Schedule",
    "warmup": "Warm-up",
    "milestones": "Drop after (epochs)",
    "plateau_patience": "Drop after so many flat epochs",
    "augment": "Augmentation",
    "label_smoothing": "Label smoothing",
    "clip": "Gradient clipping",
    "patience": "Early stopping",
    "precision": "Mixed precision",
    "normalize": "Normalisation",
    "faults": "Mistakes on purpose",
    "model": "Network",
    "data": "Data set",
}
DATASETS, ARCHITECTURES, TRAINING, TRANSFER = list(PAGES)[1:]

# Streamlit restores widgets that are bound to the address when Back is pressed, but makes no step to go back to: what a
# visitor changes replaces the address. Here the first change after each touch of mouse or keyboard is a new entry of
# the browser's history, and what the server then corrects is part of it. Other pages keep Streamlit's way.
STEPS = """<script>
(window.pagesWithSteps ??= new Set()).add(location.pathname);
if (!window.stepsAreKept) {
  window.stepsAreKept = true;
  let touched = false;
  for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, () => { touched = true; }, true);
  addEventListener("popstate", () => { touched = false; }, true);
  const own = { push: history.pushState.bind(history), replace: history.replaceState.bind(history) };
  const wrapped = (usual) => (state, title, url) => {
    const to = new URL(url ?? location.href, location.href);
    const step = to.pathname === location.pathname && to.search !== location.search;
    (step && pagesWithSteps.has(to.pathname) ? own[touched ? "push" : "replace"] : usual)(state, title, url);
    touched = false;
  };
  history.pushState = wrapped(own.push);
  history.replaceState = wrapped(own.replace);
}
</script>"""


def frame(title: str, purpose: str, *, tab: str = "") -> None:
    """Begin a page: must be its first call."""
    st.set_page_config(page_title=f"{tab or title} · cvcore", page_icon=ICON, layout="wide")
    st.session_state.update(st.session_state.pop("chosen-next", {}))
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
    if told := st.session_state.pop("told-next", ""):
        st.toast(told, icon=":material/check:")


def keep_steps() -> None:
    """Let the browser's Back undo what was chosen on this page, step by step."""
    with st.sidebar:  # where it takes no room
        st.html(STEPS, unsafe_allow_javascript=True)


def link(page: str, label: str, **choices: str) -> None:
    """A link to another page of the app, with its icon, where the widgets with these keys have these values.

    With choices it is a button: a link with a query is no use, since a page that is left takes the parameters that its
    widgets are bound to out of the address, those of the new page with them.
    """
    if not choices:
        st.page_link(page, label=label, icon=PAGES[page][1])
    elif st.button(label, icon=PAGES[page][1], type="tertiary", key=f"link-{label}"):
        choose(**choices)
        st.switch_page(page, query_params={})  # None would try to clear them, and refuse as widgets are bound to some


def choose(**choices: str) -> None:
    """Let the widgets with these keys have these values when the next page, or this one again, is drawn."""
    st.session_state["chosen-next"] = choices


def tell_next(text: str) -> None:
    """Say `text` in passing when a page is drawn next. What is said just before a rerun may never reach the visitor."""
    st.session_state["told-next"] = text


def body(shown: str) -> st.delta_generator.DeltaGenerator:
    """The place for what is `shown` of a page; empty at once when something else is shown, and not only when that is
    worked out: nobody must read old numbers under a new name."""
    if st.session_state.get("body") == shown:
        return st.container()
    st.session_state["body"] = shown
    return st.empty().container()


def metric_row(*metrics: tuple[str, str, str]) -> None:
    """Numbers side by side, (label, value, help) each; they wrap where the screen is narrow."""
    with st.container(horizontal=True, gap="medium"):
        for label, value, explanation in metrics:
            st.metric(label, value, help=explanation or None, width="content")


def chart(figure: go.Figure, *, key: str, alt: str, place=st, saved: bool = True, **options) -> Any:
    """Draw `figure`; `alt` tells it in words.

    Where it can be `saved`, a button downloads it as the kind of file chosen in the sidebar. `options` go to
    st.plotly_chart, whose answer is returned.
    """
    config = {
        "displayModeBar": "hover" if saved else False,
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
        st.error(escaped(_with_label(str(error))), icon=":material/error:")
    except Exception:
        log.exception("a page failed")
        st.error("Something went wrong that should not have. The server's log has the details; your runs are safe.")


def _with_label(message: str) -> str:
    """`message` with the name of the setting it begins with as it stands on the page."""
    field, colon, rest = message.partition(": ")
    return f"{LABELS[field]}{colon}{rest}" if field in LABELS else message


def escaped(text: str) -> str:
    """`text` without meaning to Markdown: names such as `__init__` or `*` stay as they are."""
    return "".join(f"\\{character}" if character in r"\`*_{}[]<>#$~|:" else character for character in text)
