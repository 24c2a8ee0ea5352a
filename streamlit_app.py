"""Home: what this is, a way to learn with it, the tutorials' experiments, and the newest runs."""

from dataclasses import dataclass, field

import streamlit as st

from cvcore.ui import learning_path
from cvcore.ui.frame import ARCHITECTURES, DATASETS, TRAINING, TRANSFER, errors_as_lines, frame, link
from cvcore.ui.runs import run_table, store


@dataclass(frozen=True)
class Step:
    """A step of the learning path: what to do, and the link that leads there."""

    title: str
    text: str
    page: str
    link: str
    query: dict[str, str] = field(default_factory=dict)


STEPS = (
    Step(
        "See the data",
        "Look at 1,797 digits that people wrote, and at how many there are of each.",
        DATASETS,
        "Browse digits",
        {"data": "digits"},
    ),
    Step(
        "Take a network apart",
        "Read LeNet-5 layer by layer and see where its 61,706 parameters sit.",
        ARCHITECTURES,
        "Open LeNet-5",
        {"model": "lenet5"},
    ),
    Step(
        "Train it",
        "Ten epochs take seconds. Watch the curves, change one thing, compare.",
        TRAINING,
        "Train LeNet-5",
        {"data": "digits", "model": "lenet5"},
    ),
    Step(
        "Reuse what it learnt",
        "A network that reads print learns handwriting from two examples of each digit.",
        TRANSFER,
        "Transfer to digits",
        {"target": "digits"},
    ),
)


def main() -> None:
    frame(
        "A workbench for image classifiers",
        "Browse images, take networks apart, train them and reuse them, here or from the command line. "
        "Every number can be checked, and every run can be repeated. "
        "It works without a network connection: data and four trained runs are on board.",
        tab="Home",
    )
    st.subheader("A way to learn", anchor=False)
    columns = st.columns(len(STEPS), gap="medium")
    for number, (column, step) in enumerate(zip(columns, STEPS, strict=True), start=1):
        with column:
            st.markdown(f"**{number}. {step.title}**")
            st.markdown(step.text)
            link(step.page, step.link, **step.query)
    with errors_as_lines():
        learning_path.show()
    st.subheader("Newest runs", anchor=False)
    with errors_as_lines():
        run_table(store().list()[:8], brief=True)
        link(TRAINING, "All runs and their curves")


main()
