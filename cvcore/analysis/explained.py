"""The small computations behind the explanations, each short enough to be read beside its formula."""

from dataclasses import dataclass
from math import prod

import numpy as np

BYTES = 4  # of a float32 value
ACTIVATIONS = ("none", "ReLU", "tanh")
MOST_UNITS = 32


def softmax(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Probabilities e^(z/T) / Σ e^(z/T); the largest is taken off first, which changes nothing but overflow.

    >>> softmax(np.array([-1.0, 1.0, 2.0])).round(3).tolist()
    [0.035, 0.259, 0.705]
    """
    scaled = np.asarray(logits, float) / temperature
    powers = np.exp(scaled - scaled.max())
    return powers / powers.sum()


def curve(x: np.ndarray) -> np.ndarray:
    """The bent curve that is to be learnt, for x from −3 to 3."""
    return np.sin(2 * x) + 0.4 * x


def fitted_curve(x: np.ndarray, units: int, activation: str) -> np.ndarray:
    """What a network of two linear layers with so many units between them makes of `curve`, at its best.

    The first layer's weights are spread evenly; the second is found by least squares: nothing is left to chance.
    `activation` stands between them; with "none" the two layers are one, and the result a straight line.
    """
    kinks = -3 + 6 * (np.arange(units) + 0.5) / units
    signs = np.where(np.arange(units) % 2, -1.0, 1.0)
    hidden = signs * (x[:, None] - kinks) * (1.5 if activation == "tanh" else 1.0)
    hidden = {"none": lambda z: z, "ReLU": lambda z: np.maximum(z, 0), "tanh": np.tanh}[activation](hidden)
    design = np.column_stack([hidden, np.ones_like(x)])
    weights, *_ = np.linalg.lstsq(design, curve(x), rcond=None)
    return design @ weights


def stack_against_one(layers: int, channels: int) -> tuple[int, int, int]:
    """(side of the field, weights of so many 3×3 layers, weights of the one layer with that field), C to C channels.

    >>> stack_against_one(3, 1)
    (7, 27, 49)
    """
    side = 2 * layers + 1
    return side, layers * 9 * channels**2, side**2 * channels**2


@dataclass(frozen=True)
class Block:
    """A block of a network: its layers as (text, output channels), how its input comes back, its counts.

    `weights` are those of the convolutions, `params` all parameters, BatchNorm among them.
    """

    title: str
    network: str
    steps: tuple[str, ...]
    joined: str
    weights: int
    params: int


def blocks() -> tuple[Block, ...]:
    """The four blocks, counted in torchvision's own modules on the meta device, which takes no memory."""
    import torch
    from torchvision.models import densenet, mobilenetv2, resnet

    with torch.device("meta"):
        made = {
            ("Residual (bottleneck)", "ResNet-50", "+ input"): resnet.Bottleneck(256, 64),
            ("ResNeXt, 32 groups of 4", "ResNeXt-50", "+ input"): resnet.Bottleneck(256, 64, groups=32, base_width=4),
            ("Dense", "DenseNet-121", "beside input"): densenet._DenseLayer(256, 32, 4, 0.0),
            ("Inverted residual", "MobileNetV2", "+ input"): mobilenetv2.InvertedResidual(64, 64, 1, 6),
        }
    found = []
    for (title, network, joined), module in made.items():
        layers = [each for each in module.modules() if isinstance(each, torch.nn.Conv2d)]
        found.append(
            Block(
                title,
                network,
                tuple(_told(each) for each in layers),
                joined,
                sum(each.weight.numel() for each in layers),
                sum(each.numel() for each in module.parameters()),
            )
        )
    return tuple(found)


def _told(layer) -> str:
    """A convolution as "1×1, 256 → 64"."""
    high, wide = layer.kernel_size
    groups = f", {layer.groups} groups" if layer.groups > 1 else ""
    return f"{high}×{wide}, {layer.in_channels} → {layer.out_channels}{groups}"


@dataclass(frozen=True)
class Memory:
    """How many values one image leaves behind on its way forward, of each kind of layer; `image` are its own pixels."""

    image: int
    layers: int
    activations: int

    @property
    def lean(self) -> int:
        """Bytes where activations such as ReLU overwrite what they are given."""
        return BYTES * (self.image + self.layers)

    @property
    def full(self) -> int:
        """Bytes where every layer keeps its own output."""
        return BYTES * (self.image + self.layers + self.activations)


OVERWRITING = ("ReLU", "ReLU6", "SiLU", "Hardswish", "Hardsigmoid", "GELU", "Tanh", "Sigmoid", "Dropout")


def memory(rows, image: tuple[int, int, int]) -> Memory:
    """The values of a summary's `rows` (with `type`, `output`), those of activations and dropout apart."""
    kept = [row for row in rows if row.output]
    of_activations = sum(prod(row.output) for row in kept if row.type in OVERWRITING)
    views = ("Flatten", "Identity", "LogSoftmax", "Softmax")
    others = sum(prod(row.output) for row in kept if row.type not in OVERWRITING and row.type not in views)
    return Memory(prod(image), others, of_activations)


def pyramid(rows) -> list[tuple[int, int, int]]:
    """(C, H, W) of the feature maps of a summary's `rows` in running order, each once where it changes."""
    shapes: list[tuple[int, int, int]] = []
    for row in rows:
        if len(row.output) == 3 and (not shapes or tuple(row.output) != shapes[-1]):
            shapes.append(tuple(row.output))
    return shapes
