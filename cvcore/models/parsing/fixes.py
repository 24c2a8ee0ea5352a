"""Why a layer does not take the shape that arrives, and the argument that would mend it. Numbers only, no torch.

Shapes are those of one image, without the batch: (C, H, W) before a Flatten, (features,) after it.
"""

from collections.abc import Mapping
from math import gcd, prod
from typing import Any

from cvcore.models.fit import image_text

_FLAT_TWINS = {"BatchNorm2d": "BatchNorm1d", "Dropout2d": "Dropout", "FeatureAlphaDropout": "AlphaDropout"}
_POOLS = ("MaxPool2d", "AvgPool2d", "LPPool2d", "FractionalMaxPool2d")
_ON_IMAGES = frozenset([  # they want channels × height × width
    "Conv2d", "ConvTranspose2d", "MaxPool2d", "AvgPool2d", "AdaptiveAvgPool2d", "AdaptiveMaxPool2d", "LPPool2d",
    "FractionalMaxPool2d", "BatchNorm2d", "InstanceNorm2d", "LocalResponseNorm", "Dropout2d",
    "FeatureAlphaDropout", "Softmax2d", "Upsample", "UpsamplingNearest2d", "UpsamplingBilinear2d",
    "PixelShuffle", "PixelUnshuffle", "ChannelShuffle", "ZeroPad2d", "ConstantPad2d", "ReflectionPad2d",
    "ReplicationPad2d", "CircularPad2d",
])  # fmt: skip
_WITH_DIM = ("Softmax", "LogSoftmax", "Softmin", "GLU")
_CHANNELS = {
    "Conv2d": "in_channels",
    "ConvTranspose2d": "in_channels",
    "BatchNorm2d": "num_features",
    "InstanceNorm2d": "num_features",
    "GroupNorm": "num_channels",
}


def fix(kind: str, settings: Mapping[str, Any], arrives: tuple[int, ...]) -> str | None:
    """What is wrong and how to mend it, as "expects 3 channels, gets 1: in_channels=1"; None where nothing is known.

    `settings` are all arguments of the layer nn.`kind` by name, `arrives` is the shape that reaches it.
    """
    if kind in _ON_IMAGES and len(arrives) != 3:
        return _not_an_image(kind, arrives)
    if kind in _CHANNELS and arrives[0] != settings[_CHANNELS[kind]]:
        name = _CHANNELS[kind]
        more = f" (of {image_text(arrives)})" if len(arrives) > 1 else ""
        count = settings[name]
        noun = "channel" if count == 1 else "channels"
        return f"expects {count} {noun}, gets {arrives[0]}{more}: {name}={arrives[0]}{_divisor(settings, arrives[0])}"
    if kind == "Conv2d" or kind in _POOLS:
        return _reflection(kind, settings, arrives) or _window(kind, settings, arrives)
    if kind in _WITH_DIM:
        return _dim(settings["dim"], arrives)
    found = {
        "Linear": _linear,
        "BatchNorm1d": _batch_norm_1d,
        "LayerNorm": _normalized_shape,
        "RMSNorm": _normalized_shape,
        "PReLU": _prelu,
        "PixelShuffle": _pixel_shuffle,
        "PixelUnshuffle": _pixel_unshuffle,
        "ChannelShuffle": _channel_shuffle,
        "ReflectionPad2d": _reflection_pad,
        "ConvTranspose2d": _output_padding,
        "Upsample": _upsample,
    }.get(kind)
    return found(settings, arrives) if found else None


def _divisor(settings: Mapping[str, Any], channels: int) -> str:
    """As " and groups=2", where the layer's groups would not divide its new number of channels; else nothing."""
    name = "num_groups" if "num_groups" in settings else "groups"
    groups = settings.get(name, 1)
    most = gcd(groups, channels)
    return "" if most == groups else f" and {name}={most}"


def _not_an_image(kind: str, arrives: tuple[int, ...]) -> str:
    got = f"takes channels × height × width, gets {image_text(arrives)}"
    if len(arrives) != 1:
        return f"{got}: give it a shape of three numbers"
    got = f"takes channels × height × width, gets {arrives[0]} values of a flat image"
    if kind in _FLAT_TWINS:
        argument = str(arrives[0]) if kind == "BatchNorm2d" else ""
        return f"{got}: use nn.{_FLAT_TWINS[kind]}({argument})"
    return f"{got}: put it before nn.Flatten()"


def _linear(settings: Mapping[str, Any], arrives: tuple[int, ...]) -> str | None:
    features = settings["in_features"]
    if arrives[-1] == features:
        return None
    if len(arrives) == 1:
        return f"expects {features} features, gets {arrives[0]}: in_features={arrives[0]}"
    count = prod(arrives)
    more = "" if count == features else f", and in_features={count}"
    return f"expects {features} features, gets {image_text(arrives)}: put nn.Flatten() before it{more}"


def _batch_norm_1d(settings: Mapping[str, Any], arrives: tuple[int, ...]) -> str | None:
    if len(arrives) == 3:
        return f"takes flat features, gets {image_text(arrives)}: use nn.BatchNorm2d({arrives[0]})"
    if arrives[0] != settings["num_features"]:
        return f"expects {settings['num_features']} features, gets {arrives[0]}: num_features={arrives[0]}"
    return None


def _normalized_shape(settings: Mapping[str, Any], arrives: tuple[int, ...]) -> str | None:
    wanted = settings["normalized_shape"]
    wanted = (wanted,) if isinstance(wanted, int) else wanted
    if arrives[-len(wanted) :] == wanted:
        return None
    last = arrives[-len(wanted) :]
    told = str(last[0]) if len(last) == 1 else repr(last)
    return f"expects {image_text(wanted)} at the end of the shape, gets {image_text(arrives)}: normalized_shape={told}"


def _prelu(settings: Mapping[str, Any], arrives: tuple[int, ...]) -> str | None:
    if settings["num_parameters"] in (1, arrives[0]):
        return None
    return f"expects {settings['num_parameters']} channels, gets {arrives[0]}: num_parameters={arrives[0]}, or 1"


def _pixel_shuffle(settings: Mapping[str, Any], arrives: tuple[int, ...]) -> str | None:
    factor = settings["upscale_factor"]
    if arrives[0] % factor**2 == 0:
        return None
    return f"needs a multiple of {factor**2} channels, gets {arrives[0]}: change the channels before it"


def _pixel_unshuffle(settings: Mapping[str, Any], arrives: tuple[int, ...]) -> str | None:
    factor = settings["downscale_factor"]
    if arrives[1] % factor == arrives[2] % factor == 0:
        return None
    return f"needs height and width that {factor} divides, gets {image_text(arrives)}: choose another downscale_factor"


def _channel_shuffle(settings: Mapping[str, Any], arrives: tuple[int, ...]) -> str | None:
    if arrives[0] % settings["groups"] == 0:
        return None
    return f"has {settings['groups']} groups, which do not divide {arrives[0]} channels: choose a divisor for groups"


def _dim(dim: int | None, arrives: tuple[int, ...]) -> str | None:
    if dim is None or -len(arrives) - 1 <= dim <= len(arrives):
        return None
    return f"has dim={dim}, but a batch of {image_text(arrives)} has dimensions 0 to {len(arrives)}: dim=1"


def _reflection_pad(settings: Mapping[str, Any], arrives: tuple[int, ...]) -> str | None:
    padding = settings["padding"]
    left, right, top, bottom = (padding,) * 4 if isinstance(padding, int) else padding
    most = arrives[1] - 1, arrives[2] - 1
    if max(top, bottom) <= most[0] and max(left, right) <= most[1]:
        return None
    return f"reflects more than there is of {image_text(arrives)}: padding={min(most)} at most"


def _reflection(kind: str, settings: Mapping[str, Any], arrives: tuple[int, ...]) -> str | None:
    """Where a convolution pads with the image itself, reflected or around the edge, further than the image goes."""
    mode, padding = settings.get("padding_mode", "zeros"), settings.get("padding", 0)
    if mode not in ("reflect", "circular") or isinstance(padding, str):
        return None
    less = 1 if mode == "reflect" else 0
    if all(pad <= size - less for pad, size in zip(pair(padding), arrives[1:], strict=True)):
        return None
    return f"pads with more than there is of {image_text(arrives)}: padding={min(arrives[1:]) - less} at most"


def _upsample(settings: Mapping[str, Any], arrives: tuple[int, ...]) -> str | None:
    if settings["align_corners"] is None or settings["mode"] == "bilinear":
        return None
    return f"has align_corners, which mode={settings['mode']!r} does not take: leave it out, or mode='bilinear'"


def _output_padding(settings: Mapping[str, Any], arrives: tuple[int, ...]) -> str | None:
    extra = pair(settings["output_padding"])
    least = tuple(map(max, pair(settings["stride"]), pair(settings["dilation"])))
    if extra[0] < least[0] and extra[1] < least[1]:
        return None
    return f"has an output_padding that is not smaller than its stride: output_padding={min(least) - 1} at most"


def pair(value: int | tuple[int, ...]) -> tuple[int, int]:
    """One number for height and width, or two."""
    return (value, value) if isinstance(value, int) else (value[0], value[-1])


def _window(kind: str, settings: Mapping[str, Any], arrives: tuple[int, ...]) -> str | None:
    """Where a kernel, spread by its dilation, is larger than the padded image."""
    padding = settings.get("padding", 0)
    if padding == "same" or (kind != "Conv2d" and settings.get("ceil_mode")):
        return None
    pad = (0, 0) if padding == "valid" else pair(padding)
    dilation, kernel = pair(settings.get("dilation", 1)), pair(settings["kernel_size"])
    reach = tuple(d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True))
    padded = tuple(size + 2 * p for size, p in zip(arrives[1:], pad, strict=True))
    if all(window <= size for window, size in zip(reach, padded, strict=True)):
        return None
    spread = f" ({image_text(kernel)} with dilation {image_text(dilation)})" if reach != kernel else ""
    got = f"{image_text(arrives)}" + (f", {image_text(padded)} with padding" if pad != (0, 0) else "")
    least = tuple((size - 1) // d + 1 for size, d in zip(padded, dilation, strict=True))
    allowed = tuple(min(k, most) for k, most in zip(kernel, least, strict=True))
    told = str(allowed[0]) if allowed[0] == allowed[1] else repr(allowed)
    if allowed == (1, 1) and kind in _POOLS:
        mend = "leave it out, or give larger images"
    else:
        mend = f"kernel_size={told} at most, or larger images"
    return f"has a {image_text(reach)} window{spread}, gets {got}: {mend}"
