"""What a rule finds, what it looks at, and the registry of all rules."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from torch import nn

from cvcore.analysis.findings import LEVELS, Finding
from cvcore.analysis.lint.ops import Op, Trace
from cvcore.analysis.receptive_field import Fields, fields_of_module
from cvcore.errors import ModelError

LOSSES = ("cross_entropy", "nll")
LOSS_NAMES = {"cross_entropy": "nn.CrossEntropyLoss", "nll": "nn.NLLLoss"}


class Remark(NamedTuple):
    """A finding before it is known which rule made it."""

    level: str
    where: str
    message: str
    fix: str


def mistake(where: str, message: str, fix: str) -> Remark:
    """Something that is wrong whatever the data."""
    return Remark("mistake", where, message, fix)


def caution(where: str, message: str, fix: str) -> Remark:
    """Something that runs, and probably not as its author wants."""
    return Remark("caution", where, message, fix)


def note(where: str, message: str, fix: str) -> Remark:
    """Something worth knowing, that good networks do too."""
    return Remark("note", where, message, fix)


@dataclass(frozen=True)
class View:
    """Everything that rules look at: the network on the meta device, its trace, and how it is to be used.

    `designed` is the (C, H, W) of its paper or weights where it has one; `small_stem` the name of its variant for small
    images.
    """

    name: str
    image: tuple[int, int, int]
    classes: int | None
    loss: str
    batch_size: int | None
    object_side: int
    model: nn.Module
    trace: Trace
    misfit: str = ""
    designed: tuple[int, int, int] | None = None
    small_stem: str | None = None

    @property
    def ops(self) -> tuple[Op, ...]:
        return self.trace.ops

    @cached_property
    def fields(self) -> Fields | None:
        """The receptive fields of its layers; None where it does not run on this image."""
        if self.trace.output is None:
            return None
        try:
            return fields_of_module(self.name, self.model, self.image)
        except ModelError:
            return None

    @cached_property
    def last(self) -> "Last | None":
        """The end of the network, None where it has no single output."""
        if self.trace.output is None:
            return None
        op, passed = self.trace.output, []
        while op.kind in PASSING | AVERAGES and op.source is not None:
            passed.append(op)
            op = op.source
        return Last(op, tuple(passed))

    @property
    def outputs(self) -> int:
        """How many logits an image gets; 0 where the output is no row of them."""
        shape = self.trace.output.shape if self.trace.output else ()
        return shape[1] if len(shape) > 1 else 0


class Last(NamedTuple):
    """The last operation that is more than a reshape, an average or a dropout, and those `passed` after it."""

    op: Op
    passed: tuple[Op, ...]

    @property
    def averaged(self) -> bool:
        return any(op.kind in AVERAGES for op in self.passed)


RESHAPES = {"identity", "flatten", "unflatten", "view", "reshape", "permute", "transpose", "squeeze", "unsqueeze"}
DROPOUTS = {"dropout", "alphadropout", "featurealphadropout", "featuredropout"}
PASSING = RESHAPES | DROPOUTS | {"contiguous"}
AVERAGES = {"avgpool", "adaptiveavgpool", "mean"}
BATCH_NORMS = {"batchnorm", "syncbatchnorm"}

Check = Callable[[View], Iterator[Remark]]


class Rule(NamedTuple):
    """A rule: its short name, what holds where it finds nothing, and the function that looks."""

    name: str
    holds: str
    check: Check


RULES: dict[str, Rule] = {}


def rule(name: str, holds: str) -> Callable[[Check], Check]:
    """Registers a rule. Raises ValueError where the name is taken."""

    def register(check: Check) -> Check:
        if name in RULES:
            raise ValueError(f"a rule named {name!r} is registered already: choose another name")
        RULES[name] = Rule(name, holds, check)
        return check

    return register


def findings(view: View) -> tuple[Finding, ...]:
    """What all rules find, mistakes first; within a level in the order of the rules."""
    found = [
        Finding(remark.level, each.name, remark.where, remark.message, remark.fix)
        for each in RULES.values()
        for remark in each.check(view)
    ]
    return tuple(sorted(dict.fromkeys(found), key=lambda finding: LEVELS.index(finding.level)))


def layers(names: Sequence[str], noun: str = "layer") -> str:
    """The layers that a finding is about, as a sentence begins with them.

    >>> layers(["conv1"]), layers(["a", "b", "c"], "pooling")
    ('Layer conv1', '3 poolings (a, b and c)')
    """
    if len(names) == 1:
        return f"{noun.capitalize()} {names[0] or '(network)'}"
    return f"{len(names):,} {noun}s ({some(names)})"


def some(names: Sequence[str]) -> str:
    """Names as a list in words, the first three where they are many.

    >>> some(["a"]), some(["a", "b"]), some(list("abcdef"))
    ('a', 'a and b', 'a, b, c and 3 more')
    """
    names = [name or "(network)" for name in names]
    if len(names) > 3:
        return f"{', '.join(names[:3])} and {len(names) - 3:,} more"
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def plural(count: int, noun: str, many: str = "") -> str:
    """A count with its noun, whose plural is `many` where it takes more than an s.

    >>> plural(1, "parameter"), plural(1200, "parameter")
    ('1 parameter', '1,200 parameters')
    """
    return f"{count:,} {noun if count == 1 else many or noun + 's'}"
