"""Which layers see more than the image: fields against an image's size, and two ways to place ResNet-50's strides."""

from collections.abc import Sequence
from dataclasses import dataclass

from cvcore.analysis.field.axis import Axis
from cvcore.analysis.receptive_field import Field, fields
from cvcore.errors import ModelError
from cvcore.models import zoo

RESNET50_UNITS = (3, 4, 6, 3)  # bottleneck units in each of the four stages


@dataclass(frozen=True)
class DeadLayers:
    """The layers of one network whose local field is larger than the image, in height or width.

    `layers` are all rows; `past` the places among them, from 0, of those that exceed the image. `reason` says why there
    are no rows: the network does not take the image, or cannot be traced.
    """

    model: str
    input: tuple[int, int, int]
    layers: tuple[Field, ...]
    past: tuple[int, ...]
    reason: str = ""

    @property
    def first(self) -> Field | None:
        """The first layer past the image; None where none is."""
        return self.layers[self.past[0]] if self.past else None

    @property
    def with_field(self) -> tuple[Field, ...]:
        """The layers that have a local field."""
        return tuple(layer for layer in self.layers if layer.size is not None)

    @property
    def largest(self) -> Field | None:
        """The layer with the largest field."""
        return max(self.with_field, key=lambda layer: max(layer.size), default=None)


def dead_layers(
    names: Sequence[str], image_shape: tuple[int, int, int], num_classes: int | None = None
) -> tuple[DeadLayers, ...]:
    """For each network, the layers whose field exceeds a (C, H, W) image. One that does not take it says so."""
    return tuple(_against(name, tuple(image_shape), num_classes) for name in names)


def _against(name: str, shape: tuple[int, int, int], classes: int | None) -> DeadLayers:
    label = zoo.find(name).label
    try:
        found = fields(name, shape, classes)
    except ModelError as error:
        return DeadLayers(label, shape, (), (), str(error))
    past = tuple(place for place, layer in enumerate(found.layers) if layer.exceeds(*shape[1:]))
    return DeadLayers(label, shape, found.layers, past, found.reason)


def resnet50_field(placement: str) -> list[Axis]:
    """The field after each of ResNet-50's windows larger than one pixel, with the strides where `placement` has them.

    "torchvision": in the first unit of stages 2 to 4, on its 3×3 convolution. "tf-slim": in the last unit of stages 1
    to 3, on its 3×3. "paper": in the first unit of stages 2 to 4, on the 1×1 convolution before its 3×3 (He et al.,
    2015). Raises ValueError for another one.
    """
    if placement not in ("torchvision", "tf-slim", "paper"):
        raise ValueError(f"placement {placement!r}: choose torchvision, tf-slim or paper")
    steps = [Axis().window(7, stride=2, padding=3)]
    steps.append(steps[-1].window(3, stride=2, padding=1))
    for stage, units in enumerate(RESNET50_UNITS):
        for unit in range(units):
            begins, ends = stage > 0 and unit == 0, stage < 3 and unit == units - 1
            halves = ends if placement == "tf-slim" else begins
            axis = steps[-1]
            if halves and placement == "paper":
                steps.append(axis.window(1, stride=2).window(3, padding=1))
            else:
                steps.append(axis.window(3, stride=2 if halves else 1, padding=1))
    return steps
