"""What is compared: whose weights, on which images, with which strategies."""

from typing import Any

import streamlit as st

from cvcore.config import TransferConfig
from cvcore.data import catalog
from cvcore.errors import DataError
from cvcore.transfer import ways
from cvcore.ui import data as ui_data
from cvcore.ui.training.form import choices, help_of
from cvcore.ui.transfer.backbones import Backbone, add
from cvcore.ui.transfer.look import TITLES

FIRST_SOURCE = "glyphs"  # printed characters: handwritten digits, the first data set, are what they help with
AT_FIRST = ["scratch", "features", "finetune"]


def controls(found: list[Backbone]) -> tuple[ways.Comparison, list[str]]:
    """(what is compared, the keys of the strategies), as the widgets say."""
    one, two, three, four, five = st.columns([3, 1.6, 1.5, 1.1, 1.4])
    by_source = {each.source: each for each in found}
    chosen = one.selectbox(
        "Backbone",
        list(by_source),
        index=next((place for place, each in enumerate(found) if each.learnt == FIRST_SOURCE), 0),
        format_func=lambda key: by_source[key].title,
        key="source",
        help="A finished run, or weights from elsewhere, whose layers are reused.",
    )
    source = by_source[chosen]
    target = two.selectbox(
        "Data set", _targets(source), key="target", bind="query-params", help="The new, small set to learn from."
    )
    few = three.number_input(
        "Images a class",
        value=2,
        min_value=0,
        step=1,
        key="few",
        persist_state="session",
        help="How many labelled images of each class the network may learn from; 0 = all.",
    )
    epochs = four.number_input(
        "Epochs", value=80, step=5, key="few-epochs", persist_state="session", help="Passes over these images."
    )
    lr = five.number_input(
        "Learning rate",
        value=0.003,
        format="%.4g",
        step=0.001,
        key="few-lr",
        persist_state="session",
        help="Step size of adam, the same for all; of a head, where the backbone has its own.",
    )
    keys = st.pills(
        "Strategies",
        list(TITLES),
        format_func=TITLES.get,
        selection_mode="multi",
        default=AT_FIRST,
        key="strategies",
        bind="query-params",
        wrap=True,
        help="Ways to start and to go on: all see the same images, and are tested alike.",
    )
    transfer, seed = _more()
    data = ways.usual_data(target, few, seed, source.source, source.network)
    train = {**ways.usual_training(data, seed), "epochs": epochs, "lr": lr}
    ui_data.opened(target, data.get("size", 0), data.get("fit", "crop"))
    ordered = [key for key in TITLES if key in keys]
    return ways.Comparison(data, source.network, source.source, train, transfer), ordered


def _targets(source: Backbone) -> list[str]:
    """Sets that are there and have as many channels, but for that of which the backbone has seen every image.

    Raises DataError where there is none.
    """
    there = [catalog.entry(name) for name in catalog.names() if name != source.learnt]
    there = [entry for entry in there if entry.state in ("bundled", "on disk")]
    found = [
        entry.name for entry in there if not (entry.image and source.channels) or entry.image[:1] == source.channels
    ]
    if not found:
        raise DataError(
            f"no other set of images with {source.channels[0]} channels is here: download one or add your own on the "
            "Datasets page, or choose another backbone"
        )
    return found


def _more() -> tuple[dict[str, Any], int]:
    """(settings of strategies, the seed)."""
    with st.expander("More options"):
        if st.button(
            "Add weights", icon=":material/upload:", help="Of ImageNet, from torchvision, or a file of yours."
        ):
            add()
        columns = st.columns(4)
        seed = columns[0].number_input(
            "Seed",
            value=0,
            min_value=0,
            step=1,
            key="few-seed",
            persist_state="session",
            help="Decides which images are drawn, the new head's first weights and the order.",
        )
        head = columns[1].selectbox(
            "Head",
            choices("head", TransferConfig),
            key="transfer-head",
            persist_state="session",
            help=help_of("head", TransferConfig),
        )
        factor = columns[2].number_input(
            "Backbone's share of the rate",
            value=0.1,
            min_value=0.0001,
            max_value=1.0,
            step=0.05,
            format="%.4g",
            key="transfer-factor",
            persist_state="session",
            help=help_of("factor", TransferConfig),
        )
        unfreeze = columns[3].number_input(
            "Unfreeze after (epochs)",
            value=1,
            min_value=1,
            step=1,
            key="transfer-unfreeze",
            persist_state="session",
            help=help_of("unfreeze", TransferConfig),
        )
    return {"head": head, "factor": factor, "unfreeze": unfreeze}, seed
