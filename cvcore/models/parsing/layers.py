"""The arguments of a typed layer against the signature of the layer itself, and the layer made from them.

Importing this imports torch.
"""

import inspect
import types
from functools import lru_cache
from typing import Any, Literal, Union, get_args, get_origin

import torch
from torch import nn

from cvcore.errors import unknown_name
from cvcore.models.fit import first_sentence
from cvcore.models.parsing.parse import Argument, Layer, Value
from cvcore.models.parsing.scan import TextError

# What a network's text does not decide (where its weights are), *args that layers ignore, old names of arguments.
_HIDDEN = ("device", "dtype", "args", "kwargs", "min_value", "max_value")
# Torch says in an annotation that these are texts, not which; the table is torch's own documentation, but for bicubic,
# whose shapes take torch a tenth of a second.
_CHOICES = {
    "padding": ("valid", "same"),
    "mode": ("nearest", "nearest-exact", "bilinear"),
    "approximate": ("none", "tanh"),
}
_POSITIVE = frozenset([
    "in_channels", "out_channels", "kernel_size", "stride", "dilation", "groups", "in_features", "out_features",
    "num_features", "num_groups", "num_channels", "num_parameters", "normalized_shape", "output_size", "size",
    "upscale_factor", "downscale_factor", "scale_factor", "eps",
])  # fmt: skip
_NOUNS = {bool: "True or False", int: "a whole number", float: "a number", type(None): "None"}


@lru_cache(maxsize=128)
def signature(kind: str) -> dict[str, inspect.Parameter]:
    """The parameters that may be given to the layer nn.`kind`, in their order."""
    parameters = inspect.signature(getattr(nn, kind)).parameters
    return {name: each for name, each in parameters.items() if name not in _HIDDEN and not name.startswith("_")}


def given(layer: Layer) -> dict[str, Value]:
    """The arguments of a typed layer by name, in the order of its signature; what is left out is left out.

    Raises TextError where a name is unknown, missing or doubled, or a value is of the wrong kind.
    """
    known = signature(layer.kind)
    by_position = [name for name, each in known.items() if each.kind is not inspect.Parameter.KEYWORD_ONLY]
    found: dict[str, Value] = {}
    for number, argument in enumerate(layer.arguments):
        if argument.keyword == "" and number >= len(by_position):
            raise _error(argument, f"nn.{layer.kind} takes {_at_most(len(by_position))}, this is one more: remove it")
        name = argument.keyword or by_position[number]
        if name in found:
            raise _error(argument, f"nn.{layer.kind}: {name} is given twice, remove one")
        if name not in known:
            raise _error(argument, _unknown_argument(layer.kind, name, known))
        _check(layer.kind, argument, known[name])
        found[name] = argument.value
    missing = [name for name, each in known.items() if each.default is each.empty and name not in found]
    if missing:
        raise layer.error(f"nn.{layer.kind} needs {' and '.join(missing)}: {_usage(layer.kind)}")
    return {name: found[name] for name in known if name in found}


def settings(layer: Layer) -> dict[str, Value]:
    """As `given`, with the defaults of the arguments that were left out."""
    defaults = {name: each.default for name, each in signature(layer.kind).items() if each.default is not each.empty}
    return {**defaults, **given(layer)}


def written(layer: Layer) -> str:
    """The normal form of one layer: needed arguments in order, then those that are not the default, by name.

    Two texts of the same layer have the same form: `Conv2d(1,6,kernel_size=5,stride=1)` is `nn.Conv2d(1, 6, 5)`.
    """
    known = signature(layer.kind)
    parts = []
    for name, value in given(layer).items():
        default = known[name].default
        if default is inspect.Parameter.empty:
            parts.append(repr(value))
        elif (value, type(value)) != (default, type(default)):
            parts.append(f"{name}={value!r}")
    return f"nn.{layer.kind}({', '.join(parts)})"


def make(layer: Layer) -> nn.Module:
    """The module of one layer that is no Sequential, on the current default device.

    Raises TextError where torch refuses the values, in torch's words.
    """
    values = given(layer)
    known = signature(layer.kind)
    needed = [value for name, value in values.items() if known[name].default is inspect.Parameter.empty]
    more = {name: value for name, value in values.items() if known[name].default is not inspect.Parameter.empty}
    try:
        return getattr(nn, layer.kind)(*needed, **more)
    except MemoryError as error:
        raise layer.error(f"{written(layer)} is too large for this machine: make it smaller") from error
    except Exception as error:  # torch checks values with many kinds of exceptions; none but these values were given
        if "overflow" in str(error):
            raise layer.error(f"{written(layer)} is too large: make it smaller") from error
        raise layer.error(f"{written(layer)} cannot be: {first_sentence(error)}") from error


def _error(argument: Argument, problem: str) -> TextError:
    return TextError(argument.line, argument.column, problem)


def _at_most(count: int) -> str:
    return "no arguments" if count == 0 else "one argument" if count == 1 else f"at most {count} arguments"


def _usage(kind: str) -> str:
    """How the layer is written: nn.Linear(in_features, out_features)."""
    needed = [name for name, each in signature(kind).items() if each.default is each.empty]
    return f"nn.{kind}({', '.join(needed)})"


def _unknown_argument(kind: str, name: str, known: dict[str, inspect.Parameter]) -> str:
    if name in ("device", "dtype"):
        return f"nn.{kind}: {name} is not taken here, where the network runs decides it; remove it"
    if not known:
        return f"nn.{kind} takes no arguments, found {name}=: remove it"
    return unknown_name(f"argument of nn.{kind}", name, known)


def _check(kind: str, argument: Argument, parameter: inspect.Parameter) -> None:
    """Raises TextError unless the value is of a kind that the layer's own annotation allows."""
    name, value = parameter.name, argument.value
    annotation = parameter.annotation
    what = f"nn.{kind}: {name} is {_quoted(value)}"
    if isinstance(value, str) and _takes(value, annotation):
        choices = _strings(name, annotation)
        if value not in choices:
            raise _error(argument, f"{what}, it should be {' or '.join(map(repr, choices))}")
    elif not _takes(value, annotation):
        raise _error(argument, f"{what}, it should be {_words(name, annotation)}")
    if name == "return_indices" and value:
        raise _error(argument, f"{what}: the next layer takes one tensor, not two; leave it out")
    if name in _POSITIVE and any(part is not None and part <= 0 for part in _parts(value)):
        raise _error(argument, f"{what}, it should be more than 0")
    if name in ("padding", "output_padding") and not kind.endswith("Pad2d") and _least(value) < 0:
        raise _error(argument, f"{what}, it should be 0 or more")


def _parts(value: Value) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _least(value: Value) -> float:
    return min((part for part in _parts(value) if not isinstance(part, str)), default=0)


def _quoted(value: Value) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:39]}…"


def _takes(value: Value, annotation: Any) -> bool:
    """Whether a value is of the annotated kind. A bool is no number here, and a whole number is a float."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        return any(_takes(value, each) for each in inner)
    if origin is Literal:
        return isinstance(value, str)  # which text is asked by the caller
    if origin in (tuple, list) or annotation is torch.Size:
        return isinstance(value, tuple) and _takes_parts(value, origin, inner or (int,))
    if annotation is float:
        return type(value) in (int, float)
    if annotation in (int, bool, str, type(None)):
        return type(value) is annotation
    return annotation is inspect.Parameter.empty  # then torch says what it does not like


def _takes_parts(values: tuple[Value, ...], origin: Any, inner: tuple[Any, ...]) -> bool:
    """Whether the values of a tuple are of the annotated kinds: so many, or any number (but not none) of one kind."""
    if origin is tuple and Ellipsis not in inner:
        return len(values) == len(inner) and all(map(_takes, values, inner))
    return len(values) > 0 and all(_takes(value, inner[0]) for value in values)


def _strings(name: str, annotation: Any) -> tuple[str, ...]:
    """The texts that may be given."""
    for each in (annotation, *get_args(annotation)):
        if get_origin(each) is Literal:
            return get_args(each)
    return _CHOICES.get(name, ())


def _words(name: str, annotation: Any) -> str:
    """The annotation in words: "a whole number or 2 whole numbers as a tuple"."""
    if get_origin(annotation) in (Union, types.UnionType):
        told = [_words(name, each) for each in get_args(annotation)]
        return " or ".join(dict.fromkeys(told))
    if annotation is str or get_origin(annotation) is Literal:
        return " or ".join(map(repr, _strings(name, annotation)))
    if get_origin(annotation) in (tuple, list) or annotation is torch.Size:
        inner = get_args(annotation) or (int,)
        several = "" if Ellipsis in inner or get_origin(annotation) is not tuple else f"{len(inner)} "
        return f"{several}{'numbers' if float in inner else 'whole numbers'} as a tuple"
    return _NOUNS.get(annotation, "another value")
