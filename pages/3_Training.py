"""Training: choose data, network and how to train; watch; compare."""

import streamlit as st

from cvcore.config import RunConfig, TrainConfig, parse_config
from cvcore.data import catalog
from cvcore.errors import CvcoreError
from cvcore.models import zoo
from cvcore.training.runs import Run
from cvcore.ui import data as ui_data
from cvcore.ui.frame import LABELS, errors_as_lines, frame
from cvcore.ui.glossary import tip
from cvcore.ui.runs import label, live_curves, make_ready, result_metrics, run_table, store, submit

DEFAULT = TrainConfig()


def main() -> None:
    frame("Training", "Choose data and a network, train, and watch how loss and accuracy change with every epoch.")
    with errors_as_lines():
        make_ready()
    values: dict = {}
    with errors_as_lines():
        values = form()
        if train_button():
            config = parse_config(values)
            ui_data.opened(config.data.name, config.data.size, config.data.fit)  # with progress, where it takes long
            train(config)
    with errors_as_lines():
        cached_note(values)
        show_runs(values)


def help_of(field: str) -> str:
    """The tooltip of a training setting: what the config itself says of it, and what the term means."""
    text = TrainConfig.model_fields[field].description
    return f"{text[0].upper()}{text[1:]}. {tip(LABELS.get(field, field))}".rstrip()


def form() -> dict:
    """The chosen settings as a run's config has them."""
    one, two, three, four, five = st.columns([2, 2, 1.3, 1.2, 1.2])
    data = one.selectbox("Data set", catalog.names(), key="data", bind="query-params", help="See the Datasets page.")
    model = two.selectbox(
        "Network",
        [spec.name for spec in zoo.own_models()],
        index=[spec.name for spec in zoo.own_models()].index("lenet5"),
        accept_new_options=True,
        key="model",
        bind="query-params",
        help="One of ours, or type the name of any torchvision classifier, such as regnet_y_400mf.",
    )
    optimizer = three.selectbox("Optimizer", ["adam", "adamw", "sgd"], **kept("optimizer"))
    lr = four.number_input("Learning rate", value=DEFAULT.lr, format="%.4g", step=0.001, **kept("lr"))
    epochs = five.number_input("Epochs", value=DEFAULT.epochs, step=1, **kept("epochs"))
    train = {"optimizer": optimizer, "lr": lr, "epochs": epochs}
    with st.expander("More options"):
        more_options(train)
        with st.container(horizontal=True):
            size, fit = ui_data.working_size()
    form = {"size": size, "fit": fit} if size else {}
    return {"data": {"name": data, **form}, "model": {"name": model or "none"}, "train": train}


def more_options(train: dict) -> None:
    """Adds the settings that usually stay as they are to `train`; only those that the chosen ones use."""
    one, two, three, four = st.columns(4)
    train["batch_size"] = one.number_input("Batch size", value=DEFAULT.batch_size, step=1, **kept("batch_size"))
    train["seed"] = two.number_input("Seed", value=DEFAULT.seed, step=1, **kept("seed"))
    train["weight_decay"] = three.number_input(
        "Weight decay", value=0.0, step=1e-4, format="%.4g", **kept("weight_decay")
    )
    train["selection"] = four.selectbox("Best epoch chosen by", ["validation", "test", "last"], **kept("selection"))
    train["schedule"] = one.selectbox("Schedule", ["constant", "step", "cosine"], **kept("schedule"))
    if train["schedule"] == "step":
        train["step_size"] = two.number_input("Drop every (epochs)", value=5, step=1, **kept("step_size"))
        train["gamma"] = three.number_input("Drop factor", value=DEFAULT.gamma, format="%.3g", **kept("gamma"))
    if train["optimizer"] == "sgd":
        train["momentum"] = four.number_input("Momentum", value=0.9, step=0.05, **kept("momentum"))
    if train["selection"] == "test":
        st.warning(
            "Choosing the best epoch on the test set makes the reported accuracy optimistic.", icon=":material/info:"
        )


def kept(field: str) -> dict:
    """Arguments of the widget for a training setting: its tooltip, and a value that outlives a change of page."""
    return {"key": f"train-{field}", "help": help_of(field), "persist_state": "session"}


def train_button() -> bool:
    return st.button("Train", type="primary", icon=":material/play_arrow:")


def train(config: RunConfig, *, fresh: bool = False) -> None:
    """Queue the run, show it first, and remember whether it was there already."""
    ((run, cached),) = submit(config, fresh=fresh)
    shown = [each for each in st.session_state.get("shown_runs", []) if each != run.run_id]
    st.session_state["runs"] = [run.run_id, *shown][:8] if st.session_state.get("overlay") else [run.run_id]
    st.session_state["cached"] = run.run_id if cached else None


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
    """Curves of the chosen runs, then the list of all."""
    runs = store().list()
    if not runs:
        run_table(runs)
        return
    labels = {run.run_id: label(run) for run in runs}
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
    if shown:
        only = store().find(shown[0])
        if len(shown) == 1 and only.status == "done":
            result_metrics(only)
        live_curves(shown)
    st.subheader("All runs", anchor=False)
    run_table(runs)


main()
