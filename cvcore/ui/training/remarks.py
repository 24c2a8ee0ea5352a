"""What a reviewer would say of the run that the form describes, folded above the button that starts it."""

from typing import Any

import streamlit as st

from cvcore.config import RunConfig, parse_config
from cvcore.errors import CvcoreError
from cvcore.training.remarks import remarks
from cvcore.ui.architectures.remarks import LOOKS
from cvcore.ui.frame import escaped
from cvcore.ui.preload import is_loaded

WAIT = 0.5  # seconds between two looks at whether torch is there


def show(values: dict[str, Any]) -> None:
    """One folded line with what there is to say; nothing where there is nothing.

    What concerns the loop is said at once, what concerns the network as soon as torch is loaded.
    """
    try:
        config = parse_config(values)
    except CvcoreError:  # whoever presses Train is told
        return
    if is_loaded():
        _show(_all(config.canonical()))
    else:
        _show(remarks(config))
        st.fragment(_look_again, run_every=WAIT)()


def _look_again() -> None:
    if is_loaded():
        st.rerun()


@st.cache_data(max_entries=64, ttl=60, show_spinner=False)
def _all(canonical: str):
    """Findings on network and loop; on the loop alone where the network is unknown, which the page says elsewhere."""
    from cvcore.training.review import review

    config = RunConfig.model_validate_json(canonical)
    try:
        return review(config)
    except CvcoreError:
        return remarks(config)


def _show(findings) -> None:
    serious = [each for each in findings if each.level != "note"]
    if not serious:
        return
    with st.expander(" ".join(_counts(findings)), icon=":material/rate_review:"):
        for each in findings:
            colour, icon, _ = LOOKS[each.level]
            place = f" · `{each.where}`" if each.where else ""
            st.markdown(
                f":{colour}[{icon} **{each.level.capitalize()}**]{place} · {escaped(each.message)}  \n"
                f":gray[:material/build: Fix:] {escaped(each.fix)}"
            )


def _counts(findings) -> list[str]:
    """ "1 mistake", "2 cautions": the levels that there are, in their colours."""
    told = []
    for level, (colour, _, plural) in LOOKS.items():
        count = sum(each.level == level for each in findings)
        if count:
            told.append(f":{colour}-badge[{count} {level if count == 1 else plural}]")
    return told
