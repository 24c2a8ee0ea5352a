"""One convolution or pooling with its settings for height and width, and its short text such as "conv 5 s2 p1"."""

from dataclasses import dataclass, fields

from cvcore.analysis.geometry.sizes import (
    ADAPTIVE,
    AVERAGE,
    CONV,
    KINDS,
    MAX,
    TRANSPOSED,
    Axis,
    check_whole,
    same_padding,
)
from cvcore.errors import ConfigError, unknown_name

Pair = tuple[int, int]
AXES = ("height", "width")
SAME, VALID = "same", "valid"
# what a layer is called in a sentence, and in PyTorch
TITLES = {
    CONV: ("Convolution", "nn.Conv2d"),
    TRANSPOSED: ("Transposed convolution", "nn.ConvTranspose2d"),
    MAX: ("Max pooling", "nn.MaxPool2d"),
    AVERAGE: ("Average pooling", "nn.AvgPool2d"),
    ADAPTIVE: ("Adaptive pooling", "nn.AdaptiveAvgPool2d"),
}
# which settings each kind has besides its kernel, or, of adaptive pooling, its output
SETTINGS = {
    CONV: ("stride", "padding", "dilation"),
    TRANSPOSED: ("stride", "padding", "dilation", "output_padding"),
    MAX: ("stride", "padding", "dilation", "ceil_mode"),
    AVERAGE: ("stride", "padding", "ceil_mode"),
    ADAPTIVE: (),
}


@dataclass(frozen=True)
class Layer:
    """Settings as PyTorch has them, each a pair (height, width). `kernel` of an adaptive pooling is its output.

    `padding` may be "same" or "valid" (convolutions only). `stride` None is the kernel's size for poolings, as in
    PyTorch, and 1 for convolutions. Raises ConfigError where PyTorch would not take a setting.
    """

    kind: str
    kernel: Pair
    stride: Pair | None = None
    padding: Pair | str = (0, 0)
    dilation: Pair = (1, 1)
    ceil_mode: bool = False
    output_padding: Pair = (0, 0)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ConfigError(unknown_name("layer", self.kind, KINDS))
        if self.stride is None:
            object.__setattr__(self, "stride", default_stride(self.kind, self.kernel))
        for name in ("stride", "padding", "dilation", "ceil_mode", "output_padding"):
            if name not in SETTINGS[self.kind] and getattr(self, name) != default(self.kind, self.kernel, name):
                has = ", ".join(SETTINGS[self.kind]).replace("_", " ") or "only the size that comes out"
                raise ConfigError(f"{TITLES[self.kind][0].lower()} has no {name.replace('_', ' ')}: it has {has}")
        self._check_named_padding()
        _ = self.axes  # checks the numbers

    def _check_named_padding(self) -> None:
        if not isinstance(self.padding, str):
            return
        if self.kind != CONV:
            raise ConfigError(
                f"padding {self.padding!r} is for convolutions only: give {self.kind} a number, such as 0"
            )
        if self.padding not in (SAME, VALID):
            raise ConfigError(f"padding must be a number, 'same' or 'valid', got {self.padding!r}")
        if self.padding == SAME and self.stride != (1, 1):
            raise ConfigError(
                f"padding 'same' works with stride 1 only, got stride {pair_text(self.stride)}: "
                "use stride 1, or padding as a number"
            )

    @property
    def axes(self) -> tuple[Axis, Axis]:
        """What the layer does along height and along width."""
        found = []
        for index, name in enumerate(AXES):
            try:
                found.append(self._axis(index))
            except ConfigError as error:
                raise ConfigError(f"{name}: {error}") from error
        return tuple(found)

    def _axis(self, index: int) -> Axis:
        if self.padding == SAME:
            check_whole("kernel", self.kernel[index], 1)
            check_whole("dilation", self.dilation[index], 1)
            padding = same_padding(self.kernel[index], self.dilation[index])
        else:
            padding = (0, 0) if self.padding == VALID else (self.padding[index],) * 2
        return Axis(
            self.kind,
            self.kernel[index],
            self.stride[index],
            padding,
            self.dilation[index],
            self.ceil_mode,
            self.output_padding[index],
        )

    def output(self, size: Pair) -> Pair:
        """Height and width that come out. Raises ConfigError, naming the axis, where a window does not fit."""
        found = []
        for name, axis, side in zip(AXES, self.axes, size, strict=True):
            try:
                found.append(axis.output(side))
            except ConfigError as error:
                raise ConfigError(f"{name}: {error}") from error
        return tuple(found)

    @property
    def text(self) -> str:
        """The layer as `chain.parse` reads it, settings that have their default left out.

        >>> Layer("conv", (5, 5), padding=(2, 2)).text, Layer("maxpool", (3, 3), (2, 2), ceil_mode=True).text
        ('conv 5 p2', 'maxpool 3 s2 ceil')
        """
        parts = [self.kind, pair_text(self.kernel)]
        for letter, name in (("s", "stride"), ("p", "padding"), ("d", "dilation"), ("o", "output_padding")):
            value = getattr(self, name)
            if value != default(self.kind, self.kernel, name):
                parts.append(value if isinstance(value, str) else letter + pair_text(value))
        return " ".join(parts + ["ceil"] * self.ceil_mode)

    @property
    def code(self) -> str:
        """The layer as it is written in PyTorch; channels stay open.

        >>> Layer("conv", (5, 5), padding=(2, 2)).code
        'nn.Conv2d(in_channels, out_channels, kernel_size=5, padding=2)'
        """
        name = TITLES[self.kind][1]
        if self.kind == ADAPTIVE:
            return f"{name}({_literal(self.kernel)})"
        given = ["in_channels", "out_channels"] if self.kind in (CONV, TRANSPOSED) else []
        given.append(f"kernel_size={_literal(self.kernel)}")
        for field in fields(self)[2:]:
            value = getattr(self, field.name)
            if value != default(self.kind, self.kernel, field.name):
                given.append(f"{field.name}={_literal(value)}")
        return f"{name}({', '.join(given)})"


def default_stride(kind: str, kernel: Pair) -> Pair:
    """PyTorch's stride where none is given: poolings move by their window."""
    return kernel if kind in (MAX, AVERAGE) else (1, 1)


def default(kind: str, kernel: Pair, name: str) -> Pair | bool:
    """The value that a setting has where it is left out."""
    if name == "stride":
        return default_stride(kind, kernel)
    return {"padding": (0, 0), "dilation": (1, 1), "ceil_mode": False, "output_padding": (0, 0)}[name]


def pair_text(pair: Pair) -> str:
    """A pair as "3", or "3x5" where height and width differ."""
    return str(pair[0]) if pair[0] == pair[1] else f"{pair[0]}x{pair[1]}"


def _literal(value: Pair | str | bool) -> str:
    if isinstance(value, tuple):
        return str(value[0]) if value[0] == value[1] else f"({value[0]}, {value[1]})"
    return repr(value)
