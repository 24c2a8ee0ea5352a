"""The command that prints a network's layers."""

import argparse

from cvcore.commands.terminal import print_json, say, shape
from cvcore.tables import table

COLUMNS = ["name", "type", "kernel", "stride", "padding", "output", "params", "trainable", "mult-adds", "memory (kB)"]
STAGE_COLUMNS = ["stage", "params", "mult-adds", "memory (MB)", "modules"]


def summary(options: argparse.Namespace) -> int:
    from cvcore.analysis.memory import megabytes
    from cvcore.analysis.stages import stages
    from cvcore.analysis.summary import summarize
    from cvcore.models import zoo

    found = summarize(options.model, options.input, options.classes)
    if options.json:
        print_json(found.to_json())
        return 0
    rows = [
        {
            "name": layer.name,
            "type": layer.type,
            "kernel": shape(layer.kernel or ()),
            "stride": shape(layer.stride or ()),
            "padding": shape(layer.padding or ()),
            "output": shape(layer.output),
            "params": f"{layer.params:,}",
            "trainable": f"{layer.trainable_params:,}",
            "mult-adds": f"{layer.mult_adds:,}",
            "memory (kB)": f"{layer.activation_bytes / 1e3:,.1f}",
        }
        for layer in found.layers
    ]
    say(table(rows, COLUMNS))
    say("")
    say(table(_stage_rows(stages(found.layers, found.input)), STAGE_COLUMNS))
    say("")
    counts = f"{found.params:,} parameters ({found.trainable_params:,} trainable)"
    label = zoo.find(options.model).label
    say(f"{label} on {shape(found.input)}: {counts}, {found.mult_adds:,} mult-adds (MACs) an image")
    partial = "Mult-adds are partial. " if found.check.status == "partial" else ""
    say(f"{partial}{found.check.note} FLOPs are twice the mult-adds.")
    memory = found.memory
    say(f"Memory of one image, forward: {memory.forward_formula()}")
    say(f"Forward + backward: {memory.forward_backward_formula()}; kept for backward: {megabytes(memory.saved_bytes)}")
    say(f"Weights + gradients + state of Adam: {memory.parameter_formula('adam')}")
    return 0


def _stage_rows(found) -> list[dict]:
    return [
        {
            "stage": stage.resolution,
            "params": f"{stage.params:,}",
            "mult-adds": f"{stage.mult_adds:,}",
            "memory (MB)": f"{stage.activation_bytes / 1e6:,.3f}",
            "modules": stage.modules,
        }
        for stage in found
    ]
