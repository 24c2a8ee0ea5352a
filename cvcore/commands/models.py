"""The commands about networks."""

import argparse

from cvcore.commands.terminal import print_json, say, shape
from cvcore.errors import ConfigError
from cvcore.tables import table


def models(options: argparse.Namespace) -> int:
    from cvcore.models import zoo

    rows = [
        {"name": spec.name, "source": spec.source, "input": list(spec.input), "title": spec.title, "paper": spec.paper}
        for spec in (*zoo.own_models(), *zoo.torchvision_models())
    ]
    if options.json:
        print_json({"models": rows})
    else:
        say(table(rows, ["name", "source", "input", "title"]))
    return 0


def summary(options: argparse.Namespace) -> int:
    from cvcore.analysis.summary import summarize

    summary = summarize(options.model, _parse_shape(options.input), options.classes)
    if options.json:
        print_json(summary.to_json())
        return 0
    rows = [
        {
            "name": layer.name,
            "type": layer.type,
            "output": shape(layer.output),
            "params": f"{layer.params:,}",
            "mult-adds": f"{layer.mult_adds:,}",
        }
        for layer in summary.layers
    ]
    say(table(rows, ["name", "type", "output", "params", "mult-adds"]))
    counts = f"{summary.params:,} parameters ({summary.trainable_params:,} trainable)"
    say(f"{summary.model} on {shape(summary.input)}: {counts}, {summary.mult_adds:,} mult-adds (MACs) an image")
    return 0


def _parse_shape(text: str | None) -> tuple[int, int, int] | None:
    """(C, H, W) from "3,224,224"."""
    if text is None:
        return None
    try:
        channels, height, width = (int(part) for part in text.split(","))
    except ValueError as error:
        raise ConfigError(f"--input: given {text!r}, it should be C,H,W in pixels, for example 3,224,224") from error
    return channels, height, width
