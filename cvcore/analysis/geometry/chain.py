"""Layers one after the other: their text form, the sizes after each, and chains to start from.

The text form is that of the command line and of links: "conv 5 s1 p2; maxpool 2". A layer is its kind and its kernel
(of adaptive pooling: the size that comes out), then, as far as they differ from PyTorch's defaults, s stride, p padding
("same" and "valid" are written out), d dilation, o output padding, and "ceil". Pairs are height x width: "conv 3x5".
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from cvcore.analysis.geometry.layer import SAME, VALID, Layer, Pair
from cvcore.analysis.geometry.sizes import KINDS
from cvcore.errors import ConfigError, unknown_name

MOST_LAYERS = 64
MOST = 100_000  # any number in a text: more is a typing error
_PAIR = re.compile(r"(\d{1,9})(?:[x×](\d{1,9}))?")
_LETTERS = {"s": "stride", "p": "padding", "d": "dilation", "o": "output_padding"}

# name: (input height and width, layers). Krizhevsky 2014 (torchvision's AlexNet), Simonyan & Zisserman 2015, He et
# al. 2016, Radford et al. 2016
PRESETS = {
    "LeNet-5": ((28, 28), "conv 5 p2; avgpool 2; conv 5; avgpool 2; conv 5"),
    "AlexNet features": ((224, 224), "conv 11 s4 p2; maxpool 3 s2; conv 5 p2; maxpool 3 s2; conv 3 p1; conv 3 p1; "
                         "conv 3 p1; maxpool 3 s2; adaptive 6"),
    "VGG-16, first stage": ((224, 224), "conv 3 p1; conv 3 p1; maxpool 2"),
    "VGG-16 features": ((224, 224), "conv 3 p1; conv 3 p1; maxpool 2; conv 3 p1; conv 3 p1; maxpool 2; conv 3 p1; "
                        "conv 3 p1; conv 3 p1; maxpool 2; conv 3 p1; conv 3 p1; conv 3 p1; maxpool 2; conv 3 p1; "
                        "conv 3 p1; conv 3 p1; maxpool 2; adaptive 7"),
    "ResNet stem": ((224, 224), "conv 7 s2 p3; maxpool 3 s2 p1"),
    "DCGAN generator": ((1, 1), "convt 4; convt 4 s2 p1; convt 4 s2 p1; convt 4 s2 p1; convt 4 s2 p1"),
}  # fmt: skip


@dataclass(frozen=True)
class Stage:
    """One layer of a chain with the size before and after it; `output` is None, and `error` says why, where it fails.

    Stages after one that fails have neither input nor output, and no error of their own.
    """

    layer: Layer
    input: Pair | None
    output: Pair | None
    error: str = ""


def run(layers: Sequence[Layer], size: Pair) -> list[Stage]:
    """All stages in order. A layer that does not fit is an entry with its error; nothing is raised for it.

    >>> [stage.output for stage in run(parse("conv 5 p2; maxpool 2"), (28, 28))]
    [(28, 28), (14, 14)]
    """
    stages, now = [], size
    for layer in layers:
        output, error = None, ""
        if now is not None:
            try:
                output = layer.output(now)
            except ConfigError as problem:
                error = str(problem)
        stages.append(Stage(layer, now, output, error))
        now = output
    return stages


def parse(text: str) -> list[Layer]:
    """The layers of a text such as "conv 5 p2; maxpool 2". Raises ConfigError that names the layer that is wrong.

    >>> [layer.text for layer in parse("conv 3x5 s2; adaptive 7")]
    ['conv 3x5 s2', 'adaptive 7']
    """
    entries = [entry.strip() for entry in re.split(r"[;\n]", text) if entry.strip()]
    if not entries:
        raise ConfigError("the chain has no layer: give at least one, for example conv 5 p2; maxpool 2")
    if len(entries) > MOST_LAYERS:
        raise ConfigError(f"the chain has {len(entries)} layers: at most {MOST_LAYERS}")
    layers = []
    for number, entry in enumerate(entries, 1):
        try:
            layers.append(_layer(entry))
        except ConfigError as error:
            raise ConfigError(f"layer {number}, {entry[:40]!r}: {error}") from error
    return layers


def text(layers: Sequence[Layer]) -> str:
    """The chain as `parse` reads it, in its shortest form."""
    return "; ".join(layer.text for layer in layers)


def parse_size(given: str) -> Pair:
    """(height, width) of "28", "28,20" or "28x20". Raises ConfigError where it is neither.

    >>> parse_size("28"), parse_size("28,20")
    ((28, 28), (28, 20))
    """
    try:
        return _pair(given.strip().replace(" ", "").replace(",", "x"), least=1)
    except ConfigError as error:
        raise ConfigError(
            f"input size {given[:40]!r}: give height and width in pixels, 1 to {MOST:,}, for example 28,28"
        ) from error


def _layer(entry: str) -> Layer:
    kind, *words = entry.lower().split()
    if kind not in KINDS:
        raise ConfigError(unknown_name("layer", kind, KINDS))
    if not words:
        raise ConfigError(f"a number must follow, the kernel's size, for example {kind} 3")
    given: dict = {}
    for word in words[1:]:
        name, value = _setting(word)
        if name in given:
            raise ConfigError(f"{name.replace('_', ' ')} is given twice: leave one out")
        given[name] = value
    return Layer(kind, _pair(words[0], least=1), **given)


def _setting(word: str) -> tuple[str, Pair | str | bool]:
    """(field of Layer, value) of a word such as "s2"."""
    if word == "ceil":
        return "ceil_mode", True
    if word in (SAME, VALID):
        return "padding", word
    if word[0] not in _LETTERS:
        raise ConfigError(
            f"unknown setting {word!r}: after the kernel come s2 (stride), p1, same or valid (padding), d2 (dilation), "
            "o1 (output padding), ceil"
        )
    name = _LETTERS[word[0]]
    return name, _pair(word[1:].removeprefix("="), least=1 if name in ("stride", "dilation") else 0)


def _pair(word: str, least: int = 0) -> Pair:
    found = _PAIR.fullmatch(word)
    values = () if found is None else (int(found[1]), int(found[2] or found[1]))
    if not values or min(values) < least or max(values) > MOST:
        raise ConfigError(f"{word!r} should be a whole number from {least} to {MOST:,}, or two such as 3x5")
    return values
