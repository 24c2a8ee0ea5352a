"""The recipe at the head of the form: it fills the form, offers what is missing, and starts pairs."""

from typing import Any

import streamlit as st

from cvcore.config import RunConfig, TrainConfig, parse_config
from cvcore.data import catalog
from cvcore.recipes import library, start
from cvcore.recipes.recipe import ANY_DATA, Recipe
from cvcore.transfer.ways import way
from cvcore.ui import held
from cvcore.ui.data import OWN_SIZE, progress_bar
from cvcore.ui.frame import TRANSFER, errors_as_lines, escaped, link, tell_next
from cvcore.ui.runs import store
from cvcore.ui.transfer import predict
from cvcore.ui.transfer.backbones import fetch

NONE = "none"
# what the form shows at first of settings that belong to another one, as soon as that is chosen
AT_FIRST = {"momentum": 0.9, "step_size": 5, "milestones": "5, 8", "plateau_patience": 2}
START = "start-recipe"  # in the session: the recipe that was started on another page


def choose() -> Recipe | None:
    """The chosen recipe; a newly chosen one has filled the form, whose widgets must be drawn after this."""
    asked = st.query_params.get("recipe")
    if asked and asked != NONE and not library.is_recipe(asked):
        st.warning(f"There is no recipe {escaped(asked)} here.", icon=":material/info:")
    left, right = st.columns([4, 4.1], vertical_alignment="bottom")
    name = left.selectbox(
        "Recipe",
        [NONE, *(recipe.name for recipe in library.recipes())],
        key="recipe",
        bind="query-params",
        help="An experiment of a tutorial, or one of the mistakes in them, with all its settings. Change any of them, "
        "and the published figures no longer compare.",
    )
    if name == NONE:
        st.session_state.pop("recipe-filled", None)
        return None
    recipe = library.find(name)
    with right:
        stand_in = _choose_stand_in(recipe)
    if st.session_state.get("recipe-filled") != (name, stand_in):
        st.session_state["recipe-filled"] = (name, stand_in)
        _fill(recipe.values(stand_in=stand_in))
    _tell(recipe, stand_in)
    return recipe


def is_stand_in(recipe: Recipe | None) -> bool:
    """Whether the recipe is to run on the bundled set."""
    return bool(recipe and recipe.stand_in and st.session_state.get("stand_in"))


def _choose_stand_in(recipe: Recipe) -> bool:
    if recipe.stand_in is None:
        return False
    names = {"instead": recipe.stand_in.data["name"], "own": recipe.data_name}
    return st.toggle(
        f"On {names['instead']} instead of {names['own']}",
        key="stand_in",
        bind="query-params",
        help="Runs at once, on images that are bundled. The published figures are then not comparable.",
    )


def _fill(values: dict[str, Any]) -> None:
    """Let the widgets of the form have these values, and all others their defaults."""
    config = parse_config(values)
    data, train = config.data, config.train
    if data.name != ANY_DATA:
        st.session_state["data"] = data.name
    st.session_state["model"] = config.model.name
    st.session_state["size"] = str(data.size) if data.size else OWN_SIZE
    if data.fit != st.session_state.get("fit", "crop"):
        st.session_state["fit"] = data.fit
    st.session_state["train-normalize"] = data.normalize
    st.session_state["train-per_class"] = data.per_class
    unused = {"momentum": train.optimizer not in ("sgd", "rmsprop"), "step_size": train.schedule != "step"}
    unused |= {"milestones": train.schedule != "multistep", "plateau_patience": train.schedule != "plateau"}
    for field in TrainConfig.model_fields:
        value = AT_FIRST[field] if unused.get(field) else getattr(train, field)
        if field == "milestones" and not unused[field]:
            value = ", ".join(map(str, value))
        st.session_state[f"train-{field}"] = list(value) if isinstance(value, tuple) else value


def _tell(recipe: Recipe, stand_in: bool) -> None:
    """What it is, what is not quite as published, and what is in the way."""
    with st.container(gap=None):
        st.markdown(f"**{recipe.title}** · {recipe.teaches}")
        st.caption(" ".join(_facts(recipe, stand_in)))
    kind = "" if stand_in else start.obstacle(recipe)
    if kind == "download":
        _offer_download(recipe)
    elif kind:
        other = recipe.stand_in.data["name"]
        more = f"Choose a set of yours, or train on {other}." if kind == "images" else f"Train on {other} instead:"
        if recipe.stand_in.reuse:
            more += f" {_reused(recipe)}, in place of ImageNet's weights."
        with st.container(horizontal=True, vertical_alignment="center"):
            st.info(f"{start.explained(recipe)}. {more}", icon=":material/info:")
            st.button(f"Use {other} instead", icon=":material/swap_horiz:", on_click=_use_stand_in)
            if kind == "weights":
                _offer_weights(recipe)
            if kind == "untrained":
                link(TRANSFER, "Name photographs", **predict.address(recipe.model["name"]))


def _offer_weights(recipe: Recipe) -> None:
    size = start.FILES[recipe.transfer["source"]][1]
    if st.button(f"Download {size} MB", icon=":material/download:", help="torchvision's weights, checked, resumable"):
        fetch(recipe.transfer["source"])


def _use_stand_in() -> None:
    st.session_state["stand_in"] = True


def _reused(recipe: Recipe) -> str:
    """What the stand-in starts from."""
    how = way(recipe.stand_in.reuse).title.lower()
    return f"{recipe.stand_in.model['name']} trained on {recipe.stand_in.learnt_on} ({how})"


def _facts(recipe: Recipe, stand_in: bool) -> list[str]:
    told = [f"{recipe.tutorial}."]
    if stand_in:
        told.append(f"On {recipe.stand_in.data['name']}: the published figures are not comparable.")
        if recipe.stand_in.reuse:
            told.append(f"Starts from {_reused(recipe)}, in place of ImageNet's weights.")
    elif recipe.differs:
        told.append(recipe.differs)
    if recipe.config.train.selection == "test":
        told.append("The test set chooses the epoch, as published.")
    if recipe.mistakes and not recipe.role:
        names = [library.mistakes()[name].title for name in recipe.mistakes]
        told.append(f"Mistakes in it: {'; '.join(names)}.")
    return told


def _offer_download(recipe: Recipe) -> None:
    entry = catalog.entry(recipe.data_name)
    size = f"{entry.download_mb:,.0f} MB"
    with st.container(horizontal=True, vertical_alignment="center"):
        other = recipe.stand_in.data["name"]
        st.info(
            f"{entry.title} is not on this disk: download it, or train on {other}, whose figures are not comparable.",
            icon=":material/cloud_download:",
        )
        st.button(f"Use {other} instead", icon=":material/swap_horiz:", on_click=_use_stand_in)
        if st.button(f"Download {size}", icon=":material/download:"):
            with errors_as_lines(), progress_bar(f"Downloading {entry.title}", "MB", 1e6) as bar:
                catalog.download(entry.name, bar)
                tell_next(f"{entry.title} is here")
                st.rerun()


def completed(values: dict[str, Any], recipe: Recipe | None) -> dict[str, Any]:
    """The form's values with those of the recipe that have no widget."""
    if recipe is None:
        return values
    stand_in = is_stand_in(recipe)
    own = recipe.values(stand_in=stand_in)
    hidden = {name: own["data"][name] for name in ("val_fraction", "split_seed") if name in own["data"]}
    values["data"] |= hidden
    if own.get("transfer") and values["model"]["name"] == own["model"]["name"]:
        values["transfer"] = own["transfer"]
    if stand_in and recipe.stand_in.reuse and values["model"]["name"] == own["model"]["name"]:
        values["transfer"] = {"source": start.source(recipe, store()).run_id, "strategy": recipe.stand_in.reuse}
    return values


def can_start(recipe: Recipe | None) -> bool:
    """Whether nothing is in the way of the chosen recipe; where no recipe is chosen, the form decides."""
    if recipe is None or is_stand_in(recipe):
        return True
    kind = start.obstacle(recipe)
    if kind == "images":
        return st.session_state.get("data") is not None  # any set that somebody chose
    return not kind


def pair(recipe: Recipe | None) -> list[RunConfig]:
    """The runs as published and corrected, of a mistake; none of any other recipe."""
    if recipe is None or not recipe.pair:
        return []
    both = [recipe, library.find(recipe.pair)]
    return [each.config for each in sorted(both, key=lambda each: each.role != "as published")]


def started(recipe: Recipe | None) -> bool:
    """Whether the recipe was started on another page, and can run now; true once."""
    if not recipe or st.session_state.get(START) != recipe.name:
        st.session_state.pop(START, None)
        return False
    return can_start(recipe) and bool(st.session_state.pop(START))


def show_figures(recipe: Recipe | None) -> None:
    """Let the page show the published figures of what was started, where there are some."""
    if recipe and recipe.published.val_acc:
        held.put("section", "Published")
