"""Networks that somebody typed: `nn.Sequential(...)` as text, from there on like any other of the zoo.

The text is the name. Its normal form (one line, `nn.` before every layer, no comments and no defaults) is what specs
and configs hold, so that one network has one fingerprint however it was written. Errors point into the text as it was
given: whoever has that passes that.

The loss stays cross-entropy whatever the last layer is. For one that ends in LogSoftmax this is the same training:
cross-entropy is log-softmax and the negative log likelihood, and the log-softmax of log-probabilities is themselves.
A network that ends in Softmax is trained too, slowly; that is no error of shapes.

Importing this imports no torch.
"""

from __future__ import annotations

from functools import lru_cache
from math import isqrt
from pathlib import Path
from typing import TYPE_CHECKING

from cvcore.config import MAX_NETWORK as MAX_TEXT
from cvcore.config import network_label
from cvcore.errors import ModelError
from cvcore.models.fit import MAX_CLASSES
from cvcore.models.parsing.parse import Layer, parse
from cvcore.models.spec import ImageShape, ModelSpec

if TYPE_CHECKING:
    from torch import nn

    from cvcore.models.parsing.shapes import Made, Passed

WITHOUT_CHANNELS = [(1, 28, 28), (3, 32, 32), (1, 32, 32), (3, 28, 28), (3, 64, 64), (3, 224, 224)]
LONGEST_PATH = 120  # characters of a file's name that are quoted
EFFORT = 1500  # layers that images may pass while the input of a network is guessed; a few seconds at worst
SIDES = (28, 32, 64, 224, 48, 96, 128, 256, 16, 8)  # of images that are tried, the usual ones first


def is_typed(name: str) -> bool:
    """Whether a network's name is the text of one; no other name has brackets.

    >>> is_typed("nn.Sequential(nn.Flatten(), nn.Linear(784, 10))"), is_typed("resnet18")
    (True, False)
    """
    return "(" in name


def read(argument: str) -> str:
    """A network's name as given on the command line; for "@FILE" the text in the file, which is then a network's.

    Only for a command line: a page must not read the files that an address names. Raises ModelError in one line.
    """
    if not argument.startswith("@"):
        return argument
    file = argument if len(argument) <= LONGEST_PATH else f"{argument[:LONGEST_PATH]}…"
    path = Path(argument[1:]).expanduser()
    try:
        if not path.is_file():
            kind = "a folder" if path.is_dir() else "no file" if path.exists() else "not there"
            raise ModelError(f"{file}: that is {kind}; give a text file with nn.Sequential(…) in it")
        if path.stat().st_size > 4 * MAX_TEXT:  # bytes; a character has at most four
            raise ModelError(
                f"{file}: the file has {path.stat().st_size:,} bytes, a network at most {MAX_TEXT:,} characters"
            )
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ModelError(f"{file}: the file is not text in UTF-8; save it as such") from error
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        reason = getattr(error, "strerror", None) or error
        raise ModelError(f"{file}: the file cannot be read ({reason}); give another") from error
    try:
        parse(text)
    except ModelError as error:
        raise ModelError(f"{file}, {error}") from error
    return text


@lru_cache(maxsize=64)
def canonical(text: str) -> str:
    """The normal form of a network's text: equal networks, equal text. Raises ModelError as `parse` does."""
    normal = _written(parse(text))
    if len(normal) > MAX_TEXT:
        raise ModelError(
            f"the network is too long: written out it has {len(normal):,} characters, at most {MAX_TEXT:,}"
        )
    return normal


def pretty(text: str) -> str:
    """The normal form with a line for every layer, for people to read."""
    canonical(text)
    return "\n".join(_lines(parse(text)))


def label(text: str) -> str:
    """What a typed network is called where its text is too long: "typed-" and six hex digits."""
    return network_label(canonical(text))


@lru_cache(maxsize=64)
def spec_of(text: str) -> ModelSpec:
    """What is known of a typed network. Its input and classes are those that its own layers ask for, where they tell.

    Raises ModelError where the text cannot be read, or a layer cannot be made. Imports torch.
    """
    from cvcore.models.parsing.shapes import make_all

    normal = canonical(text)
    made = make_all(parse(text))
    images = _candidates(made)
    image = next((each for each in images if _fits(made, each)), None)
    any_size = image is not None and _takes_any_size(made, image)
    params = sum(parameter.numel() for each in made for parameter in each.module.parameters())
    return ModelSpec(
        name=normal,
        title="Your network",
        source="typed",
        paper="",
        year=None,
        input=image or images[0],
        min_side=_smallest_side(made, image) if any_size and len(made) < EFFORT // 10 else (image or images[0])[1],
        any_size=any_size,
        summary=f"{len(made)} {'layer' if len(made) == 1 else 'layers'} in a row, {params:,} parameters.",
        default_classes=_outputs(made, image) if image else 10,
    )


def build(text: str, image_shape: ImageShape, num_classes: int) -> nn.Module:
    """The typed network with fresh weights on the current default device, once an image has passed it without contents.

    It stays as it was typed: what it gives may differ from `num_classes`, which only training minds
    (`check_trainable`). Raises ModelError with line, column and the argument that would mend it.
    """
    from cvcore.models.parsing.shapes import assemble

    trace(text, tuple(image_shape))
    return assemble(parse(text))


@lru_cache(maxsize=64)
def trace(text: str, image_shape: ImageShape) -> tuple[Passed, ...]:
    """Every layer with the shapes that reach and leave it. Raises ModelError as `build` does; allocates nothing."""
    from cvcore.models.parsing.shapes import make_all, send

    return tuple(send(make_all(parse(text)), tuple(image_shape)))


def check_trainable(text: str, image_shape: ImageShape, num_classes: int) -> None:
    """Raises ModelError unless the network can be trained: one output a class, weights, and a gradient for them."""
    from cvcore.models.parsing.train import check

    check(parse(text), image_shape, num_classes)


def _written(layer: Layer) -> str:
    from cvcore.models.parsing.layers import written

    if layer.kind != "Sequential":
        return written(layer)
    return f"nn.Sequential({', '.join(map(_written, layer.children))})"


def _lines(layer: Layer, indent: str = "") -> list[str]:
    if layer.kind != "Sequential" or not layer.children:
        return [indent + _written(layer)]
    found = [f"{indent}nn.Sequential("]
    for child in layer.children:
        lines = _lines(child, indent + "    ")
        found += [*lines[:-1], f"{lines[-1]},"]
    return [*found, f"{indent})"]


def _candidates(made: list[Made]) -> list[ImageShape]:
    """Images to try, the likeliest first: the first layer that has a number of inputs tells."""
    from cvcore.models.parsing.layers import settings

    channels = [1, 3]
    for each in made:
        told = settings(each.layer)
        if each.layer.kind == "Linear":
            squares = [(count, isqrt(told["in_features"] // count)) for count in channels]
            exact = [(c, side, side) for c, side in squares if c * side * side == told["in_features"]]
            return exact + [image for image in WITHOUT_CHANNELS if image not in exact]
        count = told.get("in_channels") or told.get("num_channels") or told.get("num_features")
        if count:
            channels = [count, *(other for other in channels if other != count)]
            break
    found = [(count, side, side) for count in channels if count <= 64 for side in SIDES] or [(1, 28, 28)]
    return found[: max(len(SIDES) // 2, EFFORT // len(made))]


def _fits(made: list[Made], image: ImageShape) -> bool:
    from cvcore.models.parsing.shapes import send

    try:
        return bool(send(made, image))
    except ModelError:
        return False


def _takes_any_size(made: list[Made], image: ImageShape) -> bool:
    channels, side, _ = image
    return all(_fits(made, (channels, side + more, side + more)) for more in (1, 32))


def _smallest_side(made: list[Made], image: ImageShape) -> int:
    """By halving: a network that takes a size takes all above it."""
    channels, known, _ = image
    least = 1
    while least < known:
        middle = (least + known) // 2
        if _fits(made, (channels, middle, middle)):
            known = middle
        else:
            least = middle + 1
    return known


def _outputs(made: list[Made], image: ImageShape) -> int:
    """Values that come out for an image, where they can be classes; else 10."""
    from cvcore.models.parsing.shapes import send

    out = send(made, image)[-1].leaves
    return out[0] if len(out) == 1 and out[0] <= MAX_CLASSES else 10
