"""The kinds of damage as the page offers them: what they are called, their sliders, and what to expect of them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """A kind of damage: its field in Damage, what it is called, its slider in the unit shown, and what to expect of it.

    `scale` turns what the slider shows into the field's value.
    """

    field: str
    name: str
    label: str
    default: float
    choices: tuple[float, ...]  # lowest, highest and step; of a list, all values
    expect: str
    scale: float = 1.0
    is_list: bool = False


def _percent(field: str, name: str, label: str, expect: str, default: int = 20, highest: int = 100) -> Kind:
    return Kind(field, name, label, default, (1, highest, 1), expect, scale=0.01)


KINDS = {
    kind.field: kind
    for kind in (
        _percent(
            "label_noise",
            "Wrong labels",
            "Wrong labels (% of training labels)",
            "Training accuracy falls first; test accuracy suffers less, until the network has learnt the wrong labels "
            "by heart. Validation images held out of training have wrong labels too: their accuracy comes out too low.",
        ),
        Kind(
            "imbalance",
            "Rare classes",
            "Imbalance factor",
            10,
            (2, 5, 10, 20, 50, 100, 200),
            "The last classes become rare and are predicted too seldom. Validation images held out of training are as "
            "unbalanced and hide it; test accuracy shows it, most clearly class by class.",
            is_list=True,
        ),
        Kind(
            "blur",
            "Blur",
            "Blur (px)",
            1.5,
            (0.3, 10.0, 0.1),
            "On training images only, the network learns from soft edges and is tested on sharp ones: accuracy falls "
            "though the test got no harder. On all images, fine detail is lost to both.",
        ),
        _percent(
            "noise",
            "Noise",
            "Noise (% of the full range)",
            "A little works as augmentation and may even help; a lot hides what tells classes apart.",
            default=10,
            highest=50,
        ),
        _percent(
            "truncated",
            "Truncated images",
            "Truncated (% of training images)",
            "Often borne well as long as the upper part tells the class: hiding parts of images is also an "
            "augmentation (random erasing).",
        ),
        _percent(
            "duplicated",
            "Duplicates",
            "Duplicated (% of training images)",
            "Copies weigh double. If one is trained on and the other held out, validation accuracy is optimistic; "
            "test accuracy stays honest.",
        ),
        _percent(
            "leaked",
            "Leaked test images",
            "Leaked (% of test images)",
            "Test accuracy is optimistic: the network has been told some of the answers. It shows most in large "
            "networks trained for long, and nothing in the curves gives it away.",
        ),
    )
}
