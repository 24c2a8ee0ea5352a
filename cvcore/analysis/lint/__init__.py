"""What a reviewer would say of a network: each finding with its reason and the change that mends it.

`lint` takes a network by its name, `lint_module` any nn.Module. The rules are small functions over one view of the
network (finding.View): its operations as they ran on the meta device, and how it is to be used.
"""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from cvcore.analysis.lint import ends, linear, sizes, softmaxes, stacks, training, weights  # noqa: F401 - their rules
from cvcore.analysis.lint.finding import LEVELS, LOSSES, RULES, Finding, Rule, View, findings
from cvcore.analysis.lint.ops import Failure, Trace
from cvcore.analysis.lint.trace import record
from cvcore.analysis.summary import meta_copy
from cvcore.errors import ConfigError, ModelError
from cvcore.models import fit, typed, zoo
from cvcore.models.parsing.parse import parse
from cvcore.models.parsing.shapes import assemble, leaves

__all__ = ["LEVELS", "LOSSES", "RULES", "Finding", "Rule", "lint", "lint_module"]


def lint(
    name: str,
    image_shape: tuple[int, int, int] | None = None,
    num_classes: int | None = None,
    *,
    loss: str = "cross_entropy",
    batch_size: int | None = None,
    data_classes: int | None = None,
    object_side: int | None = None,
) -> tuple[Finding, ...]:
    """Findings on a network of the zoo, mistakes first; without a shape or classes, on those of its paper or tutorial.

    `loss` is what it will be trained with, `batch_size` images at a time; `data_classes` are those of the data where
    they differ from the network's; `object_side` is how large the things to recognise are, in pixels (default: the
    image's shorter side). A network that does not take the image is a finding; ModelError and ConfigError are for
    names and values that do not exist.
    """
    spec = zoo.find(name)
    shape = tuple(spec.input if image_shape is None else image_shape)
    classes = spec.default_classes if num_classes is None else num_classes
    is_typed = spec.source == "typed"
    return _findings(
        spec.label,
        lambda: (typed if is_typed else zoo).build(name, shape, classes),  # a text as given: errors point into it
        shape,
        unchecked=(lambda: assemble(parse(name))) if is_typed else None,
        place=(lambda error: _path(name, error)) if is_typed else None,
        num_classes=classes if data_classes is None else data_classes,
        loss=loss,
        batch_size=batch_size,
        object_side=object_side,
        designed=None if is_typed else spec.input,
        small_stem=spec.small_stem,
        misfit=lambda cause: str(zoo.misfit(spec, shape, cause)),
    )


def lint_module(
    model: nn.Module | Callable[[], nn.Module],
    image_shape: tuple[int, int, int],
    num_classes: int | None = None,
    *,
    name: str = "network",
    loss: str = "cross_entropy",
    batch_size: int | None = None,
    object_side: int | None = None,
    designed: tuple[int, int, int] | None = None,
) -> tuple[Finding, ...]:
    """Findings on any module, or on what a function builds (on the meta device); the module itself stays as it is.

    `num_classes` are those of the data, None where they do not matter; `designed` is the image shape that the network
    was made for, where it was. The rest as for `lint`.
    """
    build = (lambda: model) if isinstance(model, nn.Module) else model
    return _findings(
        name,
        build,
        tuple(image_shape),
        num_classes=num_classes,
        loss=loss,
        batch_size=batch_size,
        object_side=object_side,
        designed=designed,
        misfit=lambda cause: f"{name} does not fit {fit.image_text(image_shape)} images ({cause})",
    )


def _findings(
    name: str,
    build: Callable[[], nn.Module],
    shape: tuple[int, int, int],
    *,
    num_classes: int | None,
    loss: str,
    batch_size: int | None,
    object_side: int | None,
    misfit: Callable[[str], str],
    unchecked: Callable[[], nn.Module] | None = None,
    place: Callable[[ModelError], str] | None = None,
    **known,
) -> tuple[Finding, ...]:
    fit.check_request(name, shape, 1 if num_classes is None else num_classes)
    _check_use(loss, batch_size, object_side)
    try:
        model = _made(build)
        trace = record(model, shape)
        text = misfit(trace.failure.cause) if trace.failure else ""
    except ModelError as error:  # what can be said of the layers before is said all the same
        model = _made(unchecked) if unchecked else nn.Identity()
        trace = record(model, shape) if unchecked else Trace((), None, "", {})
        trace = replace(trace, output=None, failure=_where(error, trace.failure, place(error) if place else ""))
        text = str(error)
    side = min(shape[1:]) if object_side is None else object_side
    return findings(View(name, shape, num_classes, loss, batch_size, side, model, trace, text, **known))


def _check_use(loss: str, batch_size: int | None, object_side: int | None) -> None:
    if loss not in LOSSES:
        raise ConfigError(f"loss: given {loss!r}, choose from {', '.join(LOSSES)}")
    for name, value in (("batch_size", batch_size), ("object_side", object_side)):
        if value is not None and (type(value) is not int or value < 1):
            raise ConfigError(f"{name}: given {value!r}, it must be a whole number from 1 up")


def _made(build: Callable[[], nn.Module]) -> nn.Module:
    """A copy on the meta device, in evaluation mode. Raises ModelError where it cannot be made."""
    with torch.device("meta"):
        model = build()
        for name, module in model.named_modules():
            if any(map(is_lazy, module.parameters(recurse=False))):
                raise ModelError(f"layer {name} takes its sizes from the first batch: give them, or run it once before")
        return meta_copy(model).eval()


def _where(error: ModelError, seen: Failure | None, place: str) -> Failure:
    """The failure of a network that is not even built for this image: the layer and what to do are in the message.

    `place` is the layer that the error is about, where that is known.
    """
    if seen and place in ("", seen.where):
        return seen
    said, _, todo = str(error).rpartition(": ")
    words = said.partition("layer ")[2].split()
    return Failure(place or (words[0].rstrip(":") if words else ""), said, todo, True)


def _path(text: str, error: ModelError) -> str:
    """The path of the layer of a typed network that an error points at; "" where it points at none."""
    spot = getattr(error, "line", 0), getattr(error, "column", 0)
    return next((path for layer, path in leaves(parse(text)) if (layer.line, layer.column) == spot), "")
