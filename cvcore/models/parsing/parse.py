"""The text of a network as a tree of layers: read with Python's `ast`, checked node by node, never evaluated.

Imports no torch. What a layer's arguments may be is asked in `parse_layers`, whether shapes fit in `parse_shapes`.
"""

import ast
import difflib
from dataclasses import dataclass
from functools import lru_cache

from cvcore.models.parsing.scan import TextError, checked_text, shown

MAX_LAYERS = 200
MAX_NUMBER = 10**9
PREFIXES = ("", "nn.", "torch.nn.")

# Every layer that may be typed. All take one tensor and return one, and run on the meta device.
FAMILIES: dict[str, tuple[str, ...]] = {
    "Convolution": ("Conv2d", "ConvTranspose2d"),
    "Fully connected": ("Linear", "Flatten", "Unflatten", "Identity"),
    "Pooling": (
        "MaxPool2d", "AvgPool2d", "AdaptiveAvgPool2d", "AdaptiveMaxPool2d", "LPPool2d", "FractionalMaxPool2d",
    ),
    "Normalisation": (
        "BatchNorm1d", "BatchNorm2d", "GroupNorm", "InstanceNorm2d", "LayerNorm", "RMSNorm", "LocalResponseNorm",
    ),
    "Dropout": ("Dropout", "Dropout2d", "AlphaDropout", "FeatureAlphaDropout"),
    "Activation": (
        "ReLU", "ReLU6", "LeakyReLU", "PReLU", "RReLU", "ELU", "SELU", "CELU", "GELU", "SiLU", "Mish", "Sigmoid",
        "LogSigmoid", "Tanh", "Hardtanh", "Hardsigmoid", "Hardswish", "Hardshrink", "Softshrink", "Tanhshrink",
        "Softplus", "Softsign", "Threshold", "GLU",
    ),
    "Softmax": ("Softmax", "LogSoftmax", "Softmin", "Softmax2d"),
    "Size and padding": (
        "Upsample", "UpsamplingNearest2d", "UpsamplingBilinear2d", "PixelShuffle", "PixelUnshuffle", "ChannelShuffle",
        "ZeroPad2d", "ConstantPad2d", "ReflectionPad2d", "ReplicationPad2d", "CircularPad2d",
    ),
}  # fmt: skip
LAYERS = frozenset(name for names in FAMILIES.values() for name in names)

Value = int | float | str | bool | None | tuple


@dataclass(frozen=True)
class Argument:
    """One argument as it was written: its keyword, "" if it has none, its value and its place."""

    keyword: str
    value: Value
    line: int
    column: int


@dataclass(frozen=True)
class Layer:
    """One layer of the tree, by its name without `nn.`; a Sequential has children and no arguments.

    `line` and `column` (from 1) are where it stands in the text.
    """

    kind: str
    arguments: tuple[Argument, ...]
    children: tuple["Layer", ...]
    line: int
    column: int

    def error(self, problem: str) -> TextError:
        """The error that this layer is the place of."""
        return TextError(self.line, self.column, problem)


@lru_cache(maxsize=64)
def parse(text: str) -> Layer:
    """The tree of the network that `text`, an `nn.Sequential(...)`, describes.

    Raises ModelError in one line with line and column where anything but layers of LAYERS with literal arguments
    stands there.
    """
    text = checked_text(text)
    try:
        # In brackets, so that lines may begin anywhere. The scan has made sure that they are not closed inside.
        body = ast.parse(f"(\n{text}\n)", mode="eval").body
    except SyntaxError as error:
        raise _syntax_error(error) from error
    except (ValueError, MemoryError, RecursionError) as error:  # the scan leaves no text that does this; if it did:
        raise TextError(1, 1, "the network is too deeply nested to be read: make it simpler") from error
    reader = _Reader(text)
    network = reader.layer(body)
    if network.kind != "Sequential":
        raise network.error(f"a network begins with nn.Sequential(: put nn.{network.kind}(…) into one")
    if reader.layers == 0:
        raise network.error("the network has no layers: put some between the brackets")
    return network


def _syntax_error(error: SyntaxError) -> TextError:
    """What Python's parser says, in its first few words, at our line."""
    problem = error.msg.split(";")[0].split(". ")[0]
    hint = "look for a comma or a value too many" if problem == "invalid syntax" else "mend it"
    return TextError(max(1, (error.lineno or 2) - 1), max(1, error.offset or 1), f"{problem}: {hint}")


class _Reader:
    """Turns nodes into layers and values; counts the layers."""

    def __init__(self, text: str):
        self.lines = text.split("\n")
        self.layers = 0

    def place(self, node: ast.AST) -> tuple[int, int]:
        """Line and column in the text, from 1; Python counts columns in bytes, and one line more."""
        line = node.lineno - 1
        start = self.lines[line - 1].encode()[: node.col_offset]
        return line, len(start.decode(errors="replace")) + 1

    def error(self, node: ast.AST, problem: str) -> TextError:
        return TextError(*self.place(node), problem)

    def source(self, node: ast.AST) -> str:
        """The node as it can be quoted in a message."""
        return shown(ast.unparse(node))

    def layer(self, node: ast.expr) -> Layer:
        """The layer of a call; anything else is refused."""
        if not isinstance(node, ast.Call):
            raise self.error(node, self._not_a_layer(node))
        kind = self._kind(node.func)
        self.layers += kind != "Sequential"
        if self.layers > MAX_LAYERS:
            raise self.error(node, f"this is layer {self.layers}: a typed network has at most {MAX_LAYERS}")
        if kind == "Sequential":
            if node.keywords:
                raise self.error(node.keywords[0], f"found {node.keywords[0].arg}=: nn.Sequential takes layers only")
            return Layer(kind, (), tuple(self.layer(child) for child in node.args), *self.place(node))
        return Layer(kind, self._arguments(node), (), *self.place(node))

    def _not_a_layer(self, node: ast.expr) -> str:
        source = self.source(node)
        bare = source.removeprefix("torch.").removeprefix("nn.")
        if bare in LAYERS:
            return f"found {source} without its brackets: write nn.{bare}()"
        return f"found {source}, which is no layer: write layers as nn.ReLU(), with commas between them"

    def _kind(self, function: ast.expr) -> str:
        """The layer's name without its prefix."""
        source = self.source(function)
        prefix, _, kind = source.rpartition(".")
        kind = kind if isinstance(function, (ast.Name, ast.Attribute)) else ""
        if kind in LAYERS or kind == "Sequential":
            if f"{prefix}." in PREFIXES or not prefix:
                return kind
            raise self.error(function, f"found {source}: layers are written nn.{kind}, without {prefix}")
        if kind.startswith("Lazy"):
            raise self.error(function, f"{source} guesses its sizes: say them, with nn.{kind.removeprefix('Lazy')}")
        raise self.error(function, f"{source} is not a layer here; {nearest(kind)}")

    def _arguments(self, node: ast.Call) -> tuple[Argument, ...]:
        named = [("", value) for value in node.args] + [(each.arg or "**", each.value) for each in node.keywords]
        return tuple(Argument(name, self._value(value), *self.place(value)) for name, value in named)

    def _value(self, node: ast.expr, *, inside: bool = False) -> Value:
        """The value of a literal; tuples and lists become tuples."""
        match node:
            case ast.Constant(value=bool() | str() | None):
                return node.value
            case ast.Constant(value=int() | float()):
                return self._number(node, node.value)
            case ast.UnaryOp(op=sign, operand=ast.Constant(value=int() | float() as number)) if (
                type(number) is not bool
            ):
                return self._number(node, -number if isinstance(sign, ast.USub) else number)
            case ast.Tuple(elts=values) | ast.List(elts=values) if not inside:
                return tuple(self._value(each, inside=True) for each in values)
        raise self.error(
            node,
            f"found {self.source(node)}: arguments are numbers, strings, True, False, None and tuples of these",
        )

    def _number(self, node: ast.expr, number: float) -> float:
        if not abs(number) <= MAX_NUMBER:
            raise self.error(node, f"found {self.source(node)}: numbers are at most {MAX_NUMBER:,} here")
        return number


def nearest(kind: str) -> str:
    """A question for the layer that was meant, or where to look.

    >>> nearest("conv2d")
    'did you mean nn.Conv2d?'
    """
    by_lower = {name.lower(): name for name in (*sorted(LAYERS), "Sequential")}
    near = difflib.get_close_matches(kind.lower(), by_lower, n=1, cutoff=0.6)
    return f"did you mean nn.{by_lower[near[0]]}?" if near else "choose one such as nn.Conv2d, nn.ReLU or nn.Linear"
