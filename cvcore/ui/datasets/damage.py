"""Damaged copies: choose what goes wrong, see it at once, and make a set of it to train on."""

import numpy as np
import pandas as pd
import streamlit as st

from cvcore.data import catalog, own, stats
from cvcore.data.damage.plan import Damage, Plan, changed, describe, plan, slug
from cvcore.data.dataset import Dataset
from cvcore.data.origins import Damaged
from cvcore.errors import CvcoreError
from cvcore.plots import bars
from cvcore.plots.damage_sheet import before_after, examples
from cvcore.plots.sheet import as_png
from cvcore.ui.data import progress_bar
from cvcore.ui.datasets.damage_kinds import KINDS, Kind
from cvcore.ui.frame import DATASETS, TRAINING, chart, errors_as_lines, is_dark, link

SHOWN = 10  # images before and after, in two sheets that stand below each other where it is narrow
SLIDER = 250  # pixels


SPLITS = {"train": "training", "val": "validation", "test": "test"}
PLACES = {"train": "training images", "both": "all images"}


def show(dataset: Dataset, split: str) -> None:
    """Choose damage, see images of `split` before and after, count what changes, and make a set of it."""
    _section(dataset, split)


@st.fragment
def _section(dataset: Dataset, split: str) -> None:
    with errors_as_lines():
        entry = catalog.entry(dataset.name)
        if isinstance(entry.origin, Damaged):
            st.caption(f"This is a damaged copy of {entry.source} already: what you choose here comes on top of that.")
        fields = _choose_kinds()
        if not fields:
            st.info("Choose at least one kind of damage to see what it does.", icon=":material/broken_image:")
            return
        damage = _choose_damage(fields)
        planned = plan(dataset, damage)
        _show_images(planned, split)
        if damage.imbalance > 1:
            _show_counts(planned)
        _show_changes(planned)
        for field in fields:
            st.caption(f"**{KINDS[field].name}.** {KINDS[field].expect}")
        _offer_to_make(planned)


def _help(field: str) -> str:
    """The tooltip of a setting: what Damage itself says of it."""
    text = Damage.model_fields[field].description
    return text[0].upper() + text[1:] + "."


def _choose_kinds() -> list[str]:
    """Fields of the chosen kinds, in the order in which they are offered."""
    chosen = st.pills(
        "Damage, one kind or several",
        list(KINDS),
        selection_mode="multi",
        default=["label_noise"],
        format_func=lambda field: KINDS[field].name,
        key="damage-kinds",
        persist_state="session",
        help="What goes wrong in the copy; several kinds can be combined. The set itself stays as it is.",
    )
    return [field for field in KINDS if field in chosen]


def _choose_damage(fields: list[str]) -> Damage:
    """Sliders for the chosen kinds, and the damage they describe."""
    values: dict = {}
    with st.container(horizontal=True, gap="medium"):
        for field in fields:
            with st.container(width=SLIDER):
                values[field] = round(_slider(KINDS[field]) * KINDS[field].scale, 6)
    if {"blur", "noise"} & set(fields):
        values["where"] = st.segmented_control(
            "Blur and noise on",
            list(PLACES),
            format_func=PLACES.get,
            default="train",
            required=True,
            key="damage-where",
            persist_state="session",
            help=_help("where"),
        )
    return Damage(**values, seed=st.session_state.get("damage-seed", 0))


def _slider(kind: Kind) -> float:
    kept = {"key": f"damage-{kind.field}", "help": _help(kind.field), "persist_state": "session"}
    if kind.is_list:
        return st.select_slider(kind.label, kind.choices, value=kind.default, **kept)
    low, high, step = kind.choices
    return st.slider(kind.label, low, high, kind.default, step, format="%g", **kept)


def _show_images(planned: Plan, split: str) -> None:
    base = planned.base
    st.caption(_legend(planned.damage, split))
    with st.container(horizontal=True, gap="small"):
        for number in range(2):
            png = _sheet(base.fingerprint, split, planned.damage.model_dump_json(), number, is_dark(), planned)
            if png:
                st.image(png, alt=f"Images of {base.name} before and after: {describe(planned.damage)}")


def _legend(damage: Damage, split: str) -> str:
    """What is to be seen in the pictures."""
    told = [f"Above: {SPLITS[split]} images as they are. Below: as the copy has them."]
    if split == "train":
        framed = (
            (damage.label_noise, "a wrong label"),
            (damage.duplicated, "a second copy"),
            (damage.leaked, "a test image"),
        )
        marks = [text for is_there, text in framed if is_there]
        if marks:
            told.append(f"An orange frame marks {', '.join(marks[:-1])}{' or ' * (len(marks) > 1)}{marks[-1]}.")
        if damage.imbalance > 1:
            told.append("An empty place: the image is left out of the copy.")
    elif split == "test" and damage.leaked:
        told.append("An orange frame marks an image that is leaked: it is in the training split too.")
    return " ".join(told)


@st.cache_data(max_entries=64, show_spinner=False)
def _sheet(fingerprint: str, split: str, damage: str, number: int, dark: bool, _planned: Plan) -> bytes:
    """PNG of one half of the examples; empty where there is none."""
    half = SHOWN // 2
    shown = examples(_planned, split, SHOWN)[number * half : (number + 1) * half]
    return as_png(before_after(shown, dark=dark)) if shown else b""


def _show_counts(planned: Plan) -> None:
    """Images of each class before and after, on the same scale."""
    base, classes = planned.base, len(planned.base.classes)
    before = {name: stats.class_counts(split, classes) for name, split in base.splits.items()}
    after = before | {"train": np.bincount(planned.train_labels, minlength=classes)}
    top = 1.05 * max(sum(counts.values()).max() for counts in (before, after))
    for place, name, counts in zip(st.columns(2, gap="medium"), ("before", "after"), (before, after), strict=True):
        figure = bars.class_counts(base.classes, counts)
        figure.update_yaxes(range=[0, top])
        train = counts["train"]
        place.markdown(f"**Images a class, {name}**")
        alt = f"Images of each of the {classes} classes {name}: {train.min():,} to {train.max():,} training images"
        chart(figure, key=f"damage-counts-{name}-{base.name}", alt=alt, place=place)


def _show_changes(planned: Plan) -> None:
    """What was changed, counted."""
    changes = changed(planned)
    if not changes:
        return
    rows = [(each.what, each.count, each.of, 100 * each.count / each.of) for each in changes]
    st.dataframe(
        pd.DataFrame(rows, columns=["change", "count", "of", "share"]),
        hide_index=True,
        width=560,
        height="content",
        key=f"damage-changes-{planned.base.name}",
        column_config={
            "change": st.column_config.TextColumn("What the copy changes"),
            "count": st.column_config.NumberColumn("Count", format="localized"),
            "of": st.column_config.NumberColumn("Of", format="localized"),
            "share": st.column_config.NumberColumn("Share (%)", format="%.1f"),
        },
    )


def _offer_to_make(planned: Plan) -> None:
    """A name, a seed and the button that makes the set; links to it once it is there."""
    base, damage = planned.base, planned.damage
    with st.container(horizontal=True, vertical_alignment="bottom"):
        suggested = slug(base.name, damage)
        name = st.text_input(
            "Name of the new set",
            suggested,
            max_chars=61,
            key=f"damage-name-{suggested}",
            help="Small letters, digits and hyphens. The set appears under this name wherever a data set is chosen.",
            width=420,
        ).strip()
        st.number_input(
            "Seed", 0, 2**31 - 1, step=1, key="damage-seed", help=_help("seed"), persist_state="session", width=130
        )
        reason = _why_not(planned, name)
        if st.button(
            "Create this set",
            type="primary",
            icon=":material/add:",
            disabled=bool(reason),
            help=reason or "Writes a damaged copy; the set itself is not changed.",
        ):
            _make(base.name, damage, name)
    if _is_there(base.name, damage, name):
        st.success(
            f"**{name}** is ready. Train on it and on {base.name} with the same settings: "
            "what differs between the curves is due to the damage.",
            icon=":material/check:",
        )
        with st.container(horizontal=True):
            link(TRAINING, f"Train on {name}", data=name)
            link(TRAINING, f"Train on {base.name}", data=base.name)
            link(DATASETS, f"See {name}", data=name, view="Images")
    elif reason:
        st.caption(reason)


def _why_not(planned: Plan, name: str) -> str:
    """Why this set cannot be created, or nothing."""
    if not changed(planned):
        return "These shares are so small that not one image changes: choose larger ones."
    if _is_there(planned.base.name, planned.damage, name):
        return "This very set is there already."
    if name in catalog.names():
        return f"Another set is called {name}: choose another name."
    return ""


def _is_there(base: str, damage: Damage, name: str) -> bool:
    """Whether the set called `name` is this base with this damage."""
    if name not in own.sets():
        return False
    try:
        entry = catalog.entry(name)
    except CvcoreError:  # written by another version
        return False
    return isinstance(entry.origin, Damaged) and entry.origin.damage == damage and entry.source == base


def _make(base: str, damage: Damage, name: str) -> None:
    """Put the set on the list, write it, and run the page again, which then knows it.

    It stays on the list when the visitor leaves meanwhile: it is then written when it is first opened.
    """
    own.add_damaged(base, damage, name, taken=catalog.names())
    try:
        with progress_bar(f"Writing {name}", "images") as bar:
            catalog.open_dataset(name, on_progress=bar)
    except CvcoreError:
        own.forget(name)
        raise
    st.rerun()
