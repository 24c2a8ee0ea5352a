"""What is compared: whose weights, on which images, with which strategies."""

from typing import Any

import streamlit as st

from cvcore.config import TransferConfig, network_label
from cvcore.data import catalog
from cvcore.errors import DataError
from cvcore.models import zoo
from cvcore.transfer import ways
from cvcore.ui import data as ui_data
from cvcore.ui.architectures.defaults import following
from cvcore.ui.training.form import choices, help_of
from cvcore.ui.transfer.backbones import Backbone, add
from cvcore.ui.transfer.look import TITLES

FIRST_SOURCE = "glyphs"  # printed characters: handwritten digits, the first data set, are what they help with
SAME = "as the backbone"
AT_FIRST = ["scratch", "features", "finetune"]


def controls(found: list[Backbone]) -> tuple[ways.Comparison, list[str]]:
    """(what is compared, the keys of the strategies), as the widgets say."""
    one, two, three, four, five = st.columns([3, 1.6, 1.5, 1.1, 1.4])
    pills = st.container()  # what stands there hangs on the options below
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
    network, transfer, seed = _more(source)
    deeper = network != source.network
    targets = _targets(source, deeper)
    target = two.selectbox(
        "Data set",
        targets,
        index=targets.index(following("target", targets[0], targets)),
        key="target",
        bind="query-params",
        help="The new, small set to learn from.",
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
    keys = _strategies(pills, deeper)
    data = ways.usual_data(target, few, seed, source.source, network)
    train = {**ways.usual_training(data, seed), "epochs": epochs, "lr": lr}
    ui_data.opened(target, data.get("size", 0), data.get("fit", "crop"))
    return ways.Comparison(data, network, source.source, train, transfer, deeper), keys


def _strategies(place, deeper: bool) -> list[str]:
    """Keys of the chosen strategies, in the order of all."""
    offered = ways.offered(deeper)
    keys = place.pills(
        "Strategies",
        offered,
        format_func=TITLES.get,
        selection_mode="multi",
        default=[key for key in offered if deeper or key in AT_FIRST],
        key="deeper-strategies" if deeper else "strategies",
        bind="query-params",
        wrap=True,
        help="Ways to start and to go on: all see the same images, and are tested alike.",
    )
    return [key for key in offered if key in keys]


def _targets(source: Backbone, deeper: bool) -> list[str]:
    """Sets that are there and have as many channels, but for that of which the backbone has seen every image; a deeper
    network may learn that one again, as in the paper on VGG.

    Raises DataError where there is none.
    """
    there = [catalog.entry(name) for name in catalog.names() if deeper or name != source.learnt]
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


def _more(source: Backbone) -> tuple[str, dict[str, Any], int]:
    """(the network that learns, settings of strategies, the seed)."""
    with st.expander("More options"):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            network = _network(source.network)
            seed = st.number_input(
                "Seed",
                value=0,
                min_value=0,
                step=1,
                key="few-seed",
                persist_state="session",
                help="Decides which images are drawn, the new head's first weights and the order.",
                width=130,
            )
            if st.button(
                "Add weights", icon=":material/upload:", help="Of ImageNet, from torchvision, or a file of yours."
            ):
                add()
        if network != source.network:
            return network, {}, seed
        columns = st.columns(3)
        head = columns[0].selectbox(
            "Head",
            choices("head", TransferConfig),
            key="transfer-head",
            persist_state="session",
            help=help_of("head", TransferConfig),
        )
        factor = columns[1].number_input(
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
        unfreeze = columns[2].number_input(
            "Unfreeze after (epochs)",
            value=1,
            min_value=1,
            step=1,
            key="transfer-unfreeze",
            persist_state="session",
            help=help_of("unfreeze", TransferConfig),
        )
    return network, {"head": head, "factor": factor, "unfreeze": unfreeze}, seed


def _network(learnt: str) -> str:
    """The network that learns: that of the weights, or a deeper one of its family."""
    deeper = zoo.deeper(learnt)
    options = [SAME, *deeper]
    chosen = st.selectbox(
        "Network",
        options,
        index=options.index(following("transfer-network", SAME, options)),
        key="transfer-network",
        persist_state="session",
        disabled=not deeper,
        help="A deeper network of the same family can begin with layers of this one."
        if deeper
        else f"There is no deeper network of the family of {network_label(learnt)}: train a vgg11 or a resnet18, say.",
        width=260,
    )
    return learnt if chosen == SAME else chosen
