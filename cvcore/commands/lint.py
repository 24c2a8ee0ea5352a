"""The command that reviews a network, or a recipe: its network and its loop."""

import argparse

from cvcore.commands.terminal import print_json, say, shape
from cvcore.recipes import library
from cvcore.recipes.recipe import Recipe


def lint(options: argparse.Namespace) -> int:
    """Prints what a reviewer would say. The status is 0 whatever is found: findings are the answer, and 2 says that the
    question was wrong, as everywhere."""
    from cvcore.analysis.lint import RULES
    from cvcore.analysis.lint import lint as review
    from cvcore.models import zoo

    if library.is_recipe(options.model):
        return _lint_recipe(library.find(options.model), options)
    spec = zoo.find(options.model)
    image = options.input or spec.input
    loss = options.loss or "cross_entropy"
    findings = review(options.model, image, options.classes, loss=loss, batch_size=options.batch_size)
    if options.json:
        print_json({"model": spec.name, "input": list(image), "findings": [each.to_json() for each in findings]})
    else:
        _say(findings, f"{spec.label} on {shape(image)}", f"{len(RULES)} rules")
    return 0


def _lint_recipe(recipe: Recipe, options: argparse.Namespace) -> int:
    """The network on the recipe's images and with its loss, and the loop."""
    from cvcore.analysis.lint import RULES
    from cvcore.config import parse_config
    from cvcore.models import zoo
    from cvcore.training.remarks import RULES as LOOP_RULES
    from cvcore.training.review import images_of, review

    values = recipe.values()
    given = {"loss": options.loss, "batch_size": options.batch_size}
    values["train"] |= {name: value for name, value in given.items() if value is not None}
    config = parse_config(values)
    known_image, known_classes = images_of(config)
    image = options.input or recipe.image or known_image or zoo.find(config.model.name).input
    findings = review(config, image, options.classes or recipe.classes or known_classes)
    if options.json:
        found = [each.to_json() for each in findings]
        print_json({"recipe": recipe.name, "model": config.model.name, "input": list(image), "findings": found})
    else:
        rules = f"{len(RULES)} rules on the network, {len(LOOP_RULES)} on the loop"
        _say(findings, f"{recipe.name}: {config.model.label} on {shape(image)}", rules)
    return 0


def _say(findings, about: str, rules: str) -> None:
    from cvcore.analysis.lint import LEVELS

    for each in findings:
        say(f"{each.level} [{each.rule}] {each.where or '(network)'}\n  {each.message}\n  Fix: {each.fix}\n")
    counts = {level: sum(each.level == level for each in findings) for level in LEVELS}
    told = ", ".join(f"{count} {level}{'' if count == 1 else 's'}" for level, count in counts.items())
    say(f"{about}: {told} ({rules})")
