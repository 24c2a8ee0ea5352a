"""At which sizes of image the strategies can be compared: those that the network, and the weights, take."""

import torch

from cvcore.errors import ModelError
from cvcore.models import zoo
from cvcore.models.fit import image_text
from cvcore.models.spec import ImageShape
from cvcore.transfer.sources import THEIRS

LADDER = (8, 16, 24, 32, 48, 64, 96, 128, 160, 192, 224, 256, 320, 384, 448, 512)  # pixels a side
OF_IMAGENET = (96, 128, 160, 192, 224)  # up to what torchvision's weights have learnt: larger takes long on a CPU


def around(own: int, source: str) -> list[int]:
    """Sizes worth a look: from half to twice the `own` one, which is among them; of torchvision's weights smaller ones.

    >>> around(28, ""), around(64, "")
    ([16, 24, 28, 32, 48], [32, 48, 64, 96, 128])
    """
    near = OF_IMAGENET if source.startswith(THEIRS) else [size for size in LADDER if own <= 2 * size <= 4 * own]
    return sorted({own, *near})


def refusals(name: str, own: ImageShape, classes: int, sizes: list[int], reused: bool) -> list[tuple[list[int], str]]:
    """Of these sizes those at which the network `name` cannot be compared, with why, for the first of them in words.

    Where weights are `reused`, which belong to `own` images, a network whose layers hang on the size takes no other.
    """
    too_small: dict[int, str] = {}
    for size in sizes:
        try:
            zoo.check_fit(name, (own[0], size, size), classes)
        except ModelError as error:
            too_small[size] = str(error)
    found = [(list(too_small), next(iter(too_small.values())))] if too_small else []
    there = [size for size in sizes if size not in too_small and size != own[1]]
    expected = _shapes(name, own, classes) if reused and there else {}
    changed = [size for size in there if reused and _shapes(name, (own[0], size, size), classes) != expected]
    if changed:
        found.append(
            (
                changed,
                f"{zoo.find(name).label} has layers whose weights hang on the size, and those it reuses are for "
                f"{image_text(own)} images; a network that averages over places, such as bn-cnn, takes all sizes",
            )
        )
    return found


def _shapes(name: str, image_shape: ImageShape, classes: int) -> dict[str, tuple[int, ...]]:
    """The shapes of all weights; nothing is allocated."""
    with torch.device("meta"):
        model = zoo.build(name, image_shape, classes)
    return {key: tuple(value.shape) for key, value in model.state_dict().items()}
