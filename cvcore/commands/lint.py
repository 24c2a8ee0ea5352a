"""The command that reviews a network."""

import argparse

from cvcore.commands.terminal import print_json, say, shape


def lint(options: argparse.Namespace) -> int:
    """Prints what a reviewer would say of a network. The status is 0 whatever is found: findings are the answer, and
    2 says that the question was wrong, as everywhere."""
    from cvcore.analysis.lint import LEVELS, RULES
    from cvcore.analysis.lint import lint as review
    from cvcore.models import zoo

    spec = zoo.find(options.model)
    image = options.input or spec.input
    findings = review(options.model, image, options.classes, loss=options.loss, batch_size=options.batch_size)
    if options.json:
        print_json({"model": spec.name, "input": list(image), "findings": [each.to_json() for each in findings]})
        return 0
    for each in findings:
        say(f"{each.level} [{each.rule}] {each.where or '(network)'}\n  {each.message}\n  Fix: {each.fix}\n")
    counts = {level: sum(each.level == level for each in findings) for level in LEVELS}
    told = ", ".join(f"{count} {level}{'' if count == 1 else 's'}" for level, count in counts.items())
    say(f"{spec.label} on {shape(image)}: {told} ({len(RULES)} rules)")
    return 0
