"""What the sections of the Transfer page look at."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from cvcore.config import RunConfig
from cvcore.plots.style import CATEGORIES, NEUTRAL, YELLOW
from cvcore.training.run import Run
from cvcore.transfer import ways
from cvcore.ui import data as ui_data
from cvcore.ui.runs import store

Key = TypeVar("Key")
TITLES = {each.key: each.title for each in ways.WAYS}
# grey is the network that reuses nothing; Deepened never stands beside Fine-tuned
COLOURS = {
    TITLES[key]: colour
    for key, colour in {
        ways.SCRATCH: NEUTRAL,
        **dict(
            zip(
                ("features", "frozen", "finetune", "discriminative", "warmup-finetune", "gradual"),
                CATEGORIES,
                strict=True,
            )
        ),
        ways.MOVING: YELLOW,
        ways.DEEPEN: CATEGORIES[2],
    }.items()
}


@dataclass(frozen=True)
class Look:
    """What is compared, the keys of its strategies, and those of their runs that were started, by their titles."""

    comparison: ways.Comparison
    keys: tuple[str, ...]
    runs: Mapping[str, Run]

    @property
    def done(self) -> dict[str, Run]:
        """The finished runs, by the titles of their strategies."""
        return {title: run for title, run in self.runs.items() if run.status == "done"}


def runs_of(configs: Mapping[Key, RunConfig]) -> dict[Key, Run]:
    """The runs of those configs that were started. The data are opened, as their fingerprint is part of a run's id."""
    known = {run.run_id: run for run in store().list()}
    found = {}
    for key, config in configs.items():
        opened = ui_data.opened(config.data.name, config.data.size, config.data.fit)
        if run := known.get(config.with_data(opened.fingerprint).run_id()):
            found[key] = run
    return found


def colour_of_way(title: str) -> str:
    """The colour that a strategy has in all sections: other images make other runs, and it is the strategy that is
    looked at."""
    return COLOURS[title]


def colours_of(runs: Mapping[str, Run]) -> dict[str, str]:
    """The colour of each run's strategy, by run id."""
    return {run.run_id: colour_of_way(title) for title, run in runs.items()}
