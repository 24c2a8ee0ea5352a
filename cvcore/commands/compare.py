"""The command that puts networks side by side."""

import argparse
from typing import TYPE_CHECKING

from cvcore.commands.terminal import print_json, say, shape
from cvcore.tables import table

if TYPE_CHECKING:
    from cvcore.analysis.compare import Network

TITLES = {
    "params": "parameters",
    "mult_adds": "mult-adds (MACs)",
    "activation_bytes": "activations (bytes)",
    "layers": "layers",
    "depth": "depth",
    "top1": "published top-1 (%)",
    "field": "receptive field (px)",
}


def compare(options: argparse.Namespace) -> int:
    from cvcore.analysis import compare as comparing
    from cvcore.models import zoo

    spec = zoo.find(options.models[0])
    image = options.input or spec.input
    classes = spec.default_classes if options.classes is None else options.classes
    networks, refused = comparing.compare(options.models, image, classes)
    if options.json:
        print_json(comparing.to_json(networks, refused, classes))
        return 0
    say(table(_totals(networks), ["", *(each.label for each in networks), *_changes(networks)]))
    for other in networks[1:]:
        found = comparing.diff(networks[0], other)
        say(f"\n{other.label} against {networks[0].label}, by stage (part of the input's height and width)")
        columns = ["stage", "same", "changed", "added", "removed", "Δ params", "Δ mult-adds", "Δ activations (bytes)"]
        say(table(_stages(found), columns))
    for message in refused.values():
        say(message)
    say(f"Images of {shape(image)}, {classes} classes; mult-adds and activations are for one image.")
    return 0


def _changes(networks: "tuple[Network, ...]") -> list[str]:
    """Titles of the columns of differences."""
    return [f"Δ {each.label}" for each in networks[1:]]


def _totals(networks: "tuple[Network, ...]") -> list[dict[str, str]]:
    """A row for each quantity: its value in each network, and how the others differ from the first."""
    from cvcore.analysis.compare import change

    rows = []
    for key, title in TITLES.items():
        values = [each.value(key) for each in networks]
        row = {"": title, **{each.label: _number(value) for each, value in zip(networks, values, strict=True)}}
        for column, value in zip(_changes(networks), values[1:], strict=True):
            found = change(values[0], value)
            ratio = f" (×{found[1]:.3g})" if found and found[1] and key != "top1" else ""
            row[column] = f"{_signed(found[0])}{ratio}" if found else "–"
        rows.append(row)
    return rows


def _stages(found) -> list[dict[str, str]]:
    rows = []
    for stage in found.stages:
        counts = {state: str(stage.count(state)) for state in ("same", "changed", "added", "removed")}
        params, mult_adds, activations = map(_signed, stage.delta)
        rows.append(
            {
                "stage": stage.key,
                **counts,
                "Δ params": params,
                "Δ mult-adds": mult_adds,
                "Δ activations (bytes)": activations,
            }
        )
    return rows


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:,}"


def _signed(value: float) -> str:
    return f"{value:+,.1f}" if isinstance(value, float) else f"{value:+,}" if value else "0"
