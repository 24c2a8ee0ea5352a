"""The code of a network by itself: what a file needs in which nothing of cvcore can be imported."""

import ast
import importlib.util
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from torch import nn

from cvcore.models import typed, zoo
from cvcore.models.ours import own_networks
from cvcore.models.spec import ImageShape
from cvcore.models.torchvision_nets import mnasnet_width
from cvcore.transfer.heads import Headed

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
    code = Code({"from torch import nn"})
    return _making(code, [f"return {_call(name, image_shape, num_classes, code)}"])


def code_of_run(name: str, network: Headed, image_shape: ImageShape, num_classes: int) -> Code:
    """As `code_of`, with the head of `network`, the one of a run; random values are drawn in the order of that run."""
    if not network.head:
        return code_of(name, image_shape, num_classes)
    code = Code({"from torch import nn"})
    head = network.model.get_submodule(network.head)
    outputs = _first_linear(head).in_features if network.body else num_classes
    lines = [f"network = {_call(name, image_shape, outputs, code)}"]
    if getattr(network.model.get_submodule(network.body), "transform_input", False):
        lines.append("network.transform_input = True  # from ImageNet's normalisation to its own")
    if network.body:
        code.imports.add("from collections import OrderedDict")
        lines.append(f"return nn.Sequential(OrderedDict(body=network, head={_written(head)}))")
    else:
        if isinstance(head, nn.Sequential):  # else the last layer is the network's own
            lines.append(f"network{access(network.head)} = {_written(head)}")
        lines.append("return network")
    return _making(code, lines)


def access(name: str) -> str:
    """How code reaches the part of a network that is called `name`.

    >>> access("classifier.6")
    '.classifier[6]'
    """
    return "".join(f"[{part}]" if part.isdigit() else f".{part}" for part in name.split("."))


def _making(code: Code, lines: list[str]) -> Code:
    """`code` with the definition of make_network, which has these lines."""
    if len(lines) == 2 and lines[1] == "return network":
        lines = [lines[0].replace("network =", "return", 1)]
    code.definitions.append("\n    ".join(["def make_network() -> nn.Module:", *lines]))
    return code


def _first_linear(head: nn.Module) -> nn.Linear:
    return next(layer for layer in head.modules() if isinstance(layer, nn.Linear))


def _written(layer: nn.Module) -> str:
    """The code of a head: of linear layers, and of others that have no settings but Softmax's dim."""
    if isinstance(layer, nn.Sequential):
        return f"nn.Sequential({', '.join(map(_written, layer))})"
    if isinstance(layer, nn.Linear):
        return f"nn.Linear({layer.in_features}, {layer.out_features})"
    return f"nn.{type(layer).__name__}({'dim=1' if isinstance(layer, nn.Softmax) else ''})"


def _call(name: str, image_shape: ImageShape, num_classes: int, code: Code) -> str:
    """The expression that makes the network; what it needs is added to `code`."""
    spec = zoo.find(name)
    if spec.source == "typed":
        return "\n".join(f"    {line}" for line in typed.pretty(spec.name).splitlines()).lstrip()
    if spec.source == "torchvision":
        return _their_call(spec.name.removeprefix(zoo.THEIRS), image_shape, num_classes, code)
    network = next(each for each in own_networks() if each.spec.name == spec.name)
    module, _, attribute = network.builder.partition(":")
    _collect(module, attribute, code, done=set())
    options = "".join(f", {key}={value!r}" for key, value in network.options.items())
    return f"{attribute}({tuple(image_shape)}, {num_classes}{options})"


def _their_call(name: str, image_shape: ImageShape, num_classes: int, code: Code) -> str:
    """torchvision's own builder, asked as cvcore.models.torchvision_nets asks it."""
    code.imports.add("import torchvision")
    options = f"weights=None, num_classes={num_classes}"
    if name == "inception_v3":
        _collect("cvcore.models.torchvision_nets", "_inception_v3", code, done=set())
        return f'_inception_v3({{"weights": None, "num_classes": {num_classes}}})'
    if name.startswith("mnasnet"):
        _collect("cvcore.models.torchvision_nets", "MNASNet", code, done=set())
        return f"MNASNet({mnasnet_width(name)}, num_classes={num_classes})"
    if name.startswith("vit"):
        options += f", image_size={image_shape[1]}"
    elif name.startswith("maxvit"):
        options += f", input_size={tuple(image_shape[1:])}"
    elif name == "googlenet":
        options += ", aux_logits=False, init_weights=True"
    return f'torchvision.models.get_model("{name}", {options})'


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
