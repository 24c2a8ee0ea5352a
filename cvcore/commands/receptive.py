"""The command that prints the receptive field of every layer."""

import argparse

from cvcore.commands.terminal import print_json, say, shape
from cvcore.config import network_label
from cvcore.tables import table

COLUMNS = ["name", "type", "output", "field", "stride", "padding", "status"]


def rf(options: argparse.Namespace) -> int:
    from cvcore.analysis.receptive_field import fields

    found = fields(options.model, options.input, options.classes)
    if options.json:
        print_json(found.to_json())
        return 0
    rows = [
        {
            "name": layer.name,
            "type": layer.type,
            "output": shape(layer.output),
            "field": shape(layer.size or ()),
            "stride": shape(layer.stride or ()),
            "padding": shape(layer.padding or ()),
            "status": layer.status if layer.status == "local" and not layer.note else layer.note or layer.status,
        }
        for layer in found.layers
    ]
    say(table(rows, COLUMNS))
    last, where = found.last_local, f"{network_label(found.model)} on {shape(found.input)}"
    if found.reason:
        say(f"{where}: unavailable, {found.reason}")
    elif last is None:
        say(f"{where}: no layer sees a window of the image, each sees all of it")
    else:
        size, stride, padding = (shape(each) for each in (last.size, last.stride, last.padding))
        named = f" ({last.name})" if last.name else ""
        say(f"{where}: the last map{named} sees {size} px, stride {stride}, padding {padding}")
        beside = " This is the local path: " + last.note + "." if last.status != "local" else ""
        say(f"Pixels, height×width; output 0 begins `padding` pixels before the image.{beside}")
    return 0
