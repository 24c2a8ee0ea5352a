"""Made texts for the parser of typed networks: valid ones, spoilt ones, and Python that nobody should run."""

import random

LEAVES = [
    "nn.Conv2d(1, 6, 5, padding=2)",
    "Conv2d(3, 8, kernel_size=(3, 3), stride=[1, 2], padding='same', bias=False)",
    "torch.nn.Linear(400, 120)",
    "nn.BatchNorm2d(16, eps=1e-3, momentum=None)",
    "nn.MaxPool2d(2, 2)",
    "nn.ReLU(inplace=True)",
    "nn.Flatten()",
    "nn.Dropout(p=.5)",
    "nn.Softmax(dim=-1)",
    "nn.Unflatten(1, (16, 5, -1))",
]
# `canary` is put into the builtins by the test: whoever evaluates any of these calls it.
NASTY = [
    "canary()", "nn.canary()", "canary.Conv2d(1, 2, 3)", "nn.Conv2d(canary(), 2, 3)", "nn.Conv2d(*canary())",
    "nn.Linear(**canary())", "[canary() for _ in (1,)]", "(lambda: canary())()", "f'{canary()}'", "nn.ReLU(canary)",
    "__import__('os').system('exit 1')", "().__class__.__bases__[0].__subclasses__()", "exec('canary()')",
    "nn.Conv2d.__init__.__globals__['torch']", "nn.ReLU(inplace=(x := canary()))", "nn.Linear(9**9**9, 1)",
    "nn.Linear(1 if canary() else 2, 3)", "nn.Linear(canary() or 1, 2)", "nn.ReLU() or canary()", "await canary()",
    "(yield canary())", "nn.Linear(not canary(), 1)", "nn.Linear(canary()[0], 1)", "{canary(): 1}", "{*canary()}",
    "nn.Linear(1 < canary(), 2)", "nn.Linear(..., 1)", "nn.Linear(1j, b'2')", "nn.Linear(0x7fffffff, 1_000)",
    "nn.Linear(" + "9" * 5000 + ", 1)", "nn.Linear(" + "-" * 3000 + "1, 1)", "nn.Linear(1" + ".real" * 3000 + ", 1)",
    "(" * 3000, "[" * 3000 + "]" * 3000, "nn.Sequential(" * 1000 + ")" * 1000, "nn.ReLU" + "()" * 3000,
    "nn.Linear(1" + "+1" * 3000 + ", 1)", "not " * 3000 + "1", "lambda: " * 2000 + "1", "x if y else " * 2000 + "z",
    "\x00", "\ud800", "\u202e", "nn.\uff23onv2d(1, 2, 3)", "nn.C\u043env2d(1, 2, 3)", "\N{SUPERSCRIPT TWO}",
    "\f", "\\\n",
    "import os", "nn.ReLU(); canary()", "# -*- coding: utf-7 -*-\n", "'''", '"', "nn.Linear(1e999, -1e-999)", "%s" * 50,
]  # fmt: skip


def network(rng: random.Random, depth: int = 0) -> str:
    """A valid text: random layers, spaces, comments and nesting."""
    space = rng.choice(["", " ", "\n", "\n    ", "  # a comment: é (\n"])
    children = [
        network(rng, depth + 1) if depth < 4 and rng.random() < 0.2 else rng.choice(LEAVES)
        for _ in range(rng.randint(1, 6))
    ]
    prefix = rng.choice(["nn.", "", "torch.nn."])
    return f"{prefix}Sequential({space}{f',{space}'.join(children)}{rng.choice(['', ',', space])})"


def spoilt(rng: random.Random) -> str:
    """A text that began as a valid one; now and then it still is."""
    text = network(rng)
    for _ in range(rng.randint(1, 3)):
        at, end = sorted(rng.choices(range(len(text) + 1), k=2))
        match rng.randrange(6):
            case 0:
                text = text[:at] + text[at + 1 :]
            case 1:
                text = text[:at] + rng.choice("()[]{},.=+-*/%@:;!~^&|<>#'\"\\ \n\t\r0aé²") + text[at:]
            case 2:
                text = text[:at] + rng.choice(NASTY) + text[at:]
            case 3:
                text = text.replace(rng.choice(LEAVES), rng.choice(NASTY))
            case 4:
                text = text[:at] + text[at:end] * rng.choice([2, 3, 400]) + text[end:]
            case _:
                text = text[:at] + chr(rng.randrange(0x110000)) + text[at:]
    return text


def texts(count: int, seed: int) -> list[str]:
    """`count` texts: up to a third are NASTY, alone and as a layer, of the rest every fifth is valid, others spoilt."""
    rng = random.Random(seed)
    nasty = [
        form.format(each) for form in ("{}", "nn.Sequential({})", "nn.Sequential(nn.Linear({}))") for each in NASTY
    ]
    rng.shuffle(nasty)
    made = nasty[: count // 3]
    made += [spoilt(rng) if number % 5 else network(rng) for number in range(count - len(made))]
    rng.shuffle(made)
    return made
