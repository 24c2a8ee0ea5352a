"""Transfer learning: what a network learnt on one set, reused on a few images of another."""

from dataclasses import dataclass

import numpy as np
import streamlit as st

from cvcore.config import RunConfig, parse_config
from cvcore.data import catalog
from cvcore.data.split import training_indices
from cvcore.plots import bars
from cvcore.training.run import Run
from cvcore.ui import data as ui_data
from cvcore.ui.frame import TRAINING, chart, errors_as_lines, frame, link
from cvcore.ui.live_curves import live_curves
from cvcore.ui.runs import colours, label, make_ready, run_table, store, submit

MODEL = "bn-cnn"


@dataclass(frozen=True)
class Strategy:
    """One way to start: its key, its name on the page, and what it means."""

    key: str
    title: str
    meaning: str


STRATEGIES = (
    Strategy("scratch", "From scratch", "Random first weights; the network knows nothing."),
    Strategy("frozen", "Frozen", "Learnt layers stay as they are; only a new head is trained."),
    Strategy("finetune", "Fine-tuned", "Learnt layers are the start; everything is trained."),
)


def main() -> None:
    frame(
        "Transfer learning",
        "A network has learnt one set and sees only a few images of another. Does what it knows help? "
        "Three ways to start, side by side.",
    )
    with errors_as_lines():
        make_ready()
    with errors_as_lines():
        sources = [run for run in store().list() if usable(run)]
        if not sources:
            st.info(f"No finished {MODEL} to reuse yet: train one on the Training page.", icon=":material/move_up:")
            link(TRAINING, "Train bn-cnn on glyphs", data="glyphs", model=MODEL)
            return
        configs = controls(sources)
        show_few_images(configs["scratch"])
        for place, strategy in zip(st.columns(3, gap="medium"), STRATEGIES, strict=True):
            place.markdown(f"**{strategy.title}**  \n{strategy.meaning}")
        if st.button("Train all three", type="primary", icon=":material/play_arrow:"):
            submit(*configs.values())
        show_results(configs)


def usable(run: Run) -> bool:
    """Whether a run can be transferred from: a finished bn-cnn that started from scratch."""
    return (
        run.config.model.name == MODEL
        and run.status == "done"
        and run.config.transfer is None
        and not run.config.data.per_class
    )


def controls(sources: list[Run]) -> dict[str, RunConfig]:
    """The config of each strategy, by its key, for the chosen backbone and images."""
    one, two, three, four, five = st.columns([3, 1.6, 1.5, 1.1, 1.4])
    source = one.selectbox(
        "Backbone", sources, format_func=label, key="source", help="A finished run whose layers are reused."
    )
    there = [name for name in catalog.names() if catalog.entry(name).state in ("bundled", "on disk")]
    targets = [name for name in there if name != source.config.data.name]  # of those it has seen every image
    target = two.selectbox(
        "Data set", targets, key="target", bind="query-params", help="The new, small set to learn from."
    )
    few = three.number_input(
        "Images a class",
        value=2,
        min_value=1,
        step=1,
        key="few",
        persist_state="session",
        help="How many labelled images of each class the network may learn from.",
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
        help="Step size of adam, the same for all three.",
    )
    with st.expander("More options"):
        seed = st.number_input(
            "Seed",
            value=0,
            min_value=0,
            step=1,
            key="few-seed",
            persist_state="session",
            width=150,
            help="Decides which images are drawn, the new head's first weights and the order.",
        )
    classes = len(ui_data.opened(target).classes)
    base = {
        "data": {"name": target, "per_class": few, "split_seed": seed},
        "model": {"name": MODEL},
        "train": {
            "epochs": epochs,
            "lr": lr,
            "seed": seed,
            "batch_size": min(20, few * classes),
            "selection": "last",
        },
    }
    reused = {key: {**base, "transfer": {"source": source.run_id, "strategy": key}} for key in ("frozen", "finetune")}
    return {key: parse_config(values) for key, values in {"scratch": base, **reused}.items()}


def show_few_images(config: RunConfig) -> None:
    """All the images that the three will learn from."""
    dataset = ui_data.opened(config.data.name)
    labels = dataset.train.labels
    chosen, _ = training_indices(dataset, config.data)
    classes = len(dataset.classes)
    shown = np.concatenate([chosen[labels[chosen] == label][: max(1, 100 // classes)] for label in range(classes)])
    tile = 34 if max(map(len, dataset.classes)) < 5 else 58  # pixels: long names need room
    ui_data.show_images(dataset, "train", shown, columns=10 if tile == 34 else 6, tile=tile)
    part = f" {len(shown)} of them are shown." if len(shown) < len(chosen) else ""
    st.caption(
        f"These {len(chosen):,} labelled images are all that is learnt from.{part} The last epoch is kept; "
        "the held-out images only draw the curves."
    )


def show_results(configs: dict[str, RunConfig]) -> None:
    """Bars of test accuracy, curves, and the runs as a table, for those strategies that were started."""
    found = {key: store().get(run_id) for key, run_id in run_ids(configs).items()}
    runs = {key: run for key, run in found.items() if run}
    if not runs:
        st.info("Press Train all three: the results appear here, in about half a minute.", icon=":material/show_chart:")
        return
    titles = {strategy.key: strategy.title for strategy in STRATEGIES}
    done = {titles[key]: run for key, run in runs.items() if run.status == "done"}
    if done:
        st.subheader(
            f"Accuracy on {len(ui_data.opened(configs['scratch'].data.name).test):,} test images", anchor=False
        )
        colour = colours([run.run_id for run in runs.values()])
        chart(
            bars.accuracies(
                list(done),
                [run.end["test"]["acc"] for run in done.values()],
                [colour[run.run_id] for run in done.values()],
            ),
            key="accuracies",
            alt="Test accuracy of each strategy",
        )
    live_curves([run.run_id for run in runs.values()], {run.run_id: titles[key] for key, run in runs.items()})
    run_table(list(runs.values()))


def run_ids(configs: dict[str, RunConfig]) -> dict[str, str]:
    """Id of each config's run: its data must be open to tell, since the fingerprint is part of it."""
    return {
        key: config.with_data(ui_data.opened(config.data.name).fingerprint).run_id() for key, config in configs.items()
    }


main()
