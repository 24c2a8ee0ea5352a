"""The command that lists the tutorials' experiments, and what `train --recipe` and `lint` need of one."""

import argparse
from typing import Any

from cvcore.commands.terminal import print_json, say
from cvcore.config import RunConfig
from cvcore.recipes import library, start
from cvcore.recipes.matching import Match
from cvcore.recipes.recipe import Recipe
from cvcore.tables import table
from cvcore.training.history import Epoch


def recipes(options: argparse.Namespace) -> int:
    rows = [_row(recipe) for recipe in library.recipes()]
    if options.json:
        print_json({"recipes": rows, "mistakes": [each.model_dump() for each in library.mistakes().values()]})
        return 0
    shown = [
        {
            **row,
            "published": "" if row["published_acc"] is None else f"{row['published_acc']:.1%}",
            "needs": row["needs"] or "",
            "stand-in": row["stand_in"] or "",
        }
        for row in rows
    ]
    say(table(shown, ["name", "data", "epochs", "published", "needs", "stand-in", "title"]))
    say(
        "`train --recipe NAME` runs one, with --stand-in on a bundled set; `lint NAME` reviews it. "
        "published: accuracy on the test images after the last epoch that is told."
    )
    return 0


def _row(recipe: Recipe) -> dict[str, Any]:
    config, published = recipe.config, recipe.published
    return {
        "name": recipe.name,
        "title": recipe.title,
        "tutorial": recipe.tutorial,
        "teaches": recipe.teaches,
        "data": recipe.data_name,
        "model": config.model.label,
        "epochs": config.train.epochs,
        "selection": config.train.selection,
        "needs": start.obstacle(recipe) or None,
        "stand_in": recipe.stand_in.data["name"] if recipe.stand_in else None,
        "role": recipe.role or None,
        "pair": recipe.pair or None,
        "mistakes": list(recipe.mistakes),
        "differs": recipe.differs or None,
        "published_acc": published.last,
        "published": published.model_dump(mode="json"),
        "config": config.model_dump(mode="json"),
    }


def compared(match: Match) -> dict[str, Any]:
    """What a recipe published, for the result of a run of it, and in what the run differs."""
    return {
        "name": match.recipe.name,
        "comparable": match.comparable,
        "stand_in": match.is_stand_in,
        "changes": [{"setting": name, "published": was, "run": now} for name, was, now in match.changes],
        "published": match.recipe.published.model_dump(mode="json"),
    }


def comparison(match: Match, config: RunConfig, history: list[Epoch]) -> list[str]:
    """Lines that put the published accuracies beside the run's, epoch by epoch; none where nothing was published."""
    published = match.recipe.published
    rows = [
        {
            "epoch": str(epoch.epoch),
            "published": f"{published.val_acc[epoch.epoch]:.1%}",
            "yours": f"{epoch.val_acc:.1%}",
            "difference": f"{100 * (epoch.val_acc - published.val_acc[epoch.epoch]):+.1f} points",
        }
        for epoch in history
        if epoch.epoch in published.val_acc
    ]
    lines = table(rows, ["epoch", "published", "yours", "difference"]).splitlines() if rows else []
    if rows and not match.comparable:
        lines.append(f"Not comparable: {why_not(match, config)}.")
    return lines


def why_not(match: Match, config: RunConfig) -> str:
    """Why the published figures are not for this run."""
    reasons = []
    if match.is_stand_in:
        reasons.append(f"{config.data.name} stands in for {match.recipe.data_name}")
    reasons += [f"{name} is {now} instead of {was}" for name, was, now in match.changes]
    return ", ".join(reasons)
