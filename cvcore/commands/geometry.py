"""The command about output sizes: forwards through a chain of layers, or backwards from one size to another."""

import argparse

from cvcore.analysis.geometry import chain
from cvcore.analysis.geometry.inverse import Solution, solve
from cvcore.commands.terminal import print_json, say, shape
from cvcore.errors import ConfigError
from cvcore.tables import table

SHOWN = 20  # answers on the terminal


def size(options: argparse.Namespace) -> int:
    """Print the size after each layer of `options.layers`, or, with `options.to`, the layers that lead there.

    Raises ConfigError where a layer does not fit what arrives at it.
    """
    given = chain.parse_size(options.input)
    if options.to is not None:
        if options.layers:
            raise ConfigError("size: give layers, or --to H,W to ask which layers lead there, but not both")
        return _backwards(options, given)
    if not options.layers:
        raise ConfigError(
            'size: give layers, such as "conv 5 p2; maxpool 2", or --to H,W to ask which layers lead there'
        )
    stages = chain.run(chain.parse(options.layers), given)
    for stage in stages:
        if stage.error:
            raise ConfigError(f"{stage.layer.text}: {stage.error}")
    if options.json:
        layers = [
            {
                "name": stage.layer.text,
                "input": _listed(stage.input),
                "output": _listed(stage.output),
                "code": stage.layer.code,
            }
            for stage in stages
        ]
        print_json({"input": list(given), "layers": layers, "output": _listed(stages[-1].output)})
    else:
        rows = [
            {
                "layer": stage.layer.text,
                "input": shape(stage.input or ()),
                "output": shape(stage.output or ()),
            }
            for stage in stages
        ]
        say(table(rows, ["layer", "input", "output"]))
    return 0


def _backwards(options: argparse.Namespace, given: chain.Pair) -> int:
    """Layers with one number for height and width that take `given` to `options.to`."""
    target = chain.parse_size(options.to)
    asked = {name: getattr(options, name) for name in ("kernel", "stride", "padding")}
    answers = solve(given[0], target[0], kind=options.kind, **asked)
    answers = [each for each in answers if _leads(each, given, target)]
    if options.json:
        layers = [{"name": each.layer.text, "code": each.layer.code, "unseen": each.unseen} for each in answers]
        print_json({"input": list(given), "output": list(target), "layers": layers})
    elif answers:
        rows = [{"layer": each.layer.text, "what it does": each.remark} for each in answers[:SHOWN]]
        say(table(rows, ["layer", "what it does"]))
        if len(answers) > SHOWN:
            say(f"… {len(answers) - SHOWN:,} more, see --json")
    else:
        say(f"No {options.kind} takes {shape(given)} to {shape(target)}: leave more open, or choose another --kind.")
    return 0


def _leads(answer: Solution, given: chain.Pair, target: chain.Pair) -> bool:
    """Whether an answer for the height is one for the width too."""
    try:
        return answer.layer.output(given) == target
    except ConfigError:
        return False


def _listed(pair: chain.Pair | None) -> list[int] | None:
    return None if pair is None else list(pair)
