"""Published: the accuracies that a tutorial printed beside those of a run of its recipe."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from cvcore.plots.published import Beside, published_curves
from cvcore.recipes.matching import Match, match
from cvcore.recipes.recipe import Published
from cvcore.training.run import Run
from cvcore.ui.frame import chart, errors_as_lines, escaped, metric_row
from cvcore.ui.numbers import short
from cvcore.ui.runs import colours, label, store

TICK = 1.0  # seconds between two looks at runs that train
PARTS = {"test": ("val_acc", "after each epoch"), "training": ("train_acc", "while they were learnt from")}


def show(runs: Sequence[Run]) -> None:
    """For each run that is of a recipe: curves, a table of the differences, and the size of the network."""
    found = [(run, match(run.config)) for run in runs]
    with_recipe = [(run, each) for run, each in found if each and _tells(run, each)]
    if not with_recipe:
        st.info(
            "None of the runs above has published figures. Choose a recipe at the head of the page, and train it.",
            icon=":material/menu_book:",
        )
        return
    ended = all(run.ended for run, _ in with_recipe)
    st.fragment(_show, run_every=None if ended else TICK)(tuple(run.run_id for run, _ in with_recipe), ended)


def _tells(run: Run, found: Match) -> bool:
    """Whether anything was published that can stand beside the run."""
    published = found.recipe.published
    return bool(published.val_acc or (published.params and _same_network(run, found)))


def _same_network(run: Run, found: Match) -> bool:
    return run.config.model == found.recipe.config.model


def _show(run_ids: tuple[str, ...], had_ended: bool) -> None:
    with errors_as_lines():  # a fragment's own reruns pass by the page's guard
        runs = [run for run in map(store().get, run_ids) if run]
        if all(run.ended for run in runs) != had_ended:
            st.rerun()
        pairs = [(run, match(run.config)) for run in runs]
        for run, found in pairs:
            _headline(run, found)
        _curves(pairs)
        for run, found in pairs:
            _numbers(run, found, named=len(pairs) > 1)


def _headline(run: Run, found: Match) -> None:
    """Which recipe this is, and plainly whether its figures compare."""
    recipe = found.recipe
    name = f"**{recipe.title}** · {recipe.tutorial}"
    going = "" if run.ended else f" · epoch {len(run.history) + 1} of {run.config.train.epochs:,}"
    if found.comparable:
        st.markdown(f"{name}{going}  \n:green[:material/check:] The settings are the published ones. {recipe.differs}")
    else:
        why = escaped("; ".join(_reasons(run, found)))
        st.markdown(f"{name}{going}  \n:orange[:material/warning: **Not comparable**]: {why}.")


def _reasons(run: Run, found: Match) -> list[str]:
    reasons = [f"{run.config.data.name} stands in for {found.recipe.data_name}"] if found.is_stand_in else []
    return reasons + [f"{name} is {_said(now)}, not {_said(was)}" for name, was, now in found.changes]


def _said(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _curves(pairs: Sequence[tuple[Run, Match]]) -> None:
    colour = colours([run.run_id for run, _ in pairs])
    planned = max(run.config.train.epochs for run, _ in pairs)
    for place, (images, (field, _)) in zip(st.columns(2, gap="medium"), PARTS.items(), strict=True):
        lines = [
            Beside(
                label(run),
                colour[run.run_id],
                {epoch.epoch: getattr(epoch, field) for epoch in run.history},
                getattr(found.recipe.published, field),
            )
            for run, found in pairs
        ]
        alt = f"Accuracy on {images} images, yours and published"
        chart(published_curves(lines, images=images, planned=planned), key=f"published-{images}", alt=alt, place=place)
    told = "; ".join(f"{images} images {when}" for images, (_, when) in PARTS.items())
    st.caption(f"Full lines: yours. Dashed: published. Accuracy on {told}.")


def _numbers(run: Run, found: Match, *, named: bool) -> None:
    """The table, and the network's size."""
    published = found.recipe.published
    if named:
        st.markdown(f"**{found.recipe.title}** · {label(run)}")
    rows = _rows(run, published)
    if rows:
        st.dataframe(
            pd.DataFrame(rows),
            hide_index=True,
            height="auto",
            placeholder="–",
            width="content",
            column_config={
                "epoch": st.column_config.NumberColumn("Epoch", format="%d"),
                **{
                    f"{part} {who}": st.column_config.NumberColumn(
                        f"{part.capitalize()}, {said}", format="%+.1f" if who == "difference" else "%.1f"
                    )
                    for part in PARTS
                    for who, said in (
                        ("published", "published (%)"),
                        ("yours", "yours (%)"),
                        ("difference", "difference (points)"),
                    )
                },
            },
        )
    if published.note:
        st.caption(published.note)
    if published.params and run.size and _same_network(run, found):
        counted = run.size["params"]
        metric_row(
            ("Parameters, published", short(published.params), f"exactly {published.params:,}"),
            ("Parameters, yours", short(counted), f"exactly {counted:,}"),
        )


def _rows(run: Run, published: Published) -> list[dict[str, float | None]]:
    """A row for each epoch that the tutorial tells of, in percent; None where it, or the run, does not tell yet."""
    history = {epoch.epoch: epoch for epoch in run.history}
    rows = []
    for epoch in sorted({*published.val_acc, *published.train_acc}):
        row: dict[str, float | None] = {"epoch": epoch}
        for part, (field, _) in PARTS.items():
            told = getattr(published, field).get(epoch)
            yours = getattr(history[epoch], field) if epoch in history else None
            if not getattr(published, field):
                continue
            row[f"{part} published"] = None if told is None else 100 * told
            row[f"{part} yours"] = None if yours is None else 100 * yours
            row[f"{part} difference"] = None if told is None or yours is None else 100 * (yours - told)
        rows.append(row)
    return rows
