"""Training: choose data, network and how to train; watch; understand; compare; take away."""

import importlib

import streamlit as st

from cvcore.config import RunConfig, parse_config
from cvcore.errors import CvcoreError
from cvcore.recipes.recipe import Recipe
from cvcore.training.run import Run
from cvcore.ui import data as ui_data
from cvcore.ui import held
from cvcore.ui.frame import errors_as_lines, frame
from cvcore.ui.runs import label, make_ready, run_table, store, submit
from cvcore.ui.training import lr_finder, manage, preflight, recipes, remarks, seeds
from cvcore.ui.training.form import form

# each is a module of cvcore.ui.training with a function show(runs), `runs` being those chosen, in their order
SECTIONS = {
    "Curves": "curves",
    "Compare": "compare",
    "Published": "published",
    "Predictions": "predictions",
    "Inside": "inside",
    "Try it": "try_it",
    "Take away": "take_away",
}


def main() -> None:
    frame("Training", "Choose data and a network, train, and watch how loss and accuracy change with every epoch.")
    with errors_as_lines():
        make_ready()
    values: dict = {}
    with errors_as_lines():
        values, recipe = form()
        remarks.show(values)
        configs = asked_to_train(values, recipe)
        lr_finder.show(values)
        for config in configs:
            ui_data.opened(config.data.name, config.data.size, config.data.fit)  # with progress, where it takes long
        if configs:
            train(*configs)
            recipes.show_figures(recipe)
    with errors_as_lines():
        cached_note(values)
        show_runs(values)


def asked_to_train(values: dict, recipe: Recipe | None) -> list[RunConfig]:
    """What is to be trained now: nothing, what the form describes, or both runs of a recipe that is one of a pair."""
    both, started = recipes.pair(recipe), recipes.started(recipe)
    with st.container(horizontal=True, vertical_alignment="center"):
        one = st.button(
            "Train",
            type="secondary" if both else "primary",
            icon=":material/play_arrow:",
            disabled=not recipes.can_start(recipe),
            help=None if recipes.can_start(recipe) else "What this recipe needs is not here: see above.",
        )
        two = both and st.button("Train as published and corrected", type="primary", icon=":material/compare_arrows:")
        several = seeds.asked(values, disabled=not recipes.can_start(recipe))
        lr_finder.button(values, disabled=not recipes.can_start(recipe))
        preflight.show(values)
    if both and (two or started):
        return both
    return several or ([parse_config(values)] if one or started else [])


def train(*configs: RunConfig, fresh: bool = False) -> None:
    """Queue the runs, show them first, and remember whether a single one was there already."""
    preflight.give_up()
    found = submit(*configs, fresh=fresh)
    new = [run.run_id for run, _ in found]
    shown = [each for each in st.session_state.get("shown_runs", []) if each not in new]
    held.put("runs", [*new, *shown][:8] if st.session_state.get("overlay") else new)
    st.session_state["cached"] = new[0] if len(found) == 1 and found[0][1] else None


def cached_note(values: dict) -> None:
    """Say that a run was answered from the cache, as long as the form still asks for it; offer to train it again."""
    run = store().get(st.session_state.get("cached") or "")
    if run is None or run.status != "done" or not asks_for(values, run):
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        shipped = "It came with the app. " if run.shipped else ""
        st.info(
            f"Cached: these settings were trained on {run.date}. {shipped}Nothing was computed again.",
            icon=":material/history:",
        )
        if st.button("Train again", icon=":material/refresh:", help="Forget this run and train it from the start"):
            train(run.config, fresh=True)
            st.rerun()


def asks_for(values: dict, run: Run) -> bool:
    """Whether the form, as it stands, asks for just this run."""
    try:
        return parse_config(values).with_data(run.config.data.fingerprint) == run.config
    except CvcoreError:
        return False


def runs_to_show(runs: list[Run], values: dict) -> list[str]:
    """Ids of the runs to draw: the visitor's last choice, else the address's, else the newest that suits the form."""
    known = {run.run_id for run in runs}
    asked = st.session_state.get("shown_runs") or st.query_params.get_all("run")
    found = [run_id for run_id in asked if run_id in known]
    if missing := [run_id for run_id in asked if run_id not in known]:
        st.warning(f"There is no run {', '.join(missing)} here (any more).", icon=":material/info:")
    with_curves = [run for run in runs if run.history] or runs
    wanted = (values["data"]["name"], values["model"]["name"]) if values else None
    suited = [run for run in with_curves if (run.config.data.name, run.config.model.name) == wanted]
    return found or [(suited or with_curves)[0].run_id]


def show_runs(values: dict) -> None:
    """The chosen runs, looked at in one of several ways, then the list of all."""
    runs = store().list()
    if not runs:
        run_table(runs)
        return
    shown = choose_runs(runs, values)
    by_id = {run.run_id: run for run in runs}
    section = choose_section()
    if shown:
        module = importlib.import_module(f"cvcore.ui.training.{SECTIONS[section]}")
        with errors_as_lines():
            module.show([by_id[run_id] for run_id in shown])
    manage.show(runs)


def choose_runs(runs: list[Run], values: dict) -> list[str]:
    """Ids of the runs to look at; they are in the address."""
    labels = {run.run_id: label(run) for run in runs}
    held.renew("runs")
    if "runs" not in st.session_state:  # the first visit, or back from another page
        st.session_state["runs"] = runs_to_show(runs, values)
    st.session_state["runs"] = [each for each in st.session_state["runs"] if each in labels]  # one may be gone
    left, right = st.columns([5, 1], vertical_alignment="bottom")
    right.toggle(
        "Overlay", key="overlay", persist_state="session", help="Keep earlier runs in the plots when a new one starts."
    )
    shown = left.multiselect(
        "Runs in the plots",
        list(labels),
        format_func=labels.get,
        key="runs",
        max_selections=8,
        placeholder="choose one or several runs",
        help="Up to eight runs, drawn over each other, each in its own colour.",
    )
    st.session_state["shown_runs"] = shown
    if st.query_params.get_all("run") != shown:
        st.query_params["run"] = shown  # the address shows what is shown: reload it, or share it
    return shown


def choose_section() -> str:
    """What to look at."""
    if len(SECTIONS) == 1:
        return next(iter(SECTIONS))
    held.renew("section")
    return st.pills(
        "Look at",
        list(SECTIONS),
        default="Curves",
        required=True,
        key="section",
        bind="query-params",
        help="Ways to look at the same runs.",
        wrap=True,
    )


main()
