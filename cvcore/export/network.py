"""The code of a network by itself: what a file needs in which nothing of cvcore can be imported."""

import ast
import importlib.util
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from cvcore.models import typed, zoo
from cvcore.models.ours import own_networks
from cvcore.models.spec import ImageShape

OURS = "cvcore."
# what networks use of the rest of cvcore, in a few lines
SUBSTITUTES = {
    "window_output": '''def window_output(layer, size, kernel, stride=1, padding=0):
    """Height and width after a convolution or pooling: N = (W - F + 2P)/S + 1, rounded down."""
    return tuple((side - kernel + 2 * padding) // stride + 1 for side in size)'''
}


@dataclass
class Code:
    """Import lines and definitions, each in the order in which they must stand."""

    imports: set[str] = field(default_factory=set)
    definitions: list[str] = field(default_factory=list)

    def text(self) -> str:
        """Both as the text of a module."""
        return "\n".join(sorted_imports(self.imports)) + "\n\n\n" + "\n\n\n".join(self.definitions) + "\n"


def sorted_imports(lines: set[str]) -> list[str]:
    """Import lines in the usual order: the standard library, a blank line, all others."""
    others = ("torch", "numpy", "PIL", "safetensors")
    parts = ([], [])
    for line in sorted(lines, key=lambda line: (not line.startswith("import"), line)):
        parts[line.split()[1].split(".")[0].startswith(others)].append(line)
    return [*parts[0], *([""] if parts[0] and parts[1] else []), *parts[1]]


def code_of(name: str, image_shape: ImageShape, num_classes: int) -> Code:
    """The code of `make_network()`, which gives the network that zoo.build(name, …) gives, freshly initialised."""
    spec = zoo.find(name)
    if spec.source == "typed":
        return _typed(spec.name)
    if spec.source == "torchvision":
        return _theirs(spec.name.removeprefix(zoo.THEIRS), image_shape, num_classes)
    network = next(each for each in own_networks() if each.spec.name == spec.name)
    module, _, attribute = network.builder.partition(":")
    code = Code()
    _collect(module, attribute, code, done=set())
    options = "".join(f", {key}={value!r}" for key, value in network.options.items())
    code.imports |= {"from torch import nn"}
    code.definitions.append(
        f"def make_network() -> nn.Module:\n    return {attribute}({tuple(image_shape)}, {num_classes}{options})"
    )
    return code


def _typed(text: str) -> Code:
    lines = "\n".join(f"    {line}" for line in typed.pretty(text).splitlines()).lstrip()
    return Code({"from torch import nn"}, [f"def make_network() -> nn.Module:\n    return {lines}"])


def _theirs(name: str, image_shape: ImageShape, num_classes: int) -> Code:
    """torchvision's own builder, asked as cvcore.models.torchvision_nets asks it."""
    code = Code({"import torchvision", "from torch import nn"})
    options = f"weights=None, num_classes={num_classes}"
    if name == "inception_v3":
        _collect("cvcore.models.torchvision_nets", "_inception_v3", code, done=set())
        call = f'_inception_v3({{"weights": None, "num_classes": {num_classes}}})'
    else:
        if name.startswith("vit"):
            options += f", image_size={image_shape[1]}"
        elif name.startswith("maxvit"):
            options += f", input_size={tuple(image_shape[1:])}"
        elif name == "googlenet":
            options += ", aux_logits=False, init_weights=True"
        call = f'torchvision.models.get_model("{name}", {options})'
    code.definitions.append(f"def make_network() -> nn.Module:\n    return {call}")
    return code


def _collect(module: str, name: str, code: Code, done: set[str]) -> None:
    """Adds the definition of `name`, which stands in `module`, and before it all that it uses."""
    if name in done:
        return
    done.add(name)
    if name in SUBSTITUTES:
        code.definitions.append(SUBSTITUTES[name])
        return
    source = _source(module)
    node = source.definitions[name]
    for used in sorted({each.id for each in ast.walk(node) if isinstance(each, ast.Name)} - {name}):
        if used in source.definitions:
            _collect(module, used, code, done)
        elif used in source.imports:
            origin, line = source.imports[used]
            if origin.startswith(OURS):
                _collect(origin, used, code, done)
            else:
                code.imports.add(line)
    code.definitions.append(_text(source, node))


@dataclass(frozen=True)
class _Source:
    """A module's text, its top-level definitions by name, and its imports: name → (module, the line by itself)."""

    lines: list[str]
    definitions: dict[str, ast.stmt]
    imports: dict[str, tuple[str, str]]


@lru_cache(maxsize=64)
def _source(module: str) -> _Source:
    text = Path(importlib.util.find_spec(module).origin).read_text(encoding="utf-8")
    definitions: dict[str, ast.stmt] = {}
    imports: dict[str, tuple[str, str]] = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            definitions[node.name] = node
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            definitions[node.targets[0].id] = node
        elif isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                named = alias.name if alias.asname is None else f"{alias.name} as {alias.asname}"
                origin = node.module if isinstance(node, ast.ImportFrom) else ""
                line = f"from {origin} import {named}" if origin else f"import {named}"
                imports[alias.asname or alias.name.split(".")[0]] = (origin or alias.name, line)
    return _Source(text.splitlines(), definitions, imports)


def _text(source: _Source, node: ast.stmt) -> str:
    """The lines of a definition, with its decorators and with the comment above it."""
    first = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", []))]) - 1
    while first and source.lines[first - 1].startswith("#"):
        first -= 1
    return "\n".join(source.lines[first : node.end_lineno])
