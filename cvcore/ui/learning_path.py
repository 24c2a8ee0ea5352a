"""The learning path on Home: every recipe with its published accuracy, and every mistake with what it costs."""

from html import escape

import streamlit as st

from cvcore.plots.style import CATEGORIES, GRID
from cvcore.recipes import library, start
from cvcore.recipes.library import Family, Mistake
from cvcore.ui.frame import ARCHITECTURES, DATASETS, TRAINING, TRANSFER, choose, link
from cvcore.ui.numbers import short
from cvcore.ui.training.recipes import START
from cvcore.ui.transfer import predict

PLACES = {"Datasets": DATASETS, "Architectures": ARCHITECTURES, "Transfer learning": TRANSFER}
BLUE, GREEN, RED = CATEGORIES[0], CATEGORIES[2], CATEGORIES[3]
BAR = 150  # pixels, numbers included


def show() -> None:
    """The tutorials from the simplest up, then their mistakes."""
    st.subheader("The tutorials' experiments", anchor=False)
    st.caption("A click starts one, with the tutorial's settings. Bars: the accuracy on test images that it printed.")
    families = library.families()
    half = min(range(1, len(families)), key=lambda count: abs(_height(families[:count]) - _height(families[count:])))
    for place, some in zip(st.columns(2, gap="large"), (families[:half], families[half:]), strict=True):
        with place.container(gap="xsmall"):
            for family in some:
                _family(family)
    st.subheader("Mistakes, and what they cost", anchor=False)
    st.caption(
        "A click trains two networks that differ in one mistake only, on bundled images. "
        "Bars: what they showed, :orange[■] as published and :green[■] corrected."
    )
    pairs = [each for each in library.mistakes().values() if each.recipes]
    half = -(-len(pairs) // 2)
    for place, some in zip(st.columns(2, gap="large"), (pairs[:half], pairs[half:]), strict=True):
        with place.container(gap="xsmall"):
            for mistake in some:
                _row(mistake.recipes[0], mistake.title, _cost(mistake), f"{mistake.wrong} {mistake.cost}")
    with st.expander("Mistakes that are no run"):
        _others([each for each in library.mistakes().values() if not each.recipes])


def _height(families: tuple[Family, ...]) -> int:
    """Of some families, in rows; a heading takes one."""
    return sum(1 + len(family.recipes) for family in families)


def _family(family: Family) -> None:
    st.markdown(f"**{family.title}** · :small[:gray[{family.tutorial}]]")
    for recipe in family.recipes:
        published = recipe.published
        size = f"{short(published.params)} parameters" if published.params else ""
        picture = _bar(published.last, BLUE) if published.last is not None else _text(size)
        missing = f" {start.explained(recipe)}: you will be asked." if start.obstacle(recipe) and recipe.trains else ""
        _row(recipe.name, recipe.title, picture, recipe.teaches + missing)


def _row(name: str, title: str, picture: str, tooltip: str) -> None:
    """A line of the path: the button that starts it, and its numbers as a picture."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        if st.button(title, key=f"start-{name}", icon=":material/play_arrow:", type="tertiary", help=tooltip):
            _start(name)
        st.html(picture, width=BAR)


def _start(name: str) -> None:
    """Go where the recipe runs; no widget of Home is bound to its address."""
    recipe = library.find(name)
    if recipe.trains:
        choose(**{START: name})
        st.switch_page(TRAINING, query_params={"recipe": name})
    st.switch_page(TRANSFER, query_params=predict.address(recipe.model["name"]))


def _cost(mistake: Mistake) -> str:
    """What both runs showed, one bar above the other; plain numbers where they are no accuracies."""
    measured = mistake.measured
    if measured is None:
        return _text("")
    both = measured.as_published, measured.corrected
    if measured.unit == "loss":
        return _text(f"loss {both[0]:.2g} for {both[1]:.2g}")
    told = f"{measured.what}: {both[0]:.1%} as published, {both[1]:.1%} corrected"
    return f'<div title="{escape(told)}">{_bar(both[0], RED)}{_bar(both[1], GREEN)}</div>'


def _bar(share: float, colour: str) -> str:
    """A share of 1 as a bar with its number."""
    return (
        '<div style="display:flex;align-items:center;gap:6px;line-height:15px">'
        f'<div style="flex:1;height:7px;border-radius:4px;background:{GRID}">'
        f'<div style="width:{100 * share:.1f}%;height:7px;border-radius:4px;background:{colour}"></div></div>'
        f'<span style="font-size:12px;width:40px;text-align:right;opacity:.75">{100 * share:.1f}&thinsp;%</span></div>'
    )


def _text(text: str) -> str:
    return f'<div style="font-size:12px;text-align:right;opacity:.75">{escape(text)}</div>'


def _others(mistakes: list[Mistake]) -> None:
    """Those that no training shows, with the place that does."""
    for mistake in mistakes:
        st.markdown(f"**{mistake.title}**  \n{mistake.wrong} {mistake.cost}")
        if mistake.shown:
            link(PLACES[mistake.shown.page], mistake.shown.label, **mistake.shown.choices)
