"""The kinds of steps that a pipeline of image transforms is made of: what each does, which values it takes.

Names and meanings are those of `torchvision.transforms.v2`. Two are not there under their name: ToTensor stands for
ToImage and ToDtype(float32, scale=True), which torchvision says to write instead of it, and ScaleJitter is that of the
VGG paper, not torchvision's (which is for detection).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from cvcore.errors import ConfigError

Value = bool | int | float | str | tuple[int, ...] | tuple[float, ...]
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
MAX_SIDE = 1024  # pixels; the largest of torchvision's own weights asks for 600


@dataclass(frozen=True)
class Param:
    """One parameter of a step: its name in torchvision, its label on a page, its default, and what is allowed.

    A "size" is (shorter side,) or (height, width), for crops (side,) or (height, width); a "span" is (lowest, highest);
    "values" are one for all channels or one a channel. A `quiet` parameter has torchvision's default and is left out of
    the code as long as it keeps it.
    """

    name: str
    label: str
    kind: Literal["int", "float", "bool", "choice", "size", "span", "values"]
    default: Value
    about: str
    low: float = 0
    high: float = 1
    choices: tuple[int | str, ...] = ()
    quiet: bool = False

    def checked(self, value: Any) -> Value:
        """`value` as this parameter keeps it. Raises ValueError that says what is allowed."""
        if self.kind == "bool":
            return self._only(value, isinstance(value, bool), "true or false")
        if self.kind == "choice":
            fits = type(value) is type(self.choices[0]) and value in self.choices  # True is not 1 here
            return self._only(value, fits, " or ".join(map(str, self.choices)))
        bounds = f"{self.low:,} to {self.high:,}"
        if self.kind in ("int", "float"):
            return self._only(value, self._fits(value), f"a {'whole ' if self.is_whole else ''}number, {bounds}")
        values = tuple(value) if isinstance(value, Iterable) and not isinstance(value, str) else (value,)
        fits = all(map(self._fits, values))
        if self.kind == "size":
            return self._only(values, fits and len(values) in (1, 2), f"one or two whole numbers, {bounds}")
        if self.kind == "span":
            ordered = fits and len(values) == 2 and values[0] <= values[1]
            return self._only(values, ordered, f"a lowest and a highest value, {bounds}")
        return self._only(values, fits and len(values) in (1, 3), f"one number, or three, {bounds}")

    @property
    def is_whole(self) -> bool:
        """Whether only whole numbers are allowed."""
        return self.kind in ("int", "size") or (self.kind == "span" and isinstance(self.default[0], int))

    def _fits(self, value: Any) -> bool:
        kind = int if self.is_whole else (int, float)
        return isinstance(value, kind) and not isinstance(value, bool) and self.low <= value <= self.high

    def _only(self, value: Any, fits: bool, allowed: str) -> Any:
        if not fits:
            raise ValueError(f"given {value!r}, it should be {allowed}")
        return value


def _never(values: dict[str, Value]) -> bool:
    return False


@dataclass(frozen=True)
class Kind:
    """A kind of step: what it does, its parameters, and whether it draws anew for every image.

    `still` says for which values a random kind draws nothing after all.
    """

    name: str
    about: str
    params: tuple[Param, ...] = ()
    random: bool = False
    still: Callable[[dict[str, Value]], bool] = _never


KINDS: dict[str, Kind] = {}


def register(kind: Kind) -> None:
    """Add a kind of step. Raises ConfigError if there is one of that name."""
    if kind.name in KINDS:
        raise ConfigError(f"a step called {kind.name!r} is registered already: choose another name")
    KINDS[kind.name] = kind


def _interpolation(default: str = "bilinear", choices: tuple[str, ...] = ("bilinear", "bicubic", "nearest")) -> Param:
    about = "How new pixels are computed from old ones: bicubic is smoothest, nearest only copies."
    return Param("interpolation", "Interpolation", "choice", default, about, choices=choices, quiet=True)


def _size(about: str, default: int = 224) -> Param:
    return Param("size", "Size (px)", "size", (default,), about, low=1, high=MAX_SIDE)


def _share(name: str, about: str, default: float, high: float = 1.0) -> Param:
    return Param(name, name.capitalize(), "float", default, about, high=high)


_ANTIALIAS = "Smooths before it shrinks. A picture is always smoothed; a tensor only if this is set."
_PAD = "Added on every side before the crop; 4 is usual for images of 32×32."
_PAD_MODE = "constant: black · edge: the last pixel · reflect and symmetric: mirrored."
_PAD_MODES = ("constant", "edge", "reflect", "symmetric")
_FACTOR = "0.2: the factor is drawn between 0.8 and 1.2."

register(
    Kind(
        "Resize",
        "Scales the image: by its shorter side it keeps its proportions, to height × width it may be distorted.",
        (
            _size("The shorter side, or height and width.", 256),
            _interpolation(),
            Param("antialias", "Antialias", "bool", True, _ANTIALIAS, quiet=True),
        ),
    )
)
register(Kind("CenterCrop", "Cuts out the middle.", (_size("Side of the square, or height and width."),)))
register(
    Kind(
        "RandomCrop",
        "Cuts out a place drawn anew each time, so that the network learns no fixed position.",
        (
            _size("Side of the square, or height and width."),
            Param("padding", "Padding (px)", "int", 0, _PAD, high=256, quiet=True),
            Param("padding_mode", "Padding with", "choice", "constant", _PAD_MODE, choices=_PAD_MODES, quiet=True),
        ),
        random=True,
    )
)
register(
    Kind(
        "RandomResizedCrop",
        "Cuts out a part of random area and proportions and scales it to one size: usual for ImageNet.",
        (
            _size("Side of the square that comes out, or height and width."),
            Param("scale", "Share of the area", "span", (0.08, 1.0), "Drawn between these two.", low=0.01),
            Param("ratio", "Width ÷ height", "span", (0.75, 4 / 3), "Drawn between these two.", 0.25, 4.0, quiet=True),
            _interpolation(),
        ),
        random=True,
    )
)
register(
    Kind(
        "ScaleJitter",
        "Scales the shorter side to S pixels, drawn uniformly from a span: scale jittering of the VGG paper.",
        (Param("size_range", "Shorter side S (px)", "span", (256, 512), "Lowest and highest S.", 1, MAX_SIDE),),
        random=True,
        still=lambda values: values["size_range"][0] == values["size_range"][1],
    )
)
register(
    Kind(
        "FiveCrop",
        "Cuts out the four corners and the middle: five images, over which the network's answers are averaged.",
        (_size("Side of the squares, or height and width."),),
    )
)
register(
    Kind(
        "TenCrop",
        "FiveCrop and its mirror images: ten images, over which the network's answers are averaged.",
        (_size("Side of the squares, or height and width."),),
    )
)
register(
    Kind(
        "RandomHorizontalFlip",
        "Mirrors left and right with probability p. Not for digits or letters: mirrored they are others.",
        (Param("p", "Probability p", "float", 0.5, "How often the image is mirrored."),),
        random=True,
        still=lambda values: values["p"] in (0, 1),
    )
)
register(
    Kind(
        "RandomRotation",
        "Turns the image by an angle drawn anew each time; the corners become black.",
        (
            Param("degrees", "Degrees", "float", 10.0, "Drawn between minus and plus this angle.", high=180.0),
            _interpolation("nearest", ("nearest", "bilinear")),
        ),
        random=True,
        still=lambda values: values["degrees"] == 0,
    )
)
register(
    Kind(
        "ColorJitter",
        "Changes brightness, contrast, saturation and hue by random amounts, in random order.",
        (
            _share("brightness", _FACTOR, 0.2),
            _share("contrast", _FACTOR, 0.2),
            _share("saturation", _FACTOR, 0.2),
            _share("hue", "0.05: up to 5 % of the colour circle (18°) either way.", 0.05, high=0.5),
        ),
        random=True,
        still=lambda values: not any(values.values()),
    )
)
register(
    Kind(
        "RandAugment",
        "Applies a few operations drawn from a list of fourteen (turn, shear, shift, colours …), all at one strength.",
        (
            Param("num_ops", "Operations", "int", 2, "How many are applied, one after the other.", high=8),
            Param("magnitude", "Magnitude", "int", 9, "Their strength, of 30.", high=30),
        ),
        random=True,
        still=lambda values: values["num_ops"] == 0,
    )
)
register(
    Kind(
        "Grayscale",
        "Makes the image grey; three channels are three copies, for networks that expect colour.",
        (Param("num_output_channels", "Channels", "choice", 3, "1, or 3 equal ones.", choices=(1, 3)),),
    )
)
register(Kind("ToTensor", "Turns a picture into numbers: float32 [channels, height, width], bytes 0–255 to 0..1."))
register(
    Kind(
        "Normalize",
        "Subtracts a mean from each channel and divides by a standard deviation; 0.5 and 0.5 turn 0..1 into −1..1.",
        (
            Param("mean", "Mean", "values", IMAGENET_MEAN, "One a channel, or one for all.", -1000, 1000),
            Param("std", "Standard deviation", "values", IMAGENET_STD, "As for the mean; above 0.", 1e-6, 1000),
        ),
    )
)
