"""The form of the Training page: what to train, on what, and how."""

from typing import Any, get_args

import streamlit as st

from cvcore.config import DataConfig, TrainConfig
from cvcore.data import catalog
from cvcore.models import zoo
from cvcore.recipes.recipe import Recipe
from cvcore.training.faults import FAULTS
from cvcore.ui import data as ui_data
from cvcore.ui.frame import LABELS
from cvcore.ui.glossary import tip
from cvcore.ui.training import recipes
from cvcore.ui.training.recipes import AT_FIRST

DEFAULT = TrainConfig()
DROPS = ("step", "multistep", "plateau")


def choices(field: str, config: type = TrainConfig) -> list[str]:
    """What a field of a config can be, in the config's own order."""
    return list(get_args(config.model_fields[field].annotation))


def help_of(field: str, config: type = TrainConfig) -> str:
    """The tooltip of a setting: what the config itself says of it, and what the term means."""
    text = config.model_fields[field].description
    return f"{text[0].upper()}{text[1:]}. {tip(LABELS.get(field, field))}".rstrip()


def kept(field: str) -> dict[str, Any]:
    """Arguments of the widget for a training setting: its tooltip, and a value that outlives a change of page."""
    return {"key": f"train-{field}", "help": help_of(field), "persist_state": "session"}


def at_first(key: str, name: str, value: Any) -> dict[str, Any]:
    """What a widget shows at first, as the argument called `name`; nothing where a recipe or a link has filled it."""
    return {} if key in st.session_state else {name: value}


def form() -> tuple[dict[str, Any], Recipe | None]:
    """The chosen settings as a run's config has them, and the recipe that they began with."""
    recipe = recipes.choose()
    one, two, three, four, five = st.columns([2, 2, 1.3, 1.2, 1.2])
    data = one.selectbox("Data set", catalog.names(), key="data", bind="query-params", help="See the Datasets page.")
    model = two.selectbox(
        "Network",
        [spec.name for spec in zoo.own_models()],
        **at_first("model", "index", [spec.name for spec in zoo.own_models()].index("lenet5")),
        accept_new_options=True,
        key="model",
        bind="query-params",
        help="One of ours, or type the name of any torchvision classifier, such as regnet_y_400mf.",
    )
    optimizer = three.selectbox("Optimizer", choices("optimizer"), **kept("optimizer"))
    train: dict[str, Any] = {"optimizer": optimizer}
    number(four, train, "lr", "Learning rate", step=0.001)
    number(five, train, "epochs", "Epochs")
    with st.expander("More options"):
        size = more_options(train)
    values = {"data": {"name": data, **size}, "model": {"name": model or "none"}, "train": train}
    return recipes.completed(values, recipe), recipe


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
        number(next(places), train, "momentum", "Momentum", step=0.05)
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
    choice(next(places), train, "precision", "Mixed precision")
    choice(next(places), train, "loss", "Loss")
    train["faults"] = st.multiselect(
        "Mistakes on purpose",
        list(FAULTS),
        format_func=lambda name: FAULTS[name].title,
        placeholder="none",
        **kept("faults"),
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        size, fit = ui_data.working_size()
        normalize = st.selectbox(
            "Normalisation",
            choices("normalize", DataConfig),
            key="train-normalize",
            persist_state="session",
            help=help_of("normalize", DataConfig),
            width=160,
        )
        few = st.number_input(
            "Images a class",
            **at_first("train-per_class", "value", 0),
            min_value=0,
            step=1,
            key="train-per_class",
            persist_state="session",
            help=help_of("per_class", DataConfig),
            width=130,
        )
    return {**({"size": size, "fit": fit} if size else {}), "normalize": normalize, "per_class": few}


def schedule_options(places, train: dict[str, Any]) -> None:
    """The settings of the chosen schedule."""
    schedule = train["schedule"]
    if schedule == "step":
        number(next(places), train, "step_size", "Drop every (epochs)")
    if schedule == "multistep":
        train["milestones"] = next(places).text_input(
            "Drop after (epochs)", **at_first("train-milestones", "value", AT_FIRST["milestones"]), **kept("milestones")
        )
    if schedule == "plateau":
        number(next(places), train, "plateau_patience", "Drop after so many flat epochs")
    if schedule in DROPS:
        number(next(places), train, "gamma", "Drop factor", format="%.3g", step=0.1)
    if schedule != "onecycle":
        number(next(places), train, "warmup", "Warm-up (epochs)")


def number(place, train: dict[str, Any], field: str, label: str, **options: Any) -> None:
    """A number input for a field of TrainConfig."""
    default = AT_FIRST.get(field, getattr(DEFAULT, field))
    options = {"step": 1 if isinstance(default, int) else 0.1, **options}
    options |= at_first(f"train-{field}", "value", default)
    if isinstance(default, float):
        options.setdefault("format", "%.4g")
    train[field] = place.number_input(label, **options, **kept(field))


def choice(place, train: dict[str, Any], field: str, label: str) -> None:
    """A select box for a field of TrainConfig."""
    train[field] = place.selectbox(label, choices(field), **kept(field))
