"""Whether a network's mult-adds agree with those that torchvision publishes, and what to say where they do not.

A mult-add is one multiplication with its addition, also called MAC; FLOPs are twice as many. torchvision's weights give
the number, rounded, for one size of image and for 1000 classes, under the name GFLOPS: they are MACs. torchvision
leaves out biases and normalisations, torchinfo counts them; that is less than 2 % of any of its classifiers.
"""

from dataclasses import dataclass

from cvcore.models import zoo
from cvcore.models.fit import image_text

TOLERANCE = 0.02
COUNTED, PARTIAL = "counted", "partial"


@dataclass(frozen=True)
class Published:
    """What torchvision states for the default weights of a network: MACs of one image of shape `input`."""

    mult_adds: int
    params: int
    input: tuple[int, int, int]
    classes: int


@dataclass(frozen=True)
class Check:
    """`status` is "counted", or "partial" where the count is known to be off; `note` says how it was checked."""

    status: str
    note: str
    published: Published | None = None


def published(name: str) -> Published | None:
    """What torchvision publishes for the network, or for its own of the same name; None where it publishes nothing."""
    from cvcore.models import torchvision_nets

    plain = name.removeprefix(zoo.THEIRS)
    if plain not in torchvision_nets.classifier_names():
        return None
    meta = torchvision_nets.default_weights(plain).meta
    if "_ops" not in meta:
        return None
    return Published(
        mult_adds=round(meta["_ops"] * 1e9),
        params=meta["num_params"],
        input=torchvision_nets.default_input(plain),
        classes=len(meta["categories"]),
    )


def check(name: str, image_shape: tuple[int, int, int], num_classes: int, mult_adds: int) -> Check:
    """How a count of mult-adds for that image and number of classes stands to the published one."""
    known = published(name)
    if known is None:
        return Check(COUNTED, "Counted from the layers; nobody published a number to compare with.")
    stated = f"torchvision publishes {known.mult_adds / 1e9:.4g} G"
    if (tuple(image_shape), num_classes) != (known.input, known.classes):
        size = f"{image_text(known.input)} and {known.classes} classes"
        return Check(COUNTED, f"Counted from the layers; {stated} for {size}, another size than this one.", known)
    return compare(mult_adds, known)


def compare(mult_adds: int, known: Published) -> Check:
    """The check against a number that was published for the same image and classes."""
    difference = mult_adds / known.mult_adds - 1
    stated = f"torchvision publishes {known.mult_adds / 1e9:.4g} G; this count is {difference:+.1%} from it".replace(
        "-", "−"
    )
    if abs(difference) <= TOLERANCE:
        return Check(COUNTED, f"{stated}: it has biases and normalisations in, and theirs is rounded.", known)
    reason = (
        "some products are not seen, neither by torchinfo nor by PyTorch's table of FLOP formulas"
        if difference < 0
        else "it has operations in that torchvision leaves out"
    )
    return Check(PARTIAL, f"{stated}, more than {TOLERANCE:.0%}: {reason}.", known)
