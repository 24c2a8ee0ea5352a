"""The form of the Training page: what to train, on what, and how."""

from typing import Any

import streamlit as st

from cvcore.config import DataConfig, TrainConfig
from cvcore.data import catalog
from cvcore.models import zoo
from cvcore.ui import data as ui_data
from cvcore.ui.frame import LABELS
from cvcore.ui.glossary import tip

DEFAULT = TrainConfig()
DROPS = ("step", "multistep", "plateau")


def choices(field: str) -> list[str]:
    """What a field of TrainConfig can be, in the config's own order."""
    return list(TrainConfig.model_json_schema()["properties"][field]["enum"])


def help_of(field: str, config: type = TrainConfig) -> str:
    """The tooltip of a setting: what the config itself says of it, and what the term means."""
    text = config.model_fields[field].description
    return f"{text[0].upper()}{text[1:]}. {tip(LABELS.get(field, field))}".rstrip()


def kept(field: str) -> dict[str, Any]:
    """Arguments of the widget for a training setting: its tooltip, and a value that outlives a change of page."""
    return {"key": f"train-{field}", "help": help_of(field), "persist_state": "session"}


def form() -> dict[str, Any]:
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
    optimizer = three.selectbox("Optimizer", choices("optimizer"), **kept("optimizer"))
    lr = four.number_input("Learning rate", value=DEFAULT.lr, format="%.4g", step=0.001, **kept("lr"))
    epochs = five.number_input("Epochs", value=DEFAULT.epochs, step=1, **kept("epochs"))
    train = {"optimizer": optimizer, "lr": lr, "epochs": epochs}
    with st.expander("More options"):
        size = more_options(train)
    return {"data": {"name": data, **size}, "model": {"name": model or "none"}, "train": train}


def more_options(train: dict[str, Any]) -> dict[str, Any]:
    """Adds the settings that usually stay as they are to `train`; only those that the chosen ones use.

    Returns the settings of the data.
    """
    columns = st.columns(4)
    places = (columns[number % 4] for number in range(40))
    number(next(places), train, "batch_size", "Batch size")
    number(next(places), train, "seed", "Seed")
    number(next(places), train, "weight_decay", "Weight decay", step=1e-4, format="%.4g")
    if train["optimizer"] in ("sgd", "rmsprop"):
        number(next(places), train, "momentum", "Momentum", value=0.9, step=0.05)
    if train["optimizer"] == "sgd" and train["momentum"]:
        train["nesterov"] = next(places).checkbox("Nesterov", **kept("nesterov"))
    choice(next(places), train, "schedule", "Schedule")
    schedule_options(places, train)
    choice(next(places), train, "selection", "Best epoch chosen by")
    train["augment"] = next(places).multiselect(
        "Augmentation", ["flip", "shift", "rotate", "zoom", "jitter", "erase"], placeholder="none", **kept("augment")
    )
    number(next(places), train, "label_smoothing", "Label smoothing", step=0.05)
    number(next(places), train, "clip", "Clip gradients at", step=0.5)
    if train["selection"] != "last":
        number(next(places), train, "patience", "Stop early after (epochs)")
    choice(next(places), train, "precision", "Precision")
    if train["selection"] == "test":
        st.warning(
            "Choosing the best epoch on the test set makes the reported accuracy optimistic.", icon=":material/info:"
        )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        size, fit = ui_data.working_size()
        normalize = st.selectbox(
            "Normalisation",
            ["dataset", "half", "none"],
            key="train-normalize",
            persist_state="session",
            help=help_of("normalize", DataConfig),
            width=160,
        )
    return {**({"size": size, "fit": fit} if size else {}), "normalize": normalize}


def schedule_options(places, train: dict[str, Any]) -> None:
    """The settings of the chosen schedule."""
    schedule = train["schedule"]
    if schedule == "step":
        number(next(places), train, "step_size", "Drop every (epochs)", value=5)
    if schedule == "multistep":
        train["milestones"] = next(places).text_input("Drop after (epochs)", value="5, 8", **kept("milestones"))
    if schedule == "plateau":
        number(next(places), train, "plateau_patience", "Drop after so many flat epochs", value=2)
    if schedule in DROPS:
        number(next(places), train, "gamma", "Drop factor", format="%.3g", step=0.1)
    if schedule != "onecycle":
        number(next(places), train, "warmup", "Warm-up (epochs)")


def number(place, train: dict[str, Any], field: str, label: str, **options: Any) -> None:
    """A number input for a field of TrainConfig."""
    default = getattr(DEFAULT, field)
    options = {"value": default, "step": 1 if isinstance(default, int) else 0.1, **options}
    if isinstance(default, float):
        options.setdefault("format", "%.4g")
    train[field] = place.number_input(label, **options, **kept(field))


def choice(place, train: dict[str, Any], field: str, label: str) -> None:
    """A select box for a field of TrainConfig."""
    train[field] = place.selectbox(label, choices(field), **kept(field))
